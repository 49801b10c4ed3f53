"""What is older than it may be: asked of the stores themselves, never of the ledger of what was removed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import duckdb

from footfall import keys
from footfall.catalogue.tables import TABLES
from footfall.clients import Client, Registry
from footfall.hour_files import HourFiles
from footfall.hours import HOUR, floor
from footfall.published.opening import read_pointer, read_snapshot
from footfall.retention.records import State
from footfall.sql import Sql, name, run, sql, text
from footfall.store import NotFound, ObjectStore, StoreError
from orchestration.delivery.expiry import lying
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.places import BACKUP, Places
from orchestration.ingest.raw_expiry import expire_raw

#: Tables of the warehouse that say nothing about anybody: counts, times, the horizons themselves.
_COUNTS = frozenset({"receipts", "objects", "hours", "hour_files", "incidents"})
#: Column that says when a row's newest event was received or happened, the first that a table has.
_NEWEST = ("received_hour", "last_seen_at", "last_identified_at", "ended_at", "date")
#: Hours of the lake that are opened in a look, the newest below the horizon; all others are listed by name.
_OPENED = 48


@dataclass(frozen=True)
class Look:
    """Where to look, for all clients: the lake's folders are listed once, whatever their number.

    `states`: client → what was decided.
    """

    states: Mapping[str, State]
    connection: duckdb.DuckDBPyConnection
    lake: ObjectStore
    files: HourFiles
    registry: Registry
    ledger: Ledger
    places_of: Callable[[Client], Places]
    folder: Path
    now: datetime

    @cached_property
    def raw_objects(self) -> tuple[Mapping[str, Sequence[tuple[datetime, str]]], Mapping[datetime, set[str]]]:
        """Client → (hour, key) of its own raw objects below its horizon. And of hours that may be opened: of
        whom there are objects, by their names; "" of several clients.
        """
        horizons = {client: at for client, state in self.states.items() if (at := state.horizon("raw"))}
        near = {at - n * HOUR for at in map(floor, horizons.values()) for n in range(_OPENED + 1)}
        own: dict[str, list[tuple[datetime, str]]] = {}
        owners: dict[datetime, set[str]] = {}
        for info in self.lake.list("raw/"):
            hour = keys.hour_of(f"/{info.key}")
            if hour is None:
                continue
            owner = keys.client_of_raw_object(info.key) or ""
            if owner in horizons and hour < horizons[owner]:
                own.setdefault(owner, []).append((hour, info.key))
            if hour in near:
                owners.setdefault(hour, set()).add(owner)
        return own, owners

    @cached_property
    def events_hours(self) -> Sequence[datetime]:
        """Hours with stored events in the lake."""
        return hours_of(self.lake, "events/")

    @cached_property
    def quarantine_hours(self) -> Sequence[datetime]:
        """Hours with quarantined lines in the lake."""
        return hours_of(self.lake, "quarantine/")


def left_over(look: Look, client: Client) -> list[str]:
    """A line for each thing of a client that is there and older than its horizon. Raises StoreError."""
    state = look.states[client.client_id]
    return [
        *_raw(look, client, state),
        *_lake(look, client, state),
        *_warehouse(look, client, state),
        *_published(look, client, state),
        *_buckets(look, client, state),
    ]


def hours_of(lake: ObjectStore, folder: str) -> list[datetime]:
    """The hours of which something lies in a folder of the lake, in order."""
    found = {hour for info in lake.list(folder) if (hour := keys.hour_of(f"/{info.key}"))}
    return sorted(found)


def older_in_turn(
    lake: ObjectStore,
    horizons: Mapping[str, datetime],
    reached: Mapping[str, datetime | None],
    now: datetime,
    many: int,
    folder: str = "raw/",
) -> list[datetime]:
    """Hours with objects before a horizon: all since what each client had reached, of the others some.

    Which of the others it is goes on from day to day, so that all have their turn. An object that its name
    says to be one client's counts whatever its hour.
    """
    latest = max(horizons.values())
    owned: set[datetime] = set()
    hours: set[datetime] = set()
    for info in lake.list(folder):
        hour = keys.hour_of(f"/{info.key}")
        if hour is None or hour >= latest:
            continue
        hours.add(hour)
        owner = keys.client_of_raw_object(info.key)
        if owner is not None and owner in horizons and hour < horizons[owner]:
            owned.add(hour)
    since = [reached.get(client) for client in horizons]
    known = [each for each in since if each is not None]
    done = min(known) if len(known) == len(since) else None
    new = {hour for hour in hours if done is None or hour >= done} | owned
    others = sorted(hours - new)
    if len(others) > many:
        start = now.toordinal() * many % len(others)
        others = [*others[start : start + many], *others[: max(0, start + many - len(others))]]
    return sorted(new | set(others))


def _raw(look: Look, client: Client, state: State) -> Iterator[str]:
    horizon = state.horizon("raw")
    if horizon is None:
        return
    own, owners = look.raw_objects
    mine = own.get(client.client_id, ())
    for _, key in mine:
        yield f"raw: {key}"
    near = horizon - _OPENED * HOUR
    opened = {hour for hour, named in owners.items() if near <= hour < horizon and named - {client.client_id}}
    for hour in sorted(opened - {hour for hour, _ in mine}):
        found = expire_raw(
            look.connection,
            look.lake,
            hour,
            look.registry,
            {client.client_id},
            look.folder,
            may_remove=False,
        )
        for went in found.values():
            yield f"raw: {went.lines} lines of {hour:%Y-%m-%dT%H}"


def _lake(look: Look, client: Client, state: State) -> Iterator[str]:
    events, quarantine = state.horizon("events"), state.horizon("quarantine")
    looks = [
        ("events/", look.events_hours, events, sql("true")),
        ("quarantine/", look.quarantine_hours, events, sql("true")),
        ("quarantine/", look.quarantine_hours, quarantine, sql("(body IS NOT NULL OR detail IS NOT NULL)")),
    ]
    for folder, hours, horizon, condition in looks:
        if horizon is None:
            continue
        older = [hour for hour in hours if hour < horizon]
        for hour in older[-_OPENED:]:
            for info in list(look.lake.list(f"{folder}{keys.hour_path(hour)}/")):
                if rows := _rows(look, info.key, client.client_id, condition):
                    yield f"{info.key}: {rows} rows"


def _rows(look: Look, key: str, client_id: str, condition: Sql) -> int:
    path = look.folder / "looked.parquet"
    try:
        look.lake.fetch(key, path)
    except NotFound:
        return 0
    found = run(
        look.connection,
        "SELECT count(*) FROM read_parquet($path, hive_partitioning = false) "
        "WHERE client_id = $client AND {condition}",
        {"path": str(path), "client": client_id},
        condition=condition,
    ).fetchone()
    path.unlink()
    return int(found[0]) if found else 0


def _warehouse(look: Look, client: Client, state: State) -> Iterator[str]:
    horizon = state.horizon("events")
    if horizon is None:
        return
    figures = {table.name for table in TABLES if table.retention == "figures"}
    found = run(
        look.connection,
        "SELECT schema_name, table_name, list(column_name) FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name IN ('ingest', 'intermediate', 'main') "
        "AND NOT internal GROUP BY 1, 2",
    ).fetchall()
    views = {
        (schema, view)
        for schema, view in run(
            look.connection, "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
    }
    for schema, table, columns in sorted(found):
        column = next((each for each in _NEWEST if each in columns), None)
        if (
            column is None
            or "client_id" not in columns
            or (schema, table) in views
            or (table in figures or table in _COUNTS)
        ):
            continue
        # A local day of the horizon's own hours may be the one before, and a session may have begun there.
        before = horizon - timedelta(days=2) if column == "date" else horizon
        if column in ("ended_at", "last_seen_at", "last_identified_at"):
            # The sender's own clock may be a week behind (docs/sessions.md).
            before = horizon - timedelta(days=8)
        row = run(
            look.connection,
            "SELECT count(*) FROM {schema}.{table} WHERE client_id = {client} "
            "AND {column} < CAST({before} AS {kind})",
            schema=name(schema),
            table=name(table),
            client=text(client.client_id),
            column=name(column),
            before=text(before.astimezone(UTC).isoformat()),
            kind=sql("DATE") if column == "date" else sql("TIMESTAMPTZ"),
        ).fetchone()
        if row and row[0]:
            yield f"warehouse: {schema}.{table} has {row[0]} rows"


def _published(look: Look, client: Client, state: State) -> Iterator[str]:
    horizon = state.horizon("events")
    pointer = read_pointer(look.lake, client.client_id) if horizon is not None else None
    if pointer is None or horizon is None:
        return
    snapshot = read_snapshot(look.lake, client.client_id, pointer.sha256)
    of_acts = {table.name for table in TABLES if table.retention == "acts"}
    early = (horizon - timedelta(days=9)).date()
    for table in of_acts & set(snapshot.tables):
        for file in snapshot.tables[table].files:
            if file.span is not None and file.span.last < early:
                yield f"published: {file.key}"


def _buckets(look: Look, client: Client, state: State) -> Iterator[str]:
    for place in look.places_of(client).values():
        horizon = state.horizon("backup" if place.name == BACKUP else "delivered")
        if horizon is None:
            continue
        try:
            for key in lying(client, place, look.ledger, horizon):
                yield f"{place.name}: {key}"
        except StoreError as error:
            yield f"{place.name}: cannot be looked at: {error}"
