"""Who came, on what and where from: from an import to the delivered rows."""

import csv
from pathlib import Path

from support.told.who import CLIENT, EVENTS
from support.told.who import told as told_on


def delivered(home: Path, export: str) -> list[dict[str, str]]:
    return [
        row
        for path in sorted((home / "buckets" / "who" / export).glob("**/*.csv"))
        for row in csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    ]


def found_in(home: Path) -> dict[str, tuple[bool, str, str, str]]:
    """Name → is_bot, device, the session's source and channel."""
    sessions = {row["session_id"]: row for row in delivered(home, "sessions")}
    return {
        row["event_id"].removeprefix("event-"): (
            row["is_bot"] == "true",
            row["device"],
            sessions[row["session_id"]]["source"],
            sessions[row["session_id"]]["channel"],
        )
        for row in delivered(home, "events")
    }


def test_who_came_and_where_from_is_delivered_as_it_was(told):
    assert found_in(told / "state") == {name: expected for name, (_, expected) in EVENTS.items()}


def test_who_came_and_where_from_is_delivered_as_it_was_also_of_the_last_century(installation, tmp_path):
    folder, path = tmp_path / "clients", tmp_path / "events.ndjson"
    folder.mkdir()
    (folder / "who.yaml").write_text(CLIENT.format(cadence="hourly"))
    installation.environment["FOOTFALL_CLIENTS"] = str(folder)
    path.write_text(told_on("1995-07-01"))
    taken = installation.run("import", str(path), "--client", "who", "--format", "ndjson")
    assert taken.returncode == 0, taken.stderr

    ran = installation.run("run", "--from", "1995-07-01T10", "--to", "1995-07-01T11")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert found_in(installation.home) == {name: expected for name, (_, expected) in EVENTS.items()}
