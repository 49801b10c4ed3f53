"""Which hours are there, and whether a period is whole."""

from datetime import timedelta

import duckdb
import pytest
from support.orchestration_builders import HOUR

from footfall.errors import FootfallError
from orchestration.delivery.progress import IngestedHours
from orchestration.ingest.schema import create_statements

ONE = timedelta(hours=1)


def _hours(*offsets, first=0):
    return IngestedHours([HOUR + n * ONE for n in offsets], HOUR + first * ONE)


def test_complete_through_is_the_end_of_the_last_hour_without_a_hole():
    assert _hours(2, 0, 1, 4).complete_through(HOUR) == HOUR + 3 * ONE


def test_complete_through_begins_in_the_middle_of_an_hour_as_well():
    assert _hours(0, 1).complete_through(HOUR + ONE / 2) == HOUR + 2 * ONE


def test_nothing_is_complete_where_the_first_hour_is_missing():
    assert _hours(1, 2).complete_through(HOUR) is None


def test_a_period_that_began_before_the_installation_counts_from_its_first_hour():
    assert _hours(0, 1).complete_through(HOUR - 14 * ONE) == HOUR + 2 * ONE


def test_a_period_that_was_over_before_the_first_hour_holds_nothing_to_deliver():
    hours = _hours(0, 1)

    assert [hours.may_hold(HOUR + n * ONE / 2) for n in (-1, 0, 1, 2)] == [False, False, True, True]


def test_a_whole_period_is_whole():
    _hours(0, 1).require(HOUR, HOUR + 2 * ONE)
    _hours(0, 1).require(HOUR - 5 * ONE, HOUR + 2 * ONE)


def test_missing_hours_are_named():
    with pytest.raises(FootfallError, match=r"2026-11-20T15, 2026-11-20T16; materialise"):
        _hours(0, 3).require(HOUR, HOUR + 4 * ONE)


def test_of_many_missing_hours_five_are_named_and_the_rest_counted():
    with pytest.raises(FootfallError, match=r"2026-11-20T18 and 19 more"):
        _hours().require(HOUR, HOUR + 24 * ONE)


def test_a_day_that_ends_within_an_hour_of_utc_needs_that_hour():
    """Midnight in India is half past six in UTC: events of the day's last half hour lie in that hour."""
    midnight = HOUR + ONE / 2

    with pytest.raises(FootfallError, match="2026-11-21T14"):
        _hours(*range(24)).require(midnight, midnight + 24 * ONE)

    _hours(*range(25)).require(midnight, midnight + 24 * ONE)


def test_the_warehouse_says_which_hours_are_ingested():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in create_statements():
            connection.execute(statement)
        connection.execute("INSERT INTO ingest.hours (received_hour) VALUES (?)", [HOUR])

        assert IngestedHours.read(connection, HOUR).complete_through(HOUR) == HOUR + ONE
