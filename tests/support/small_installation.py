"""A small installation with a little of everything, made without running it, and what backups of it say."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from support.command_line import ROOT

from footfall.durable import take_up
from footfall.errors import FootfallError
from footfall.private import keep_private
from footfall.settings import Settings
from footfall.signatures import load_signer
from footfall.snapshots import names
from footfall.store import LocalStore


class Place:
    """An installation with a little of everything, and a folder for its backups."""

    def __init__(self, folder):
        self.folder = folder
        self.backups = folder / "backups"
        self.url = self.backups.as_uri()
        shutil.copytree(ROOT / "clients", folder / "clients")
        self.settings = self.on("home")
        home = self.settings.home
        home.mkdir()
        self.key_id = load_signer(home / "keys").key_id
        (home / "first_hour").write_text("2026-11-20T00\n")
        (home / "outbox" / "demo").mkdir(parents=True)
        (home / "outbox" / "demo" / "a.csv").write_text("event_id\n1\n")
        (home / "warehouse.duckdb").write_text("made again")
        for name in ("ledger", "registry", "alerts"):
            with closing(sqlite3.connect(home / f"{name}.sqlite")) as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.executescript(
                    "PRAGMA user_version = 1; CREATE TABLE said (n); CREATE TABLE done (n)"
                )
        take_up(home)
        lake = LocalStore(home / "lake")
        for key in (
            "_footfall.json",
            "raw/dt=2026-11-20/hour=00/a.ndjson.zst",
            "salts/client=demo/day=2026-11-20.json",
        ):
            lake.put(key, b'{"lake": 1}')
        keep_private(self.settings, is_first=True)

    def on(self, name, **more):
        return Settings.from_environ(
            {
                "FOOTFALL_HOME": str(self.folder / name),
                "FOOTFALL_CLIENTS": str(self.folder / "clients"),
                "FOOTFALL_LAKE": f"file://{self.folder}/home/lake",
                "FOOTFALL_BACKUP": f"file://{self.folder}/deliveries",
                **more,
            }
        )

    def names(self):
        return names(LocalStore(self.backups / "snapshots"))[0]

    def manifest(self, name):
        return self.backups / "snapshots" / name / "manifest.json"


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith((".sqlite", "-wal", "-shm"))
    }


def refused(said, act, *arguments, **more):
    """What was refused in one line that says so, and nothing was left behind."""
    with pytest.raises(FootfallError) as error:
        act(*arguments, **more)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)
