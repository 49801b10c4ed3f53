"""What is wrong in a request is refused and named, and nothing is answered that was not asked."""

import json

import pytest
from support.api_builders import an_alert, served

JSON = {"content-type": "application/json"}


def refused(reply, field, status=422):
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json"), reply.body
    assert reply.json["field"] == field
    return reply.json


def test_a_parameter_that_nobody_knows_is_refused_and_the_near_one_named(api):
    said = refused(api.ask("GET", "/v1/timeseries?date_rage=7d"), "date_rage")

    assert said["possible"] == ["date_range"]
    refused(api.ask("GET", "/v1/alerts?severity=error"), "severity")


def test_a_parameter_that_is_given_twice_is_refused(api):
    refused(api.ask("GET", "/v1/timeseries?date_range=7d&date_range=30d"), "date_range")


@pytest.mark.parametrize("days", [["2026-11-19T12", "2026-11-20"], ["2026-11-19", "2026-11-20 or so"]])
def test_what_is_more_than_a_day_is_no_day(api, days):
    refused(api.query(date_range=days), "date_range")
    refused(api.query(compare=days), "compare")


def test_a_text_that_is_no_unicode_is_refused_however_it_comes(api):
    body = rb'{"metrics": ["visitors"], "date_range": "7d", "filters": [["is", "visit:source", ["\ud800"]]]}'

    refused(api.ask("POST", "/v1/query", body=body, headers=JSON), "body")
    refused(
        api.ask("GET", "/v1/timeseries?filters=[[%22is%22,%22visit:source%22,[%22%5Cud800%22]]]"), "filters"
    )


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 30_000, b'{"metrics": NaN}'])
def test_what_is_no_json_is_said_so(api, body):
    assert "no JSON" in refused(api.ask("POST", "/v1/query", body=body, headers=JSON), "body")["detail"]


def test_a_body_that_does_not_say_that_it_is_json_is_told_how(api):
    body = json.dumps({"metrics": ["visitors"], "date_range": "7d"}).encode()
    form = {"content-type": "application/x-www-form-urlencoded"}

    assert (
        "application/json"
        in refused(api.ask("POST", "/v1/query", body=body, headers=form), "Content-Type")["detail"]
    )


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"date_range": 0}, "date_range"),
        ({"date_range": ["2026-11-19", 0]}, "date_range"),
        ({"order_by": [[0]]}, "order_by.0.0"),
    ],
)
def test_a_field_is_named_as_it_was_written(api, question, field):
    refused(api.query(**question), field)


def test_days_at_the_ends_of_the_calendar_are_answered_or_refused(api):
    first = ["0001-01-01", "0001-01-02"]

    refused(api.query(date_range=first, compare="previous_period"), "compare")
    refused(api.query(date_range=first, compare="year_over_year"), "compare")
    assert api.query(date_range=first, dimensions=["time:week"], include={"time_labels": True}).status == 200
    for each in (first, ["9999-12-30", "9999-12-31"]):
        assert api.query(metrics=["sessions"], date_range=each, dimensions=["time:hour"]).status == 200, each
    assert api.ask("GET", "/v1/usage?to=0001-01-01").json["usage"] == []


def test_a_range_that_ends_before_it_begins_is_refused_for_usage_too(api):
    refused(api.ask("GET", "/v1/usage?from=2026-11-20&to=2026-11-19"), "from")


def test_a_breakdown_says_by_what(api):
    refused(api.ask("GET", "/v1/breakdown?dimension="), "dimension")


def test_an_id_with_a_nul_byte_is_nobodys(api):
    assert api.ask("GET", "/v1/visitors/%00").json["code"] == "unknown_visitor"


def test_a_limit_says_how_much_of_what_it_allows(tmp_path):
    with served(tmp_path, FOOTFALL_API_REQUESTS_PER_MINUTE="1") as api:
        api.ask("GET", "/v1/sites")
        assert api.ask("GET", "/v1/sites").json["detail"] == "1 in 60 s for one key"


def test_a_probe_may_ask_for_the_head_of_an_answer(api):
    reply = api.ask("HEAD", "/health", role=None)

    assert (reply.status, reply.body) == (200, b"")
    assert api.ask("HEAD", "/v1/sites", role=None).status == 401


def test_alerts_and_acts_of_a_client_are_not_for_the_key_of_one_site(api):
    api.installation.of_alerts = [an_alert("new_domain:one:secret-plan.example")]

    assert api.ask("GET", "/v1/alerts", role="read").json["alerts"] != []
    assert api.ask("GET", "/v1/alerts", role="site").json["code"] == "site_key"


@pytest.mark.parametrize(
    "body",
    [
        b'{"metrics": ["visitors"], "metrics": ["sessions"], "date_range": "7d"}',
        b'{"metrics": ["visitors"], "date_range": "7d", "include": {"imports": true, "imports": true}}',
    ],
)
def test_a_name_that_stands_twice_in_a_body_is_refused(api, body):
    assert "twice" in refused(api.ask("POST", "/v1/query", body=body, headers=JSON), "body")["detail"]


def test_a_name_that_stands_twice_in_filters_of_an_address_is_refused(api):
    filters = "[[%22is%22,%22page%22,[%22/%22],{%22case_sensitive%22:true,%22case_sensitive%22:false}]]"

    refused(api.ask("GET", f"/v1/timeseries?filters={filters}"), "filters")


def test_more_segments_than_are_looked_at_are_refused(api):
    named = ["is", "segment", ["mobile"] * 201]

    assert api.query(filters=[named]).json["code"] == "too_large"


def test_deliveries_of_a_range_that_ends_before_it_begins_are_refused(api):
    refused(api.ask("GET", "/v1/deliveries?from=2026-11-20&to=2026-11-19"), "from")


@pytest.mark.parametrize("behind", [5, {}, {"case_sensitive": "no"}, {"case_sensitive": True, "x": 1}])
def test_what_stands_behind_the_values_of_a_filter_is_understood_or_refused(api, behind):
    refused(api.query(filters=[["is", "visit:country", ["DE"], behind]]), "filters.0.3")


def test_figures_without_what_was_imported_are_not_to_be_had(api):
    refused(api.query(include={"imports": False}), "include.imports")
