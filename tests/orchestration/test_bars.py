"""The bars of a run over many partitions: spans in Dagster's own summary of an asset."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from orchestration.bars import merged, note, note_run, show
from orchestration.partitions import daily, hourly, keys_of, span_of, span_tags, window_of

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = dg.AssetKey("thing")


@pytest.fixture
def instance():
    with dg.instance_for_test() as instance:
        yield instance


def _asset(partitions, keep=None):
    @dg.asset(key=KEY, partitions_def=partitions)
    def thing(context: dg.AssetExecutionContext) -> None:
        note_run(context)
        if keep is not None:
            keep.append((list(keys_of(context)), window_of(context)))

    return thing


def _run(instance, partitions, first, last, keep=None):
    asset = _asset(partitions, keep)
    assert dg.materialize([asset], instance=instance, tags=span_tags(first, last)).success
    show(instance, {KEY: partitions})


def _there(instance, partitions, keys):
    shown = instance.get_status_by_partition(KEY, keys, partitions)
    return [key for key in keys if shown[key] is not None]


def _events(instance):
    return [
        each.asset_materialization.partition for each in instance.fetch_materializations(KEY, 999).records
    ]


def test_a_run_over_many_hours_is_one_event_and_a_bar_of_all(instance):
    partitions, keep = hourly(FIRST), []
    keys = [f"2026-03-{day:02d}-{hour:02d}:00" for day in range(1, 5) for hour in range(24)]

    _run(instance, partitions, keys[3], keys[90], keep)

    assert _events(instance) == [keys[90]]
    assert _there(instance, partitions, keys) == keys[3:91]
    [(seen, window)] = keep
    assert seen == keys[3:91]
    assert (window.start, window.end) == (FIRST + 3 * HOUR, FIRST + 91 * HOUR)


def test_events_that_come_later_are_added(instance):
    partitions = hourly(FIRST)
    _run(instance, partitions, "2026-03-01-03:00", "2026-03-01-05:00")

    assert dg.materialize([_asset(partitions)], instance=instance, partition_key="2026-03-01-09:00").success

    keys = [f"2026-03-01-{hour:02d}:00" for hour in range(24)]
    assert _there(instance, partitions, keys) == [*keys[3:6], keys[9]]


def test_an_earlier_first_hour_makes_dagster_forget_and_we_remember(instance):
    _run(instance, hourly(FIRST), "2026-03-01-03:00", "2026-03-01-05:00")
    earlier = hourly(FIRST - 48 * HOUR)
    keys = [f"2026-03-01-{hour:02d}:00" for hour in range(24)]
    assert _there(instance, earlier, keys) == keys[5:6]

    show(instance, {KEY: earlier})

    assert _there(instance, earlier, keys) == keys[3:6]
    show(instance, {KEY: earlier})
    assert _there(instance, earlier, keys) == keys[3:6]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_days_with_a_change_of_clocks_are_one_bar(instance, zone):
    partitions = daily(zone, FIRST)
    keys = [f"2026-03-{day:02d}" for day in range(1, 32)]

    _run(instance, partitions, keys[4], keys[-1])

    assert _there(instance, partitions, keys) == keys[4:]
    assert _events(instance) == [keys[-1]]


def test_partitions_from_before_the_first_are_not_shown(instance):
    partitions = hourly(FIRST)
    assert dg.materialize([_asset(partitions)], instance=instance, partition_key="2026-03-01-00:00").success
    note(instance, [KEY], [((FIRST - 5 * HOUR).timestamp(), (FIRST + 2 * HOUR).timestamp())])

    show(instance, {KEY: partitions})

    keys = [f"2026-03-01-{hour:02d}:00" for hour in range(4)]
    assert _there(instance, partitions, keys) == keys[:2]


def test_an_asset_that_was_never_made_has_no_bar_and_is_no_mistake(instance):
    note(instance, [KEY], [(FIRST.timestamp(), (FIRST + HOUR).timestamp())])

    show(instance, {KEY: hourly(FIRST), dg.AssetKey("other"): daily("UTC", FIRST)})

    assert instance.get_status_by_partition(KEY, ["2026-03-01-00:00"], hourly(FIRST)) is None


def test_spans_that_touch_are_one():
    assert merged([(5, 6), (1, 2), (2, 3), (8, 9), (5, 7)]) == [(1, 3), (5, 7), (8, 9)]


@pytest.mark.parametrize(
    ("tags", "span"),
    [
        (span_tags("a", "a"), ("a", "a")),
        (span_tags("a", "c"), ("a", "c")),
        (
            {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"},
            ("a", "c"),
        ),
        ({}, ("", "")),
    ],
)
def test_a_runs_tags_say_which_partitions_it_is_over(tags, span):
    assert span_of(tags) == span
