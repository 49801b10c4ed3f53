"""What a run of retention works on: the stores of an installation, and who opens them."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from footfall.clients import Client, Registry
from footfall.hour_files import HourFiles
from footfall.store import ObjectStore
from footfall.tombstones import Tombstones
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.places import Places

Connect = Callable[..., AbstractContextManager[duckdb.DuckDBPyConnection]]


@dataclass
class House:
    """`connect` opens the warehouse, which reads files in the folders it is given beside its own. `build`
    makes the models of hours in [start, end) anew, then those that are made whole. `publish` brings the
    published tables up. `stones`: who was erased. `by`: who began the run. `bring_backups` brings copies of
    the lake in backups to what is left of it, and returns what it could not do. `let_go_of_requests`: what
    visitors asked for and is past its time goes, all of the clients that are named first, none of those
    named second; it returns those about which nobody decided. `shred_keys` destroys the keys over raw lines
    of clients whose time is over, and returns what copies of them are left.
    """

    lake: ObjectStore
    files: HourFiles
    registry: Registry
    ledger: Ledger
    desk: Desk
    places_of: Callable[[Client], Places]
    connect: Connect
    build: Callable[[list[tuple[datetime, datetime]]], None]
    publish: Callable[[], None]
    first_hour: Path
    stones: Callable[[], Tombstones]
    by: str = "schedule"
    say: Callable[[str], object] = field(default=lambda _text: None)
    bring_backups: Callable[[], list[str]] = field(default=list)
    let_go_of_requests: Callable[[Collection[str], Collection[str]], list[str]] = lambda _gone, _held: []
    shred_keys: Callable[[Collection[str]], list[str]] = lambda _gone: []

    @property
    def trusted(self) -> Mapping[str, bytes]:
        """Keys whose records are ours."""
        return self.desk.own_keys

    @property
    def now(self) -> datetime:
        """The time of the run."""
        return self.desk.now()
