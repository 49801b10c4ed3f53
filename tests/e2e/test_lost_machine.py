"""A machine is lost: from its lake, a backup, the clients' buckets and nothing else a second one goes on.

What it delivers is compared with what the first one delivers from the same events, had it not been lost.
"""

import json
import re
import shutil
from collections import Counter
from dataclasses import dataclass

import pytest
from support.frozen_state import NEXT_HOUR, FrozenState, rebuilt

from commands.demo.delivered import files
from footfall.store import LocalStore

CLIENTS = ("agency", "demo")
FIRST_HOUR = "2026-11-29T10"
#: Neither machine has run it when the first one is lost.
LAST_HOUR = ("2026-11-29T14", "2026-11-29T15")
LATER = [
    {
        "id": f"after-the-loss-{n}",
        "type": "page_view",
        "occurred_at": f"2026-11-29T14:0{n}:00Z",
        "url": f"https://shop.example/later/{n}",
        "visitor_id": "on-both-machines",
        "consent": 3,  # a visitor of a day would depend on the machine's salts
    }
    for n in range(3)
]
HASHED = """\
  - {name: hashed, dataset: events, cadence: hourly, columns: [event_id, visitor_id], hash: [visitor_id]}
"""


def succeeds(state, *arguments):
    done = state.footfall(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def revisions(state):
    """(client, export, period, revision) → state, as `deliveries list` says it."""
    said = succeeds(state, "deliveries", "list", "--all", "--json")
    rows = [json.loads(line) for line in said.splitlines()]
    found = {(r["client_id"], r["export"], r["period_start"], r["revision"]): r["state"] for r in rows}
    assert len(found) == len(rows)
    return found


def delivered(state):
    """(client, key) → rows, of all files that a newest manifest names."""
    return {
        (client, file.key): file.rows
        for client in CLIENTS
        for file in files(LocalStore(state.home / "buckets" / client))
    }


def runs_the_last_hour(state, folder):
    log = folder / "later.ndjson"
    log.write_text("".join(json.dumps(event) + "\n" for event in LATER))
    succeeds(state, "import", str(log), "--client", "demo", "--format", "ndjson")
    succeeds(state, "run", "--from", LAST_HOUR[0], "--to", LAST_HOUR[1])


@dataclass
class Machines:
    """A copy of the lost one that was not lost, and the one that came from the rest."""

    kept: FrozenState
    second: FrozenState
    revisions_when_lost: dict


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("machines")
    first = rebuilt(tmp_path_factory, folder / "first")
    clients = first.folder / "clients" / "demo.yaml"
    clients.write_text(clients.read_text() + HASHED)
    first.ship_the_spool()
    succeeds(first, "domains", "retire", "demo", "outlet.example")
    succeeds(first, "backup", f"file://{folder}/snapshots")
    # What the ledger of the snapshot does not know of.
    succeeds(first, "run", "--from", FIRST_HOUR, "--to", NEXT_HOUR[1])
    when_lost = revisions(first)
    kept = FrozenState(folder / "kept")
    shutil.copytree(first.folder, kept.folder, symlinks=True)

    second = FrozenState(folder / "second")
    second.home.mkdir(parents=True, mode=0o700)
    for left in ("lake", "buckets"):
        shutil.move(first.home / left, second.home / left)
    shutil.rmtree(first.folder)
    shutil.rmtree(second.home / "lake" / "salts")  # its salts were the machine's, and are never copied
    succeeds(second, "restore", f"file://{folder}/snapshots")
    succeeds(second, "run", "--from", FIRST_HOUR, "--to", NEXT_HOUR[1])
    for machine in (kept, second):
        runs_the_last_hour(machine, folder)
    return Machines(kept, second, when_lost)


def test_no_revision_is_doubled_and_none_is_missing(machines):
    second = revisions(machines.second)

    assert machines.revisions_when_lost.items() <= second.items()
    assert second == revisions(machines.kept)


def test_each_file_has_the_same_name_and_rows_as_had_the_machine_not_been_lost(machines):
    second = delivered(machines.second)

    assert second == delivered(machines.kept)
    assert {event["id"] for event in LATER} <= {
        row.get("event_id") for rows in second.values() for row in rows
    }


def test_every_event_is_delivered_once(machines):
    once = Counter(
        row["event_id"]
        for (_, key), rows in delivered(machines.second).items()
        if key.startswith("events/")
        for row in rows
    )

    assert set(once.values()) == {1}


def test_hashed_columns_are_hashed_as_before(machines):
    hashed = {
        row["event_id"]: row["visitor_id"]
        for (_, key), rows in delivered(machines.second).items()
        if key.startswith("hashed/")
        for row in rows
    }

    assert len({hashed[event["id"]] for event in LATER}) == 1
    assert "on-both-machines" not in hashed.values()


def test_the_same_key_signs(machines):
    for name in (*CLIENTS, "backup"):
        url = f"file://{machines.second.home}/buckets/{name}"
        assert "as promised" in succeeds(machines.second, "verify", url, "--at", LAST_HOUR[1])
    for client in CLIENTS:
        keys = [
            sorted((m.home / "buckets" / client / "_keys").iterdir())
            for m in (machines.kept, machines.second)
        ]
        assert [path.name for path in keys[0]] == [path.name for path in keys[1]]
        assert len(keys[0]) == 1


def test_what_people_decided_of_domains_is_kept(machines):
    said = succeeds(machines.second, "domains", "list")

    assert re.search(r"outlet\.example +retired", said)
    assert said == succeeds(machines.kept, "domains", "list")
