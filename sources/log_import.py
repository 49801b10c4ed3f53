"""Log files → raw objects of the lake, many at once: what an import by hand and a client's bucket share."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from footfall.clients import Client, LogSource, Site
from footfall.errors import FootfallError
from footfall.landing import REFUSED, land
from footfall.salts import Salts
from footfall.store import ObjectStore
from sources import log_columns, log_notation
from sources.contents import Content
from sources.conversion import Conversion, Counts, FormerName, Receiver
from sources.event_names import EventNames
from sources.import_files import LocalFile
from sources.importer import ImportReport
from sources.layouts import Layout, json_objects
from sources.log_detection import decide, of_log_format
from sources.log_files import LogFile, first_lines, read_whole, tables
from sources.log_formats import BY_NAME, LogFormat
from sources.log_notation import JsonNames, Pattern
from sources.requests import reading
from sources.staged_hours import StagedHours


@dataclass
class Converted:
    """What became of some log files.

    staged      the stored lines, by hour, on disk
    damaged     files set aside whole, with the reason; of a client's bucket each is one refused line too
    """

    staged: StagedHours
    counts: Counts
    damaged: dict[str, str] = field(default_factory=dict)
    told_damaged: int = 0


def open_objects(
    objects: Iterable[tuple[str, Path]], form: LogFormat
) -> tuple[list[LogFile], dict[str, str]]:
    """Log objects of a stranger's bucket (key, path), read to their ends; and those that are none, why."""
    files, damaged = [], {}
    for key, path in sorted(objects):
        try:
            content = read_whole(path, is_bounded=True)
            if content.size:
                files.append(_opened(key, content, form))
        except FootfallError as error:
            damaged[key] = said_of(path, error)
    return files, damaged


def said_of(path: Path, error: FootfallError) -> str:
    """What is wrong with a log object, without the name of the file that it was fetched into."""
    said = str(error).removesuffix("; nothing was imported")
    return said.removeprefix(f"{path}: ").removeprefix(f"{path} ")


def _opened(key: str, content: Content, form: LogFormat) -> LogFile:
    is_parquet = content.head.startswith(b"PAR1")
    if content.has_nul and not is_parquet:
        raise FootfallError("a binary file, no access log")
    return LogFile(key, content, form)


def layout_of(
    connection: duckdb.DuckDBPyConnection, log: LogFile, source: LogSource, now: datetime
) -> Layout | None:
    """How the lines of a log object are cut that has no header: by its format, bare or behind syslog."""
    if source.log_format is not None:
        return of_log_format(connection, log.content, log_notation.read(source.log_format), now).layout
    return decide(connection, log.content, log.form.name, now).layout


def check_whole(log: LogFile) -> None:
    """Raise FootfallError where a file says of itself what it cannot be, before anything of it is taken."""
    if log.is_parquet:
        with log.content.path.open("rb") as file:
            file.seek(-4, 2)
            if file.read() != b"PAR1":
                raise FootfallError("a Parquet file that is cut short")
        for _ in tables(log):
            pass
    elif log.form.shape == "columns":
        for header in log.content.headers:
            log_columns.from_header(header.decode("latin-1"))
        first = next((line for line in first_lines(log.content, 1000) if not line.startswith(b"#")), b"")
        if not json_objects([first]) and not log.content.headers:
            if not first:
                raise FootfallError("comment lines only, and none of them names the columns")
            log_columns.from_width(first.count(b"\t") + 1)


def convert(
    connection: duckdb.DuckDBPyConnection,
    logs: Sequence[LogFile],
    folder: Path,
    receiver: Receiver,
    form: LogFormat,
    *,
    damaged: dict[str, str] | None = None,
    tells_damage: bool = False,
    former_name: FormerName | None = None,
) -> Converted:
    """Turn log files into stored lines in `folder`, by hour.

    The same files give the same bytes for as long as their days' salts live, and the same event ids for ever.
    `damaged`: files that were found to be so; `tells_damage`: each becomes a refused line. Raises StoreError
    where no salt can be had, and FootfallError where a file changed meanwhile.
    """
    conversion = Conversion(connection, folder, receiver, form, former_name=former_name)
    found = dict(damaged or {})
    for number, log in enumerate(logs):
        try:
            check_whole(log)
        except FootfallError as error:
            found[log.key] = str(error)
            continue
        for layout, table in tables(log):
            conversion.add(number, log.key, layout, table)
    staged = conversion.finish()
    if tells_damage:
        for key, problem in sorted(found.items()):
            conversion.refuse(key, problem)
    return Converted(staged, conversion.counts, found, len(found) if tells_damage else 0)


@dataclass(frozen=True)
class Landed:
    """What lies in the lake afterwards, counted there."""

    keys: tuple[str, ...]
    by_hour: dict[datetime, int]
    stored: Counter[str]


def land_all(lake: ObjectStore, converted: Converted, origin: str, client_id: str) -> Landed:
    """Put what was converted: one raw object an hour, or several where an hour is large.

    Raises FootfallError where what lies there afterwards is not what was read.
    """
    keys: list[str] = []
    by_hour: Counter[datetime] = Counter()
    stored: Counter[str] = Counter()
    for part in converted.staged.sealed():
        key, counted = land(lake, part.hour, origin, client_id, part.path.read_bytes(), part.lines)
        part.path.unlink()
        keys.append(key)
        by_hour[part.hour] += counted.total()
        stored += counted
    counts = converted.counts
    read = (
        counts.stored_requests,
        counts.page_views,
        counts.malformed + counts.refused + converted.told_damaged,
    )
    if (stored["request"], stored["page_view"], stored[REFUSED]) != read:
        raise FootfallError(
            f"requests, page views and lines for quarantine were {read}, stored are {stored['request']}, "
            f"{stored['page_view']} and {stored[REFUSED]} in {', '.join(keys[:5])}; report this with the "
            "log, these hours must not be delivered"
        )
    return Landed(tuple(keys), dict(sorted(by_hour.items())), stored)


@dataclass(frozen=True)
class Imported:
    """What became of files that were put together. `why`: what told their format."""

    names: tuple[str, ...]
    form: LogFormat | None
    why: str
    counts: Counts
    landed: Landed
    damaged: dict[str, str]


#: Bytes that log files hold which are put together, and how many of them. More make fewer raw objects.
TOGETHER_BYTES, TOGETHER_FILES = 1 << 30, 10_000


def import_logs(
    files: Iterable[LocalFile],
    receiver: Receiver,
    lake: ObjectStore,
    log_format: str | None,
    notation: str | None = None,
    *,
    is_only: bool = False,
) -> Iterator[Imported]:
    """Put log files into the lake, those of one format that follow one another together.

    `log_format`: the name of their format, None where their lines shall tell; `notation`: what a line is, in
    the words of nginx or Apache. A file that cannot be read is set aside; where it `is_only`, it is raised.

    Event ids come from the request's own id, else from a line's keyed hash and how often it came before in
    its file: a log that has grown since, was rotated or compressed brings its new lines only. While the day's
    salts live (48 hours) the same files also make the same bytes under the same keys. Raises FootfallError
    for a file that has changed meanwhile or follows no format, and StoreError when the lake fails; then
    importing again completes it.
    """
    meaning = log_notation.read(notation) if notation is not None else None
    batch: list[tuple[LocalFile, LogFile, str]] = []
    size = 0
    for file in files:
        try:
            log, why = _read(file, receiver, log_format, meaning)
        except FootfallError as error:
            problem = file.named_in(error)
            if is_only:
                raise problem from None
            file.let_go()
            yield Imported(
                (file.name,), None, "", Counts(), Landed((), {}, Counter()), {file.name: str(problem)}
            )
            continue
        is_full = size + log.content.size > TOGETHER_BYTES or len(batch) == TOGETHER_FILES
        if batch and (is_full or log.form is not batch[0][1].form):
            yield _put(batch, receiver, lake)
            batch, size = [], 0
        batch.append((file, log, why))
        size += log.content.size
    if batch:
        yield _put(batch, receiver, lake)


def _read(
    file: LocalFile, receiver: Receiver, log_format: str | None, meaning: Pattern | JsonNames | None
) -> tuple[LogFile, str]:
    content = read_whole(file.path)
    with reading() as (connection, _):
        if meaning is not None:
            decision = of_log_format(connection, content, meaning, receiver.now)
        else:
            decision = decide(connection, content, log_format, receiver.now)
    # The name without its folder: the same log from another place is the same log.
    log = LogFile(file.name.rpartition("/")[2], content, decision.form, decision.layout)
    try:
        check_whole(log)
    except FootfallError as error:
        raise FootfallError(f"{file.path}: {error}; nothing was imported") from None
    return log, decision.why


def _put(batch: Sequence[tuple[LocalFile, LogFile, str]], receiver: Receiver, lake: ObjectStore) -> Imported:
    files, logs, whys = zip(*batch, strict=True)
    form, client_id = logs[0].form, receiver.client.client_id

    def former(number: int, at: datetime) -> str | None:
        return receiver.names.of_former_log(logs[number].content.sha256, lake, client_id, at)

    with reading() as (connection, folder):
        # Before lighttpd's was told apart, its logs were read as the other.
        is_old = form in (BY_NAME["combined"], BY_NAME["lighttpd"])
        converted = convert(connection, logs, folder, receiver, form, former_name=former if is_old else None)
        counts = converted.counts
        if counts.lines and not counts.requests + counts.refused:
            raise FootfallError(
                f"none of the {counts.lines} lines of {files[0].name} follows the {form.name} format "
                f"({form.title}) at a time since 2000 that has passed; nothing was imported"
            )
        together = hashlib.sha256("\n".join(log.content.sha256 for log in logs).encode()).hexdigest()
        landed = land_all(lake, converted, f"import-{receiver.names.of_import(together)[:12]}", client_id)
    for file in files:
        file.let_go()
    return Imported(tuple(file.name for file in files), form, whys[0], counts, landed, converted.damaged)


def import_log(
    path: Path,
    client: Client,
    site: Site,
    store: ObjectStore,
    salts: Salts,
    names: EventNames,
    *,
    now: datetime | None = None,
    log_format: str | None = "combined",
) -> ImportReport:
    """`import_logs` of one file."""
    receiver = Receiver(client, site, salts, names, now=now or datetime.now(UTC))
    (done,) = import_logs([LocalFile(str(path), path)], receiver, store, log_format, is_only=True)
    counts = done.counts
    return ImportReport(
        lines=counts.lines,
        hits=counts.requests + counts.refused,
        page_views=done.landed.stored["page_view"],
        other_hits=counts.others,
        refused=counts.refused,
        malformed=counts.malformed,
        by_hour=done.landed.by_hour,
        keys=done.landed.keys,
    )
