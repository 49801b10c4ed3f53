"""What an erasure does beside lake and warehouse, each rule by itself."""

import fcntl
import gc
import gzip
import io
import os
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from support.client_files import client
from support.erased_home import USER, Home
from support.orchestration_builders import HOUR, event
from support.searched import files_with, layers_of
from support.small_installation import Place

from commands.backup import backup
from commands.privacy_work import house_of
from footfall.catalogue.periods import kind_of
from footfall.clients import Client
from footfall.errors import FootfallError
from footfall.frames import frames, scan
from footfall.hours import floor
from footfall.manifest import DeliveredFile
from footfall.store import LocalStore
from footfall.tombstones import ERASED, Tombstone, Tombstones, add, in_force, load_key
from orchestration.alerting.book import alert_book, history_of, note_history
from orchestration.alerting.life import Telling, after, tellings
from orchestration.defs.alerting.sensors import of_erasures
from orchestration.delivery.horizons import Horizons
from orchestration.delivery.ledger import Ledger
from orchestration.ingest.hour import ingest_hours
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.privacy.erasure_delivered import is_touched, rows_to_search
from orchestration.privacy.erasure_house import Work
from orchestration.privacy.erasure_local import (
    GONE,
    Cleaned,
    clean_compute_logs,
    clean_databases,
    clean_folders,
    clean_spool,
)
from orchestration.privacy.erasure_raw import forget_lines
from orchestration.privacy.erasure_search import Needles
from orchestration.privacy.erasure_warehouse import rows_left, windows
from orchestration.privacy.person import Asked, Person, unresolved
from orchestration.privacy.request_book import RequestBook

ANNA, BERT = "a" * 32, "b" * 32


@pytest.fixture
def stones(tmp_path):
    key = load_key(tmp_path, make=True)
    digest = key.digest("demo", "visitor", ANNA)
    return Tombstones(key, [Tombstone("demo", "visitor", digest, "e1", key.name, HOUR + timedelta(days=1))])


def segment(spool, name):
    path = spool / "1" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [event("anna-event-1", visitor_id=ANNA) + b"\n", event("bert-event-1", visitor_id=BERT) + b"\n"]
    path.write_bytes(frames(lines))
    return path


@pytest.mark.parametrize("end", ["open", "sealed"])
def test_a_segment_that_nobody_writes_loses_the_person_and_keeps_the_others(tmp_path, stones, end):
    path = segment(tmp_path / "spool", f"20261120T14-c1-1-1700000000000-000001.{end}")

    hours, left = clean_spool(tmp_path / "spool", stones, datetime.now(UTC), seconds=0)

    lines = b"".join(scan(path.read_bytes()).payloads).splitlines()
    assert (hours, left) == ({HOUR}, [])
    assert b"anna" not in path.read_bytes()
    assert [ERASED.encode() in line for line in lines] == [True, False]
    assert b"bert-event-1" in lines[1]


def test_a_segment_of_a_running_collector_is_waited_for_and_named(tmp_path, stones):
    path = segment(tmp_path / "spool", "20261120T14-c1-1-1700000000000-000001.sealed")
    held = os.open(path.parent / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        _, left = clean_spool(tmp_path / "spool", stones, datetime.now(UTC), seconds=0)
        assert left == [path]
        shipped = clean_spool(
            tmp_path / "spool", stones, datetime.now(UTC), seconds=60, wait=lambda _: path.unlink()
        )
    finally:
        os.close(held)

    assert shipped == ({HOUR}, [])


def test_texts_of_databases_lose_the_id_and_keep_the_rest(tmp_path):
    path = tmp_path / "alerts.sqlite"
    with alert_book(path) as book:
        note_history(book, ["a", "b"], "told", "about anna-4711, again", HOUR)
        note_history(book, ["anna-4711"], "told", "about others", HOUR)

    assert clean_databases(tmp_path, Needles(["anna-4711"])) == Cleaned(2, [])

    with alert_book(path) as book:
        said = [row[2] for key in ("a", "b", "anna-4711") for row in history_of(book, key)]
    assert said == [f"about {GONE}, again"] * 2 + ["about others"]


def test_an_id_is_taken_out_of_a_text_that_a_database_keeps_in_pieces(tmp_path):
    texts = ["." * length + " anna-4711 " + "." * 9000 for length in range(4050, 4110)]
    with alert_book(tmp_path / "alerts.sqlite") as book:
        for text in texts:
            note_history(book, ["a"], "told", text, HOUR)

    assert clean_databases(tmp_path, Needles(["anna-4711"])) == Cleaned(len(texts), [])

    with alert_book(tmp_path / "alerts.sqlite") as book:
        assert [row[2] for row in history_of(book, "a")] == [
            each.replace("anna-4711", GONE) for each in texts
        ]
    assert files_with(tmp_path, "anna-4711") == {}


def test_what_steps_printed_goes_with_the_person(tmp_path):
    printed = [tmp_path / "dagster" / "storage" / "one" / f"step.{end}" for end in ("out", "err")]
    printed[0].parent.mkdir(parents=True)
    for path, text in zip(printed, ("row of anna-4711", "nobody"), strict=True):
        path.write_text(text)
    lake = LocalStore(tmp_path / "lake")
    lake.put("compute-logs/one/step.out", b"row of anna-4711")
    lake.put("compute-logs/one/step.err", b"nobody")
    needles = Needles(["anna-4711"])

    assert clean_folders(tmp_path, needles) == 1
    assert clean_compute_logs(lake, needles) == 1

    assert files_with(tmp_path, "anna-4711") == {}
    assert [path.exists() for path in printed] == [False, True]
    assert [info.key for info in lake.list("")] == ["compute-logs/one/step.err"]


def test_an_erasure_that_is_not_finished_is_told_before_its_month_ends(tmp_path):
    assert of_erasures(tmp_path, HOUR) == []
    person = unresolved("acme", [("user", USER)], is_linked=True)
    book = ErasureBook(tmp_path)
    erasure = book.begin(person, reason="", asked_by="test", now=HOUR, is_for_good=False)
    book.begin_step(erasure.id, "delivered", HOUR)
    book.end_step(erasure.id, "delivered", HOUR, "a bucket refuses")

    assert of_erasures(tmp_path, HOUR + timedelta(days=19)) == []
    [alert] = of_erasures(tmp_path, HOUR + timedelta(days=20))
    assert (alert.kind, alert.client_id, alert.facts["left"]) == ("erasure_due", "acme", "a bucket refuses")
    assert USER not in str(alert)
    book.finish(erasure.id, "{}", HOUR)
    assert of_erasures(tmp_path, HOUR + timedelta(days=40)) == []


def test_what_a_visitor_asks_for_is_an_alert_until_somebody_decides_and_names_nobody(tmp_path):
    book = RequestBook(tmp_path)
    asked = book.ask("acme", "shop", "access", [("user", USER)], "a form", HOUR)

    [alert] = of_erasures(tmp_path, HOUR)

    assert (alert.kind, alert.client_id, alert.subject) == ("person_request", "acme", asked.id)
    assert "a visitor of shop asks for what is held" in alert.title
    assert USER not in str(alert)
    told = after(Telling("firing", (alert,), HOUR), {}, HOUR)
    assert tellings([alert], told, HOUR + timedelta(days=19)) == ([], {})
    late = of_erasures(tmp_path, HOUR + timedelta(days=20))
    assert [each.kind for each in late] == ["person_request", "request_due"]
    book.decide(asked.id, "refused", "dpo", HOUR, because="nobody of that name")
    assert of_erasures(tmp_path, HOUR) == []


PIECE = 1 << 20


@pytest.mark.parametrize("before", [PIECE - n for n in range(12)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_text_is_found_where_two_pieces_of_a_large_file_meet_and_a_part_of_a_word_is_not(before, pack):
    data = pack(b"." * before + b"anna-4711." + b"." * PIECE)
    assert [Needles([each]).are_in(data) for each in ("anna-4711", "nna-4711", "4711.", "anna-471")] == [
        *(True, False, False, False)
    ]
    assert Needles(["a-4711."]).are_in(data)


@pytest.mark.parametrize(
    ("text", "data", "is_there"),
    [
        ("anna-4711", b"x,anna-4711,y", True),
        ("anna-4711", b"x,anna-47112,y", False),
        ("anna-4711", b"/?next=%2Fu%3Danna-4711&y", True),
        ("anna-4711", gzip.compress(b"of anna-4711"), True),
        ("anna smith", b"by anna smith.", True),
        ("42", b"42", False),
    ],
    ids=["a word", "a part of another word", "encoded", "packed", "two words", "too short to say anything"],
)
def test_a_text_is_found_however_it_is_packed(text, data, is_there):
    assert Needles([text]).are_in(data) is is_there


def test_what_a_person_does_after_the_erasure_is_not_taken_for_what_is_left():
    """Else an erasure that waited for a bucket or a hold would never end."""
    with duckdb.connect() as connection:
        connection.execute(
            "SET TimeZone = 'UTC'; CREATE SCHEMA ingest; "
            "CREATE TABLE ingest.event_index (client_id VARCHAR, visitor_id VARCHAR, event_id VARCHAR, "
            "occurred_at TIMESTAMPTZ); CREATE TABLE visitors (client_id VARCHAR, visitor_id VARCHAR); "
            "CREATE TABLE events (client_id VARCHAR, event_id VARCHAR, session_id VARCHAR, "
            "visitor_id VARCHAR, user_id VARCHAR, first_party_session_id VARCHAR, occurred_at TIMESTAMPTZ)"
        )

        def happened(event_id, session, moment):
            values = ["acme", event_id, session, ANNA, USER, None, moment]
            connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            connection.execute(
                "INSERT INTO ingest.event_index VALUES ('acme', ?, ?, ?)", [ANNA, event_id, moment]
            )

        connection.execute("INSERT INTO visitors VALUES ('acme', ?)", [ANNA])
        ids = {"visitor": [ANNA], "user": [USER]}
        person = Person("acme", [], ids, events=["anna-event-1"], sessions=["5" * 32])
        assert rows_left(connection, person, HOUR) == {"main.visitors": 1}

        happened("anna-event-2", "6" * 32, HOUR + timedelta(minutes=1))
        assert rows_left(connection, person, HOUR) == {}
        assert rows_left(connection, person) == {
            "ingest.event_index": 1,
            "main.events": 1,
            "main.visitors": 1,
        }

        happened("anna-event-1", "5" * 32, HOUR - timedelta(minutes=1))
        assert rows_left(connection, person, HOUR) == {"ingest.event_index": 1, "main.events": 1}


TABLE = pa.table({"uid": ["4711", "x"], "n": ["1", "42"]})


def parquet(table):
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


@pytest.mark.parametrize(
    ("text", "data", "is_there"),
    [
        ("4711", b"uid,n\n4711,1\nx,42\n", True),
        ("42", b"uid,n\n4711,1\nx,42\n", False),
        ("4711", gzip.compress(b'{"uid":"4711","n":"1"}\n{"uid":null,"n":"42"}\n'), True),
        ('anna "a" \\ smith', b'{"uid":"anna \\"a\\" \\\\ smith"}\n', True),
        ('anna "a" smith', b'uid,n\n"anna ""a"" smith",1\n', True),
        ("-12", b"uid,n\n'-12,1\n", True),
        ("4711", parquet(TABLE), True),
        ("42", parquet(TABLE), False),
        ("4711", b"PAR1 and no table", False),
        ("4711", b'{"uid": 4711', False),
        ("4711", b'["4711"]\n', False),
        ("4711", b'{"uid":"x"}\n["4711"]\n', False),
        ("4711", b"", False),
    ],
    ids=[
        *("csv", "of another column", "packed json", "escaped", "quoted", "guarded", "parquet"),
        *("of another column of parquet", "no parquet", "half json", "no rows", "json of lists", "empty"),
    ],
)
def test_an_id_that_bytes_do_not_show_is_found_as_a_cell_of_a_column_of_ids(text, data, is_there):
    assert Needles([text]).are_in(data) is False
    assert Needles([text]).are_cells(data, {"uid"}) is is_there


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_file_is_read_no_further_than_the_first_row_of_the_person_and_closed(tmp_path, pack):
    path = tmp_path / "rows.csv"
    path.write_bytes(pack(b"uid,n\n4711,1\n" + b"x,42\n" * 100_000))

    for look in (Needles(["4711"]).are_cells_of_file, Needles(["4711"]).are_rows_of_file):
        assert look(path, {"uid"})
        assert not look(path, {"n"})
    gc.collect()


def test_the_models_run_by_what_was_touched_and_not_by_all_that_lies_between():
    hours = [HOUR, HOUR + timedelta(hours=2), HOUR + timedelta(days=60)]
    events = {HOUR + timedelta(hours=n): 1000 for n in range(24 * 61)}

    found = windows(hours, events)

    assert found == [
        (HOUR, HOUR + timedelta(hours=3)),
        (HOUR + timedelta(days=60), HOUR + timedelta(days=60, hours=1)),
    ]


def test_a_week_or_month_that_began_long_before_somebody_was_seen_goes_with_him(tmp_path):
    first = HOUR + timedelta(days=6)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for cadence in ("hourly", "daily", "weekly", "monthly"):
        made = ledger.plan(
            "acme", cadence, HOUR, 1,
            cadence=cadence, reason="initial", supersedes=None, places=("main",), now=HOUR,
        )  # fmt: skip
        ledger.record(made, "rendered", files=(DeliveredFile(f"{cadence}.csv", 1, "0" * 64, 1),))

    searched = rows_to_search(ledger, Client.model_validate(client("acme")), first, Horizons())

    ledger.close()
    assert [row.export for row in searched] == ["monthly", "weekly"]
    touched = {name: is_touched(kind_of(name), HOUR, first) for name in ("hourly", "daily", "weekly")}
    assert touched == {"hourly": False, "daily": False, "weekly": True}
    assert not is_touched(kind_of("weekly"), HOUR, HOUR + timedelta(days=9))


def test_no_backup_takes_a_salt_so_a_hash_names_nobody_once_its_day_is_over(tmp_path):
    place = Place(tmp_path)
    assert list(LocalStore(place.settings.home / "lake").list("salts/"))

    backup(place.settings, place.url, lake=True)

    taken = [path for path in place.backups.rglob("*") if "salts" in path.name or "salts" in str(path.parent)]
    assert taken == []


def test_hashes_of_another_key_are_refused_and_not_passed_over(tmp_path, stones):
    other = load_key(tmp_path / "other", make=True)

    with pytest.raises(FootfallError, match="another key"):
        Tombstones(other, stones.stones.values())


def raw_step(home, house):
    """The step of an erasure that takes the person out of the lake. Returns what it noted."""
    person = Person("acme", [Asked("user", USER)], {"user": [USER]})
    book = ErasureBook(home.home)
    erasure = book.begin(person, reason="", asked_by="test", now=house.now, is_for_good=True)
    add(home.home, house.lake, person.stones(load_key(home.home, make=True), erasure.id, None))
    for step in ("spool", "raw"):
        book.begin_step(erasure.id, step, house.now)
    stones, needles = in_force(home.home, house.lake), Needles(person.needles)
    assert forget_lines(Work(house, book, erasure, person, stones, needles, house.client("acme"))) == []
    return book.steps(erasure.id)["raw"].facts


def test_an_hour_that_a_run_ingested_before_it_knew_of_the_erasure_is_made_anew(tmp_path):
    """Nobody modelled it, so who is meant was looked up without it; its objects are those that were read."""
    hour = floor(datetime.now(UTC)) - timedelta(hours=2)
    home = Home(tmp_path, first=hour)
    home.land(hour)
    house = house_of(home.settings, lambda _: None)
    with house.warehouse.connect(house.files.folder) as connection:
        ingest_hours(connection, house.lake, [hour], house.registry, files=house.files)
    assert layers_of(files_with(home.home, USER)) >= {"lake/raw", "lake/events"}

    facts = raw_step(home, house)

    assert files_with(home.home / "lake", USER) == {}
    assert (facts["hours"], facts["lines"]) == ([hour.isoformat()], 1)


def test_raw_objects_that_no_run_has_ingested_for_days_lose_the_person(tmp_path):
    hour = floor(datetime.now(UTC)) - timedelta(days=9)
    home = Home(tmp_path, first=hour)
    home.land(hour)

    facts = raw_step(home, house_of(home.settings, lambda _: None))

    assert files_with(home.home / "lake", USER) == {}
    assert facts["objects"] == 1
