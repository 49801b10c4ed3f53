"""What an operator sees and decides: probes, metrics, logs, origins, paths, limits."""

import json
import logging
import urllib.request
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.collectors import KEYS, SITE, CollectorProcess, batch, free_port, wire_event
from support.one_collector import FINE, StatedSpool, a_collector, ask, header

from collector.counters import Counters, Summary
from collector.logs import JsonLines
from collector.targets import Sites
from footfall.collecting import RESERVED_PATHS

# Probes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reasons"),
    [
        (FINE, []),
        (replace(FINE, held_bytes=949), []),
        (replace(FINE, held_bytes=950), ["spool_nearly_full"]),
        (replace(FINE, last_error="No space left"), ["disk_error"]),
    ],
)
def test_ready_means_that_an_event_would_be_taken_and_alive_means_only_that(state, reasons):
    collector = a_collector(StatedSpool(state))

    ready = ask(collector, "GET", "/readyz")

    assert (ready.status, json.loads(ready.body)["reasons"]) == (503 if reasons else 200, reasons)
    assert (header(ready, "retry-after") is not None) == bool(reasons)
    assert ask(collector, "GET", "/livez").status == 200


def test_a_collector_that_ends_is_alive_and_not_ready():
    collector = a_collector()
    collector.operation.is_draining = True

    assert json.loads(ask(collector, "GET", "/readyz").body)["reasons"] == ["draining"]
    assert ask(collector, "HEAD", "/livez").status == 200


# Limits ---------------------------------------------------------------------------------------------


def test_an_address_beyond_its_limit_is_told_when_to_come_again_and_nothing_of_it_is_kept():
    spool = StatedSpool()
    collector = a_collector(spool, address_rate=1)

    statuses = [ask(collector).status for _ in range(22)]
    refused = ask(collector)

    assert statuses == [204] * 20 + [429] * 2
    assert header(refused, "x-footfall-reason") == "rate_limited"
    assert header(refused, "ratelimit-policy") == '"address";q=20;w=20'
    assert header(refused, "retry-after") == "1"
    assert len(spool.kept) == 20
    assert ask(collector, peer="198.51.100.8").status == 204
    assert collector.counters.site("one", "one").refused == {"rate_limited": 3}


def test_events_count_against_a_limit_and_not_requests():
    collector = a_collector(site_rate=1)
    ten = batch(*[wire_event(f"event-{n:04}") for n in range(10)])

    assert [ask(collector, body=ten).status for _ in range(3)] == [204, 204, 429]


def test_bodies_that_cannot_be_read_count_by_their_size():
    collector = a_collector(address_rate=1)

    answers = [ask(collector, body=b'{"site": "%s", ' % SITE.encode() + b"x" * 40_000) for _ in range(4)]

    assert [answer.status for answer in answers] == [400] * 4  # nobody's: its site could not be read
    collector = a_collector(address_rate=1)
    answers = [ask(collector, query=f"site={SITE}", body=b"x" * 40_000) for _ in range(4)]
    assert [answer.status for answer in answers] == [400, 400, 429, 429]


def test_a_trusted_import_is_not_limited():
    collector = a_collector(address_rate=1, site_rate=1)
    collector._import_key = b"secret"
    stated = {"x_footfall_import_key": "secret", "x_footfall_received_at": "2026-11-20T11:00:00Z"}

    assert {ask(collector, **stated).status for _ in range(50)} == {204}


# Bodies of nobody's ---------------------------------------------------------------------------------


def test_a_flood_of_unknown_keys_leaves_a_small_sample():
    spool = StatedSpool()
    collector = a_collector(spool)
    strange = json.dumps({"site": "pk_nobody_1", "pad": "x" * 100_000, "events": [{}]}).encode()

    answers = [ask(collector, body=strange) for _ in range(500)]

    assert {(a.status, header(a, "x-footfall-reason")) for a in answers} == {(403, "unknown_site")}
    assert 60 <= len(spool.kept) <= 65  # a minute's worth, and one for each second that this took
    assert max(map(len, spool.kept)) < 3 * 4096
    assert collector.counters.unclaimed_kept == len(spool.kept)
    assert collector.counters.unclaimed_dropped == 500 - len(spool.kept)


def test_a_spool_that_is_half_full_has_no_room_for_strangers():
    spool = StatedSpool(replace(FINE, held_bytes=501))

    assert ask(a_collector(spool), body=b"{").status == 400
    assert spool.kept == []


def test_where_a_client_file_is_unreadable_an_unknown_key_is_told_to_come_again():
    collector = a_collector()
    uncertain = Sites()
    uncertain.are_certain = False
    collector.sites = uncertain

    for path, headers in (("/collect", {}), ("/events/", {"x_api_key": "whose"})):
        answer = ask(collector, path=path, **headers)
        assert (answer.status, header(answer, "x-footfall-reason")) == (503, "sites_uncertain")
        assert header(answer, "retry-after") == "5"


@pytest.mark.parametrize(("seconds", "said"), [(600, "ok"), (601, "degraded")])
def test_health_tells_events_that_wait_for_over_ten_minutes(seconds, said):
    answer = ask(a_collector(StatedSpool(replace(FINE, oldest_unshipped_seconds=seconds))), "GET", "/health")

    assert (answer.status, json.loads(answer.body)["dependencies"]["shipping"]) == (200, said)


# Origins and paths ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example", True),
        ("https://www.brand.example", True),
        ("https://brand.example", False),
        ("http://shop.example", False),
        ("https://shop.example.evil.example", False),
        ("null", False),
    ],
)
def test_only_named_origins_may_read_answers_and_events_are_taken_all_the_same(origin, allowed):
    collector = a_collector(cors_origins=("https://shop.example", "https://*.brand.example"))

    for answer in (
        ask(collector, origin=origin),
        ask(collector, "OPTIONS", origin=origin),
        ask(collector, body=b"{", origin=origin),
    ):
        assert header(answer, "access-control-allow-origin") == (origin if allowed else None)
        assert header(answer, "vary") == "origin"
    assert collector.counters.events == 1


def test_further_paths_stand_for_routes():
    paths = (
        ("/t/abc", "/collect"),
        ("/prod/track", "/track"),
        ("/count", "/pixel.gif"),
        ("/v1/", "/events/"),
    )
    collector = a_collector(paths=paths)

    assert ask(collector, path="/t/abc").status == 204
    assert ask(collector, path="/prod/track").status == 204
    assert ask(collector, "GET", "/count").status == 400
    assert ask(collector, "GET", "/t/abc.gif").status == 400
    assert ask(collector, path="/v1/").status == 401
    assert ask(collector, "GET", "/t/abc").status == 405
    assert ask(collector, path="/t/abcd").status == 404


def test_no_site_can_take_a_path_of_the_collectors_own():
    own = {path.split("/")[1] for _, path in a_collector()._table()}

    assert {name for name in own if "." not in name} | {"metrics"} == RESERVED_PATHS


# Metrics and logs -----------------------------------------------------------------------------------


def metrics_of(port: int) -> dict[tuple[str, frozenset], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=120) as answer:
        text = answer.read().decode()
    return {
        (sample.name.removeprefix("footfall_collector_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_of_a_real_collector_count_what_happened_and_name_no_visitor(tmp_path):
    port = free_port()
    settings = {"FOOTFALL_METRICS_PORT": str(port), "FOOTFALL_LOG_FORMAT": "json"}
    process = CollectorProcess(tmp_path, settings=settings).start()
    try:
        event = wire_event("an-event-1", url="https://shop.example/very/secret")
        for headers in ({}, {"x-forwarded-for": "198.51.100.9"}):
            assert process.ask("POST", "/collect", batch(event), headers).status == 204
        process.ask("POST", f"/collect?site={SITE}", b"{")
        process.ask("POST", "/collect?site=pk_nobody_1", b"{}")
        process.ask("GET", "/events/count", headers={"x-api-key": KEYS["read"]})
        found = metrics_of(port)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=120) as answer:
            text = answer.read()
    finally:
        log = process.end()

    def value(name, **labels):
        return found[name, frozenset(labels.items())]

    of_shop = {"client": "demo", "site": "shop"}
    assert value("events_total") == value("site_events_total", **of_shop) == 2
    assert value("site_requests_total", **of_shop) == 3
    assert value("site_refusals_total", **of_shop, reason="malformed_json") == 1
    assert value("refusals_total", reason="unknown_site") == 1
    assert value("requests_total", route="collect", status="204") == 2
    assert value("requests_total", route="count", status="200") == 1
    assert value("unclaimed_bodies_total", kept="yes") == 1
    assert value("ack_duration_seconds_count") == 4
    assert value("ack_duration_seconds_bucket", le="+Inf") == 4
    assert value("ready") == 1
    assert value("spool_bytes") > 0
    for secret in (b"198.51.100", b"secret", b"pk_nobody_1", KEYS["read"].encode()):
        assert secret not in text
        assert secret not in log.encode()
    assert process.exit_code == 0
    for line in log.splitlines():
        assert {"time", "level", "message"} <= set(json.loads(line))


def test_a_port_for_metrics_that_is_taken_stops_the_start_with_a_clear_word(collector, tmp_path):
    process = CollectorProcess(tmp_path, settings={"FOOTFALL_METRICS_PORT": str(collector.port)})
    (tmp_path / "clients").mkdir()

    code, errors = process.fails_to_start()

    assert code == 1
    assert "FOOTFALL_METRICS_PORT" in errors
    assert "Traceback" not in errors


def test_a_json_line_holds_the_fields_of_its_call_and_no_words_of_an_exception():
    try:
        raise ValueError("visitor@example.org")
    except ValueError as error:
        told = (ValueError, error, error.__traceback__)
    record = logging.getLogger("x").makeRecord(
        "x", logging.INFO, "f", 1, "%d ü\n", (5,), told, extra={"events": 5}
    )

    line = JsonLines(worker=2).format(record)

    assert "\n" not in line and "visitor" not in line
    assert (
        json.loads(line).items()
        >= {
            "level": "INFO",
            "worker": 2,
            "message": "5 ü\n",
            "events": 5,
            "error": "ValueError",
        }.items()
    )


def test_a_summary_tells_what_is_new_and_is_silent_where_nothing_is(caplog):
    caplog.set_level(logging.INFO, "collector")
    counters = Counters()
    summary = Summary(counters)
    for events in (3, 4):
        counters.events += events
        counters.answers["collect", 204] += 2
        counters.refused["invalid_event"] += 1
        summary.tell()
    summary.tell()

    assert [record.events for record in caplog.records] == [3, 4]
    assert [record.answers for record in caplog.records] == [{"204": 2}] * 2
    assert caplog.records[1].refused == {"invalid_event": 1}
