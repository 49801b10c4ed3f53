"""The lake's Parquet is the only copy of an hour's events: named with the commit, read by name, and whole."""

import shutil
from datetime import timedelta

import duckdb
import pytest
from support.orchestration_builders import HOUR, Failing, event, land
from support.stored_events import events_object, show

from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.errors import FootfallError
from footfall.file_cache import FileCache
from footfall.hour_files import HourFiles
from footfall.keys import EVENTS, events_prefix
from footfall.store import LocalStore, StoreError, open_store
from orchestration.ingest.events_before import take_up_events
from orchestration.ingest.hour import ingest_hours
from orchestration.resources.warehouse import Warehouse
from orchestration.stored_hours import read_files, show_events

ONE = timedelta(hours=1)


def ids(connection):
    """Hour → ids of the events that are shown, duplicates marked with a star."""
    found = connection.execute(
        "SELECT received_hour, "
        "list(event_id || CASE WHEN is_duplicate THEN '*' ELSE '' END ORDER BY event_id) "
        "FROM ingest.events GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return dict(found)


def files(lake, folder):
    return HourFiles(lake, folder / "cache", 0)


def objects(lake):
    return [info.key for info in lake.list(EVENTS)]


def test_the_warehouse_holds_no_address_title_or_payload_of_an_event(lake, connection):
    land(lake, HOUR, event("event-0001", title="Page"))

    ingest_hours(connection, lake, [HOUR])

    held = connection.execute(
        "SELECT column_name FROM duckdb_columns() JOIN duckdb_tables() USING (schema_name, table_name) "
        "WHERE schema_name = 'ingest' AND column_name IN ('url', 'title', 'payload', 'user_agent')"
    ).fetchall()
    assert held == []
    assert show(connection, lake).execute("SELECT title FROM ingest.events").fetchall() == [("Page",)]


def test_what_fails_before_the_commit_leaves_the_hour_as_it_was_and_the_next_try_leaves_one_object(
    lake, connection
):
    land(lake, HOUR, event("event-0001"), b"garbage")
    ingest_hours(connection, lake, [HOUR])
    land(lake, HOUR, event("event-0002"), origin="late")

    with pytest.raises(StoreError):
        ingest_hours(connection, Failing(lake.root, "put", "quarantine/"), [HOUR])

    assert len(objects(lake)) == 2, "the new one was put, and nobody names it"
    assert ids(show(connection, lake)) == {HOUR: ["event-0001"]}
    ingest_hours(connection, lake, [HOUR])
    assert ids(show(connection, lake)) == {HOUR: ["event-0001", "event-0002"]}
    assert objects(lake) == [events_object(lake, HOUR)]


def test_what_ends_behind_the_commit_is_shown_and_the_next_run_of_any_hour_removes_what_was_replaced(
    lake, connection
):
    land(lake, HOUR, event("event-0001"))
    ingest_hours(connection, lake, [HOUR])
    land(lake, HOUR, event("event-0002"), origin="late")
    with pytest.raises(StoreError):
        ingest_hours(connection, Failing(lake.root, "delete", EVENTS), [HOUR])
    assert ids(show(connection, lake)) == {HOUR: ["event-0001", "event-0002"]}
    assert len(objects(lake)) == 2

    ingest_hours(connection, lake, [HOUR + ONE])

    assert objects(lake) == [events_object(lake, HOUR)]


def test_a_new_warehouse_over_an_old_lake_leaves_one_object_an_hour(lake, connection):
    land(lake, HOUR, event("event-0001"))
    lake.put(f"{events_prefix(HOUR)}events.parquet", b"of an earlier version")

    ingest_hours(connection, lake, [HOUR])

    assert objects(lake) == [events_object(lake, HOUR)]


def test_a_run_reads_its_hours_and_those_of_events_that_they_changed_and_no_others(
    lake, connection, tmp_path
):
    hours = [HOUR + n * ONE for n in range(4)]
    for n, hour in enumerate(hours):
        land(lake, hour, event(f"event-000{n}", hour))
    key = land(lake, hours[0], event("same-event"), origin="first")
    land(lake, hours[3], event("same-event", hours[3]), origin="again")
    ingest_hours(connection, lake, hours)
    lake.delete(key)
    ingest_hours(connection, lake, hours[:1])
    for hour in hours[1:3]:
        shutil.rmtree(lake.root / events_prefix(hour))  # whoever opened them would fail

    shown = show_events(connection, files(lake, tmp_path), HOUR, HOUR + ONE)

    assert shown == 2
    assert ids(connection) == {hours[0]: ["event-0000"], hours[3]: ["event-0003", "same-event"]}


def test_an_hour_whose_object_is_gone_or_cut_is_named_with_what_makes_it_again(lake, connection, tmp_path):
    land(lake, HOUR, event("event-0001"))
    ingest_hours(connection, lake, [HOUR])
    path = lake.root / events_object(lake, HOUR)

    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FootfallError, match=r"has \d+ bytes and not .* --from 2026-11-20T14"):
        show_events(connection, files(lake, tmp_path), HOUR, HOUR + ONE)
    path.unlink()
    with pytest.raises(FootfallError, match=r"is missing from the lake; .* --from 2026-11-20T14"):
        show_events(connection, files(lake, tmp_path), HOUR, HOUR + ONE)

    ingest_hours(connection, lake, [HOUR])
    assert ids(show(connection, lake)) == {HOUR: ["event-0001"]}


def test_a_file_of_an_earlier_version_is_shown_beside_others_without_the_columns_it_lacks(
    lake, connection, tmp_path
):
    for hour in (HOUR, HOUR + ONE):
        land(lake, hour, event(f"event-{hour:%H}", hour, title="Page"))
    ingest_hours(connection, lake, [HOUR, HOUR + ONE])
    old = tmp_path / "old.parquet"
    columns = ", ".join(name for name in COLUMN_TYPES["events"] if name != "title")
    path = lake.root / events_object(lake, HOUR)
    connection.execute(f"COPY (SELECT {columns} FROM read_parquet('{path}')) TO '{old}' (FORMAT parquet)")
    file = files(lake, tmp_path).put(HOUR, old, 1, columns.split(", "))
    connection.execute(
        "UPDATE ingest.hour_files SET object_key = ?, sha256 = ?, bytes = ?, columns = ? "
        "WHERE received_hour = ?",
        [file.key, file.sha256, file.bytes, file.columns, HOUR],
    )

    rows = show(connection, lake).execute("SELECT event_id, title FROM ingest.events ORDER BY 1").fetchall()

    assert rows == [("event-14", None), ("event-15", "Page")]


def test_hours_of_a_lake_on_s3_are_read_from_copies_that_are_bounded_and_compared(
    s3_url, proxy, connection, tmp_path
):
    lake = open_store(s3_url, s3_endpoint=proxy.endpoint)
    hours = [HOUR + n * ONE for n in range(3)]
    for hour in hours:
        land(lake, hour, event(f"event-{hour:%H}", hour))
    cache = tmp_path / "cache"
    copies = HourFiles(lake, cache, 1)
    ingest_hours(connection, lake, hours, files=copies)
    [first] = read_files(connection, [HOUR])

    assert show_events(connection, copies, *hours[:2]) == 1
    assert [path.name for path in copies.folder.iterdir()] == [f"{first.sha256}.parquet"]
    assert ids(connection) == {HOUR: ["event-14"]}
    shutil.rmtree(cache)
    show_events(connection, copies, *hours[:2])
    assert ids(connection) == {HOUR: ["event-14"]}

    # What others read of the same lake meanwhile takes no room from a run, however long it goes on.
    others = FileCache(cache, "demo", 1)
    others.make_room()
    assert ids(connection) == {HOUR: ["event-14"]}
    show_events(connection, copies, *hours[1:])
    others.make_room()
    assert ids(connection) == {hours[1]: ["event-15"]}
    assert len(list(copies.folder.iterdir())) == 1

    shutil.rmtree(cache)
    lake.put(first.key, bytes(first.bytes))
    with pytest.raises(FootfallError, match="holds other bytes"):
        show_events(connection, copies, *hours[:2])
    assert not list(copies.folder.glob("*"))


def as_before(lake, path):
    """A warehouse with the table of events, and objects by their old names, of three ingested hours."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ingest_hours(connection, lake, [HOUR + n * ONE for n in range(3)])
        show(connection, lake).execute("CREATE TABLE ingest.before AS FROM ingest.events")
        connection.execute("DROP VIEW ingest.events")
        for table in ("event_index", "hour_files"):
            connection.execute(f"DROP TABLE ingest.{table}")
        connection.execute("ALTER TABLE ingest.before RENAME TO events")
    for n in range(3):
        path = lake.root / events_object(lake, HOUR + n * ONE)
        path.rename(path.with_name("events.parquet"))


def test_the_table_of_an_earlier_version_goes_once_every_hour_is_whole_in_the_lake(lake, tmp_path):
    for n in range(3):
        hour = HOUR + n * ONE
        land(lake, hour, event("same-event", hour), event(f"event-{n:04d}", hour))
    path = tmp_path / "warehouse.duckdb"
    as_before(lake, path)
    with duckdb.connect(str(path)) as connection:
        before = connection.execute("FROM ingest.events ORDER BY ALL").fetchall()
    folders = [lake.root / events_prefix(HOUR + n * ONE) for n in range(3)]
    (folders[1] / "events.parquet").unlink()
    shutil.copyfile(folders[0] / "events.parquet", folders[2] / "events.parquet")
    hours = files(lake, tmp_path)

    with Warehouse(database=str(path)).connect(hours.folder) as connection:
        failing = HourFiles(Failing(lake.root, "put", events_prefix(HOUR + 2 * ONE)), tmp_path, 0)
        with pytest.raises(StoreError):
            take_up_events(connection, failing)
        assert connection.execute("SELECT count(*) FROM ingest.events_before").fetchone() == (6,)

        assert take_up_events(connection, hours) == 1  # the other one before it failed
        assert take_up_events(connection, hours) == 0

        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'ingest'")
        assert {"events", "events_before"}.isdisjoint(name for (name,) in tables.fetchall())
        assert show(connection, lake).execute("FROM ingest.events ORDER BY ALL").fetchall() == before
        assert [path.name for path in folders[0].iterdir()] == ["events.parquet"]
        kept = connection.execute("SELECT count(*) FROM ingest.event_index WHERE NOT is_duplicate").fetchone()
        assert kept == (4,)
        ingest_hours(connection, lake, [HOUR], files=hours)
        assert show(connection, lake).execute("FROM ingest.events ORDER BY ALL").fetchall() == before


def test_a_new_warehouse_has_nothing_to_take_up(tmp_path):
    hours = files(LocalStore(tmp_path / "lake"), tmp_path)
    with Warehouse(database=str(tmp_path / "warehouse.duckdb")).connect(hours.folder) as connection:
        assert take_up_events(connection, hours) == 0
        assert ids(connection) == {}
