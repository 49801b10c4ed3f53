"""An hour, whole: what lies in the lake, counted, in any order and any number of times."""

import random
from datetime import timedelta

import duckdb
import pytest
import zstandard
from support.orchestration_builders import HOUR, Failing, Vanishing, event, land, land_bytes, packed, refused
from support.stored_events import events_object, show

from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.keys import events_prefix, quarantine_object, raw_prefix
from footfall.store import LocalStore, StoreError
from orchestration.ingest.decode import LinesFile
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.lines import judge_lines, wide_lines
from orchestration.ingest.schema import make_schema

ONE = timedelta(hours=1)


def _events(lake, connection, columns="event_id, is_duplicate"):
    show(connection, lake)
    return connection.execute(
        f"SELECT {columns} FROM ingest.events ORDER BY received_hour, received_at, object_key, line_number"
    ).fetchall()


def _quarantine(connection, columns="reason, object_key, line_number"):
    return connection.execute(
        f"SELECT {columns} FROM ingest.quarantine ORDER BY received_hour, object_key, line_number"
    ).fetchall()


def _parquet(lake, connection, hour):
    """Event id → whether the hour's Parquet marks it as a duplicate."""
    path = str(lake.root / events_object(lake, hour))
    return dict(connection.execute("SELECT event_id, is_duplicate FROM read_parquet(?)", [path]).fetchall())


def _published(lake):
    """Key → bytes of everything that ingest wrote to the lake."""
    return {
        info.key: lake.get(info.key) for prefix in ("events/", "quarantine/") for info in lake.list(prefix)
    }


def _tables(lake, connection):
    show(connection, lake)
    return [
        connection.execute(f"SELECT * FROM ingest.{table} ORDER BY ALL").fetchall()
        for table in ("events", "event_index", "quarantine", "hours")
    ]


def test_every_line_is_kept_a_duplicate_or_quarantined(lake, connection):
    land(lake, HOUR, event("event-0001"), event("event-0002"), refused())
    land(lake, HOUR, event("event-0001", HOUR + timedelta(minutes=2)), origin="c2-1-1")

    [counts] = ingest_hours(connection, lake, [HOUR])

    assert (counts.objects, counts.lines) == (2, 4)
    assert (counts.kept, counts.duplicates, counts.quarantined) == (2, 1, 1)
    assert counts.is_conserved
    assert counts.bytes == sum(info.size for info in lake.list(raw_prefix(HOUR)))
    assert _events(lake, connection) == [("event-0001", False), ("event-0002", False), ("event-0001", True)]


def test_a_stored_line_becomes_a_typed_row(lake, connection):
    key = land(lake, HOUR, event("event-0001", title="Ü", props={"revenue": 49.9}, later_field=[1]))

    ingest_hours(connection, lake, [HOUR])

    [row] = _events(
        lake,
        connection,
        "received_hour, client_id, site_id, event_type, url, host, is_declared_host, title, referrer, "
        "json_extract(props, '$.revenue')::DOUBLE, json_extract(payload, '$.later_field')::VARCHAR, "
        "object_key, line_number",
    )
    assert row == (
        *(HOUR, "demo", "shop", "page_view", "https://shop.example/", "shop.example", True, "Ü", None),
        *(49.9, "[1]", key, 1),
    )


def test_the_same_id_of_two_clients_is_two_events(lake, connection):
    land(lake, HOUR, event("event-0001"), event("event-0001", client_id="agency"))

    ingest_hours(connection, lake, [HOUR])

    assert [is_duplicate for _, is_duplicate in _events(lake, connection)] == [False, False]


DAMAGED = [
    b"garbage",
    b"",
    b"null",
    b"[1, 2]",
    b"{}",
    b'{"kind":"event"}',
    b'{"kind":"event","received_at":17}',
    event("event-0009").replace(b'"event_id":', b'"id":'),
    event("event-0009").replace(b'"sent_at":null', b'"sent_at":"noon"'),
    b'{"cut": "he',
    b"\xff\xfe",
]


def test_damaged_lines_are_quarantined_by_their_numbers_and_their_neighbours_keep_theirs(lake, connection):
    """In objects of their own: what is wrong with one must not decide how another is read."""
    land(lake, HOUR, event("event-0000"), origin="a")
    objects = {}
    for n, damaged in enumerate(DAMAGED):
        lines = (event(f"first-{n:04d}"), damaged, event(f"third-{n:04d}"))
        objects[land(lake, HOUR, *lines, origin=f"b{n}")] = damaged

    [counts] = ingest_hours(connection, lake, [HOUR])

    assert (counts.kept, counts.quarantined) == (2 * len(DAMAGED) + 1, len(DAMAGED))
    found = _quarantine(connection, "reason, object_key, line_number, body")
    assert {key: body.encode("latin-1") for _, key, _, body in found} == objects
    assert {(reason, number) for reason, _, number, _ in found} == {("damaged_line", 2)}
    assert {
        (event_id[:5], number) for event_id, number in _events(lake, connection, "event_id, line_number")
    } == {
        ("event", 1),
        ("first", 1),
        ("third", 3),
    }


@pytest.mark.parametrize("damaged", DAMAGED, ids=repr)
def test_each_kind_of_damage_is_seen_when_it_is_the_only_one(tmp_path, connection, damaged):
    """It was set aside while the object was unpacked, DuckDB trips over it, or it gives no sound row."""
    path = tmp_path / "lines.ndjson"
    line = event("event-0001")
    with LinesFile(path, HOUR) as file:
        whole = file.add(0, "key", packed([line, damaged, line]))

    try:
        is_seen = not judge_lines(connection, [whole])
        connection.execute(f"SELECT * FROM {wide_lines()}", {"files": [str(path)]}).fetchall()
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        is_seen = True

    set_aside = connection.execute("SELECT n FROM judged WHERE NOT is_event") if not is_seen else None
    assert set_aside is None or set_aside.fetchall() == [(2,)]


def _flipped(data):
    """One bit in the middle is another."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[:-5],
        _flipped,
        lambda _: b"no zstd at all",
        lambda _: b"",
        lambda data: data + data,
        lambda _: zstandard.compress(b"\n" * (64 << 20)),
    ],
    ids=["truncated", "flipped bit", "not zstd", "empty", "two frames", "bomb"],
)
def test_an_object_that_cannot_be_read_is_set_aside_whole_and_the_rest_goes_on(lake, connection, harm):
    land(lake, HOUR, event("event-0001"), origin="a")
    key = land_bytes(lake, HOUR, harm(packed([event(f"event-1{n:03d}") for n in range(50)])), origin="b")
    land(lake, HOUR, event("event-0002"), origin="c")

    [counts] = ingest_hours(connection, lake, [HOUR], max_object_bytes=1 << 20)

    assert (counts.objects, counts.lines, counts.kept, counts.quarantined) == (3, 3, 2, 1)
    assert _quarantine(connection) == [("unreadable_object", key, None)]
    assert [event_id for event_id, _ in _events(lake, connection)] == ["event-0001", "event-0002"]
    assert lake.head(key), "the object itself stays"


def test_an_object_deleted_between_listing_and_reading_is_named_and_the_rest_goes_on(tmp_path, connection):
    lake = LocalStore(tmp_path / "lake")
    key = land(lake, HOUR, event("event-0001"), origin="a")
    land(lake, HOUR, event("event-0002"), origin="b")

    [counts] = ingest_hours(connection, Vanishing(lake.root, key), [HOUR])

    assert (counts.kept, counts.quarantined, counts.is_conserved) == (1, 1, True)
    assert _quarantine(connection, "reason, detail, object_key") == [
        ("unreadable_object", "deleted between listing and reading", key)
    ]


def test_an_empty_hour_is_ingested_as_empty(lake, connection):
    [counts] = ingest_hours(connection, lake, [HOUR])

    assert (counts.objects, counts.lines, counts.kept) == (0, 0, 0)
    assert counts.is_conserved
    assert connection.execute("SELECT received_hour FROM ingest.hours").fetchall() == [(HOUR,)]
    assert _published(lake) == {}


def test_an_object_without_lines_is_no_damage(lake, connection):
    land(lake, HOUR)

    [counts] = ingest_hours(connection, lake, [HOUR])

    assert (counts.objects, counts.lines, counts.quarantined) == (1, 0, 0)


def test_an_hour_done_again_gives_the_same_rows_and_the_same_bytes(lake, connection):
    land(lake, HOUR, event("event-0001"), event("event-0002"), b"garbage", event("event-0001"))
    ingest_hours(connection, lake, [HOUR])
    rows, bytes_ = _tables(lake, connection), _published(lake)

    ingest_hours(connection, lake, [HOUR])

    assert _tables(lake, connection) == rows
    assert _published(lake) == bytes_
    assert set(bytes_) == {events_object(lake, HOUR), quarantine_object(HOUR)}


def test_an_object_that_lands_late_is_in_the_hour_done_again(lake, connection):
    land(lake, HOUR, event("event-0001"), b"garbage")
    ingest_hours(connection, lake, [HOUR])
    digest = connection.execute("SELECT digest FROM ingest.hours").fetchall()

    land(lake, HOUR, event("event-0002"), origin="late")
    [counts] = ingest_hours(connection, lake, [HOUR])

    assert (counts.objects, counts.kept, counts.quarantined) == (2, 2, 1)
    assert connection.execute("SELECT digest FROM ingest.hours").fetchall() != digest


def test_parquet_of_what_is_no_longer_there_goes_away(lake, connection):
    key = land(lake, HOUR, event("event-0001"), b"garbage")
    ingest_hours(connection, lake, [HOUR])

    lake.delete(key)
    [counts] = ingest_hours(connection, lake, [HOUR])

    assert (counts.lines, _events(lake, connection), _published(lake)) == (0, [], {})


def test_the_earliest_receipt_is_kept_even_when_its_hour_comes_last(lake, connection):
    land(lake, HOUR, event("event-0001", HOUR))
    land(lake, HOUR + ONE, event("event-0001", HOUR + ONE), event("event-0002", HOUR + ONE))
    ingest_hours(connection, lake, [HOUR + ONE])
    assert _parquet(lake, connection, HOUR + ONE) == {"event-0001": False, "event-0002": False}

    ingest_hours(connection, lake, [HOUR])

    assert _parquet(lake, connection, HOUR) == {"event-0001": False}
    assert _parquet(lake, connection, HOUR + ONE) == {"event-0001": True, "event-0002": False}
    assert connection.execute("SELECT kept, duplicates FROM ingest.hours ORDER BY ALL").fetchall() == [
        (1, 0),
        (1, 1),
    ]


def test_a_duplicate_becomes_the_event_when_the_earlier_one_goes_away(lake, connection):
    key = land(lake, HOUR, event("event-0001", HOUR))
    land(lake, HOUR + ONE, event("event-0001", HOUR + ONE))
    ingest_hours(connection, lake, [HOUR, HOUR + ONE])

    lake.delete(key)
    ingest_hours(connection, lake, [HOUR])

    assert _events(lake, connection) == [("event-0001", False)]
    assert _parquet(lake, connection, HOUR + ONE) == {"event-0001": False}


@pytest.mark.parametrize(
    ("apart", "is_duplicate"),
    [
        (timedelta(days=7) - timedelta(milliseconds=1), True),
        (timedelta(days=7), False),
        (timedelta(days=7, hours=1), False),
    ],
)
def test_an_id_seen_again_within_seven_days_is_a_duplicate(lake, connection, apart, is_duplicate):
    first = HOUR + timedelta(minutes=30)
    again = first + apart
    land(lake, HOUR, event("event-0001", first))
    hour = again.replace(minute=0, second=0, microsecond=0)
    land(lake, hour, event("event-0001", again))

    for order in ([HOUR, hour], [hour, HOUR]):
        ingest_hours(connection, lake, order)

        assert _events(lake, connection) == [("event-0001", False), ("event-0001", is_duplicate)]


@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_repetition_of_hours_gives_the_same(tmp_path, seed):
    """Backfills, retries and late objects come as they like; a client's numbers must not depend on it.

    The same rows, the same bytes in the lake, and each run names the other hours that it changed.
    """
    dice = random.Random(seed)
    lake = LocalStore(tmp_path / "lake")
    hours = [HOUR + n * ONE for n in range(5)]
    for n, hour in enumerate(hours):
        for origin in ("a", "b"):
            ids = [f"event-{dice.randrange(12):04d}" for _ in range(8)]
            lines = [event(i, hour + timedelta(seconds=dice.randrange(3600))) for i in ids]
            land(lake, hour, *lines, *[b"garbage"] * (n % 2), origin=origin)
    reference = _ingested(lake, [hours])

    steps = [*hours, *dice.choices(hours, k=4)]
    dice.shuffle(steps)
    batches = []
    while steps:
        size = dice.randint(1, 3)
        batches.append(list(dict.fromkeys(steps[:size])))
        steps = steps[size:]

    assert _ingested(lake, batches) == reference
    events = reference[0][0]
    is_duplicate = list(COLUMN_TYPES["events"]).index("is_duplicate")
    assert len({row[3] for row in events}) == sum(not row[is_duplicate] for row in events), (
        "one row an id is kept"
    )


def _ingested(lake, batches):
    """What is in the warehouse and the lake after these batches of hours, in a new warehouse."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        make_schema(connection)
        for hours in batches:
            before = _marks(lake, connection)
            done = ingest_hours(connection, lake, hours)
            assert all(counts.is_conserved for counts in done)
            told = {hour for counts in done for hour in counts.restated}.difference(hours)
            changed = {
                line[0]
                for line, mark in _marks(lake, connection).items()
                if line[0] not in hours and before[line] != mark
            }
            # In a range one hour may change what another of it changes back.
            assert changed == told if len(hours) == 1 else changed <= told
        return _tables(lake, connection), _published(lake)


def _marks(lake, connection):
    """(hour, object, line) → whether it is marked as a duplicate."""
    columns = "received_hour, object_key, line_number, is_duplicate"
    rows = show(connection, lake).execute(f"SELECT {columns} FROM ingest.events").fetchall()
    assert sorted(rows) == sorted(connection.execute(f"SELECT {columns} FROM ingest.event_index").fetchall())
    return {row[:3]: row[3] for row in rows}


@pytest.mark.parametrize(
    ("verb", "prefix"),
    [("get", raw_prefix(HOUR + ONE)), ("put", events_prefix(HOUR + ONE)), ("put", "quarantine/")],
    ids=["reading", "writing the events", "writing the quarantine"],
)
def test_a_store_that_fails_leaves_earlier_hours_whole_and_later_ones_as_they_were(
    lake, connection, verb, prefix
):
    hours = [HOUR, HOUR + ONE, HOUR + 2 * ONE]
    for hour in hours:
        land(lake, hour, event(f"event-{hour:%Hxx}", hour), *[b"garbage"] * (hour == HOUR + ONE))
    ingest_hours(connection, lake, [hours[2]])
    for hour in hours:
        land(lake, hour, event(f"later-{hour:%Hxx}", hour), origin="late")

    with pytest.raises(StoreError, match="out of order"):
        ingest_hours(connection, Failing(lake.root, verb, prefix), hours)

    assert [e for e, _ in _events(lake, connection)] == ["event-14xx", "later-14xx", "event-16xx"]
    assert _parquet(lake, connection, HOUR) == {"event-14xx": False, "later-14xx": False}
    assert _parquet(lake, connection, hours[2]) == {"event-16xx": False}
    assert _ingested_hours(connection) == [HOUR, hours[2]]


def _ingested_hours(connection):
    return [
        hour for (hour,) in connection.execute("SELECT received_hour FROM ingest.hours ORDER BY 1").fetchall()
    ]


def test_another_hours_parquet_is_put_right_even_when_the_first_attempt_failed(lake, connection):
    """The change of flags is known only while it is made: it must not be committed without its Parquet."""
    land(lake, HOUR, event("event-0001", HOUR))
    land(lake, HOUR + ONE, event("event-0001", HOUR + ONE))
    ingest_hours(connection, lake, [HOUR + ONE])
    with pytest.raises(StoreError):
        ingest_hours(connection, Failing(lake.root, "put", events_prefix(HOUR + ONE)), [HOUR])

    ingest_hours(connection, lake, [HOUR])

    assert _parquet(lake, connection, HOUR + ONE) == {"event-0001": True}
