"""Bodies that cost much for each byte sent: charged to their sender, bounded, and in nobody's way."""

import gzip
import time
from collections.abc import Iterator

import pytest
from support.collectors import SITE, CollectorProcess, batch, wire_event
from support.heavy_bodies import compact, heavy_body, heavy_events, under_attack
from support.spools import HOUR

from footfall.event import Receipt, Refusal, Refused, check_event, refused_line
from footfall.scrub_work import MAX_BODY_WORK, affordable, work

HEAVY = heavy_events()


@pytest.fixture
def fresh(tmp_path) -> Iterator[CollectorProcess]:
    """A collector whose buckets are full."""
    process = CollectorProcess(tmp_path, settings={"FOOTFALL_SEGMENT_SECONDS": "3600"}).start()
    yield process
    process.end(kill=True)


def post(collector, body, address, **headers):
    return collector.ask("POST", "/collect", body, {"x-forwarded-for": address, **headers})


@pytest.mark.parametrize("kind", HEAVY)
def test_no_event_and_no_refused_body_costs_more_than_a_bounded_time(kind):
    """CPU time, and generous: the bound itself is work, which is counted and not measured."""
    raw = compact(HEAVY[kind])
    of_nobody = Receipt("c", "s", HOUR, None, "")

    began = time.process_time()
    try:
        check_event(raw)
    except Refused as refused:
        assert refused.refusal in (Refusal.TOO_MUCH_WORK, Refusal.TOO_MANY_PROPERTIES)
    checked = time.process_time() - began
    refused_line(Refused(Refusal.TOO_MUCH_WORK), of_nobody, raw + raw)
    kept = time.process_time() - began - checked

    assert max(checked, kept) < 0.5


def test_dense_events_of_the_full_size_are_within_the_bound():
    items = [
        {"sku": f"AB-{n:06d}", "name": "Blue shirt, size M", "price": n / 100, "qty": n % 9, "list": "spring"}
        for n in range(380)
    ]
    raw = compact(wire_event("dense-event", props={"items": items}))

    assert 30_000 < len(raw) < 32_768
    assert check_event(raw).redactions is None


def test_what_is_affordable_is_a_beginning_within_the_bound():
    text = b"a=%40&" * 20_000

    kept = affordable(text)

    assert text.startswith(kept) and 0 < len(kept) < len(text)
    assert work(kept) <= MAX_BODY_WORK


def test_an_event_with_too_much_to_look_through_is_refused_and_its_start_kept(fresh):
    secret = "ann@example.org"
    event = wire_event("too-much", props={"p": f"{secret} " + "a%3Db&" * 5000})

    reply = post(fresh, batch(wire_event("beside-it"), event), "198.51.100.7")

    assert (reply.status, reply.reason, reply.headers["x-footfall-refused"]) == (204, "too_much_work", "1")
    lines = {line.get("event_id", line.get("reason")): line for line in fresh.stored()}
    assert set(lines) == {"beside-it", "too_much_work"}
    assert 1000 < len(lines["too_much_work"]["body"]) < 32_768
    assert secret not in lines["too_much_work"]["body"]


def test_a_sender_pays_for_work_and_for_bytes_that_were_inflated(fresh):
    """Burst and rate are those of 100 events a second: some 2,000 for whoever was silent."""
    for address, body in (
        ("198.51.100.1", heavy_body(HEAVY["names in an address"])),
        ("198.51.100.2", gzip.compress(b'{"site":"%s","events":[' % SITE.encode() + b" " * 480_000)),
    ):
        statuses = []
        while len(statuses) < 60 and statuses[-1:] != [429]:
            statuses.append(post(fresh, body, address, **{"content-encoding": "gzip"}).status)
        assert statuses[-1] == 429 and len(statuses) > 2, statuses
    ordinary = [post(fresh, batch(wire_event(f"ordinary-{n:03d}")), "198.51.100.3").status for n in range(60)]
    assert set(ordinary) == {204}


def test_all_addresses_of_a_slash_64_share_one_limit_and_the_next_has_its_own(fresh):
    full = batch(*[wire_event(f"many-{n:04d}") for n in range(500)])
    statuses = [post(fresh, full, f"2001:db8:1:2:{n:x}::{n:x}").status for n in range(1, 7)]

    assert statuses[:4] == [204] * 4
    assert statuses[5] == 429
    assert post(fresh, full, "2001:db8:1:2:ffff::").status == 429
    assert post(fresh, full, "2001:db8:1:3::1").status == 204


def mixed_bodies():
    return [heavy_body(event) for event in HEAVY.values()]


@pytest.mark.parametrize("rate", ["100", "0"], ids=["limited", "without limits"])
def test_heavy_bodies_of_one_address_do_not_hold_up_another(tmp_path, rate):
    settings = {"FOOTFALL_ADDRESS_EVENTS_PER_SECOND": rate}
    collector = CollectorProcess(tmp_path, settings=settings).start()
    try:
        measured = under_attack(collector.port, mixed_bodies(), seconds=4)
    finally:
        collector.end(kill=True)

    assert measured.refused == 0
    assert measured.percentile(90) < 1.0, "generous: other tests run beside this one"
    assert len(measured.waits) > 15
    assert (429 in measured.statuses) == (rate != "0"), measured.statuses


@pytest.mark.proof
@pytest.mark.parametrize(("rate", "bound"), [("100", 0.25), ("0", 0.5)], ids=["limited", "without limits"])
def test_heavy_bodies_of_one_address_for_a_minute_leave_another_its_answers(
    tmp_path, rate, bound, record_property
):
    settings = {"FOOTFALL_ADDRESS_EVENTS_PER_SECOND": rate}
    collector = CollectorProcess(tmp_path, settings=settings).start()
    try:
        measured = under_attack(collector.port, mixed_bodies(), seconds=60)
        lines = {line.get("event_id") for line in collector.stored()}
    finally:
        collector.end(kill=True)

    record_property("p99 of the other sender, ms", round(measured.percentile(99) * 1000, 1))
    assert measured.refused == 0
    assert measured.percentile(99) < bound
    assert {f"light-{n:06d}" for n in range(len(measured.waits))} <= lines
