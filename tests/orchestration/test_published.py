"""Published tables: what a run writes, what a reader sees, what goes, and what a death leaves behind."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import pytest
from support.publishing import TERMS, Shelf, mart_warehouse, note, see

from footfall import keys
from footfall.errors import FootfallError
from footfall.published.layout import INDEX, OF_VISITORS
from footfall.published.opening import Expired, NothingPublished, remove_published
from footfall.published.tables import open_tables
from footfall.store import LocalStore
from orchestration.modelling.publishing.client import Terms

MONDAY, TUESDAY, WEDNESDAY = date(2026, 4, 13), date(2026, 4, 14), date(2026, 4, 15)
HOUR = timedelta(hours=1)


@pytest.fixture
def warehouse():
    connection = mart_warehouse()
    for day in (MONDAY, TUESDAY):
        for visitor in ("ann", "bob"):
            see(connection, day, visitor)
    yield connection
    connection.close()


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


def files(snapshot, table):
    """What each file is → its key."""
    return {file.key.rsplit("/", 1)[1].rsplit("-", 1)[0]: file.key for file in snapshot.tables[table].files}


def test_a_table_has_a_file_for_each_day_sorted_by_visitor_and_time(warehouse, shelf):
    snapshot = shelf.publish(warehouse, "demo")

    assert list(files(snapshot, "page_views")) == ["2026-04-13", "2026-04-14"]
    assert snapshot.tables["page_views"].order[:3] == ("visitor_id", "site_id", "occurred_at")
    with shelf.open("demo") as tables:
        [first, _] = tables.snapshot.tables["page_views"].files
        assert (f"{first.span.first}", first.rows) == ("2026-04-13", 2)
        found = tables.relation("page_views", MONDAY, MONDAY).project("visitor_id").fetchall()
    assert found == [("ann",), ("bob",)]
    assert shelf.differences(warehouse, "demo") == {}


def test_a_run_writes_the_days_it_touched_and_no_other(warehouse, shelf):
    before = shelf.publish(warehouse, "demo")
    see(warehouse, TUESDAY, "cid")
    there = shelf.keys("demo")

    after = shelf.publish(warehouse, "demo", HOUR)

    was, now = files(before, "page_views"), files(after, "page_views")
    assert was["2026-04-13"] == now["2026-04-13"] and was["2026-04-14"] != now["2026-04-14"]
    written = {key.split("/")[2] for key in shelf.keys("demo") - there}
    assert written == {"page_views", "sessions", "visitors", INDEX, "snapshots"}
    assert shelf.differences(warehouse, "demo") == {}


def test_what_was_touched_and_is_as_it_was_is_not_written(warehouse, shelf):
    before = shelf.publish(warehouse, "demo")
    there = shelf.keys("demo")
    note(warehouse, MONDAY, "ann")
    first = shelf.publish(warehouse, "demo", HOUR)
    note(warehouse, MONDAY, "ann")

    second = shelf.publish(warehouse, "demo", HOUR)

    assert files(second, "page_views") == files(before, "page_views")
    assert files(second, "visitors") == files(first, "visitors")
    assert len([key for key in shelf.keys("demo") - there if key.endswith(".parquet")]) <= 1


def test_a_run_that_changes_nothing_makes_no_snapshot(warehouse, shelf):
    before = shelf.publish(warehouse, "demo")
    there = shelf.keys("demo")

    assert shelf.publish(warehouse, "demo", HOUR).name == before.name
    assert shelf.keys("demo") == there


def test_a_rebuild_publishes_the_same_content_under_the_same_names(warehouse, shelf):
    shelf.publish(warehouse, "demo")
    see(warehouse, TUESDAY, "cid")
    before = shelf.publish(warehouse, "demo", HOUR)
    warehouse.execute("DELETE FROM intermediate.published_snapshots")  # as a table that is made whole does

    after = shelf.publish(warehouse, "demo", HOUR)

    assert {name: table.files for name, table in after.tables.items()} == {
        name: table.files for name, table in before.tables.items()
    }
    shelf.publish(warehouse, "demo", 3 * HOUR)
    other = Shelf(shelf.folder / "another lake")
    anew = other.publish(warehouse, "demo")
    assert files(anew, "page_views") == files(before, "page_views")


def test_an_hour_that_touches_some_visitors_writes_these_and_not_the_others(warehouse, shelf):
    warehouse.execute(
        "INSERT INTO visitors BY NAME SELECT 'demo' AS client_id, 'shop' AS site_id, "
        "'v' || n AS visitor_id, 1 AS sessions, DATE '2026-01-01' + CAST(n % 90 AS INTEGER) AS first_date "
        "FROM range(1000) AS r(n)"
    )
    before = shelf.publish(warehouse, "demo")
    see(warehouse, WEDNESDAY, "v7")
    see(warehouse, WEDNESDAY, "v8")
    warehouse.execute("DELETE FROM visitors WHERE visitor_id = 'v9'")
    note(warehouse, WEDNESDAY, "v9")

    after = shelf.publish(warehouse, "demo", HOUR)

    base, newer = after.tables["visitors"].files
    assert (base,) == before.tables["visitors"].files
    assert newer.rows == 3
    assert shelf.differences(warehouse, "demo") == {}
    with shelf.open("demo") as tables:
        assert tables.relation("visitors", visitor="v7").project("sessions").fetchall() == [(2,)]
        assert tables.relation("visitors", visitor="v9").fetchall() == []
        assert tables.relation("visitors", visitor="v10").project("sessions").fetchall() == [(1,)]


def test_many_hours_leave_few_files_of_a_table_by_row(warehouse, shelf):
    warehouse.execute(
        "INSERT INTO visitors BY NAME SELECT 'demo' AS client_id, 'shop' AS site_id, "
        "'v' || n AS visitor_id, 1 AS sessions FROM range(300) AS r(n)"
    )
    snapshots = [shelf.publish(warehouse, "demo")]
    for hour in range(40):
        see(warehouse, WEDNESDAY, f"v{hour}")
        see(warehouse, WEDNESDAY, f"v{hour + 100}", page=f"/{hour}")
        snapshots.append(shelf.publish(warehouse, "demo", HOUR))

    assert max(len(snapshot.tables["visitors"].files) for snapshot in snapshots) < 10
    assert len({snapshot.tables["visitors"].base for snapshot in snapshots}) == 2, "written anew once"
    assert shelf.differences(warehouse, "demo") == {}


def test_the_days_of_a_visitor_are_in_the_index_until_its_rows_are_gone(warehouse, shelf):
    shelf.publish(warehouse, "demo")
    with shelf.open("demo") as tables:
        assert tables.visitor_days("ann") == (MONDAY, TUESDAY)
        assert len(tables.relation("page_views", visitor="ann")) == 2
        assert len(tables.relation("page_views", TUESDAY, visitor="ann")) == 1
        assert tables.relation("page_views", visitor="nobody").fetchall() == []

    for table in OF_VISITORS:
        warehouse.execute(f"DELETE FROM {table.name} WHERE visitor_id = 'ann' AND date = ?", [MONDAY])
    note(warehouse, MONDAY, "ann")
    shelf.publish(warehouse, "demo", HOUR)

    with shelf.open("demo") as tables:
        assert tables.visitor_days("ann") == (TUESDAY,)


def test_days_that_are_old_lie_in_their_month_and_a_late_one_writes_it_anew(warehouse, shelf):
    early = shelf.publish(warehouse, "demo")
    months_later = timedelta(days=60)

    merged = shelf.publish(warehouse, "demo", months_later)

    assert list(files(early, "page_views")) == ["2026-04-13", "2026-04-14"]
    assert list(files(merged, "page_views")) == ["2026-04"]
    assert shelf.differences(warehouse, "demo") == {}
    see(warehouse, date(2026, 4, 2), "late")
    see(warehouse, date(2026, 6, 1), "new")
    later = shelf.publish(warehouse, "demo", HOUR)
    assert list(files(later, "page_views")) == ["2026-04", "2026-06-01"]
    assert files(later, "page_views")["2026-04"] != files(merged, "page_views")["2026-04"]
    with shelf.open("demo") as tables:
        assert len(tables.relation("page_views", date(2026, 4, 2), date(2026, 4, 2))) == 1
    assert shelf.differences(warehouse, "demo") == {}
    shelf.terms = Terms(single_days=1000, grace=2 * HOUR)
    assert list(files(shelf.publish(warehouse, "demo", HOUR), "page_views")) == ["2026-04", "2026-06-01"]


def test_an_old_month_of_many_rows_stays_by_day_however_its_rows_came(warehouse, tmp_path):
    shelf = Shelf(tmp_path, terms=replace(TERMS, month_rows=5))

    def views(later=timedelta()):
        return list(files(shelf.publish(warehouse, "demo", later), "page_views"))

    old = [date(2025, 12, day) for day in (1, 2, 3)]
    for day in old:
        for visitor in ("ann", "bob"):
            see(warehouse, day, visitor)
    see(warehouse, date(2025, 11, 1), "ann")
    assert views()[:4] == ["2025-11", *map(str, old)], "all at once"

    see(warehouse, old[1], "late")
    see(warehouse, date(2025, 11, 2), "late")
    assert views(HOUR)[:4] == ["2025-11", *map(str, old)], "a late event"

    for day in (1, 2, 3):
        for visitor in ("ann", "bob"):
            see(warehouse, date(2025, 10, day), visitor)
    assert views(HOUR)[:3] == ["2025-10-01", "2025-10-02", "2025-10-03"], "history that came later"
    assert shelf.differences(warehouse, "demo") == {}


def test_a_reader_keeps_all_tables_of_its_snapshot_while_newer_ones_come(warehouse, shelf):
    shelf.publish(warehouse, "demo")
    with shelf.open("demo") as opened:
        for hour in range(2):
            see(warehouse, TUESDAY, f"new-{hour}")
            shelf.publish(warehouse, "demo", HOUR / 2)

        assert len(opened.relation("page_views")) == len(opened.relation("sessions")) == 4
        assert len(opened.relation("visitors")) == 2
    assert len(shelf.views()) == 6


def test_a_reader_is_told_that_its_snapshot_has_expired(warehouse, shelf):
    shelf.publish(warehouse, "demo")
    with shelf.open("demo") as opened:
        see(warehouse, TUESDAY, "new")
        shelf.publish(warehouse, "demo", HOUR)
        shelf.publish(warehouse, "demo", 2 * HOUR + timedelta(seconds=1))

        with pytest.raises(Expired, match="open it again"):
            opened.relation("page_views")
    assert len(shelf.views()) == 5


def test_what_no_snapshot_in_grace_names_goes_and_nothing_else(warehouse, shelf):
    snapshots = [shelf.publish(warehouse, "demo")]
    for hour in range(4):
        see(warehouse, TUESDAY, f"new-{hour}")
        snapshots.append(shelf.publish(warehouse, "demo", HOUR))

    kept = snapshots[-3:]  # the current one, and those replaced less than two hours ago
    assert shelf.keys("demo") == {
        keys.published_pointer("demo"),
        *(keys.published_snapshot("demo", each.sha256) for each in kept),
        *(key for each in kept for key in each.keys),
    }


def test_what_a_dead_run_left_goes_with_the_next(warehouse, shelf):
    shelf.publish(warehouse, "demo")
    orphans = [
        keys.published_file("demo", "page_views", "2026-04-14", "f" * 64),
        keys.published_snapshot("demo", "f" * 64),
    ]
    for key in orphans:
        shelf.store.put(key, b"half")

    shelf.publish(warehouse, "demo", HOUR)

    assert not shelf.keys("demo") & set(orphans)


def test_a_file_that_is_missing_or_cut_is_written_anew(warehouse, shelf):
    before = shelf.publish(warehouse, "demo")
    day, index = before.tables["page_views"].files[0], before.tables[INDEX].files[0]
    shelf.store.delete(day.key)
    shelf.store.put(index.key, b"cut")

    after = shelf.publish(warehouse, "demo", HOUR)

    assert after.tables["page_views"].files == before.tables["page_views"].files
    assert shelf.differences(warehouse, "demo") == {}
    with shelf.open("demo") as tables:
        assert tables.visitor_days("ann") == (MONDAY, TUESDAY)


@pytest.mark.parametrize("what", ["pointer", "snapshot"])
def test_a_damaged_document_is_told_of_and_published_anew(warehouse, shelf, what):
    before = shelf.publish(warehouse, "demo")
    key = {
        "pointer": keys.published_pointer("demo"),
        "snapshot": keys.published_snapshot("demo", before.sha256),
    }[what]
    shelf.store.put(key, b"{}")
    with pytest.raises(FootfallError, match=r"publish"), shelf.open("demo"):
        pass

    after = shelf.publish(warehouse, "demo", HOUR)

    assert files(after, "page_views") == files(before, "page_views")
    assert shelf.differences(warehouse, "demo") == {}


def test_a_snapshot_of_a_newer_program_is_refused_and_stays(warehouse, shelf):
    snapshot = shelf.publish(warehouse, "demo")
    newer = snapshot.as_bytes().replace(b'"snapshot_version":1', b'"snapshot_version":2')
    shelf.store.put(keys.published_snapshot("demo", snapshot.sha256), newer)
    pointer = shelf.store.get(keys.published_pointer("demo"))
    sha256 = hashlib.sha256(newer).hexdigest()
    shelf.store.put(keys.published_snapshot("demo", sha256), newer)
    shelf.store.put(
        keys.published_pointer("demo"), pointer.replace(snapshot.sha256.encode(), sha256.encode())
    )
    there = shelf.keys("demo")

    for work in (lambda: shelf.publish(warehouse, "demo", HOUR), lambda: shelf.views()):
        with pytest.raises(FootfallError, match="install the program that wrote it"):
            work()
    assert shelf.keys("demo") == there


def test_a_column_more_writes_that_table_anew(warehouse, shelf):
    before = shelf.publish(warehouse, "demo")
    for table in ("page_views", "visitors"):
        warehouse.execute(f"ALTER TABLE {table} ADD COLUMN novelty VARCHAR DEFAULT 'new'")

    after = shelf.publish(warehouse, "demo", HOUR)

    assert after.tables["page_views"].columns_version != before.tables["page_views"].columns_version
    assert files(after, "sessions") == files(before, "sessions")
    assert shelf.differences(warehouse, "demo") == {}


def test_published_marts_of_an_earlier_version_stay_for_their_readers_and_go(warehouse, shelf):
    old = ["marts/client=demo/sessions.json", "marts/client=demo/sessions/sessions-0123456789abcdef.parquet"]
    for key in old:
        shelf.store.put(key, b"old")

    shelf.publish(warehouse, "demo")
    assert set(old) <= shelf.keys("demo")
    shelf.publish(warehouse, "demo", HOUR)
    assert set(old) <= shelf.keys("demo")
    shelf.publish(warehouse, "demo", HOUR)
    assert not set(old) & shelf.keys("demo")
    assert shelf.differences(warehouse, "demo") == {}


def test_a_client_that_has_ended_has_nothing_published(warehouse, shelf):
    shelf.publish(warehouse, "demo")

    remove_published(shelf.store, "demo")

    assert shelf.keys("demo") == set()
    with pytest.raises(NothingPublished, match="nothing is published of demo"), shelf.open("demo"):
        pass


def test_a_reader_of_one_client_finds_no_file_of_another(warehouse, shelf):
    see(warehouse, MONDAY, "zoe", client_id="other")
    shelf.publish(warehouse, "demo")
    other = shelf.publish(warehouse, "other")

    with shelf.open("demo") as tables:
        assert "zoe" not in {row[0] for row in tables.relation("page_views").project("visitor_id").fetchall()}
        theirs = shelf.store.root / other.tables["page_views"].files[0].key
        with pytest.raises(Exception, match="Permission Error"):
            tables.connection.execute("SELECT * FROM read_parquet(?)", [str(theirs)]).fetchall()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda tables: tables.relation("page_view"), "there is no published table 'page_view'"),
        (lambda tables: tables.relation("visitors", MONDAY), "lies by row and not by day"),
        (lambda tables: tables.relation("daily_metrics", visitor="ann"), "has no visitors"),
    ],
)
def test_what_cannot_be_asked_is_said(warehouse, shelf, ask, said):
    shelf.publish(warehouse, "demo")

    with shelf.open("demo") as tables, pytest.raises(FootfallError, match=said):
        ask(tables)


def test_a_warehouse_that_does_not_know_the_snapshot_compares_all(warehouse, shelf):
    """Such as one that was made anew, or put back, while nothing was noted."""
    shelf.publish(warehouse, "demo")
    see(warehouse, WEDNESDAY, "ann")
    warehouse.execute("DELETE FROM intermediate.unpublished_days")
    warehouse.execute("DELETE FROM intermediate.unpublished_visitors")
    warehouse.execute("UPDATE intermediate.published_snapshots SET snapshot = 'another'")

    shelf.publish(warehouse, "demo", HOUR)

    assert shelf.differences(warehouse, "demo") == {}


def test_open_tables_needs_nothing_but_the_lake(warehouse, shelf):
    shelf.publish(warehouse, "demo")
    warehouse.close()

    with open_tables(LocalStore(shelf.folder / "lake"), "demo", shelf.cache("demo")) as tables:
        assert tables.relation("sessions").aggregate("count(*)").fetchone() == (4,)
