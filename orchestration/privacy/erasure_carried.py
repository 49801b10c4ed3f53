"""First visits that retention carried over the horizon (`frozen/client=…/carried-….parquet`), without the
erased.

Which object counts a signed record says; so its place is taken by the same decision once more, with another
object, and then the one before goes. A process that dies in between leaves both, of which one counts.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import duckdb

from footfall.errors import FootfallError
from footfall.keys import carried_prefix
from footfall.retention.records import State, decide_again, drop_unnamed, read_states
from footfall.signatures import Signer
from footfall.store import NotFound, ObjectStore, StoreError
from footfall.tombstones import Tombstones, base_of
from orchestration.modelling.frozen import without_erased
from orchestration.privacy.erasure_search import Needles


def forget_carried(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    signer: Signer,
    trusted: Mapping[str, bytes],
    stones: Tombstones,
    *,
    by: str,
    now: datetime,
    folder: Path,
    damaged: set[str] | None = None,
) -> int:
    """Carry first visits on without erased persons. Returns how many went.

    Keys of objects that are gone or are not what was carried go to `damaged`; without it they raise.
    `folder`: for scratch, which the connection may read. Raises FootfallError, StoreError.
    """
    gone = 0
    for state in _of(stones.clients, read_states(lake, trusted)):
        try:
            after = without_erased(connection, lake, state, stones, folder)
        except FootfallError as error:
            is_away = isinstance(error, StoreError) and not isinstance(error, NotFound)
            if damaged is None or state.carried is None or is_away:
                raise
            damaged.add(state.carried[0])
            continue
        if after != state:
            gone += _rows(state) - _rows(after)
            after = decide_again(lake, signer, trusted, after, now, by)
        drop_unnamed(lake, trusted, after)
    return gone


def _of(bases: Iterable[str], states: Mapping[str, State]) -> list[State]:
    known = set(bases)
    return [state for client_id, state in states.items() if base_of(client_id) in known]


def _rows(state: State) -> int:
    return state.carried[2] if state.carried else 0


def carried_left(lake: ObjectStore, client_id: str, needles: Needles) -> list[str]:
    """Objects of the lake that still carry on a visit of the person, a line each. Raises StoreError."""
    left = []
    for info in list(lake.list(carried_prefix(client_id))):
        try:
            if needles.are_in(lake.get(info.key)):
                left.append(f"{info.key} carries on a first visit of the person")
        except NotFound:
            continue
    return left
