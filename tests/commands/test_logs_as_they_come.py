"""`footfall import` of logs as servers, proxies, clouds and shippers really write them."""

import gzip
import io
import json
import re
import tarfile
from pathlib import Path

import pytest
import zstandard
from support.imported_logs import Imports

from sources.log_formats import FORMATS

SAMPLES = Path(__file__).resolve().parents[1] / "fixtures" / "access_logs"


@pytest.fixture
def imports(footfall, tmp_path):
    return Imports(footfall, tmp_path)


AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BEHIND = f'[20/Nov/2026:10:00:00 +0000] "GET /b HTTP/1.1" 200 512 "-" "{AGENT}"'
LINE = f"198.51.100.7 - - {BEHIND}\n"


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


@pytest.mark.parametrize("told", [(), ("--format", "combined")], ids=["auto", "named"])
@pytest.mark.parametrize("ident", ["-", "john.doe"])
def test_a_combined_log_of_whole_addresses_or_of_peoples_names_is_combined(imports, told, ident):
    line = LINE.replace(" - - ", f" {ident} - ").replace(" /b ", " http://www.shop.example/b ")

    done = imports.text(line * 5, *told)

    assert (done.returncode, done.stderr) == (0, "")
    assert ("is combined" in done.stdout) == (not told)
    assert {view["host"] for view in imports.views()} == {"www.shop.example"}


def test_a_line_whose_request_named_no_host_is_of_the_format_of_the_others(imports):
    named, unnamed = (LINE.replace(" - - ", f" {host} - ") for host in ("www.shop.example", "-"))

    done = imports.text(named * 3 + unnamed)

    assert "is lighttpd" in done.stdout
    assert [view["host"] for view in imports.views()].count("www.shop.example") == 3


@pytest.mark.parametrize(
    ("front", "told"),
    [
        ("203.0.113.@:5210@ 198.51.100.@ - - ", ()),
        ("[2001:db8::@]:5210@ 198.51.100.@ - - ", ("--format", "vhost_combined")),
        ("203.0.113.@ 10.0.0.1 - - ", ("--format", "vhost_combined")),
        ("203.0.113.@ 10.0.0.1 - ", ("--format", "lighttpd")),
    ],
)
def test_an_address_of_a_connection_is_no_virtual_host(imports, front, told):
    done = imports.text("".join(f"{front.replace('@', str(n))}{BEHIND}\n" for n in range(1, 10)), *told)

    assert (done.returncode, imports.lines()) == (1, [])
    assert "--log-format" in done.stderr


def test_an_address_with_the_port_of_a_server_is_a_virtual_host(imports):
    done = imports.text(f"203.0.113.80:443 {LINE}" * 3)

    assert done.returncode == 0
    assert {view["host"] for view in imports.views()} == {"203.0.113.80"}


@pytest.mark.parametrize(
    "host", ["a" * 60_000 + ":x", "a." * 30_000 + ":x", "[" + "1" * 60_000, "1" * 60_000]
)
@pytest.mark.parametrize("form", [each for each in FORMATS if each.host_like], ids=lambda form: form.name)
def test_a_host_of_any_length_is_told_in_time_that_grows_with_it(form, host):
    # With a pattern that is quadratic each takes minutes.
    assert re.fullmatch(form.host_like, host) is None


def test_a_host_that_is_longer_than_any_is_no_virtual_host(imports):
    done = imports.text(f"{'a' * 300}.example {LINE}" * 3)

    assert (done.returncode, imports.lines()) == (1, [])


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
    "gateway_http": (
        '{"Datetime":"2026-11-20T10:00:07Z","SourceIP":"198.51.100.1","HTTPHost":"news.example","HTTPMethod":'
        '"GET","HTTPStatusCode":200,"URL":"https://news.example/a","UserAgent":"Mozilla/5.0","PolicyID":""}'
    ),
    "gateway_dns": (
        '{"Datetime":"2026-11-20T10:00:07Z","SrcIP":"198.51.100.1","QueryName":"news.example","QueryType":1}'
    ),
    "gateway_network": (
        '{"Datetime":"2026-11-20T10:00:07Z","SourceIP":"198.51.100.1","DestinationIP":"192.0.2.1",'
        '"Transport":"tcp","Action":"allow"}'
    ),
    "Logpush as CSV": (
        "ClientIP,ClientRequestHost,ClientRequestMethod,EdgeStartTimestamp,RayID\n"
        '198.51.100.1,shop.example,GET,2026-11-20T10:00:07Z,"8e4f0"'
    ),
    "calls to others": (
        '{"ts":"2026-11-20T10:00:07Z","direction":"egress","ip":"192.0.2.1","method":"POST",'
        '"host":"pay.example","path":"/v1/charges","status":200}'
    ),
    "dns_logs": '{"QueryName":"www.shop.example","QueryType":1,"Timestamp":"2026-11-20T10:00:07Z"}',
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_log_that_is_known_and_not_read_is_refused_by_its_name(imports, what):
    done = imports.text(f"{FOREIGN[what]}\n" * 3)
    told = imports.text(
        f"{FOREIGN[what]}\n" * 3, "--format", "logpush" if FOREIGN[what].startswith("{") else "alb"
    )

    assert (done.returncode, told.returncode, imports.lines()) == (1, 1, [])
    assert what in done.stderr
    assert what in told.stderr
    assert "merely resembles" in told.stderr


def test_lines_that_docker_wrapped_are_refused_with_what_unwraps_them(imports):
    done = imports.text(
        json.dumps({"log": LINE, "stream": "stdout", "time": "2026-11-20T10:00:07.1Z"}) + "\n"
    )

    assert (done.returncode, imports.lines()) == (1, [])
    assert "json-file" in done.stderr and "jq -j .log FILE" in done.stderr


def test_an_address_that_may_be_whose_server_was_called_is_a_visitors_where_a_person_says_so(imports):
    line = '{"ts":"2026-11-20T10:00:07Z","ip":"192.0.2.1","method":"GET","url":"https://shop.example/a","status":200}\n'

    refused = imports.text(line * 3)
    assert (refused.returncode, imports.lines()) == (1, [])
    assert "ip may be the address of a server that was called" in refused.stderr
    names = {
        "ts": "time_iso8601",
        "ip": "remote_addr",
        "method": "request_method",
        "url": "url",
        "status": "status",
    }
    meaning = json.dumps({name: f"${variable}" for name, variable in names.items()})
    told = imports.text(line * 3, "--log-format", meaning)
    assert (told.returncode, len(imports.views())) == (0, 3), told.stderr


def test_the_name_of_a_machine_is_no_host_of_a_site(imports):
    line = {
        "level": 30, "time": 1795168807123, "pid": 7, "hostname": "web-1", "remoteAddress": "198.51.100.1",
        "method": "GET", "url": "/a", "statusCode": 200, "userAgent": "Mozilla/5.0 Firefox/140.0",
    }  # fmt: skip
    imports.text(json.dumps(line) + "\n")

    assert {view["event"]["url"] for view in imports.views()} == {"https://shop.example/a"}


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
        (lambda content: archived(content), "a tar archive"),
        (lambda content: gzip.compress(archived(content)), "a tar archive"),
        (lambda content: gzip.compress(gzip.compress(content * 50)), "compressed with gzip twice"),
        (lambda content: b"\x04\x22\x4d\x18" + content, "compressed with lz4"),
        (lambda content: b"\x1f\x9d\x90" + content, "compressed with compress"),
    ],
)
def test_what_is_packed_in_a_way_that_is_not_read_is_refused_by_its_name(imports, pack, said):
    done = imports.text(pack(LINE.encode()))

    assert (done.returncode, imports.lines()) == (1, [])
    assert f"a.log is {said}: unpack it" in done.stderr


def archived(content: bytes) -> bytes:
    """A tar archive of one log."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("access.log")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("hole", "pack"), [(0, lambda content: content), (99, lambda content: content), (0, gzip.compress)]
)
def test_a_log_in_which_the_word_of_tar_stands_where_tar_says_it_is_a_log(imports, hole, pack):
    before, behind = LINE.split("/b ")
    path = "/" + "x" * (257 - hole - len(before) - 1) + "ustar"

    done = imports.text(pack(b"\0" * hole + f"{before}{path} {behind}".encode()))

    assert (done.returncode, len(imports.views())) == (0, 1)


def test_frames_that_zstd_is_to_skip_are_skipped(imports):
    skipped = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"

    done = imports.text(skipped + zstandard.compress(LINE.encode()) + skipped, name="a.log.zst")

    assert (done.returncode, len(imports.views())) == (0, 1)


def test_a_line_without_a_sender_and_a_request_is_none(imports):
    line = (SAMPLES / "s3.log").read_text().splitlines()[0]
    expired = re.sub(r'"GET [^"]*" 200', '"-" -', line.replace("198.51.100.11", "-"))

    done = imports.text(f"{line}\n{expired}\n")

    assert "2 lines = 1 page views + 1 other hits (counted, not stored) + 0 to quarantine" in done.stdout
