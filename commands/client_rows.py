"""A copy of a SQLite file of ours with the rows of one client alone: for the installation that it goes to.

Each table says which rows are a client's; one that says nothing lets nothing go.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path

from commands.backup import copy_database
from footfall.errors import FootfallError

_ALL = "true"
_NONE = "false"
_BY_CLIENT = "client_id = :client"
_OF_LOG = "log IN (SELECT log FROM logs WHERE client_id = :client)"
#: Below a bucket's place, and not beside it: `s3://ours/acme` is none of `s3://ours/acme-two`.
_BELOW_ROOT = (
    "EXISTS (SELECT 1 FROM json_each(:roots) WHERE substr(url, 1, length(value)) = value "
    "AND substr(url, length(value) + 1, 1) IN ('', '/', '#'))"
)
#: File → table → which of its rows go. `:client`: the identity; `:roots`: where its buckets are, as JSON.
OURS: Mapping[str, Mapping[str, str]] = {
    "ledger.sqlite": {
        "revisions": _BY_CLIENT,
        "copies": _BY_CLIENT,
        "written": _BELOW_ROOT,
        "compared_days": _BY_CLIENT,
        "logs": _BY_CLIENT,
        "log_leaves": _OF_LOG,
        "log_checkpoints": _OF_LOG,
        "log_objects": f"sha256 IN (SELECT sha256 FROM log_leaves WHERE {_OF_LOG})",
    },
    "registry.sqlite": {
        "domains": _BY_CLIENT,
        "hosts": _BY_CLIENT,
        "observed_hours": _BY_CLIENT,
        "decisions": _BY_CLIENT,
        "passed_over": _BY_CLIENT,
        "type_hours": _BY_CLIENT,
        "marks": _ALL,  # through which hour and day all clients were looked at
        "notices": _BY_CLIENT,
        "outbox": _BY_CLIENT,
        "endpoint": _NONE,
    },
    "access.sqlite": {
        "operator_keys": _NONE,
        "last_use": _NONE,
        "answers": _NONE,
        "people": _NONE,
        "shares": _NONE,
        "day_notes": _BY_CLIENT,
    },
}
#: What waits to be billed is billed by whoever wrote it down; its id keeps it from being billed once more.
_TOLD = (
    "UPDATE outbox SET state = 'delivered', next_at = NULL, said = 'left to the installation before' "
    "WHERE state <> 'delivered'"
)
#: Tables that SQLite makes.
_OWN = "sqlite_"


def copy_rows(path: Path, copy: Path, client_id: str, roots: Collection[str]) -> None:
    """Copy a SQLite file as it is at one moment, with one client's rows and no byte of another's.

    Raises FootfallError where a table has no rule, BrokenState where the file is damaged.
    """
    copy_database(path.name, path, copy)
    rules = OURS[path.name]
    given = {"client": client_id, "roots": json.dumps(sorted(each.rstrip("/") for each in roots))}
    with closing(sqlite3.connect(copy, isolation_level=None)) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        tables = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not name.startswith(_OWN)
        ]
        if strange := sorted(set(tables) - rules.keys()):
            raise FootfallError(
                f"{path} has a table that this program does not know ({', '.join(strange)}): whose its rows "
                "are nobody can say"
            )
        # Rules ask tables that come before theirs in the list: what is asked has the client's rows still.
        for table in (name for name in rules if name in tables):
            database.execute(f'DELETE FROM "{table}" WHERE NOT coalesce({rules[table]}, false)', given)
        if "outbox" in tables:
            database.execute(_TOLD)
        # A file that was only emptied keeps the bytes of what was in it.
        database.execute("VACUUM")
