"""`footfall import` of JSON logs by the names that servers use."""

import json
import re

import pytest
from support.imported_logs import Imports


@pytest.fixture
def imports(footfall, tmp_path):
    return Imports(footfall, tmp_path)


AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
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


@pytest.mark.parametrize("statuses", [("success", "failure", 200), ("200 OK", "404 Not Found"), (48291, 12)])
def test_json_whose_statuses_are_no_numbers_of_http_is_refused(imports, statuses):
    lines = [
        {"time": "2026-11-20T10:00:00Z", "ip": "203.0.113.1", "path": "/login", "status": status}
        for status in statuses
    ]

    done = imports.text("\n".join(map(json.dumps, lines)))

    assert (done.returncode, imports.lines()) == (1, [])
    assert f"status\" says '{statuses[0]}'" in done.stderr
    assert "--log-format" in done.stderr


def test_the_log_of_calls_that_an_application_made_is_refused_for_nobody_asked(imports):
    line = {
        "time": "2026-11-20T10:00:00Z", "level": "info", "msg": "request", "method": "GET",
        "url": "https://api.payments.example/v1/charges", "status": 200, "duration_ms": 41,
    }  # fmt: skip

    done = imports.text("\n".join([json.dumps(line)] * 20))

    assert (done.returncode, imports.lines()) == (1, [])
    assert "no name in it is an address" in done.stderr


def test_a_status_that_says_something_else_leaves_the_place_to_the_one_that_is_a_number(imports):
    line = {
        "time": "2026-11-20T10:00:00Z",
        "ip": "203.0.113.1",
        "path": "/b",
        "status": "ok",
        "httpStatus": 404,
    }
    lines = [line, line | {"httpStatus": 200}, line | {"httpStatus": 0}]

    imports.text("\n".join(map(json.dumps, lines)))

    assert [view["event"]["status"] for view in imports.views()] == [200]


def test_names_that_no_path_can_hold_are_passed_over(imports):
    odd = {"status\0": 1, "*": {"status": 1}, 'ur"l': 1, "u\\rl": 1}
    line = {"time": "2026-11-20T10:00:00Z", "ip": "203.0.113.1", "path": "/b", "status": 200}

    done = imports.text(json.dumps(odd | line))

    assert (done.returncode, done.stderr.count("Traceback"), len(imports.views())) == (0, 0, 1)


def test_of_json_only_the_server_s_own_request_id_names_an_event(imports):
    line = {"time": "2026-11-20T10:00:00Z", "ip": "203.0.113.1", "uri": "/b", "status": 200}
    names = ("request_id", "x_request_id", "req_id", "requestId", "insertId")
    lines = [line | {name: "chosen", "bytes": size} for name in names for size in (1, 2)]

    imports.text("\n".join(map(json.dumps, lines)))

    assert len({view["event_id"] for view in imports.views()}) == 1 + 2 * (len(names) - 1)


@pytest.mark.parametrize(
    "said",
    [
        {"url": "/outgoing"},
        {"url": "/b", "message": "GET /outbound-travel/paris 200"},
        {"url": "/b", "msg": "GET https://outgoing.example/ 200"},
        {"url": "/b", "msg": "outgoing response"},
        {"url": "/b", "msg": "GET /outbound-calls 200"},
    ],
)
def test_a_sites_own_answers_are_read_whatever_words_are_in_them(imports, said):
    line = {"time": "2026-11-20T10:00:07Z", "ip": "198.51.100.7", "method": "GET", "status": 200} | said
    done = imports.text(f"{json.dumps(line)}\n" * 3)

    assert (done.returncode, len(imports.views())) == (0, 3), done.stderr


@pytest.mark.parametrize(
    "said",
    [
        "outgoing request",
        "http.outbound.call",
        "http_outgoing_request",
        "Egress HTTP request to pay.example",
        "Outgoing request to https://api.pay.example/v1/charges",
    ],
)
def test_calls_to_others_are_refused_by_what_people_write_of_them_with_the_way_out(imports, said):
    line = {"time": "2026-11-20T10:00:07Z", "ip": "192.0.2.1", "url": "/b", "status": 200, "msg": said}
    done = imports.text(f"{json.dumps(line)}\n" * 3)

    assert (done.returncode, imports.lines()) == (1, [])
    assert "calls to others" in done.stderr and "--log-format" in done.stderr
