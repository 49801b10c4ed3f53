"""Who is let in, what is said to whom is not, and how much anybody may ask."""

import json
import logging

import pytest
from support.api_builders import KEYS, api_key, served, two_clients
from support.waiting import wait_until

JSON_PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "api_key_missing"),
        ({"authorization": "Basic a2V5"}, "api_key_missing"),
        ({"x-api-key": "guess"}, "api_key_unknown"),
        ({"x-api-key": "pk_shop_1234"}, "api_key_unknown"),
    ],
)
def test_who_shows_no_key_is_answered_401_with_what_to_do(api, headers, code):
    reply = api.ask("GET", "/v1/sites", role=None, headers=headers)

    assert (reply.status, reply.headers["content-type"]) == (401, JSON_PROBLEM)
    assert reply.json["code"] == reply.headers["x-footfall-reason"] == code
    assert reply.json["todo"]
    assert reply.headers["www-authenticate"] == "Bearer"


def test_a_key_is_asked_for_before_anything_else_of_a_request_is_looked_at(api):
    assert api.ask("POST", "/v1/query", role=None, body=b"{no json").status == 401
    assert api.ask("GET", "/v1/breakdown?limit=none", role=None).status == 401


@pytest.mark.parametrize("header", ["X-API-Key: {}", "Authorization: Bearer {}", "Authorization: Token {}"])
def test_a_key_opens_the_door_in_every_form_that_the_collector_takes(api, header):
    name, _, value = header.format(KEYS["read"]).partition(": ")

    assert api.ask("GET", "/auth/info", role=None, headers={name: value}).json["name"] == "read"


def test_a_key_in_the_address_is_taken_only_where_a_setting_allows_it(api, tmp_path):
    path = f"/v1/sites?api_key={KEYS['read']}"

    assert api.ask("GET", path, role=None).json["code"] == "api_key_in_query"
    with served(tmp_path / "development", FOOTFALL_API_KEY_IN_QUERY="yes") as other:
        assert other.ask("GET", path, role=None).status == 200


def test_a_revoked_key_is_none_within_seconds_and_a_broken_file_takes_no_key_away(api, monkeypatch):
    monkeypatch.setattr("api.service.LOOK_SECONDS", 0.0)
    assert api.ask("GET", "/v1/sites").status == 200
    one, _ = two_clients()

    api.write(one | {"api_keys": [each for each in one["api_keys"] if each["name"] != "read"]})
    assert api.ask("GET", "/v1/sites").status == 401
    (api.folder / "clients" / "two.yaml").write_text("client_id: [")
    assert api.ask("GET", "/v1/sites", role="other").status == 200


def test_a_key_whose_time_is_over_is_none(api):
    one, _ = two_clients()
    keys = [api_key("read", "read", expires_at="2026-11-20T11:59:59Z")]
    api.write(one | {"api_keys": keys})

    assert api.ask("GET", "/v1/sites").json["code"] == "api_key_unknown"


def test_what_is_left_is_said_and_beyond_it_a_key_is_told_when_to_come_again(tmp_path):
    with served(tmp_path, FOOTFALL_API_REQUESTS_PER_MINUTE="2", FOOTFALL_API_REQUESTS_PER_HOUR="100") as api:
        first, second, third = (api.ask("GET", "/v1/sites") for _ in range(3))

        assert first.headers["ratelimit-policy"] == '"minute";q=2;w=60, "hour";q=100;w=3600'
        assert first.headers["ratelimit"].startswith('"minute";r=1;')
        assert second.status == 200
        assert (third.status, third.json["code"]) == (429, "rate_limited")
        assert 0 < int(third.headers["retry-after"]) <= 30
        assert api.ask("GET", "/v1/sites", role="admin").status == 200, "another key has its own"


def test_a_client_file_gives_a_key_limits_of_its_own(tmp_path):
    with served(tmp_path, FOOTFALL_API_REQUESTS_PER_MINUTE="1") as api:
        one, _ = two_clients()
        keys = [api_key("read", "read", requests_per_minute=50, requests_per_hour=70)]
        api.write(one | {"api_keys": keys})

        windows = api.ask("GET", "/auth/info").json["rate_limits"]

    assert [each["requests"] for each in windows] == [50, 70]


def test_a_key_is_told_what_it_is(api):
    said = api.ask("GET", "/auth/info", role="site").json

    assert (said["authenticated"], said["client_id"], said["site_id"]) == (True, "one", "shop")
    assert said["permissions"] == ["read"]
    assert api.ask("GET", "/auth/info", role="operator").json["client_id"] is None


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("DELETE", "/v1/sites", 405, "method_not_allowed"),
        ("GET", "/v1/timeseries?interval=minute", 422, "invalid"),
        ("GET", "/v1/timeseries?date_range=3000-01-01,x", 422, "invalid"),
    ],
)
def test_every_error_is_a_problem_that_names_its_code(api, method, path, status, code):
    reply = api.ask(method, path)

    assert (reply.status, reply.headers["content-type"], reply.json["code"]) == (status, JSON_PROBLEM, code)


def test_a_body_is_read_strictly_and_the_field_is_named(api):
    wrong = api.query(metrics=[0])
    unknown = api.query(surprise=1)

    assert (wrong.status, wrong.json["field"]) == (422, "metrics.0")
    assert (unknown.status, unknown.json["field"]) == (422, "surprise")


def test_a_body_that_is_too_large_is_refused_however_it_comes(api):
    large = b'{"site_id": "' + b"a" * 100_000 + b'"}'

    reply = api.ask("POST", "/v1/query", body=large, headers={"content-type": "application/json"})

    assert (reply.status, reply.json["code"]) == (413, "too_large")


def test_the_page_of_the_api_loads_nothing_from_anywhere(api):
    page = api.ask("GET", "/docs", role=None)

    assert page.status == 200
    assert b"/v1/query" in page.body
    assert b"http://" not in page.body and b"https://" not in page.body and b"<script" not in page.body
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_log_has_the_name_of_the_key_and_no_key_no_query_and_no_visitor(api, caplog):
    def lines():
        # Other servers of this process may have uvicorn's own log on, which the product has not.
        return [r.message for r in caplog.records if not r.name.startswith("uvicorn") and "{" in r.message]

    with caplog.at_level(logging.INFO, logger="footfall.api"):
        api.ask("GET", "/v1/visitors/a-visitors-id?site_id=shop")

        # The line is written once the answer is on its way.
        written = wait_until(lambda: [each for each in lines() if "visitors" in each])
    line = json.loads(written[0])
    assert (line["api_key_name"], line["route"], line["status_code"]) == (
        "one/read",
        "/v1/visitors/{visitor_id}",
        404,
    )
    said = "\n".join(lines())
    assert "a-visitors-id" not in said and KEYS["read"] not in said and "shop" not in line
