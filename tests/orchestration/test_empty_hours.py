"""Hours of which neither the lake nor the warehouse has anything: found by days, written down at once."""

from datetime import timedelta

import pytest
from support.orchestration_builders import HOUR, event, land

from footfall.enrichments import land_enrichments
from footfall.keys import closed_marker, events_object, events_prefix, raw_object
from orchestration.delivery.progress import IngestedHours
from orchestration.ingest.empty_hours import empty_hours, ingest_empty
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.late_fields import replace_enrichments
from orchestration.ingest.review import UNCLOSED, VOLUME, review
from orchestration.ingest.schema import make_schema

ONE = timedelta(hours=1)
#: Three days and a bit.
HOURS = [HOUR + n * ONE for n in range(80)]


@pytest.fixture(autouse=True)
def _tables(connection):
    make_schema(connection)


def test_hours_without_an_object_are_empty_and_those_between_are_found(lake, connection):
    for n in (0, 30, 79):
        land(lake, HOURS[n], event(f"event-{n:04d}", HOURS[n]))

    assert [HOURS.index(hour) for hour in empty_hours(connection, lake, HOURS)] == [
        n for n in range(80) if n not in (0, 30, 79)
    ]
    assert empty_hours(connection, lake, [HOURS[30]]) == []
    assert empty_hours(connection, lake, [HOURS[31]]) == [HOURS[31]]


def test_an_hour_whose_objects_went_away_is_ingested_again_before_it_is_empty(lake, connection):
    key = land(lake, HOUR, event("event-0001"))
    ingest_hours(connection, lake, [HOUR])
    lake.delete(key)

    assert empty_hours(connection, lake, HOURS)[0] == HOURS[1]
    ingest_hours(connection, lake, [HOUR])

    assert list(lake.list(events_prefix(HOUR))) == []
    assert empty_hours(connection, lake, HOURS)[0] == HOUR


def test_what_was_ingested_before_the_warehouse_was_lost_is_no_empty_hour(lake, connection):
    lake.put(events_object(HOUR, "0" * 64), b"PAR1")

    assert empty_hours(connection, lake, HOURS[:2]) == [HOURS[1]]


def test_an_hour_in_which_fields_were_learnt_is_no_empty_hour(tmp_path, lake, connection):
    (tmp_path / "fields.ndjson").write_text('{"event_id": "event-0001", "fields": {"country": "SE"}}\n')
    [key] = land_enrichments(tmp_path / "fields.ndjson", "demo", lake, HOURS[5])

    assert HOURS[5] not in empty_hours(connection, lake, HOURS)
    replace_enrichments(connection, lake, HOURS[5])
    lake.delete(key)

    assert HOURS[5] not in empty_hours(connection, lake, HOURS), "the models have to forget them"


def test_empty_hours_are_written_down_as_one_by_one(lake, connection):
    ingest_hours(connection, lake, HOURS[:2])
    one_by_one = connection.execute("SELECT * EXCLUDE received_hour FROM ingest.hours").fetchall()

    counts = ingest_empty(connection, HOURS[1:4])
    ingest_empty(connection, HOURS[3:6])

    assert [each.hour for each in counts] == HOURS[1:4]
    assert all(each.is_conserved and each.lines == 0 for each in counts)
    found = connection.execute("SELECT * EXCLUDE received_hour FROM ingest.hours").fetchall()
    assert found == [one_by_one[0]] * 6
    assert IngestedHours.read(connection, HOUR).complete_through(HOUR) == HOURS[6]


def test_silence_where_there_is_traffic_at_this_time_is_seen_in_empty_hours_too(lake, connection):
    ingest_empty(connection, HOURS)
    connection.execute(
        "UPDATE ingest.hours SET lines = 5000, kept = 5000 WHERE received_hour < ?", [HOURS[72]]
    )

    found = review(connection, lake, ingest_empty(connection, HOURS[72:74]))

    assert [(each.hour, each.kind) for each in found] == [(HOURS[72], VOLUME), (HOURS[73], VOLUME)]


def test_a_collector_that_closed_the_hours_before_is_missed_in_an_empty_hour(lake, connection):
    for hour in HOURS[:3]:
        lake.put(closed_marker(hour, "c1"), b'{"keys": []}')

    found = review(connection, lake, ingest_empty(connection, HOURS[:10]))

    assert [(each.hour, each.kind, each.key) for each in found] == [
        (hour, UNCLOSED, "c1") for hour in HOURS[3:6]
    ]


def test_an_object_with_a_name_of_no_hour_stops_nothing(lake, connection):
    path = raw_object(HOUR, "c1", "0" * 64).replace("hour=14", "hour=99")
    (lake.root / path).parent.mkdir(parents=True)
    (lake.root / path).write_bytes(b"")

    assert empty_hours(connection, lake, HOURS) == HOURS
