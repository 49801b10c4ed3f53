"""`footfall import` of logs as servers, proxies, clouds and shippers really write them."""

import gzip
import json
import re
from pathlib import Path

import pytest
import zstandard
from support.imported_logs import Imports

SAMPLES = Path(__file__).resolve().parents[1] / "fixtures" / "access_logs"


@pytest.fixture
def imports(footfall, tmp_path):
    return Imports(footfall, tmp_path)


AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BEHIND = f'[20/Nov/2026:10:00:00 +0000] "GET /b HTTP/1.1" 200 512 "-" "{AGENT}"'
LINE = f"198.51.100.7 - - {BEHIND}\n"
BY_JSON = {
    "traefik": {
        "ClientAddr": "203.0.113.N:5123", "ClientHost": "203.0.113.N", "DownstreamStatus": 200,
        "RequestHost": "www.shop.example", "RequestMethod": "GET", "RequestPath": "/b?x=1",
        "StartUTC": "2026-11-20T10:00:00.12345678Z", "request_User-Agent": AGENT,
    },
    "fastly": {
        "timestamp": "2026-11-20T10:00:00+0000", "client_ip": "203.0.113.N", "host": "www.shop.example",
        "url": "/b?x=1", "request_method": "GET", "request_user_agent": AGENT, "response_status": 200,
        "geo_country": "germany",
    },
    "envoy": {
        "start_time": "2026-11-20T10:00:00.310Z", "method": "GET", "path": "/b?x=1", "response_code": 200,
        "x_forwarded_for": "203.0.113.N", "user_agent": AGENT, "authority": "www.shop.example",
        "downstream_remote_address": "10.0.0.9:123",
    },
    "google": {
        "httpRequest": {
            "requestMethod": "GET", "requestUrl": "https://www.shop.example/b?x=1", "status": 200,
            "userAgent": AGENT, "remoteIp": "203.0.113.N",
        },
        "timestamp": "2026-11-20T10:00:00.1234Z",
    },
    "ecs": {
        "@timestamp": "2026-11-20T10:00:00Z", "source": {"ip": "203.0.113.N"}, "host": {"name": "web1"},
        "http": {"request": {"method": "GET"}, "response": {"status_code": 200}},
        "url": {"path": "/b", "query": "x=1", "domain": "www.shop.example"},
        "user_agent": {"original": AGENT},
    },
    "logstash": {
        "@timestamp": "2026-11-20T10:00:00Z", "clientip": "203.0.113.N", "verb": "GET", "request": "/b?x=1",
        "response": "200", "agent": f'"{AGENT}"', "vhost": "www.shop.example",
    },
    "camel": {
        "time": "2026-11-20T10:00:00Z", "remoteAddr": "203.0.113.N", "requestMethod": "GET",
        "requestUri": "/b?x=1", "host": "www.shop.example", "statusCode": 200, "userAgent": AGENT,
    },
}  # fmt: skip


@pytest.mark.parametrize("named", BY_JSON)
def test_json_is_read_by_the_names_that_servers_use(imports, named):
    text = json.dumps(BY_JSON[named])
    failed = re.sub(r'": ("?)200', r'": \g<1>404', text)
    lines = [each.replace("113.N", f"113.{n}") for each, n in ((text, 1), (text, 2), (failed, 1))]

    done = imports.text("\n".join(lines))

    assert (done.returncode, done.stderr) == (0, "")
    views = imports.views()
    assert [view["event"]["url"] for view in views] == ["https://www.shop.example/b?x=1"] * 2
    assert {view["user_agent"] for view in views} == {AGENT}
    assert {view["event"]["status"] for view in views} == {200}
    assert len({view["visitor_id"] for view in views}) == 2


def test_json_in_which_nothing_is_named_as_a_status_is_refused_with_its_names(imports):
    line = {"ts": "2026-11-20T10:00:00Z", "ip": "203.0.113.1", "uri": "/b", "outcome": 200}

    done = imports.text(json.dumps(line))

    assert done.returncode == 1
    assert "no name in it is a status: its names are ts, ip, uri, outcome" in done.stderr
    assert imports.lines() == []
    told = '{"ts": "$time_iso8601", "ip": "$remote_addr", "uri": "$request_uri", "outcome": "$status"}'
    assert imports.text(json.dumps(line), "--log-format", told).returncode == 0
    assert [view["event"]["status"] for view in imports.views()] == [200]


@pytest.mark.parametrize(
    ("front", "visitors"),
    [
        ("203.0.113.@, 10.0.0.1, 10.0.0.2 - - ", 2),
        ("2001:db8::@, 10.0.0.1 - - ", 2),
        ("203.0.113.@:4711, 10.0.0.1:80 - - ", 2),
    ],
)
def test_what_proxies_said_in_front_of_a_line_is_its_sender_and_no_host(imports, front, visitors):
    done = imports.text("".join(f"{front.replace('@', str(n))}{BEHIND}\n" for n in (1, 2)))

    assert done.returncode == 0
    assert "is combined" in done.stdout
    assert {view["host"] for view in imports.views()} == {"shop.example"}
    assert len({view["visitor_id"] for view in imports.views()}) == visitors


@pytest.mark.parametrize(
    "front", ["203.0.113.9 10.0.0.1 - - ", "2001:db8::9 10.0.0.1 - - ", "- 10.0.0.1 - - "]
)
def test_two_addresses_of_which_nobody_says_whose_the_second_is_are_refused(imports, front):
    done = imports.text(f"{front}{BEHIND}\n" * 3)

    assert (done.returncode, imports.lines()) == (1, [])
    assert "--log-format" in done.stderr


@pytest.mark.parametrize(
    "prefix",
    [
        "<190>Nov 20 10:00:00 web1 nginx: ",
        "Nov 20 10:00:00 web1 nginx[123]: ",
        "<190>1 2026-11-20T10:00:00.000Z web1 nginx 123 - - ",
        "2026-11-20T10:00:00.123456789Z stdout F ",
        "web-1  | ",
    ],
)
def test_a_line_behind_what_a_daemon_or_a_runner_writes_is_of_its_own_format(imports, prefix):
    by_json = (SAMPLES / "json.log").read_text().splitlines()

    plain = imports.text(f"{prefix}198.51.100.7 - - {BEHIND}\n" * 3, "--format", "combined")
    done = imports.text("".join(f"{prefix}{line}\n" for line in by_json), name="b.log")

    assert (plain.returncode, done.returncode) == (0, 0)
    assert "b.log is json" in done.stdout
    assert len(imports.views()) == 3 + 4


def test_the_address_that_was_asked_for_says_the_host_where_no_field_does(imports):
    asked = ("http://www.shop.example/b", "http://foreign.example/b", "/b")
    done = imports.text("".join(LINE.replace(" /b ", f" {each} ") for each in asked))

    assert [view["event"]["url"] for view in imports.views()] == [
        "https://www.shop.example/b",
        "https://foreign.example/b",
        "https://shop.example/b",
    ]
    assert "stored under its own name: foreign.example (1 requests)" in done.stdout


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("[2001:db8::1]:443", "https://[2001:db8::1]/b"),
        ("grün.shop.example", "https://xn--grn-ioa.shop.example/b"),
        ("${jndi:x}", "https://unknown.invalid/b"),
    ],
)
def test_a_host_of_a_log_is_read_and_none_takes_its_place(imports, host, said):
    imports.text(f"{host} {LINE}" + f"shop.example {LINE}" * 3)

    assert said in {view["event"]["url"] for view in imports.views()}


FOREIGN = {
    "network load balancer": (
        "tls 2.0 2026-11-20T10:00:00 net/nlb/c6e7 g3d4 198.51.100.1:51341 10.0.0.1:443 5 2 98"
    ),
    "connection log": (
        '2026-11-20T10:00:00.182Z 198.51.100.11 52100 443 TLSv1.3 X 0.01 "CN=x" - - - Success TID_1'
    ),
    "real-time log": "1795168807.123\t198.51.100.11\t0.002\t200\t512\tGET\thttps\twww.shop.example"
    + "\t-" * 32,
    "HAProxy's TCP log": "198.51.100.1:52 [20/Nov/2026:10:00:07.155] in tcp/web1 0/0/4 512 -- 1/1/0/0/0 0/0",
    "nginx's error log": "2026/11/20 10:00:00 [error] 12#12: *1 open() failed, client: 198.51.100.1",
    "firewall_events": (
        '{"Action":"block","ClientIP":"198.51.100.1","ClientRequestHost":"www.shop.example",'
        '"Datetime":"2026-11-20T10:00:07Z","RayID":"8e4f0","EdgeResponseStatus":403}'
    ),
    "dns_logs": '{"QueryName":"www.shop.example","QueryType":1,"Timestamp":"2026-11-20T10:00:07Z"}',
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_log_that_is_known_and_not_read_is_refused_by_its_name(imports, what):
    done = imports.text(f"{FOREIGN[what]}\n" * 3)
    told = imports.text(f"{FOREIGN[what]}\n" * 3, "--format", "logpush" if what.endswith("s") else "alb")

    assert (done.returncode, told.returncode, imports.lines()) == (1, 1, [])
    assert what in done.stderr
    assert what in told.stderr
    assert "merely resembles" in told.stderr


def test_the_first_thousand_lines_tell_the_format_and_not_the_first(imports):
    other = (
        '{"level":"info","ts":1795168800.25,"logger":"admin","msg":"admin endpoint started","address":"x"}\n'
    )

    done = imports.text(other * 3 + (SAMPLES / "caddy.log").read_text() * 3)

    assert done.returncode == 0
    assert "is caddy" in done.stdout
    assert len(imports.views()) == 12


def test_what_a_network_or_its_worker_asks_by_itself_is_no_page_view(imports):
    line = (SAMPLES / "logpush.log").read_text().splitlines()[0]
    lines = [
        line.removesuffix("}") + f',"ClientRequestSource":"{source}"}}'
        for source in ("eyeball", "edgeWorkerFetch", "healthcheck", "orangeToOrange")
    ]
    lines.append(line.replace("EdgeStartTimestamp", "EdgeEndTimestamp"))

    done = imports.text("\n".join(lines))

    assert (done.returncode, len(imports.views())) == (0, 3)
    assert "5 lines = 3 page views + 2 other hits" in done.stdout


def test_columns_are_read_by_a_whole_address_and_by_names_between_commas(imports):
    by_address = (
        "#Fields: date time c-ip cs-method cs-uri sc-status s-ip\n"
        "2026-11-20 10:00:07 198.51.100.1 GET http://www.shop.example/b?x=1 200 10.0.0.1\n"
    )
    by_commas = (
        "#Fields: date,time,c-ip,cs-method,cs-uri-stem,sc-status,x-edge-location,x-edge-request-id\n"
        "2026-11-20,10:00:07,198.51.100.1,GET,/c,200,FRA,kX7==\n"
    )

    assert imports.text(by_address).returncode == imports.text(by_commas, name="b.log").returncode == 0
    assert {view["event"]["url"] for view in imports.views()} == {
        "http://www.shop.example/b?x=1",
        "https://shop.example/c",
    }
    lacking = imports.text("#Fields: date time cs-method cs-uri-stem sc-status\n")
    assert "a.log has a foreign header: no column c_ip" in lacking.stderr


@pytest.mark.parametrize(
    ("log_format", "line"),
    [
        (
            "$remote_addr [$time_iso8601] $request_method $scheme://$host$request_uri $status",
            "203.0.113.1 [2026-11-20T10:00:00+00:00] GET https://www.shop.example/b?x=1 200",
        ),
        (
            '%h %t %m "%{Host}i%U%q" %>s',
            '203.0.113.1 [20/Nov/2026:10:00:00 +0000] GET "www.shop.example/b?x=1" 200',
        ),
        (
            '{"http":{"ip":"$remote_addr","at":"$time_iso8601","st":$status},"h":{"n":"$host"},"u":"$request_uri"}',
            '{"http":{"ip":"203.0.113.1","at":"2026-11-20T10:00:00Z","st":200},"h":{"n":"www.shop.example"},'
            '"u":"/b?x=1"}',
        ),
    ],
)
def test_a_notation_may_join_host_and_path_and_hold_objects_in_objects(imports, log_format, line):
    done = imports.text(line + "\n", "--log-format", log_format)

    assert (done.returncode, done.stderr) == (0, "")
    assert [view["event"]["url"] for view in imports.views()] == ["https://www.shop.example/b?x=1"]


@pytest.mark.parametrize(
    ("pack", "said"),
    [
        (lambda content: content[:1].ljust(257, b"\0") + b"ustar\0" + content * 50, "a tar archive"),
        (lambda content: gzip.compress(gzip.compress(content * 50)), "compressed with gzip twice"),
        (lambda content: b"\x04\x22\x4d\x18" + content, "compressed with lz4"),
        (lambda content: b"\x1f\x9d\x90" + content, "compressed with compress"),
    ],
)
def test_what_is_packed_in_a_way_that_is_not_read_is_refused_by_its_name(imports, pack, said):
    done = imports.text(pack(LINE.encode()))

    assert (done.returncode, imports.lines()) == (1, [])
    assert f"a.log is {said}: unpack it" in done.stderr


def test_frames_that_zstd_is_to_skip_are_skipped(imports):
    skipped = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"

    done = imports.text(skipped + zstandard.compress(LINE.encode()) + skipped, name="a.log.zst")

    assert (done.returncode, len(imports.views())) == (0, 1)


def test_a_line_without_a_sender_and_a_request_is_none(imports):
    line = (SAMPLES / "s3.log").read_text().splitlines()[0]
    expired = re.sub(r'"GET [^"]*" 200', '"-" -', line.replace("198.51.100.11", "-"))

    done = imports.text(f"{line}\n{expired}\n")

    assert "2 lines = 1 page views + 1 other hits (counted, not stored) + 0 to quarantine" in done.stdout
