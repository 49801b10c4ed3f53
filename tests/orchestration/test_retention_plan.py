"""From when on each class is kept: never early, never late, and what stands in the way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from footfall.retention.records import State
from footfall.retention.rules import CLASSES, LOOK_BACK_DAYS, Retention
from orchestration.retention.plan import ENDED_DAYS, Facts, plan, plan_ended

DAY = timedelta(days=1)
START = datetime(2025, 1, 1, tzinfo=UTC)
RULE = Retention(raw="30d", quarantine="15d", events="90d", delivered="180d", backup="200d")
KEPT = {"raw": 30, "quarantine": 15, "events": 90, "delivered": 180, "backup": 200}


def _facts(now, **more):
    return Facts(**{"ingested_until": now, **more})


def test_in_four_hundred_days_nothing_goes_early_or_late():
    state = State("acme")
    for n in range(400):
        now = START + n * DAY + timedelta(hours=2, minutes=50)
        made = plan(RULE, state, now, _facts(now))
        for kind in CLASSES:
            horizon = made.horizons[kind]
            # What was received in the last hour that went is older than its time; a day older is gone.
            assert now - horizon >= KEPT[kind] * DAY
            assert now - horizon < (KEPT[kind] + 1) * DAY
        assert made.blocked == {}
        state = State("acme", n + 1, made.horizons)


def test_a_horizon_never_moves_back():
    before = State("acme", 1, {"events": START + 50 * DAY, "raw": START + 80 * DAY})
    now = START + 100 * DAY

    made = plan(Retention(raw="45d", quarantine="45d", events="1 year"), before, now, _facts(now))

    assert made.horizons["events"] == START + 50 * DAY
    assert made.horizons["raw"] == START + 80 * DAY
    assert plan(Retention(), before, now, _facts(now)).horizons == before.horizons


def test_a_hold_stops_everything_from_its_day_on():
    now = START + 300 * DAY

    of_all = plan(RULE, State("acme"), now, _facts(now, is_held=True))
    since = plan(RULE, State("acme"), now, _facts(now, is_held=True, held_from=START + 150 * DAY))

    assert (of_all.horizons, set(of_all.blocked.values())) == ({}, {"a hold"})
    assert since.horizons == {
        "raw": START + 150 * DAY,
        "quarantine": START + 150 * DAY,
        "events": START + 150 * DAY,
        "delivered": START + 120 * DAY,
        "backup": START + 100 * DAY,
    }
    assert set(since.blocked) == {"raw", "quarantine", "events"}


def test_what_a_delivery_is_still_made_of_waits_for_it():
    now = START + 300 * DAY
    waits = (START + 200 * DAY + timedelta(hours=5), "events 2025-07-20T05:00 is parked")

    made = plan(RULE, State("acme"), now, _facts(now, undelivered=waits))

    assert made.horizons["raw"] == START + 199 * DAY
    assert made.horizons["events"] == START + (200 - LOOK_BACK_DAYS - 1) * DAY
    assert made.horizons["delivered"] == START + 120 * DAY
    assert made.blocked["raw"] == waits[1]


def test_days_that_are_not_final_are_not_frozen():
    now = START + 300 * DAY

    behind = plan(RULE, State("acme"), now, _facts(now, ingested_until=START + 220 * DAY))
    red = plan(RULE, State("acme"), now, _facts(now, unmodelled="the models of an hour have failed"))

    assert behind.horizons["events"] == START + 175 * DAY
    assert "ingested up to" in behind.blocked["events"]
    assert "events" not in red.horizons


def test_the_horizons_of_a_client_that_ended_come_to_rest_when_all_of_it_is_gone():
    ended, state, moved = START + 100 * DAY, State("acme"), []
    for day in range(100, 1100, 10):
        now = START + day * DAY
        made = plan_ended(RULE, state, now, _facts(now), ended)
        if made.moves(state):
            moved.append(day)
            state = replace(state, horizons=made.horizons)

    until = ended + (ENDED_DAYS + 1) * DAY
    assert {state.horizon(name) for name in ("raw", "quarantine", "events", "backup")} == {until}
    assert max(state.horizons.values()) == until
    assert max(moved) < 700, "its files in its own buckets go by the rule until then"
