"""Every place where an installation keeps something: below the state folder, in the lake, beside both.

Who makes it, what it can be made of again, whether a backup needs it, whether it says something about people,
and whether it has a version of its own. `footfall backup`, the versions in footfall.durable and the tables in
the documents follow from it; a test fails for a file that a full demo leaves and no place here knows.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase


class Kind(Enum):
    """What lies there."""

    FILE = "file"
    FOLDER = "folder"
    #: With -wal, -shm and -journal beside it while it is in use.
    SQLITE = "SQLite"
    #: With .wal beside it while it is in use.
    DUCKDB = "DuckDB"


class Keep(Enum):
    """What a backup does about a place."""

    BACKUP = "`footfall backup`"
    BESIDE = "beside `footfall backup`, once for all snapshots"
    LAKE = "with the lake; `footfall backup --lake`"
    HOURS = "of hours whose raw lines have expired: with the lake; `footfall backup --lake`"
    AGAIN = "no: made again"
    HISTORY = "no: history only"
    NEVER = "never"
    THEIRS = "no: its owner's"
    PASSING = "no: of this machine"


@dataclass(frozen=True)
class Erase:
    """How a person goes from a place. `step`: of orchestration.privacy.erasure; `what`: what it does."""

    step: str
    what: str


@dataclass(frozen=True)
class Place:
    """A file or folder. `name`: what it is called below the state folder or the lake; `*`: any text."""

    name: str
    what: str
    made_by: str
    keep: Keep
    kind: Kind = Kind.FILE
    #: What it can be made of again; empty: of nothing.
    again: str = ""
    #: Whether it says something about visitors.
    is_personal: bool = False
    #: How a person is erased from it; a place about people has a rule.
    erase: Erase | None = None
    #: Whether it has a version of its own (footfall.durable). SQLite files and the warehouse always have.
    has_version: bool = False
    #: What to do where it is damaged (docs/runbook.md#broken-state).
    remedy: str = ""

    @property
    def title(self) -> str:
        """Its name as documents write it."""
        return f"{self.name}/" if self.kind is Kind.FOLDER else self.name

    def knows(self, path: str) -> bool:
        """Whether a file's path, from the same root as `name`, is here."""
        if self.kind is Kind.FOLDER:
            return path.startswith(f"{self.name}/")
        beside = {Kind.SQLITE: ("-wal", "-shm", "-journal"), Kind.DUCKDB: (".wal",)}.get(self.kind, ())
        return any(fnmatchcase(path, f"{self.name}{end}") for end in ("", *beside))


_LEDGER = "the buckets' manifests: `footfall deliveries rebuild`"

#: Below FOOTFALL_HOME. The most precious first: in this order they are written and put back.
HOME: tuple[Place, ...] = (
    Place(
        "keys/raw",
        "keys of clients over their raw lines, and which of them were destroyed",
        "`footfall privacy key`",
        Keep.BESIDE,
        Kind.FOLDER,
    ),
    Place(
        "keys",
        "the key that signs, and makes hashed columns, bucket challenges and ids of imported lines what they "
        "are; `keys/public/`: what earlier keys of ours signed; `keys/tombstone-key`: who was erased",
        "the first delivery or import",
        Keep.BACKUP,
        Kind.FOLDER,
        has_version=True,
    ),
    Place(
        "ledger.sqlite",
        "what was delivered, and how far it came",
        "deliveries",
        Keep.BACKUP,
        Kind.SQLITE,
        again=_LEDGER,
        remedy="put it back from your backup, or move it away and run `footfall deliveries rebuild`",
    ),
    Place(
        "registry.sqlite",
        "domains and what people decided about them, notices, billing messages",
        "ingest, `footfall domains`",
        Keep.BACKUP,
        Kind.SQLITE,
        remedy="put it back from your backup; decisions on domains are nowhere else",
    ),
    Place(
        "alerts.sqlite",
        "alerts, and who was told and knows of them",
        "the sensor `alerts`, `footfall up`",
        Keep.BACKUP,
        Kind.SQLITE,
        again="what still fires, which is told once more",
        remedy="move it away: it is made again, and what fires is told once more",
    ),
    Place(
        "access.sqlite",
        "the operator's API keys as hashes, when each key was last used, answers to acts; people, share "
        "links and notes of the dashboard",
        "`footfall keys`, `footfall api`, `footfall dashboard`, the collector",
        Keep.BACKUP,
        Kind.SQLITE,
        remedy="put it back from your backup, or move it away and make the operator's keys and shares anew",
    ),
    Place(
        "audit.head.json",
        "how many lines the audit log has, signed: one that was cut ends before it",
        "whoever adds a line",
        Keep.BACKUP,
    ),
    Place(
        "audit.jsonl",
        "what people and programs did and looked at, a signed line each, chained; only added to",
        "commands, `footfall api`, the job `retention`",
        Keep.BACKUP,
    ),
    Place(
        "tombstones.jsonl",
        "who was erased, as keyed hashes: what keeps them erased; only added to",
        "`footfall privacy erase`",
        Keep.BACKUP,
        again="the lake",
        remedy="put it back from your backup or the lake: without it erased persons could come back",
    ),
    Place(
        "erasures.sqlite",
        "erasures, and how far each came; while one goes on, the ids that it looks for; what visitors asked "
        "for, with the ids until somebody decides",
        "`footfall privacy`, `footfall api`",
        Keep.HISTORY,
        Kind.SQLITE,
        is_personal=True,
        erase=Erase("certificate", "the ids are wiped with the certificate"),
        remedy="move it away, and ask again for the erasures that were not finished; what visitors asked "
        "for is lost",
    ),
    Place(
        "backups.json",
        "where backups were written, so that an erasure reaches them",
        "`footfall backup`",
        Keep.HISTORY,
    ),
    Place(
        "handoffs",
        "which clients were handed over to another installation, and the manifest of each bundle",
        "`footfall clients handoff`",
        Keep.BACKUP,
        Kind.FOLDER,
    ),
    Place(
        "outbox",
        "rendered files of deliveries that have not arrived everywhere",
        "deliveries",
        Keep.BACKUP,
        Kind.FOLDER,
        again="rendered anew where nobody has seen it",
        is_personal=True,
        erase=Erase("waiting", "files that hold him go, and are rendered anew"),
        has_version=True,
    ),
    Place(
        "first_hour",
        "the first hour that has a partition",
        "`footfall up`, `demo`, `import`",
        Keep.BACKUP,
        has_version=True,
    ),
    Place(
        "last-good-clients",
        "client files as they last were in force: whose a thing is that two claim",
        "`footfall up`, `run`, a reload",
        Keep.BACKUP,
        Kind.FOLDER,
        again="by name",
        has_version=True,
    ),
    Place(
        "identities",
        "who each client id is, and was: what its owner was last delivered for",
        "the first run with its file, `footfall clients`",
        Keep.BACKUP,
        Kind.FOLDER,
        again="the lake",
        has_version=True,
    ),
    Place(
        "probes.json",
        "what the last probe of each bucket found",
        "`probe_destinations`",
        Keep.BACKUP,
        again="the next probe",
        has_version=True,
    ),
    Place("demo.json", "what the demo sent", "`footfall demo`", Keep.BACKUP, has_version=True),
    Place("served", "that the demo's site was open to visitors", "`footfall demo`", Keep.BACKUP),
    Place(
        "versions.json",
        "versions of the files and folders beside it",
        "whoever starts first",
        Keep.BACKUP,
        remedy="put it back from your backup, or remove it if no newer version has run here",
    ),
    Place(
        "spool",
        "a folder a worker: segments not yet in the lake, tallies of the hour; not to be lost while the lake "
        "is away; `spool/salts/`: copies of the salts of these days, gone 48 hours after them; "
        "`spool/sealing-secret`: random bytes that open nothing; `spool/sealing-keys.json`: public halves of "
        "the keys that what waits is sealed with",
        "the collector",
        Keep.NEVER,
        Kind.FOLDER,
        is_personal=True,
        erase=Erase(
            "spool",
            "segments that nobody writes are written anew; a running collector ships its own first",
        ),
        has_version=True,
    ),
    Place(
        "agents",
        "the keys by which AI agents sign their requests, a file an agent",
        "`footfall agents`",
        Keep.AGAIN,
        Kind.FOLDER,
        again="`footfall agents fetch`",
    ),
    Place(
        "geoip",
        "the table that says where addresses are, with its licence; `now` is a link to the one in force",
        "`footfall geoip install`",
        Keep.AGAIN,
        Kind.FOLDER,
        again="`footfall geoip install`",
    ),
    Place(
        "listings.sqlite",
        "what lay in each hour when it was ingested",
        "ingest",
        Keep.AGAIN,
        Kind.SQLITE,
        again="each hour's run",
        remedy="move it away: it is made again with each hour",
    ),
    Place(
        "warehouse.duckdb",
        "schemas ingest, staging, intermediate, main; of events an index alone",
        "ingest, dbt",
        Keep.AGAIN,
        Kind.DUCKDB,
        again="the lake: run all hours",
        is_personal=True,
        erase=Erase(
            "warehouse",
            "his hours are made anew, and what is left is copied into a new file, for free blocks keep bytes",
        ),
        remedy="move it away with its .wal, and run the hours again: it is made from the lake",
    ),
    Place(
        "warehouse.rebuilt.duckdb*",
        "the next warehouse, while `footfall rebuild` goes on or where it was killed",
        "`footfall rebuild`",
        Keep.AGAIN,
        again="the next rebuild",
        is_personal=True,
        erase=Erase("warehouse", "takes the place of the warehouse, or goes"),
    ),
    Place(
        "slices",
        "rows of a run's periods, copied out of the warehouse",
        "deliveries",
        Keep.AGAIN,
        Kind.FOLDER,
        again="each run",
        is_personal=True,
        erase=Erase("local", "files that hold him go"),
    ),
    Place(
        "cache",
        "copies of hours of events and of published files, by their sha256, where the lake is on S3; as many "
        "bytes as `FOOTFALL_CACHE_MB` says",
        "ingest, `models`, `marts/published`, `footfall published`",
        Keep.AGAIN,
        Kind.FOLDER,
        again="the lake",
        is_personal=True,
        erase=Erase("local", "all copies go"),
    ),
    Place(
        "dbt-project",
        "what dbt made of models that were not shipped so; its docs",
        "`footfall up`, `demo`, `run` of a wheel",
        Keep.AGAIN,
        Kind.FOLDER,
        again="the models",
    ),
    Place(
        "dagster",
        "runs, schedules, event logs",
        "Dagster",
        Keep.HISTORY,
        Kind.FOLDER,
        erase=Erase("local", "previews and errors lose the ids; printed output that holds him goes"),
    ),
    Place(
        "dbt",
        "logs and artefacts, a folder a run",
        "dbt",
        Keep.HISTORY,
        Kind.FOLDER,
        erase=Erase("local", "files that hold him go"),
    ),
    Place(
        "logs",
        "output of the processes of `up` and `demo`; what a demo delivered",
        "`footfall up`, `demo`",
        Keep.HISTORY,
        Kind.FOLDER,
        erase=Erase("local", "files that hold him go"),
    ),
    Place("runs_pruned_before", "how far `upkeep` has looked at old runs", "`upkeep`", Keep.HISTORY),
    Place("claims", "who delivers which export now", "deliveries", Keep.PASSING, Kind.FOLDER),
    Place("instance.lock", "which `up` or `demo` holds the folder", "`footfall up`", Keep.PASSING),
    Place("warehouse.duckdb.lock", "which process holds the warehouse", "ingest, dbt", Keep.PASSING),
    Place(
        "buckets",
        "clients' buckets and the backup bucket, as long as they are `file://`",
        "deliveries",
        Keep.THEIRS,
        Kind.FOLDER,
        is_personal=True,
        erase=Erase(
            "delivered",
            "a new revision without him; files of older ones go, by a signed record in the log",
        ),
    ),
    Place(
        "lake",
        "the lake, unless it is on S3: the table below",
        "the collector, ingest",
        Keep.LAKE,
        Kind.FOLDER,
        is_personal=True,
        erase=Erase("raw", "as its places below"),
    ),
)

#: In the lake.
LAKE: tuple[Place, ...] = (
    Place("_footfall.json", "the version of the lake", "the collector, ingest", Keep.LAKE),
    Place(
        "raw",
        "raw objects, the source of everything; they never change, but that an erasure writes them anew",
        "the collector, imports",
        Keep.LAKE,
        Kind.FOLDER,
        is_personal=True,
        erase=Erase(
            "raw", "objects are written anew with a line that says nothing in the place of each of his"
        ),
    ),
    Place("closed", "which collector has shipped an hour whole", "the collector", Keep.LAKE, Kind.FOLDER),
    Place(
        "enrichments",
        "what was learnt later; never changes, but that an erasure writes it anew",
        "`footfall enrich`",
        Keep.LAKE,
        Kind.FOLDER,
        is_personal=True,
        erase=Erase("raw", "objects are written anew without lines of his events"),
    ),
    Place("sources", "which log objects were taken in", "`access_logs`", Keep.LAKE, Kind.FOLDER),
    Place(
        "identities",
        "who each client id is, and was, in signed versions; they never change",
        "ingest, `footfall clients`",
        Keep.LAKE,
        Kind.FOLDER,
    ),
    Place(
        "tombstones",
        "who was erased, as keyed hashes, an object an erasure; they never change",
        "`footfall privacy erase`",
        Keep.LAKE,
        Kind.FOLDER,
    ),
    Place(
        "retention",
        "what was decided of each client's data and what went by it, in signed records; they never change",
        "the job `retention`",
        Keep.LAKE,
        Kind.FOLDER,
    ),
    Place(
        "certificates",
        "signed certificates of erasures",
        "`footfall privacy erase`",
        Keep.LAKE,
        Kind.FOLDER,
    ),
    Place(
        "frozen",
        "figures of days whose events are gone, and the first visits of who is still seen, Parquet",
        "the job `retention`",
        Keep.LAKE,
        Kind.FOLDER,
        is_personal=True,
        erase=Erase("raw", "first visits are carried on without his"),
    ),
    Place(
        "holds",
        "what nobody may remove, and when it was let go, signed; they never change",
        "`footfall privacy hold`",
        Keep.LAKE,
        Kind.FOLDER,
    ),
    Place("audit", "the head of the audit log of each day", "the job `retention`", Keep.LAKE, Kind.FOLDER),
    Place(
        "usage",
        "what each client received and was delivered on a day",
        "`deliveries/usage_daily`",
        Keep.AGAIN,
        Kind.FOLDER,
        again="the backup bucket",
    ),
    Place(
        "shredded-keys",
        "that a key over a client's raw lines was destroyed",
        "`footfall privacy key shred`, the job `retention`",
        Keep.LAKE,
        Kind.FOLDER,
    ),
    Place("destroyed-salts", "that a salt is destroyed", "the collector", Keep.LAKE, Kind.FOLDER),
    Place(
        "salts",
        "visitor-hash salts of sites' days, gone 48 hours after the day or the import that needed them",
        "the collector, imports",
        Keep.NEVER,
        Kind.FOLDER,
        is_personal=True,
        erase=Erase("salts", "destroyed 48 hours after their day; a hash without its salt names nobody"),
    ),
    Place(
        "events",
        "kept and duplicate events, an hour each, Parquet; the only copy of their columns",
        "ingest",
        Keep.HOURS,
        Kind.FOLDER,
        again="each hour's run",
        is_personal=True,
        erase=Erase("raw", "his hours are ingested anew; the objects before go"),
    ),
    Place(
        "quarantine",
        "what could become no event, an hour each, Parquet",
        "ingest",
        Keep.HOURS,
        Kind.FOLDER,
        again="each hour's run",
        is_personal=True,
        erase=Erase("raw", "his hours are ingested anew"),
    ),
    Place(
        "marts",
        "published tables of each client, Parquet, and the snapshots that name them",
        "`marts/published`",
        Keep.AGAIN,
        Kind.FOLDER,
        again="every run",
        is_personal=True,
        erase=Erase("published", "his days are published anew; earlier snapshots go at once"),
    ),
    Place(
        "compute-logs",
        "what steps of runs print, where the lake is on S3",
        "Dagster",
        Keep.HISTORY,
        Kind.FOLDER,
        erase=Erase("local", "objects that hold him go"),
    ),
    Place(
        "probe",
        "that the lake can be written, and takes a put once",
        "the collector",
        Keep.PASSING,
        Kind.FOLDER,
    ),
)

#: Beside both: a setting's name instead of a path.
BESIDE: tuple[Place, ...] = (
    Place("FOOTFALL_CLIENTS", "client files; in git as well", "people", Keep.BACKUP),
    Place("FOOTFALL_ALERT_ROUTES", "where alerts are told", "people", Keep.BACKUP),
)

#: What a writer leaves for a moment, or where it was killed: `.part`, `.part-4711`, `.acme.4711.part`.
_PASSING = re.compile(r"\.part(-[^/.]*)?$")


def place_of(path: str, places: tuple[Place, ...] = HOME) -> Place | None:
    """The place of a file by its path (`keys/signing-key.pem`), or None where nothing here knows it."""
    return next((place for place in places if place.knows(path)), None)


def is_passing(path: str) -> bool:
    """Whether a file is half of one that is being written."""
    return _PASSING.search(path) is not None


def unknown(paths: Iterable[str]) -> list[str]:
    """Files below a state folder that no place knows; of a lake in it those that no place of a lake knows."""
    found = []
    for path in paths:
        place = place_of(path)
        if place is not None and place.name == "lake":
            place = place_of(path.removeprefix("lake/"), LAKE)
        if place is None and not is_passing(path):
            found.append(path)
    return found


def databases() -> tuple[str, ...]:
    """Names of SQLite files and the warehouse: each says its version itself."""
    return tuple(place.name for place in HOME if place.kind in (Kind.SQLITE, Kind.DUCKDB))


def versioned() -> tuple[str, ...]:
    """Names of other files and folders with a version, which `versions.json` says."""
    return tuple(place.name for place in HOME if place.has_version)


def remedy(name: str) -> str:
    """What to do about a place that is damaged."""
    return next(place.remedy for place in HOME if place.name == name)
