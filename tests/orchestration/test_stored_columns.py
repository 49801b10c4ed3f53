"""What a page sends, and the collector says of it, is in the lake: no field of a stored line is lost."""

import json
import time
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb
import pytest
from support.collectors import SITE, CollectorProcess, batch, lake_lines, wire_event
from support.stored_events import events_object
from support.waiting import wait_until

from footfall import keys
from footfall.catalogue.columns import EVENT, QUARANTINE, OfEvent, OfLine, fields_of, sources
from footfall.clients import load_registry
from footfall.hours import floor
from footfall.store import LocalStore
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.replay import replay_quarantine

OF_KIND = {"event": EVENT, "refused": QUARANTINE}
#: What a page sends that allows everything, says everything and has something to be taken out.
FULL = wire_event(
    "full-event",
    title="Thanks, ann@example.org",
    referrer="https://search.example/?q=4111111111111111",
    consent=3,
    visitor="first-party-visitor",
    session="first-party-session",
    user="user-17",
    view_id="view-1",
    seq=17,
    lang="de",
    screen="1920x1080",
    viewport="1280x720",
    props={"revenue": 5},
)
#: What one says that allows nothing.
SHY = wire_event("shy-event", gpc=True, dnt=True, consent=0)
HEADERS = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0",
    "sec-ch-ua-platform": '"Linux"',
    "sec-ch-ua": '"Chromium";v="142"',
    "sec-ch-ua-mobile": "?0",
    "signature-agent": '"https://agent.example"',
    "cloudfront-viewer-country": "DE",
    "cloudfront-viewer-country-region": "BE",
    "cloudfront-viewer-city": "Berlin",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The state folder of the collector that gets the requests."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def stored(home):
    """(kind → stored lines, kind → rows of the lake's Parquet) of the same requests over HTTP."""
    collector = CollectorProcess(home, settings={"FOOTFALL_SEGMENT_SECONDS": "1"}).start()
    try:
        sent_at = int(time.time() * 1000)
        bodies = [
            batch(FULL, SHY, sent_at=sent_at, lost=7),
            json.dumps({"site": SITE, "type": "", "url": "x", "title": "ann@example.org"}).encode(),
        ]
        answers = [collector.ask("POST", "/collect", body, HEADERS).status for body in bodies]
        assert answers == [204, 400]
        wait_until(lambda: len(_lines(home)) >= 3, "the segments are not shipped")
        lines = _lines(home)
    finally:
        collector.end()
    lake = LocalStore(home / "lake")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        hours = sorted({floor(datetime.fromisoformat(line["received_at"])) for line in lines})
        ingest_hours(connection, lake, hours)
    of = {kind: [line for line in lines if line["kind"] == kind] for kind in OF_KIND}
    places = {"event": partial(events_object, lake), "refused": keys.quarantine_object}
    return of, {kind: _parquet(home / "lake", map(place, hours)) for kind, place in places.items()}


def _lines(home: Path):
    return [json.loads(line) for line in b"".join(lake_lines(home / "lake")).splitlines()]


def _parquet(lake: Path, objects):
    rows = []
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for path in [lake / key for key in objects]:
            if path.exists():
                found = connection.execute("FROM read_parquet(?, hive_partitioning = false)", [str(path)])
                names = [column[0] for column in found.description]
                rows += [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return rows


def _same(said: object, held: object) -> bool:
    if isinstance(held, datetime) and isinstance(said, str):
        return datetime.fromisoformat(said) == held
    return (json.loads(held) if isinstance(said, dict) and isinstance(held, str) else held) == said


@pytest.mark.parametrize("kind", OF_KIND)
def test_a_line_that_is_written_has_the_fields_of_the_catalogue_and_no_other(stored, kind):
    lines, _ = stored

    assert lines[kind]
    for line in lines[kind]:
        assert list(line) == [each.name for each in fields_of(kind) if each.name in line or not each.is_rare]


@pytest.mark.parametrize("kind", OF_KIND)
def test_the_lake_has_the_columns_of_the_catalogue_and_no_other(stored, kind):
    _, rows = stored

    assert [list(row) for row in rows[kind]] == [[column.name for column in OF_KIND[kind]]] * len(rows[kind])


@pytest.mark.parametrize("kind", OF_KIND)
def test_every_field_of_a_line_that_has_a_column_arrives_in_it(stored, kind):
    lines, rows = stored
    columns = sources(OF_KIND[kind], OfLine)

    found = sorted(rows[kind], key=lambda row: row.get("event_id") or "")
    told = sorted(lines[kind], key=lambda line: line.get("event_id") or "")
    lost = [
        (column, line[field], row[column])
        for line, row in zip(told, found, strict=True)
        for column, field in columns.items()
        if not _same(line[field], row[column])
    ]
    assert lost == []
    # Not because there was nothing to lose.
    unsaid = [field for field in columns.values() if all(line[field] is None for line in told)]
    assert unsaid == ([] if kind == "refused" else ["previous_visitor_id"])


def test_every_field_of_an_event_that_has_a_column_arrives_in_it(stored):
    lines, rows = stored
    [line] = [line for line in lines["event"] if line["event_id"] == "full-event"]
    [row] = [row for row in rows["event"] if row["event_id"] == "full-event"]

    said = {column: line["event"].get(field) for column, field in sources(EVENT, OfEvent).items()}

    assert {column: json.loads(row[column]) if column == "props" else row[column] for column in said} == said
    assert None not in said.values()


def test_the_number_that_a_page_gave_an_event_is_a_column_and_stays_in_the_payload(stored):
    _, rows = stored
    [row] = [row for row in rows["event"] if row["event_id"] == "full-event"]

    assert (row["seq"], json.loads(row["payload"])["seq"]) == (17, 17)


def test_what_was_taken_out_is_counted_in_the_lake(stored):
    _, rows = stored

    assert {
        row["event_id"]: row["redactions"] and json.loads(row["redactions"]) for row in rows["event"]
    } == {
        "full-event": {"email": 1, "card": 1},
        "shy-event": None,
    }
    assert [json.loads(row["redactions"]) for row in rows["refused"]] == [{"email": 1}]


def test_a_file_of_an_earlier_version_is_read_without_the_column(stored, home):
    lines, _ = stored
    hour = floor(datetime.fromisoformat(lines["refused"][0]["received_at"]))
    path = home / "lake" / keys.quarantine_object(hour)
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE old AS SELECT * EXCLUDE (redactions) "
            "FROM read_parquet(?, hive_partitioning = false)",
            [str(path)],
        )
        connection.execute(f"COPY old TO '{path}' (FORMAT parquet)")
    registry = load_registry(home / "clients")

    [replayed] = replay_quarantine(LocalStore(home / "lake"), registry, [hour])

    assert (replayed.rows, replayed.refused) == (1, 1)
