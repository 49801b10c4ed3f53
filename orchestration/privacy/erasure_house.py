"""What an erasure works on: the parts of an installation, and one erasure that goes on."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import sqlalchemy as sa

from footfall.clients import Client, Registry
from footfall.errors import FootfallError
from footfall.file_cache import FileCache
from footfall.hour_files import HourFiles
from footfall.store import ObjectStore
from footfall.tombstones import Tombstones
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.places import Places
from orchestration.privacy.erasure_book import Erasure, ErasureBook
from orchestration.privacy.erasure_search import Needles
from orchestration.privacy.person import Person


class Database(Protocol):
    """The warehouse, as orchestration.resources.warehouse has it."""

    database: str

    def connect(self, *folders: Path) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """An open connection, nobody else has one."""
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold it without opening it."""
        ...


@dataclass(frozen=True)
class House:
    """The parts of an installation that an erasure goes through.

    `prepared`: the folder of the prepared models. `forget_backups`: puts hashes to where backups lie, takes a
    client's person out of their copies of the lake, and returns what it could not do. `edge` is told each
    moment at which a process may die. `spool_seconds`: how long a running collector may take to ship.
    `postgres` opens the server with Dagster's history, unless that is in files; it may raise FootfallError.
    """

    home: Path
    spool: Path
    cache: Path
    listings: Path
    lake: ObjectStore
    files: HourFiles
    warehouse: Database
    registry: Registry
    ledger: Ledger
    desk: Desk
    places: Callable[[Client], Places]
    first_hour: datetime
    prepared: Callable[[], Path]
    published_days: int
    cache_of: Callable[[str], FileCache]
    forget_backups: Callable[[Tombstones], list[str]]
    version: str
    spool_seconds: float = 180.0
    postgres: Callable[[], sa.Engine] | None = None
    edge: Callable[[str], None] = field(default=lambda _: None)

    @property
    def now(self) -> datetime:
        """The time, as deliveries tell it."""
        return self.desk.now()

    def client(self, client_id: str) -> Client:
        """Raises FootfallError where no valid file is of the client, and it has not ended."""
        found = self.registry.client(client_id) or self.registry.ended_client(client_id)
        if found is None:
            raise FootfallError(
                f"no valid client file is of {client_id!r}; `footfall clients` lists them: put its file back "
                "until the erasure is done"
            )
        return found

    def has_ended(self, client: Client) -> bool:
        """Whether a client gets nothing any more: only what it left is looked through."""
        return self.registry.client(client.client_id) is None


@dataclass
class Work:
    """One erasure that goes on, as its steps see it."""

    house: House
    book: ErasureBook
    erasure: Erasure
    person: Person
    stones: Tombstones
    needles: Needles
    client: Client

    def facts(self, step: str) -> dict[str, Any]:
        """What a step noted."""
        found = self.book.steps(self.erasure.id).get(step)
        return dict(found.facts) if found else {}

    def note(self, step: str, **facts: Any) -> None:
        """Add to what a step noted."""
        self.book.note_facts(self.erasure.id, step, {**self.facts(step), **facts})
