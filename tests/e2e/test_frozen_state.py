"""The state that an earlier version left is taken up whole: nothing lost, nothing twice, the same names."""

import json
import subprocess
from collections import Counter
from dataclasses import dataclass

import duckdb
import pytest
from support.frozen_state import NEXT_HOUR, FrozenState, unpack

from commands.demo.delivered import files
from footfall.store import LocalStore
from footfall.verify import verify_bucket
from footfall.whole_files import sha256_of

CLIENTS = ("agency", "demo")
#: Deliveries of the hour that the earlier version had not run.
NEXT = {
    (client, export, "2026-11-29T13:00:00+00:00", 1)
    for client in CLIENTS
    for export in ("events", "sessions")
}


def rows(state, *arguments):
    """(client, export, period, revision) → the row, as `deliveries list` says it."""
    done = state.footfall("deliveries", "list", "--all", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {(r["client_id"], r["export"], r["period_start"], r["revision"]): r for r in found}


def objects(state):
    """Client → key → content of all that lies in its bucket."""
    return {
        client: {info.key: store.get(info.key) for info in store.list("")}
        for client in CLIENTS
        for store in [LocalStore(state.home / "buckets" / client)]
    }


def ids(state, client):
    """Event id → how often it is in the newest revisions."""
    found = files(LocalStore(state.home / "buckets" / client))
    return Counter(row["event_id"] for file in found if file.export == "events" for row in file.rows)


@dataclass
class TakenUp:
    """The state before and after the next hour."""

    state: FrozenState
    rows_before: dict
    objects_before: dict
    ids_before: dict
    refused: "subprocess.CompletedProcess[str]"
    is_untouched: bool
    ran: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def taken_up(tmp_path_factory):
    state = unpack(tmp_path_factory.mktemp("frozen"))
    before = rows(state), objects(state), {client: ids(state, client) for client in CLIENTS}
    state.ship_the_spool()
    hour = ("--from", NEXT_HOUR[0], "--to", NEXT_HOUR[1])
    refused = state.footfall("run", *hour)
    is_untouched = (rows(state), objects(state)) == before[:2]
    state.rebuild()
    return TakenUp(state, *before, refused, is_untouched, state.footfall("run", *hour))


def test_models_of_other_columns_deliver_nothing_before_they_are_made_anew(taken_up):
    said = taken_up.refused.stdout + taken_up.refused.stderr

    assert taken_up.refused.returncode == 1
    assert "the columns of int_events_sessionised have changed" in said and "footfall rebuild" in said
    assert taken_up.is_untouched


def test_the_next_hour_runs_on_it(taken_up):
    assert taken_up.ran.returncode == 0, taken_up.ran.stdout + taken_up.ran.stderr


def test_what_was_delivered_stays_as_it_was_and_new_are_the_hour_and_revisions_of_other_columns(taken_up):
    after, before = rows(taken_up.state), taken_up.rows_before

    assert len(before) == 14
    assert {name: after[name] for name in before} == before
    revised = after.keys() - before.keys() - NEXT
    assert {(*period, revision - 1) for *period, revision in revised} <= before.keys()
    assert {after[name]["reason"] for name in revised} == {"schema"}
    assert {export for _, export, *_ in revised} >= {"events", "sessions"}
    assert {after[name]["state"] for name in NEXT | revised} == {"committed"}


def test_events_lie_in_the_lake_alone_and_each_hours_object_is_named(taken_up):
    home = taken_up.state.home
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'ingest'")
        assert {"events", "events_before"}.isdisjoint(name for (name,) in tables.fetchall())
        named = connection.execute("SELECT object_key, sha256, rows FROM ingest.hour_files").fetchall()
        (indexed,) = connection.execute("SELECT count(*) FROM ingest.event_index").fetchone()

    assert sum(rows for _, _, rows in named) == indexed > 0
    assert {key: sha256 for key, sha256, _ in named} == {
        path.relative_to(home / "lake").as_posix(): sha256_of(path)
        for path in (home / "lake" / "events").rglob("*.parquet")
    }


def test_no_object_in_a_bucket_is_changed(taken_up):
    after = objects(taken_up.state)

    for client, before in taken_up.objects_before.items():
        changed = {key for key, data in before.items() if after[client].get(key) != data}
        assert {key.rpartition("/")[2] for key in changed} <= {"_latest.json"}, "the pointer to the newest"
        assert [key for key in after[client] if key.startswith("_keys/")] == [
            key for key in before if key.startswith("_keys/")
        ], "the same key signs"


def test_every_event_is_delivered_once_those_that_lay_in_the_spool_too(taken_up):
    after = {client: ids(taken_up.state, client) for client in CLIENTS}

    assert set(after["demo"].values()) == set(after["agency"].values()) == {1}
    assert after["agency"] == taken_up.ids_before["agency"]
    assert taken_up.ids_before["demo"] < after["demo"]
    assert after["demo"].total() == taken_up.ids_before["demo"].total() + 6


def test_an_enrichment_that_waited_is_applied(taken_up):
    bucket = LocalStore(taken_up.state.home / "buckets" / "demo")

    said = Counter(
        (row["url"], row["page_group"])
        for file in files(bucket)
        if file.export == "events"
        for row in file.rows
        if row["url"].rpartition("/")[2] in ("shipped", "spooled")
    )

    assert said == {
        ("https://shop.example/shipped", ""): 2,
        ("https://shop.example/shipped", "learnt-later"): 1,
        ("https://shop.example/spooled", ""): 3,
    }


def test_the_buckets_are_as_promised(taken_up):
    for name in (*CLIENTS, "backup"):
        done = taken_up.state.footfall(
            "verify", f"file://{taken_up.state.home}/buckets/{name}", "--at", NEXT_HOUR[1]
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_bucket_gets_a_log_that_begins_with_what_the_earlier_version_delivered(taken_up):
    for name in CLIENTS:
        bucket = LocalStore(taken_up.state.home / "buckets" / name)
        [log] = verify_bucket(bucket, needs_log=True).logs
        logged = {leaf.key for leaf in log.leaves.values()}
        before = taken_up.objects_before[name]
        assert not any(key.startswith("_log/") for key in before)
        assert {key for key in before if key.endswith("/_manifest.json")} < logged
        assert {key for key in before if key.startswith(("_schema/", "_keys/"))} <= logged


def test_published_tables_come_beside_what_the_earlier_version_published_which_its_readers_may_finish(
    taken_up,
):
    lake, state = LocalStore(taken_up.state.home / "lake"), taken_up.state
    listed = state.footfall("published", "list", "--client", "demo")
    read = state.footfall("published", "read", "demo", "page_views", "--format", "json")

    assert listed.returncode == read.returncode == 0, listed.stderr + read.stderr
    assert "complete through 2026-11-29T14:00:00Z" in listed.stdout
    views = [json.loads(line)["event_id"] for line in read.stdout.splitlines()]
    assert len(views) == len(set(views)) and set(views) < set(ids(state, "demo"))
    keys = [info.key for info in lake.list("marts/client=demo/")]
    assert "marts/client=demo/sessions.json" in keys, "it goes when its readers had their time"
    assert "marts/client=demo/current.json" in keys


def test_what_was_decided_told_and_left_to_be_told_is_still_known(taken_up):
    domains, alerts, messages = (
        taken_up.state.footfall(*words)
        for words in (("domains", "list"), ("alerts", "list"), ("webhooks", "list"))
    )

    assert "outlet.example" in domains.stdout and "approved by the command line" in domains.stdout
    assert "daemon_silent" in alerts.stdout
    told = [json.loads(line) for line in messages.stdout.splitlines()]
    assert [(each["sequence"], each["state"]) for each in told[:4]] == [(n, "waiting") for n in range(1, 5)]
    assert told[3]["id"] == "domain.activated:demo:outlet.example:1"
