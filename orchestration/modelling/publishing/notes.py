"""What the models noted for publication, in the warehouse (dbt_project/macros/unpublished.sql)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from footfall.sql import Connection, has_table, name, run

_TABLES = ("unpublished_days", "unpublished_visitors", "published_snapshots")


@dataclass(frozen=True)
class Notes:
    """What may have changed of a client since a snapshot: model → days, and whether visitors did.

    `is_everything`: nobody knows what.
    """

    is_everything: bool
    days: Mapping[str, set[date]]
    has_visitors: bool


EVERYTHING = Notes(True, {}, True)


def noted_snapshot(connection: Connection, client_id: str) -> str | None:
    """The name of the snapshot that holds all that is not noted; None where nobody knows of one."""
    if not has_table(connection, "intermediate", "published_snapshots"):
        return None
    row = run(
        connection, "SELECT snapshot FROM intermediate.published_snapshots WHERE client_id = ?", [client_id]
    ).fetchone()
    return str(row[0]) if row else None


def notes_of(connection: Connection, client_id: str) -> Notes:
    """What is noted of a client that has a noted snapshot."""
    days: dict[str, set[date]] = {}
    rows = run(
        connection,
        "SELECT DISTINCT model, day FROM intermediate.unpublished_days WHERE client_id = ?",
        [client_id],
    ).fetchall()
    for model, day in rows:
        days.setdefault(model, set()).add(day)
    visitor = run(
        connection, "SELECT 1 FROM intermediate.unpublished_visitors WHERE client_id = ? LIMIT 1", [client_id]
    ).fetchone()
    return Notes(False, days, visitor is not None)


def note(connection: Connection, client_id: str, snapshot: str) -> None:
    """Note that a snapshot holds all there is of a client."""
    if not has_table(connection, "intermediate", "published_snapshots"):
        return
    run(connection, "BEGIN")
    forget(connection, client_id)
    run(connection, "INSERT INTO intermediate.published_snapshots VALUES (?, ?)", [client_id, snapshot])
    run(connection, "COMMIT")


def forget(connection: Connection, client_id: str) -> None:
    """Forget what is noted of a client: should it come back, it is published whole."""
    if has_table(connection, "intermediate", "published_snapshots"):
        for table in _TABLES:
            run(
                connection,
                "DELETE FROM intermediate.{table} WHERE client_id = ?",
                [client_id],
                table=name(table),
            )


def forget_others(connection: Connection, client_ids: Iterable[str]) -> None:
    """Forget what is noted of everybody but these clients: who comes back is published whole."""
    if has_table(connection, "intermediate", "published_snapshots"):
        known = list(client_ids)
        for table in _TABLES:
            run(
                connection,
                "DELETE FROM intermediate.{table} WHERE NOT list_contains(?, client_id)",
                [known],
                table=name(table),
            )
