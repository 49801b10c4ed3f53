"""Acts: each once, by whom may, with a line that says so; and the lists that go with them."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from support.api_builders import a_delivery, a_domain, an_alert, two_clients
from support.waiting import PATIENCE

from api.tasks import MOST_WAITING
from footfall.access import audit

SPAN = {"from": "2026-11-20T09:00:00Z", "to": "2026-11-20T11:00:00Z"}


def acts(api):
    return [
        (line["act"], line["client"], line["subject"], line["who"])
        for line in audit.lines(api.settings.audit)
    ]


def test_a_run_covers_the_whole_periods_of_a_span_and_can_be_followed(api):
    reply = api.ask("POST", "/v1/exports/events/run", role="admin", body=SPAN)

    assert reply.status == 202
    assert api.installation.done == [("run", "one", "events", ("2026-11-20-09:00", "2026-11-20-10:00"))]
    assert api.ask("GET", reply.json["follow"], role="read").json["state"] == "running"
    assert api.ask("GET", reply.json["follow"], role="other").json["code"] == "unknown_run"
    subject = "events 2026-11-20-09:00 to 2026-11-20-10:00"
    assert acts(api) == [("exports.run", "one", subject, "one/admin")]


@pytest.mark.parametrize(
    ("span", "code"),
    [
        ({"from": "2026-11-20T11:00:00Z", "to": "2026-11-20T11:00:00Z"}, "invalid"),
        ({"from": "2026-11-20T11:00:00Z", "to": "2026-11-20T13:00:00Z"}, "invalid"),
        ({"from": "2026-11-20T09:10:00Z", "to": "2026-11-20T09:50:00Z"}, "invalid"),
        ({"from": "yesterday", "to": "2026-11-20T09:50:00Z"}, "invalid"),
        ({"from": "2026-01-01", "to": "2026-11-20"}, "too_large"),
    ],
)
def test_a_span_without_a_whole_period_or_with_too_many_runs_nothing(api, span, code):
    reply = api.ask("POST", "/v1/exports/events/run", role="admin", body=span)

    assert reply.json["code"] == code
    assert api.installation.done == []


def test_where_dagster_is_away_a_run_is_told_to_come_again(api):
    api.installation.is_away = True

    reply = api.ask("POST", "/v1/exports/events/run", role="admin", body=SPAN)

    assert (reply.status, reply.json["code"]) == (503, "unavailable")
    assert int(reply.headers["retry-after"]) > 0


def test_the_same_act_with_the_same_idempotency_key_is_done_once(api):
    headers = {"Idempotency-Key": "mine-1"}

    first = api.ask("POST", "/v1/exports/events/run", role="admin", body=SPAN, headers=headers)
    again = api.ask("POST", "/v1/exports/events/run", role="admin", body=SPAN, headers=headers)
    other = api.ask(
        "POST",
        "/v1/exports/events/run",
        role="admin",
        body={**SPAN, "to": "2026-11-20T10:00:00Z"},
        headers=headers,
    )
    operators = api.ask(
        "POST", "/v1/exports/events/run?client=one", role="operator", body=SPAN, headers=headers
    )

    assert (again.status, again.json, again.headers["idempotency-replayed"]) == (202, first.json, "true")
    assert (other.status, other.json["code"]) == (409, "key_reused")
    assert operators.status == 202
    assert len(api.installation.done) == 2, "a key of somebody else's is another"


def test_an_act_that_failed_may_be_tried_again_with_the_same_key(api):
    headers = {"Idempotency-Key": "mine-2"}
    api.installation.is_away = True
    assert api.ask("POST", "/v1/exports/events/run", role="admin", body=SPAN, headers=headers).status == 503
    api.installation.is_away = False

    assert api.ask("POST", "/v1/exports/events/run", role="admin", body=SPAN, headers=headers).status == 202


def test_an_act_that_takes_long_keeps_no_other_waiting(api):
    api.installation.goes_on.clear()

    def ask(path, key, body=None):
        return api.ask("POST", path, role="admin", body=body, headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ask, "/v1/exports/events/run", "mine-3", SPAN)
        try:
            assert api.installation.has_come.wait(PATIENCE)
            other = ask("/v1/exports/events/verify", "mine-4")
        finally:
            api.installation.goes_on.set()

    assert (other.status, slow.result().status) == (202, 202)


def test_a_client_that_asks_for_many_checks_leaves_others_theirs(api):
    api.installation.goes_on.clear()
    try:
        many = [
            api.ask("POST", "/v1/exports/events/verify", role="admin").status for _ in range(MOST_WAITING + 1)
        ]
        other = api.ask("POST", "/v1/exports/events/verify", role="other").status
    finally:
        api.installation.goes_on.set()

    assert many == [202] * MOST_WAITING + [409]
    assert other == 202


def test_a_check_of_a_bucket_goes_on_behind_and_its_result_is_asked_for(api):
    started = api.ask("POST", "/v1/exports/events/verify", role="admin").json

    for _ in range(600):
        found = api.ask("GET", started["follow"]).json
        if found["state"] not in ("waiting", "running"):
            break
    assert (found["state"], found["result"]) == ("done", {"main": {"is_as_promised": True}})
    assert api.ask("GET", started["follow"], role="other").status == 404


def test_a_domain_is_approved_by_an_administrator_whose_name_is_kept(api):
    api.installation.of_domains["one"] = [a_domain("new.example")]

    reply = api.ask("POST", "/v1/domains/new.example/approve", role="admin")

    assert (reply.status, reply.json["state"]) == (200, "verified")
    assert api.installation.done == [("approve", "one", "new.example", "one/admin")]
    assert api.ask("POST", "/v1/domains/other.example/approve", role="admin").json["code"] == "unknown_domain"


def test_an_alert_is_acknowledged_by_whom_it_is_about(api):
    api.installation.of_alerts = [an_alert("disk_full", ""), an_alert()]
    key = "delivery_failing:one:events"

    assert api.ask("POST", f"/v1/alerts/{key}/ack", role="admin", body={"because": "known"}).status == 200
    assert api.ask("POST", f"/v1/alerts/{key}/ack", role="other", body={}).json["code"] == "unknown_alert"
    assert api.ask("POST", "/v1/alerts/disk_full/ack", role="admin", body={}).status == 404
    assert api.ask("POST", "/v1/alerts/disk_full/ack", role="operator", body={}).status == 200
    late = api.ask("POST", f"/v1/alerts/{key}/ack", role="admin", body={"until": "2027-11-20"})
    assert (late.status, late.json["field"]) == (422, "until")
    assert [each["key"] for each in api.ask("GET", "/v1/alerts").json["alerts"]] == [key]
    assert len(api.ask("GET", "/v1/alerts", role="operator").json["alerts"]) == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/events/0192f3c8-abcd/enrichment", {"fields": {"country": "SE"}, "version": 2}),
        ("/events/0192f3c8-abcd/enrich/", {"additional_properties": {"country": "SE"}}),
    ],
)
def test_what_is_learnt_of_an_event_lies_in_the_lake_for_the_run_of_the_hour(api, path, body):
    reply = api.ask("PUT", path, role="admin", body=body)

    assert (reply.status, reply.json["hour"], reply.json["taken"]) == (202, "2026-11-20T12", ["country"])
    [key] = reply.json["keys"]
    line = json.loads(zstandard.ZstdDecompressor().decompress(api.lake.get(key)))
    assert (line["client_id"], line["event_id"], line["fields"]) == (
        "one",
        "0192f3c8-abcd",
        {"country": "SE"},
    )
    again = api.ask("PUT", path, role="admin", body=body)
    assert again.json["keys"] == [key], "the same twice is the same once"


def test_a_field_that_cannot_be_learnt_later_is_refused_with_those_that_can(api):
    reply = api.ask(
        "PUT", "/v1/events/0192f3c8-abcd/enrichment", role="admin", body={"fields": {"lead_score": "85"}}
    )

    assert (reply.status, reply.json["field"]) == (422, "fields.lead_score")
    assert "country" in reply.json["possible"] and "`properties`" in reply.json["detail"]
    assert list(api.lake.list("enrichments/")) == []


@pytest.mark.parametrize("value", ["enterprise", 85, -0.25, True, False, None, 2**60])
def test_any_scalar_may_be_learnt_of_an_event_as_a_property(api, value):
    body = {"properties": {"lead score": value}, "version": 3}

    reply = api.ask("PUT", "/v1/events/0192f3c8-abcd/enrichment", role="admin", body=body)

    assert (reply.status, reply.json["taken"]) == (202, ["lead score"])
    [key] = reply.json["keys"]
    line = json.loads(zstandard.ZstdDecompressor().decompress(api.lake.get(key)))
    assert (line["version"], line["fields"]) == (3, {"properties": {"lead score": value}})
    assert type(line["fields"]["properties"]["lead score"]) is type(value)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fields": {}, "properties": {}},
        {"properties": {"nested": {"a": 1}}},
        {"properties": {"listed": [1]}},
        {"properties": {"": 1}},
        {"properties": {"a\nb": 1}},
        {"properties": {"long": "x" * 2001}},
        {"properties": {"x" * 65: 1}},
        {"properties": {f"p{n}": n for n in range(65)}},
    ],
)
def test_what_is_no_scalar_or_has_no_name_is_refused_and_nothing_is_put(api, body):
    reply = api.ask("PUT", "/v1/events/0192f3c8-abcd/enrichment", role="admin", body=body)

    assert (reply.status, reply.json["code"]) == (422, "invalid")
    assert list(api.lake.list("enrichments/")) == []


def test_deliveries_come_in_pages_and_as_csv(api):
    starts = [f"2026-11-20T{hour:02}:00:00.000Z" for hour in range(5)]
    api.installation.rows["one"] = [a_delivery(start=each) for each in starts]

    first = api.ask("GET", "/v1/deliveries?limit=3").json
    api.installation.rows["one"].append(a_delivery(start="2026-11-20T05:00:00.000Z"))
    rest = api.ask("GET", f"/v1/deliveries?limit=3&cursor={first['next']}").json
    as_csv = api.ask("GET", "/v1/deliveries", headers={"accept": "text/csv"}).body.decode().splitlines()

    assert [row["period_start"] for row in first["deliveries"] + rest["deliveries"]] == starts[::-1], (
        "none comes twice where another was delivered in between"
    )
    assert rest["next"] is None
    assert len(as_csv) == 7
    assert api.ask("GET", "/v1/deliveries?export=nothing").json["possible"] == ["events"]


def test_usage_is_that_of_the_client_and_days_that_were_not_counted_are_named(api):
    lines = ["date,client_id,site,kind,rows,bytes"]
    lines += [f"2026-11-19,{each}" for each in ("one,shop,received,5,50", "two,two,received,7,70")]
    api.lake.put("usage/dt=2026-11-19/usage.csv", "\n".join(lines).encode())

    said = api.ask("GET", "/v1/usage?from=2026-11-18&to=2026-11-19").json

    assert [(row["site"], row["rows"]) for row in said["usage"]] == [("shop", 5)]
    assert said["days_not_counted"] == ["2026-11-18"]
    assert said["plan"] is None


def test_a_plan_says_what_this_month_has_used_of_it_and_what_is_not_counted_yet(api):
    one, _ = two_clients()
    api.write(one | {"plan": {"name": "Small", "included": 10}})
    for day, kept in (("2026-10-31", 99), ("2026-11-01", 8), ("2026-11-19", 5)):
        lines = ["date,client_id,site,kind,rows,bytes", f"{day},one,shop,kept,{kept},0"]
        lines += [f"{day},one,blog,received,70,0", f"{day},two,two,kept,70,0"]
        api.lake.put(f"usage/dt={day}/usage.csv", "\n".join(lines).encode())

    said = api.ask("GET", "/v1/usage?from=2026-11-01&to=2026-11-01").json["plan"]

    missing = said.pop("days_not_counted")
    assert said == {
        "name": "Small",
        "counts": "kept",
        "from": "2026-11-01",
        "to": "2026-11-30",
        "included": 10,
        "used": 13,
        "over": 3,
        "used_share": 1.3,
    }
    assert missing == [f"2026-11-{day:02}" for day in range(2, 21) if day != 19]


def test_the_acts_of_a_client_are_listed_for_its_administrators(api):
    api.ask("POST", "/v1/exports/events/run", role="admin", body=SPAN)

    assert [line["act"] for line in api.ask("GET", "/v1/audit", role="admin").json["acts"]] == ["exports.run"]
    assert api.ask("GET", "/v1/audit", role="other").json["acts"] == []


def test_pages_of_the_audit_hold_each_act_once_whatever_is_added_meanwhile(api):
    def note(client, *subjects):
        for subject in subjects:
            audit.note(
                api.settings.audit,
                api.service.now(),
                who="anna",
                door="command",
                act="keys.new",
                client=client,
                subject=subject,
                outcome="done",
            )

    def page(following):
        asked = f"/v1/audit?limit=2{f'&cursor={following}' if following else ''}"
        reply = api.ask("GET", asked, role="admin").json
        return [each["subject"] for each in reply["acts"]], reply["next"]

    note("one", "a", "b")
    note("two", "of another")
    note("one", "c")
    first, following = page(None)
    note("one", "d", "e")
    second, following = page(following)
    third, last = page(following)

    assert (first, second, third, last) == (["a", "b"], ["c", "d"], ["e"], None)


def test_nobody_is_erased_while_the_clients_data_is_held_and_the_answer_says_why(api):
    api.installation.held = "one is held (1a2b3c4d, 2026-11-20 by court: case 17)"
    asked = {"ids": [{"kind": "user", "value": "4711"}]}

    reply = api.ask("POST", "/v1/privacy/erasures", role="admin", body=asked)

    assert (reply.status, reply.json["code"]) == (409, "held")
    assert "case 17" in reply.json["detail"]
    assert api.installation.of_erasures == []
