"""`footfall published`, as a person runs it on tables that a run has published."""

import json
import re
from datetime import date

import duckdb
import pytest
from support.command_line import command_line
from support.publishing import Shelf, mart_warehouse, see

from footfall import keys
from footfall.store import LocalStore

MONDAY, TUESDAY = date(2026, 4, 13), date(2026, 4, 14)


@pytest.fixture(scope="module")
def footfall(tmp_path_factory):
    """The command line where two clients' tables are published, of whom `agency` has one page view."""
    home = tmp_path_factory.mktemp("published") / "state"
    shelf = Shelf(home, LocalStore(home / "lake"))
    with mart_warehouse() as connection:
        connection.execute("INSERT INTO ingest.hours VALUES ('2026-04-14T09:00:00Z', true)")
        for day in (MONDAY, TUESDAY):
            for visitor in ("ann", "=bob,\n"):
                see(connection, day, visitor)
        see(connection, MONDAY, "zoe", client_id="agency")
        shelf.publish(connection, "demo")
        shelf.publish(connection, "agency")
    return command_line(home)


def test_the_list_says_rows_days_and_how_far_each_client_is_complete(footfall):
    done = footfall("published", "list")

    assert done.returncode == 0, done.stderr
    assert re.search(r"demo  snapshot [0-9a-f]{16}, complete through 2026-04-14T10:00:00Z", done.stdout)
    assert re.search(r"page_views +4 rows +2026-04-13 to 2026-04-14 +2 files", done.stdout)
    assert re.search(r"visitors +1 rows +by row", done.stdout), "of agency"
    of_one = footfall("published", "list", "--client", "demo", "--json")
    assert json.loads(of_one.stdout)["tables"]["sessions"]["rows"] == 4


def test_rows_are_read_of_days_and_of_a_visitor(footfall):
    read = ("published", "read", "demo", "page_views", "--format", "json")

    def visitors(*more):
        done = footfall(*read, *more)
        assert done.returncode == 0, done.stderr
        return [json.loads(line)["visitor_id"] for line in done.stdout.splitlines()]

    assert visitors() == ["=bob,\n", "ann"] * 2
    assert visitors("--from", "2026-04-14", "--to", "2026-04-14") == ["=bob,\n", "ann"]
    assert visitors("--visitor", "ann") == ["ann", "ann"]
    assert visitors("--visitor", "x' OR 'a' = 'a") == []
    assert visitors("--limit", "1") == ["=bob,\n"]
    as_csv = footfall("published", "read", "demo", "visitors", "--visitor", "ann")
    assert as_csv.stdout.splitlines()[0].startswith("client_id,site_id,visitor_id,")


def test_the_query_runs_in_any_duckdb(footfall):
    done = footfall("published", "read", "demo", "page_views", "--sql", "--from", "2026-04-14")

    with duckdb.connect() as connection:
        assert len(connection.execute(done.stdout).fetchall()) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("read", "demo", "sessions", "--from", "2026-01-02", "--to", "2026-01-01"), "is after"),
        (("read", "demo", "nothing"), "there is no published table 'nothing'"),
        (("read", "demo", "visitors", "--from", "2026-01-02"), "lies by row and not by day"),
        (("list", "--client", "nobody"), "no client 'nobody' has a valid file or published tables"),
        (("read", "nobody", "sessions"), "no client 'nobody' has a valid file or published tables"),
        (("read", "../../raw", "sessions"), "is not an object key"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(footfall, words, said):
    done = footfall("published", *words)

    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr and len(done.stderr.splitlines()) == 1


def _longer(path):
    path.write_bytes(path.read_bytes() + b"x")


def _other_bytes(path):
    data = bytearray(path.read_bytes())
    data[4:-8] = b"x" * (len(data) - 12)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "is missing; the next run of any hour writes it anew"),
        (_longer, "bytes and not "),
        (_other_bytes, "holds other bytes than were published; remove it, and the next run of any hour"),
    ],
)
def test_a_damaged_file_is_named_in_one_line_with_what_mends_it(tmp_path, damage, said):
    shelf = Shelf(tmp_path, LocalStore(tmp_path / "lake"))
    with mart_warehouse() as connection:
        for day in (MONDAY, TUESDAY):
            see(connection, day, "ann")
        shelf.publish(connection, "demo")
        [monday] = (tmp_path / "lake").rglob(f"page_views/{MONDAY}-*.parquet")
        damage(monday)
        footfall = command_line(tmp_path)

        done = footfall("published", "read", "demo", "page_views")

        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert monday.name in line and said in line
        tuesday = footfall("published", "read", "demo", "page_views", "--from", f"{TUESDAY}")
        assert len(tuesday.stdout.splitlines()) == 2
        monday.unlink(missing_ok=True)
        shelf.publish(connection, "demo")
    assert len(footfall("published", "read", "demo", "page_views").stdout.splitlines()) == 3


def test_a_damaged_pointer_is_not_taken_for_a_client_of_whom_nothing_is_published(tmp_path):
    shelf = Shelf(tmp_path, LocalStore(tmp_path / "lake"))
    with mart_warehouse() as connection:
        shelf.publish(connection, "demo")
        shelf.store.put(keys.published_pointer("demo"), b"{")

        done = command_line(tmp_path)("published", "read", "demo", "page_views")

        assert "current.json is damaged (it names no snapshot); the next run of any hour" in done.stderr
        shelf.publish(connection, "demo")
    assert command_line(tmp_path)("published", "read", "demo", "page_views").returncode == 0
