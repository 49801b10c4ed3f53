"""`footfall ask`, as a person runs it on tables that a run has published."""

import csv
import io
import json
from datetime import date

import pytest
from support.command_line import command_line
from support.publishing import Shelf, mart_warehouse, see

from footfall.store import LocalStore

MONDAY, TUESDAY = date(2026, 4, 13), date(2026, 4, 14)
VIEWS = "INSERT INTO daily_metrics BY NAME SELECT ? AS client_id, ? AS site_id, ? AS date, ? AS page_views"


@pytest.fixture(scope="module")
def footfall(tmp_path_factory):
    """The command line where two clients' figures are published: those of `agency` are of two sites."""
    home = tmp_path_factory.mktemp("published") / "state"
    shelf = Shelf(home, LocalStore(home / "lake"))
    with mart_warehouse() as connection:
        connection.execute("INSERT INTO ingest.hours VALUES ('2026-04-14T09:00:00Z', true)")
        connection.execute("DELETE FROM daily_metrics")
        for row in (
            ("demo", "shop", MONDAY, 3),
            ("demo", "shop", TUESDAY, 4),
            ("agency", "bakery", MONDAY, 5),
            ("agency", "cycling", MONDAY, 6),
        ):
            connection.execute(VIEWS, row)
        shelf.publish(connection, "demo")
        shelf.publish(connection, "agency")
    return command_line(home)


def answers(done):
    assert done.returncode == 0, done.stderr
    return [list(row.values())[1:] for row in csv.DictReader(io.StringIO(done.stdout))]


def test_without_a_question_each_is_listed_with_what_it_answers(footfall):
    lines = footfall("ask").stdout.splitlines()

    assert "daily_views How many pages are seen on each day?" in {" ".join(line.split()) for line in lines}
    assert all("?" in line for line in lines) and len(lines) > 20


def test_a_question_is_answered_of_a_client_a_site_and_days_both_of_them_included(footfall):
    ask = ("ask", "daily_views", "--client")

    assert answers(footfall(*ask, "demo")) == [["shop", "2026-04-14", "4"], ["shop", "2026-04-13", "3"]]
    for days in (("--from", f"{TUESDAY}"), ("--from", f"{TUESDAY}", "--to", f"{TUESDAY}")):
        assert answers(footfall(*ask, "demo", *days)) == [["shop", "2026-04-14", "4"]]
    assert answers(footfall(*ask, "demo", "--to", "0001-01-01")) == []
    assert [row[0] for row in answers(footfall(*ask, "agency"))] == ["bakery", "cycling"]
    of_site = footfall(*ask, "agency", "--site", "cycling", "--format", "json")
    assert [json.loads(line) for line in of_site.stdout.splitlines()] == [
        {"client_id": "agency", "site_id": "cycling", "date": "2026-04-13", "page_views": 6}
    ]


def test_its_query_is_told_for_athena_with_its_values_and_for_duckdb_with_parameters(footfall):
    words = ("ask", "daily_views", "--client", "demo", "--from", "0001-01-01", "--sql")

    athena, own = (footfall(*words, dialect).stdout for dialect in ("athena", "duckdb"))

    assert "where client = 'demo' and date >= date '0001-01-01'" in athena
    assert "where client_id = $client and date >= $first_day" in own


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("daily_view", "--client", "demo"), "near are daily_views"),
        (("daily_views",), "--client, one of agency, demo"),
        (("daily_views", "--client", "nobody"), "no client 'nobody'; valid are: agency, demo"),
        (("daily_views", "--client", "demo", "--site", "blog"), "demo has no site 'blog'; there are shop"),
        (("daily_views", "--client", "demo", "--from", "2026-04-14", "--to", "2026-04-13"), "is after --to"),
        (("daily_views", "--client", "demo", "--from", "yesterday"), "is not a day"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(footfall, words, said):
    done = footfall("ask", *words)

    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_damaged_file_is_named_in_one_line(tmp_path):
    shelf = Shelf(tmp_path, LocalStore(tmp_path / "lake"))
    with mart_warehouse() as connection:
        see(connection, MONDAY, "ann")
        shelf.publish(connection, "demo")
    [file] = (tmp_path / "lake").rglob(f"page_views/{MONDAY}-*.parquet")
    data = bytearray(file.read_bytes())
    file.write_bytes(data[:4] + b"x" * (len(data) - 12) + data[-8:])

    done = command_line(tmp_path)("ask", "time_to_next_page", "--client", "demo")

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert file.name in line and "holds other bytes than were published" in line
