"""The steps of an erasure, each of which may be taken again without harm.

suppress ─ spool ─ raw ─ models ─ published ─ warehouse ─ waiting ─ deliver ─ delivered ─ local ─ backups
   └ from here on nothing of the person is taken in again                            └ certificate
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb

from footfall import keys
from footfall.clients import Client, Registry
from footfall.errors import FootfallError
from footfall.file_cache import FileCache
from footfall.hour_files import HourFiles
from footfall.sql import run, set_memory
from footfall.store import LocalStore, ObjectStore
from footfall.tombstones import Tombstones
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.moved_days import follow
from orchestration.delivery.places import Place, Places
from orchestration.delivery.progress import IngestedHours
from orchestration.ingest.erased import rewrite
from orchestration.ingest.hour import ingest_hours, listing_digest
from orchestration.ingest.late_fields import replace_enrichments
from orchestration.ingest.listing import record_digests
from orchestration.ingest.schema import make_schema
from orchestration.modelling.publishing.client import MEMORY, Terms, publish_client
from orchestration.privacy import erasure_delivered as delivered
from orchestration.privacy import erasure_local as local
from orchestration.privacy import erasure_warehouse as models
from orchestration.privacy.erasure_book import Erasure, ErasureBook
from orchestration.privacy.erasure_search import Needles
from orchestration.privacy.person import Person

#: Hours before now whose raw objects may lie in the lake and not be ingested as they are now.
RECENT_HOURS = 48
#: Days by which a period may lie before what it is about.
_APART = timedelta(days=2)


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
    forget_backups: Callable[[Tombstones, Sequence[datetime]], list[str]]
    version: str
    spool_seconds: float = 180.0
    edge: Callable[[str], None] = field(default=lambda _: None)

    @property
    def now(self) -> datetime:
        """The time, as deliveries tell it."""
        return self.desk.now()

    def client(self, client_id: str) -> Client:
        """Raises FootfallError where no valid file is of the client."""
        found = self.registry.client(client_id)
        if found is None:
            raise FootfallError(
                f"no valid client file is of {client_id!r}; `footfall clients` lists them: put its file back "
                "until the erasure is done"
            )
        return found


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


def _spool(work: Work) -> list[str]:
    house = work.house
    hours, left = local.clean_spool(house.spool, work.stones, house.now, seconds=house.spool_seconds)
    known = {*work.facts("spool").get("hours", []), *(each.isoformat() for each in hours)}
    work.note("spool", hours=sorted(known))
    if left:
        return [
            f"{len(left)} segments of the spool hold the person and are not in the lake yet, the first "
            f"{left[0].name}: is the lake away?"
        ]
    return []


def _raw(work: Work) -> list[str]:
    """Hour by hour: raw objects, quarantine, the lake's Parquet, what was learnt later, the index."""
    house, person = work.house, work.person
    facts = work.facts("raw")
    done, erased = set(facts.get("hours", [])), int(facts.get("lines", 0))
    objects = int(facts.get("objects", 0))
    spooled = {datetime.fromisoformat(each) for each in work.facts("spool").get("hours", [])}
    recent, more = _clean_recent(work, {*spooled, *local.recent(house.now, RECENT_HOURS)})
    objects += more
    hours = sorted({*person.hours, *recent, *person.enriched})
    with house.warehouse.connect(house.files.folder) as connection:
        make_schema(connection)  # of an earlier version: it counts no erased lines yet
        for hour in hours:
            if hour.isoformat() in done:
                continue
            before = _erased_in(connection, hour)
            raws = {info.key for info in house.lake.list(keys.raw_prefix(hour))}
            [counts] = ingest_hours(
                connection, house.lake, [hour], house.registry, files=house.files, stones=work.stones
            )
            replace_enrichments(connection, house.lake, hour, work.stones)
            objects += len({info.key for info in house.lake.list(keys.raw_prefix(hour))} - raws)
            erased += counts.erased - before
            if counts.had_ended:
                record_digests(house.listings, {hour: counts.digest})
            if not counts.is_conserved:
                return [f"{hour:%Y-%m-%dT%H}: lines do not add up"]
            done.add(hour.isoformat())
            work.note("raw", hours=sorted(done), lines=erased, objects=objects)
            house.edge(f"ingested {hour:%Y-%m-%dT%H}")
    work.note("raw", hours=sorted(done), lines=erased, objects=objects)
    return []


def _erased_in(connection: duckdb.DuckDBPyConnection, hour: datetime) -> int:
    row = run(
        connection, "SELECT coalesce(erased, 0) FROM ingest.hours WHERE received_hour = ?", [hour]
    ).fetchone()
    return int(row[0]) if row else 0


def _clean_recent(work: Work, hours: set[datetime]) -> tuple[list[datetime], int]:
    """Raw objects that no run has ingested yet. Returns hours that were ingested before, to be made anew."""
    house = work.house
    with house.warehouse.connect() as connection:
        rows = run(connection, "SELECT received_hour, digest FROM ingest.hours").fetchall()
    known = {row[0]: row[1] for row in rows}
    again, objects = [], 0
    for hour in sorted(hours):
        listed = list(house.lake.list(keys.raw_prefix(hour)))
        if not listed or known.get(hour) == listing_digest(listed):
            continue
        done = rewrite(house.lake, [info.key for info in listed], hour, work.stones)
        objects += len(done)
        if hour in known:
            again.append(hour)
    return again, objects


def _models(work: Work) -> list[str]:
    house = work.house
    touched = [datetime.fromisoformat(each) for each in work.facts("raw").get("hours", [])]
    path, target = Path(house.warehouse.database), house.home / "dbt" / f"erasure-{work.erasure.id}"
    with house.warehouse.exclusive():
        spans = models.model(path, touched, house.files, target, house.prepared())
    work.note("models", windows=len(spans), hours=len(touched))
    return []


def _published(work: Work) -> list[str]:
    """Twice: the second time what the first one replaced is past its time, and goes."""
    house, store = work.house, work.house.lake
    terms = Terms(house.published_days, timedelta())
    cache = house.cache_of(work.client.client_id)
    readable = [store.root / "marts"] if isinstance(store, LocalStore) else [house.home / "cache"]
    with house.warehouse.connect(*readable) as connection:
        set_memory(connection, MEMORY)
        for _ in range(2):
            snapshot = publish_client(connection, store, work.client.client_id, cache, terms, house.now)
    work.note("published", snapshot=snapshot.name)
    return []


def _warehouse(work: Work) -> list[str]:
    house = work.house
    with house.warehouse.connect() as connection:
        models.purge(connection, work.person)
        left = models.rows_left(connection, work.person)
    if left:
        return [f"{table} has {rows} rows of the person" for table, rows in left.items()]
    house.edge("purged warehouse")
    with house.warehouse.exclusive():
        before, after = models.compact(Path(house.warehouse.database))
    work.note("warehouse", bytes_before=before, bytes_after=after)
    return []


def _waiting(work: Work) -> list[str]:
    """Rendered files that wait: before anything is delivered anew."""
    return delivered.drop_open(work.house.ledger, work.house.desk, work.client, work.needles)


def _deliver(work: Work) -> list[str]:
    """A new revision for each period whose rows are others now."""
    house, client, first = work.house, work.client, work.person.first
    if first is None:
        return []
    if client.client_id in house.registry.stopped:
        return [house.registry.stopped[client.client_id]]
    since, made, left = first - _APART, 0, []
    with house.warehouse.connect(*house.desk.folders) as connection:
        orders = []
        for export in client.exports:
            follow(house.ledger, house.desk, client, export)
            starts = [each for each in house.ledger.starts(client.client_id, export.name) if each >= since]
            calendar = client.calendar(export)
            orders.append(Order(client, export, tuple({calendar.at(start) for start in starts})))
        hours = IngestedHours.read(connection, house.first_hour)
        for report in deliver_all(
            connection,
            orders,
            house.places,
            house.ledger,
            house.desk,
            hours,
            reason="erasure",
            is_with_restated=False,
        ):
            for outcome in report.asked:
                made += outcome.status == "delivered"
                if outcome.status == "failed":
                    left.append(
                        f"{report.order.export.name} {outcome.period_start:%Y-%m-%dT%H}: {outcome.error}"
                    )
    work.note("deliver", revisions=int(work.facts("deliver").get("revisions", 0)) + made)
    return left


def _delivered(work: Work) -> list[str]:
    """Older revisions go from every bucket; what may not go is named to its owner."""
    house, client = work.house, work.client
    places = house.places(client)
    facts = work.facts("delivered")
    if "files" not in facts:
        rows = delivered.rows_to_search(house.ledger, client, work.person.first)
        found = list(delivered.find_files(house.ledger, rows, places, work.needles))
        facts = {"files": [vars(each) for each in found], "salt": secrets.token_hex(16)}
        work.note("delivered", **facts)
        house.edge("found delivered")
    files = [delivered.OldFile(**each) for each in facts["files"]]
    old = [each for each in files if not each.is_newest]
    left = [
        f"{each.export} {each.period}: the newest revision still holds the person; is its export ordered no "
        f"more? {each.key}"
        for each in files
        if each.is_newest
    ]
    for place in places.values() if files else ():
        mine = _of_place(house.ledger, client, place.name, old)
        still: list[str] = []
        try:
            if mine:
                still = delivered.remove(
                    house.ledger,
                    house.desk,
                    client,
                    place,
                    work.erasure.id,
                    mine,
                    decided_at=work.erasure.asked_at,
                    decided_by=work.erasure.asked_by,
                    until=work.erasure.deadline,
                )
                house.edge(f"removed from {place.name}")
            if not place.is_backup:
                _tell(work, place, files, still, facts["salt"])
        except FootfallError as error:
            still = [f"{place.name}: {error}"]
        left += still
    work.note("delivered", removed=len(old))
    return left


def _of_place(
    ledger: Ledger, client: Client, place: str, files: Sequence[delivered.OldFile]
) -> list[delivered.OldFile]:
    """Those of the files that were put to a place."""
    put = {
        file.key
        for row in ledger.all("WHERE client_id = ?", (client.client_id,))
        if place in ledger.copies(row)
        for file in row.files
    }
    return [each for each in files if each.key in put]


def _tell(
    work: Work, place: Place, files: Sequence[delivered.OldFile], still: Sequence[str], salt: str
) -> None:
    ids: Mapping[str, Sequence[str]] = {
        **dict(work.person.ids),
        "event": work.person.events,
        "session": sorted({*work.person.sessions, *work.person.ids.get("session", ())}),
    }
    data = delivered.notice(
        work.client,
        work.erasure.id,
        files,
        still,
        ids,
        salt,
        work.erasure.asked_at,
        work.house.desk,
    )
    delivered.put_notice(
        work.house.ledger,
        work.house.desk,
        work.client,
        place,
        work.erasure.id,
        work.erasure.asked_at,
        data,
    )


def _local(work: Work) -> list[str]:
    house = work.house
    files = local.clean_folders(house.home, work.needles) + local.clean_cache(house.cache)
    cells = local.clean_databases(house.home, work.needles)
    work.note("local", files=files, cells=sum(cells.values()))
    return []


def _backups(work: Work) -> list[str]:
    touched = {datetime.fromisoformat(each) for each in work.facts("raw").get("hours", [])}
    return work.house.forget_backups(work.stones, sorted(touched))


#: Step → what does it, in order.
STEPS: Mapping[str, Callable[[Work], list[str]]] = {
    "spool": _spool,
    "raw": _raw,
    "models": _models,
    "published": _published,
    "warehouse": _warehouse,
    "waiting": _waiting,
    "deliver": _deliver,
    "delivered": _delivered,
    "local": _local,
    "backups": _backups,
}
#: Steps without which those after them would do half of their work.
NEEDED = frozenset({"spool", "raw", "models", "deliver"})
