"""An erasure and the texts of databases: ids go out of sentences, and never out of keys."""

import json
import os
import sqlite3
from contextlib import closing
from datetime import timedelta

import dagster as dg
import pytest
from support.erased_home import Home
from support.orchestration_builders import HOUR
from support.searched import files_with

from commands.cli import main
from footfall.access.day_notes import add_day_note, day_notes
from orchestration.alerting import alert as alerting
from orchestration.alerting.alert import Alert
from orchestration.alerting.book import alert_book, last_look, note_look
from orchestration.delivery.ledger import Ledger
from orchestration.privacy.erasure_local import GONE, clean_databases, clean_folders, clean_history
from orchestration.privacy.erasure_search import Needles
from orchestration.privacy.erasure_texts import OF_DAGSTER, QUOTED, TEXTS

#: Ids that are also words of ours: an export, a client, an asset, a cadence, a state.
WORDS = ("events", "acme-shop", "deliveries", "hourly", "delivered")


def rows_of(path):
    """Table → all of its rows, of a file of SQLite."""
    with closing(sqlite3.connect(path)) as database:
        tables = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        ]
        return {name: set(database.execute(f'SELECT * FROM "{name}"')) for name in tables}


def test_an_id_that_is_a_word_of_ours_changes_no_row_of_a_database(tmp_path, monkeypatch, capfd):
    home = Home(tmp_path)
    home.land(HOUR)
    home.run(HOUR)
    ledger = Ledger(home.home / "ledger.sqlite")
    ledger.plan(
        "acme-shop", "hourly", HOUR - timedelta(days=400), 1,
        cadence="hourly", reason="initial", supersedes=None, places=("main",), now=HOUR,
    )  # fmt: skip
    ledger.close()
    names = [name for name in TEXTS if (home.home / name).exists()]
    before = {name: rows_of(home.home / name) for name in names}
    damaged = home.home / "dagster" / "history" / "runs" / "damaged.db"
    damaged.parent.mkdir(parents=True, exist_ok=True)
    damaged.write_bytes(b"SQLite format 3\0".ljust(8192, b"?"))
    monkeypatch.setattr(os, "environ", home.environ)

    asked = [argument for word in WORDS for argument in ("--user", word)]
    assert main(["privacy", "erase", "--client", "acme", *asked, "--yes"]) == 1
    said = "".join(capfd.readouterr())
    assert f"local: {damaged} was not looked through" in said
    assert "Traceback" not in said
    damaged.unlink()
    assert main(["privacy", "resume"]) == 0, capfd.readouterr().err

    after = {name: rows_of(home.home / name) for name in names}
    lost = {
        (name, table): rows - after[name][table]
        for name, tables in before.items()
        for table, rows in tables.items()
        if rows - after[name][table]
    }
    assert lost == {}
    assert before["ledger.sqlite"]["revisions"]


def test_what_an_alert_quotes_loses_the_id_and_what_it_is_about_stays(tmp_path):
    path = tmp_path / "alerts.sqlite"
    told = Alert(
        "delivery_failed", "acme-shop", "events:main", "events: 2 periods not delivered",
        {"error": "no column events of hourly", "export": "events"}, covers=("events 2026-11-20T14",),
    )  # fmt: skip
    with alert_book(path) as book:
        note_look(book, [told], HOUR)

    assert clean_databases(tmp_path, Needles(["events", "acme-shop", "delivery_failed"])).cells == 1

    with alert_book(path) as book:
        _, [now] = last_look(book)
    facts = {"error": f"no column {GONE} of hourly", "export": "events"}
    assert (now.key, now.title, now.covers, now.facts) == (told.key, told.title, told.covers, facts)
    assert set(alerting._CAUSES) <= QUOTED


def test_a_note_of_a_day_keeps_all_but_the_id(tmp_path):
    for_site = {
        "client_id": "acme-shop",
        "site_id": "events",
        "day": HOUR.date(),
        "by": "acme-shop",
        "now": HOUR,
    }
    note = add_day_note(tmp_path, text="acme-shop saw%20events, prevents nothing", **for_site)

    clean_databases(tmp_path, Needles(["events", "acme-shop"]))

    [now] = day_notes(tmp_path, "acme-shop")
    assert vars(now) == {**vars(note), "text": f"{GONE} saw%20{GONE}, prevents nothing"}


@dg.asset(key=["events"], description="about events")
def shown(context):
    context.log.info("a row of events")
    table = dg.TableMetadataValue(
        records=[dg.TableRecord({"events": "events", "n": 1}), dg.TableRecord({"events": "others", "n": 2})],
        schema=dg.TableSchema(columns=[dg.TableColumn("events", "string"), dg.TableColumn("n", "int")]),
    )
    preview = dg.MetadataValue.md("| user |\n|---|\n| events |\n| prevents |")
    about = dg.MetadataValue.asset(dg.AssetKey(["events"]))
    metadata = {"preview": preview, "table": table, "events": "of events", "json": {"a": ["events"]}}
    return dg.MaterializeResult(metadata={**metadata, "about": about}, tags={"of": "events"})


@dg.asset(deps=[shown])
def broken():
    raise ValueError("no such user: events")


@dg.asset_check(asset=shown)
def whole():
    return dg.AssetCheckResult(passed=False, description="events is not whole", metadata={"rows": "events"})


@pytest.fixture
def history(tmp_path):
    """Dagster's own history of a run that showed, said and failed."""
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        dg.materialize([shown, broken, whole], instance=instance, raise_on_error=False)
        yield instance


def events_of(instance):
    [run] = instance.get_runs()
    return run, [record.event_log_entry for record in instance.get_records_for_run(run.run_id).records]


def test_dagster_reads_each_event_as_before_but_for_the_id_in_what_it_shows_and_says(history, tmp_path):
    run, before = events_of(history)
    key = dg.AssetKey(["events"])

    done = clean_history(tmp_path, Needles(["events"]))

    assert done.left == []
    assert done.cells > 5
    again, after = events_of(history)
    assert again == run
    assert len(after) == len(before)
    for was, now in zip(before, after, strict=True):
        about = [
            (each.run_id, each.step_key, each.timestamp, each.level, each.dagster_event_type)
            for each in (was, now)
        ]
        assert about[0] == about[1]
    event = history.get_latest_materialization_event(key)
    made = event.asset_materialization
    assert (made.asset_key, made.tags["of"]) == (key, "events")
    shown_now = made.metadata
    assert shown_now["preview"].md_str == f"| user |\n|---|\n| {GONE} |\n| prevents |"
    assert [each.data for each in shown_now["table"].records] == [
        {"events": GONE, "n": 1},
        {"events": "others", "n": 2},
    ]
    assert [each.name for each in shown_now["table"].schema.columns] == ["events", "n"]
    assert (shown_now["events"].text, shown_now["json"].data) == (f"of {GONE}", {"a": [GONE]})
    assert shown_now["about"].asset_key == key
    assert f"a row of {GONE}" in [each.user_message for each in after]
    errors = [
        each.dagster_event.event_specific_data.error
        for each in after
        if each.is_dagster_event and each.dagster_event.is_step_failure
    ]
    assert [each.cause.message for each in errors] == [f"ValueError: no such user: {GONE}\n"]
    [check] = history.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(key, "whole"), limit=5
    )
    evaluation = check.event.dagster_event.asset_check_evaluation_data
    assert (evaluation.asset_key, evaluation.check_name, evaluation.passed) == (key, "whole", False)
    assert (evaluation.description, evaluation.metadata["rows"].text) == (f"{GONE} is not whole", GONE)
    assert set(history.all_asset_keys()) == {key, dg.AssetKey(["broken"])}
    assert clean_history(tmp_path, Needles(["events"])).cells == 0


def test_an_erasure_changes_no_byte_of_an_event_but_the_id(history, tmp_path):
    del history
    before = {path: rows_of(path) for path in (tmp_path / "dagster").rglob("*.db")}

    clean_history(tmp_path, Needles(["prevents", "no-such-id"]))

    for path, tables in before.items():
        after = rows_of(path)
        for table, rows in tables.items():
            put = {
                tuple(each.replace("prevents", GONE) if isinstance(each, str) else each for each in row)
                for row in rows
            }
            assert after[table] == put
    assert files_with(tmp_path, "prevents") == {}


def test_columns_that_lose_ids_are_there(history, tmp_path):
    """A column that another version names otherwise would keep everybody."""
    del history
    there = set()
    for path in (tmp_path / "dagster").rglob("*.db"):
        with closing(sqlite3.connect(path)) as database:
            there |= set(
                database.execute(
                    "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
                ).fetchall()
            )
    assert set(OF_DAGSTER) <= there


def test_the_settings_of_dagster_stay_whatever_an_id_is(tmp_path):
    for name in ("dagster/dagster.yaml", "dagster/storage/run/step.out"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("telemetry:\n  enabled: false\n")

    assert clean_folders(tmp_path, Needles(["telemetry"])) == 1

    assert (tmp_path / "dagster" / "dagster.yaml").exists()


@pytest.mark.parametrize("damage", ["locked", "damaged", "no database"])
def test_a_file_that_cannot_be_looked_through_is_outstanding_and_the_others_are_cleaned(tmp_path, damage):
    runs = tmp_path / "dagster" / "history" / "runs"
    runs.mkdir(parents=True)
    for name in ("a.db", "b.db"):
        with closing(sqlite3.connect(runs / name)) as database, database:
            database.execute("CREATE TABLE event_logs (event TEXT)")
            event = {"__class__": "EventLogEntry", "user_message": "of anna-4711"}
            database.executemany("INSERT INTO event_logs VALUES (?)", [(json.dumps(event),)] * 500)
    holder = sqlite3.connect(runs / "a.db")
    if damage == "locked":
        holder.execute("BEGIN IMMEDIATE")
    else:
        kept = 16 if damage == "no database" else 8192
        (runs / "a.db").write_bytes((runs / "a.db").read_bytes()[:kept].ljust(40960, b"?"))

    done = clean_history(tmp_path, Needles(["anna-4711"]), seconds=0.1)

    holder.close()
    assert done.cells == 500
    [left] = done.left
    assert left.startswith(f"{runs / 'a.db'} was not looked through")
    assert "anna" not in left


def test_texts_that_are_no_utf_8_lose_the_id_too(tmp_path):
    with alert_book(tmp_path / "alerts.sqlite") as book:
        book.execute("INSERT INTO failing VALUES ('r', 'now', CAST(? AS TEXT))", (b"\xff anna-4711 \xc3",))

    done = clean_databases(tmp_path, Needles(["anna-4711"]))

    with closing(sqlite3.connect(tmp_path / "alerts.sqlite")) as database:
        database.text_factory = bytes
        assert database.execute("SELECT said FROM failing").fetchall() == [(b"\xff [erased] \xc3",)]
    assert (done.cells, done.left) == (1, [])


def test_who_writes_meanwhile_waits_for_no_search(tmp_path):
    """A file without a find is read, and nobody holds it."""
    Ledger(tmp_path / "ledger.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert clean_databases(tmp_path, Needles(["anna-4711"])).left == []


@pytest.mark.parametrize("text", ["/?u%3Danna-4711x", "%20anna-4711x%26", "%anna-4711x %3danna-4711x"])
def test_an_id_behind_an_encoded_sign_is_found_at_the_end_and_replaced(text):
    needles = Needles(["anna-4711x"])

    assert needles.are_in(text.encode())
    assert "anna" not in needles.replaced(text, GONE)
    assert needles.replaced("manna-4711x %3Dmanna-4711x", GONE) == "manna-4711x %3Dmanna-4711x"


@pytest.mark.parametrize("before", range(14))
def test_an_id_behind_an_encoded_sign_is_found_where_two_pieces_meet(before):
    piece = 1 << 20
    data = b"." * (piece - before) + b"%3Danna-4711x"
    for end in (b"", b"%26", b"." * piece):
        assert Needles(["anna-4711x"]).are_in(data + end)
    assert not Needles(["anna-4711x"]).are_in(data + b"y")


def test_an_id_that_is_encoded_itself_is_replaced():
    text = "anna+1@shop.example asked /?u=anna%2B1%40shop.example&v=anna%2b1%40shop.example"

    said = Needles(["anna+1@shop.example"]).replaced(text, GONE)

    assert said == f"{GONE} asked /?u={GONE}&v={GONE}"
