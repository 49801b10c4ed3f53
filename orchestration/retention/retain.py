"""One run of retention: decide, write it down, bring every store to it, look whether anything older is left.

What a run that died left undone the next one does: it goes by the decision in the lake and by what lies in
the stores, not by how far somebody came.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from footfall.access import audit
from footfall.clients import Client
from footfall.hours import raise_first_hour
from footfall.retention import holds
from footfall.retention.records import State, decide, drop_unnamed, note_removed, reached
from footfall.retention.rules import frozen_until
from footfall.sql import has_table, name, run, scratch
from orchestration.delivery.expiry import expire_delivered, undelivered
from orchestration.ingest.raw_expiry import Went, expire_raw
from orchestration.ingest.schema import make_schema
from orchestration.modelling.frozen import carry, freeze, take_up
from orchestration.retention.bringing import (
    OLDER_AT_ONCE,
    class_of,
    entry,
    expire_files,
    expire_lines,
    stale_windows,
)
from orchestration.retention.ended import ended_clients
from orchestration.retention.house import House
from orchestration.retention.left import Look, left_over, older_in_turn
from orchestration.retention.plan import ENDED_DAYS, Facts, Plan, plan, plan_ended

#: How far a horizon may move without a record of what went: so much each run looks through again.
_LOOKED_THROUGH = timedelta(days=7)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Retained:
    """What became of one client. `removed`: what went of each class. `left`: what is there and older than its
    horizon, a line each. `blocked`: class → why it is kept longer than the rule says.
    """

    client_id: str
    horizons: dict[str, datetime]
    removed: tuple[dict[str, Any], ...] = ()
    left: tuple[str, ...] = ()
    blocked: dict[str, str] = field(default_factory=dict)


def retain(house: House, client_ids: Iterable[str] | None = None, *, is_dry: bool = False) -> list[Retained]:
    """Apply the rules of clients, of all unless told. With `is_dry` nothing is written, and what would go is
    returned. Raises FootfallError, StoreError.
    """
    chosen = set(client_ids) if client_ids is not None else None
    over = {each.client.client_id: each for each in ended_clients(house.registry, house.lake, house.trusted)}
    clients = [
        client
        for client in (*house.registry.clients, *(each.client for each in over.values()))
        if client.client_id not in house.registry.stopped and (chosen is None or client.client_id in chosen)
    ]
    ended_at = {client_id: each.ended_at for client_id, each in over.items()}
    if is_dry:
        with _open(house) as (connection, folder):
            states = take_up(connection, house.lake, house.trusted, folder)
            held = holds.read(house.lake, house.trusted)
            return [
                _foreseen(house, connection, client, states, held, folder, ended_at) for client in clients
            ]
    with _open(house) as (connection, folder):
        states, plans = _decide(house, connection, clients, folder, ended_at)
        of_rule = [each for each in clients if each.client_id in states]
        removed: dict[str, list[dict[str, Any]]] = {each.client_id: [] for each in of_rule}
        expire_lines(house, connection, states, removed, folder)
        windows = stale_windows(connection, states)
    if windows:
        house.say(f"models of {len(windows)} pieces of hours")
        house.build(windows)
    if of_rule:
        house.publish()
    waiting: dict[str, list[str]] = {}
    for client in of_rule:
        found, troubles = expire_files(house, client, states[client.client_id])
        removed[client.client_id] += found
        waiting[client.client_id] = troubles
    # A backup that is away is tried again each day; the ledger of the lake says nothing of it.
    away = house.bring_backups() if of_rule else []
    done = []
    with _open(house) as (connection, folder):
        look = _look(house, connection, folder, states)
        for client in of_rule:
            state = states[client.client_id]
            left = [*waiting[client.client_id], *left_over(look, client)]
            went = [each for each in removed[client.client_id] if each["objects"] or each["rows"]]
            if state.number and (went or left or _is_far(house, state)):
                note_removed(house.lake, house.desk.signer, state, went, left, house.now)
            done.append(
                Retained(
                    client.client_id,
                    dict(state.horizons),
                    tuple(went),
                    (*left, *away),
                    dict(plans[client.client_id].blocked),
                )
            )
    if chosen is None:
        _move_first_hour(house, states)
        _let_go_of_ended(house, ended_at)
    audit.anchor(house.desk.folder / "audit.jsonl", house.lake, f"{house.now:%Y-%m-%d}")
    return done


def _let_go_of_ended(house: House, ended_at: Mapping[str, datetime]) -> None:
    """What visitors asked for by a form; of clients whose time is over, keys over their raw lines."""
    gone = [each for each, at in ended_at.items() if house.now - at >= timedelta(days=ENDED_DAYS)]
    held = [each.client_id for each in holds.read(house.lake, house.trusted) if each.is_active]
    for each in house.let_go_of_requests(gone, held):
        house.say(f"nobody decided about the request {each}; its ids are wiped")
    for line in house.shred_keys([each for each in gone if each not in held]):
        house.say(line)


def _is_far(house: House, state: State) -> bool:
    """Whether it has to be written down that nothing is left, or each run would look through all since."""
    raw = state.horizon("raw")
    if raw is None:
        return False
    known = reached(house.lake, state.client_id, house.trusted, "raw")
    return known is None or raw - known > _LOOKED_THROUGH


@contextmanager
def _open(house: House) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    with house.connect(house.files.folder) as connection:
        make_schema(connection)
        with TemporaryDirectory(prefix="footfall-retention-", dir=scratch(connection)) as folder:
            yield connection, Path(folder)


def _look(
    house: House, connection: duckdb.DuckDBPyConnection, folder: Path, states: dict[str, State]
) -> Look:
    return Look(
        states,
        connection,
        house.lake,
        house.files,
        house.registry,
        house.ledger,
        house.places_of,
        folder,
        house.now,
    )


def _decide(
    house: House,
    connection: duckdb.DuckDBPyConnection,
    clients: list[Client],
    folder: Path,
    ended_at: Mapping[str, datetime],
) -> tuple[dict[str, State], dict[str, Plan]]:
    """Each client's newest decision, made now where its horizons move; of clients without a rule none."""
    states = take_up(connection, house.lake, house.trusted, folder)
    held = holds.read(house.lake, house.trusted)
    found: dict[str, State] = {}
    plans: dict[str, Plan] = {}
    for client in clients:
        state = states.get(client.client_id, State(client.client_id))
        made = _plan(house, connection, client, state, held, ended_at)
        plans[client.client_id] = made
        if made.moves(state):
            state = _decided(house, connection, client, state, made, folder)
        if state.number or made.blocked:
            found[client.client_id] = state
    take_up(connection, house.lake, house.trusted, folder)
    for state in found.values():
        if state.number:
            drop_unnamed(house.lake, house.trusted, state)
    return found, plans


def _plan(
    house: House,
    connection: duckdb.DuckDBPyConnection,
    client: Client,
    state: State,
    held: list[holds.Hold],
    ended_at: Mapping[str, datetime],
) -> Plan:
    facts = _facts(house, connection, client, state, held)
    ended = ended_at.get(client.client_id)
    if ended is None:
        return plan(client.retention, state, house.now, facts)
    return plan_ended(client.retention, state, house.now, facts, ended)


def _decided(
    house: House,
    connection: duckdb.DuckDBPyConnection,
    client: Client,
    before: State,
    made: Plan,
    folder: Path,
) -> State:
    after = replace(before, horizons=made.horizons)
    events_from = made.horizons.get("events")
    if events_from is not None and events_from != before.horizon("events"):
        until = max(frozen_until(events_from), before.frozen_until or date.min)
        after = replace(
            after,
            frozen_until=until,
            frozen=freeze(connection, house.lake, before, until, folder),
            carried=carry(connection, house.lake, client.client_id, events_from, folder, house.stones()),
        )
    rule = client.retention.model_dump()
    return decide(house.lake, house.desk.signer, after, rule, house.now, house.by)


def _facts(
    house: House,
    connection: duckdb.DuckDBPyConnection,
    client: Client,
    state: State,
    held: list[holds.Hold],
) -> Facts:
    is_held, held_from = holds.limit(held, client.client_id)
    found = run(
        connection,
        "SELECT max(received_hour) + INTERVAL 1 HOUR FROM ingest.hours WHERE coalesce(had_ended, true)",
    ).fetchone()
    rule = client.retention
    wanted = [each for each in (rule.horizon("raw", house.now), rule.horizon("events", house.now)) if each]
    since = state.horizon("events") or _LONG_AGO
    late = undelivered(connection, client, house.ledger, since, max(wanted)) if wanted else None
    return Facts(
        is_held,
        held_from,
        late,
        found[0].astimezone(UTC) if found and found[0] else None,
        _unmodelled(connection),
    )


def _unmodelled(connection: duckdb.DuckDBPyConnection) -> str:
    """Why figures may not be what they should be."""
    if not has_table(connection, "intermediate", "touched"):
        return "the models were never made"
    waiting = run(connection, "SELECT EXISTS (SELECT 1 FROM intermediate.touched)").fetchone()
    return "the models of an hour have failed, and are made first" if waiting == (True,) else ""


def _foreseen(
    house: House,
    connection: duckdb.DuckDBPyConnection,
    client: Client,
    states: dict[str, State],
    held: list[holds.Hold],
    folder: Path,
    ended_at: Mapping[str, datetime],
) -> Retained:
    state = states.get(client.client_id, State(client.client_id))
    made = _plan(house, connection, client, state, held, ended_at)
    found: list[dict[str, Any]] = []
    raw = made.horizons.get("raw")
    if raw is not None:
        went = Went()
        for hour in older_in_turn(house.lake, {client.client_id: raw}, {}, house.now, OLDER_AT_ONCE):
            each = expire_raw(
                connection, house.lake, hour, house.registry, {client.client_id}, folder, may_remove=False
            )
            went += each.get(client.client_id, Went())
        found.append(entry("raw", raw, went.objects, went.lines, went.bytes))
    for kind, table in (("events", "event_index"), ("quarantine", "quarantine")):
        at = made.horizons.get(kind)
        if at is not None:
            row = run(
                connection,
                "SELECT count(DISTINCT received_hour), count(*) FROM ingest.{table} "
                "WHERE client_id = ? AND received_hour < ?",
                [client.client_id, at],
                table=name(table),
            ).fetchone()
            found.append(entry(kind, at, int(row[0]) if row else 0, int(row[1]) if row else 0, 0))
    for place in house.places_of(client).values():
        kind = class_of(place.name)
        at = made.horizons.get(kind)
        if at is not None:
            gone = expire_delivered(client, place, house.ledger, house.desk, at, "", is_dry=True)
            found.append({**entry(kind, at, gone.files, gone.rows, gone.bytes), "place": place.name})
    went_any = tuple(each for each in found if each["objects"] or each["rows"])
    return Retained(client.client_id, dict(made.horizons), went_any, (), dict(made.blocked))


def _move_first_hour(house: House, states: dict[str, State]) -> None:
    """The first partition is the first hour of which anything is kept of anybody."""
    horizons = [
        state.horizon("events") if (state := states.get(client.client_id)) else None
        for client in house.registry.clients
    ]
    first = [each for each in horizons if each is not None]
    if first and len(first) == len(horizons) and not house.registry.mistakes and not house.registry.stopped:
        raise_first_hour(house.first_hour, min(first))
