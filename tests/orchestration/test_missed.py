"""Hours that nobody ran are asked for, without asking for one twice."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from support.failed_runs import tried_and_failed

from footfall.catalogue.periods import days
from footfall.failures import Trouble
from orchestration.defs.delivery.showing import failure
from orchestration.delivery.send import Outcome
from orchestration.upkeep.missed import (
    DEATHS,
    FIRST_REST,
    GRACE,
    REST,
    FailedStep,
    Tried,
    end_of,
    missed,
    missed_days,
)

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 20, 14, 40, tzinfo=UTC)
#: The last hour that is old enough to be asked for.
LAST = datetime(2026, 11, 20, 13, tzinfo=UTC)


def tried(end, first=LAST, last=None, *, name="run", ago=timedelta(0)):
    return Tried(name, first, last or first, end, NOW - ago - HOUR / 9, NOW - ago)


def test_hours_that_were_never_run_are_asked_for_once_they_are_old_enough():
    assert list(missed(LAST - 2 * HOUR, [], NOW)) == [LAST - 2 * HOUR, LAST - HOUR, LAST]
    assert list(missed(LAST, [], LAST + HOUR + GRACE - timedelta(seconds=1))) == []


def test_no_hour_is_older_than_two_days():
    assert min(missed(NOW - timedelta(days=400), [], NOW)) == datetime(2026, 11, 18, 14, tzinfo=UTC)


@pytest.mark.parametrize("end", ["succeeded", "delivering", "waiting", "stopped", "going"])
def test_an_hour_that_is_done_or_going_on_or_was_stopped_by_a_person_is_let_be(end):
    assert missed(LAST, [tried("died", name="first"), tried(end, name="second")], NOW) == {}


def test_hours_before_the_first_that_was_run_are_left_to_people():
    done = tried("succeeded", LAST - 2 * HOUR)
    assert list(missed(LAST - 9 * HOUR, [done], NOW)) == [LAST - HOUR, LAST]


def test_a_range_stands_for_each_of_its_hours():
    assert list(missed(LAST - 3 * HOUR, [tried("succeeded", LAST - 3 * HOUR, LAST - HOUR)], NOW)) == [LAST]


def test_a_run_that_died_is_followed_at_once_by_a_name_of_its_own_and_then_more_slowly():
    deaths = [tried("died", name=f"run {n}") for n in range(DEATHS + 3)]

    def after(n, wait):
        return missed(LAST, deaths[:n], NOW + wait).get(LAST)

    assert after(1, timedelta(0)) == "after run 0"
    assert after(DEATHS, timedelta(0)) == f"after run {DEATHS - 1}"
    assert after(DEATHS + 1, FIRST_REST - timedelta(seconds=1)) is None
    assert after(DEATHS + 1, FIRST_REST) == f"after run {DEATHS}"
    assert after(DEATHS + 2, FIRST_REST) is None
    assert after(DEATHS + 2, 2 * FIRST_REST) == f"after run {DEATHS + 1}"


def test_deaths_before_a_success_count_no_more():
    early = [tried("died", name=f"run {n}") for n in range(9)]
    assert missed(LAST, [*early, tried("succeeded"), tried("died", name="late")], NOW) == {LAST: "after late"}


@pytest.mark.parametrize("end", ["failed", "undelivered"])
def test_an_hour_in_which_a_step_failed_is_tried_again_after_an_hour(end):
    assert missed(LAST, [tried(end)], NOW) == {}
    assert missed(LAST, [tried(end, ago=REST)], NOW) == {LAST: "after run"}


def test_a_run_without_a_failed_step_died_and_one_of_deliveries_alone_is_the_ledgers():
    in_ledger = FailedStep(only_deliveries=True, is_known=True, waits_for_key=False)
    unknown = in_ledger._replace(is_known=False)
    assert end_of([]) == "died"
    assert end_of([in_ledger, in_ledger]) == "delivering"
    assert end_of([in_ledger, in_ledger._replace(waits_for_key=True)]) == "waiting"
    assert end_of([in_ledger, unknown]) == "undelivered"
    assert end_of([unknown, unknown._replace(only_deliveries=False)]) == "failed"


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (failure([("demo", "events", Outcome(LAST, "failed", trouble=Trouble("bug", "x")))]), "undelivered"),
        (
            failure([("demo", "events", Outcome(LAST, "failed", 1, trouble=Trouble("auth", "x")))]),
            "delivering",
        ),
        (dg.Failure("the warehouse is away"), "failed"),
    ],
)
def test_what_became_of_a_run_is_read_from_what_its_failed_step_said(error, end):
    [run] = tried_and_failed(LAST, error)

    assert run.end == end
    assert run.began_at <= run.ended_at


# Days ----------------------------------------------------------------------------------------------

#: A day of Berlin, and the first of its hours.
DAY = days("Europe/Berlin").named("2026-11-19")
BEGIN = datetime(2026, 11, 18, 23, tzinfo=UTC)


def day_tried(end, *, name="day", ago=REST):
    date = datetime(2026, 11, 19, tzinfo=UTC)
    return Tried(name, date, date, end, NOW - ago - HOUR / 9, NOW - ago)


def asked(day_runs, hour_runs, first_hour=BEGIN - 99 * HOUR):
    return missed_days([DAY], day_runs, hour_runs, first_hour, NOW)


def test_a_day_that_came_before_its_hours_is_asked_for_once_they_were_run():
    early = [tried("succeeded", BEGIN - HOUR)]
    some = [tried("succeeded", BEGIN, BEGIN + 22 * HOUR)]
    every = [*some, tried("delivering", BEGIN + 23 * HOUR)]

    assert asked([day_tried("failed")], [*early, *some]) == {}
    assert asked([day_tried("failed")], [*early, *every]) == {"2026-11-19": "after day"}
    assert asked([day_tried("failed")], [*early, *every, tried("going", BEGIN)]) == {}


@pytest.mark.parametrize("end", ["succeeded", "delivering", "stopped", "going"])
def test_a_day_that_is_done_or_going_on_or_was_stopped_by_a_person_is_let_be(end):
    every = [tried("succeeded", BEGIN, BEGIN + 23 * HOUR)]
    assert asked([], every) == asked([day_tried("failed"), day_tried(end)], every) == {}


def test_a_day_that_died_is_asked_for_ever_more_slowly():
    every = [tried("succeeded", BEGIN, BEGIN + 23 * HOUR, ago=9 * HOUR)]
    dies = [day_tried("died", ago=FIRST_REST)] * 2
    assert asked(dies[:1], every) and not asked(dies, every)
    assert asked([day_tried("died")] * 50, every)


@pytest.mark.parametrize("end", ["failed", "undelivered", "waiting"])
def test_a_day_that_failed_is_asked_for_once_after_each_change_of_one_of_its_hours(end):
    every = [tried("succeeded", BEGIN, BEGIN + 23 * HOUR, ago=9 * HOUR)]
    again = tried("succeeded", BEGIN + 5 * HOUR, ago=3 * HOUR)

    assert asked([day_tried(end, ago=8 * HOUR)], every) == {}
    assert asked([day_tried(end, ago=8 * HOUR)], [*every, again])
    assert asked([day_tried(end, ago=8 * HOUR), day_tried(end, ago=2 * HOUR)], [*every, again]) == {}
    beside = day_tried(end, ago=3 * HOUR - HOUR / 10)
    assert asked([beside], [*every, again]), "the hour came in while the day was run"


@pytest.mark.parametrize(
    ("end", "is_ingested"), [("undelivered", True), ("waiting", True), ("failed", False)]
)
def test_a_delivery_that_fails_each_hour_keeps_no_day_away_and_an_hour_that_was_not_ingested_does(
    end, is_ingested
):
    every = [tried("succeeded", BEGIN, BEGIN + 22 * HOUR), tried(end, BEGIN + 23 * HOUR)]
    assert bool(asked([day_tried("failed")], every)) == is_ingested


def test_a_day_whose_first_hours_nobody_ran_is_asked_for_where_history_begins_after_them_alone():
    later = [tried("succeeded", BEGIN + 3 * HOUR, BEGIN + 23 * HOUR)]
    assert asked([day_tried("failed")], later) == {}
    assert asked([day_tried("failed")], later, BEGIN + 3 * HOUR)
