"""A client's log bucket → raw objects of the lake, each log object once.

CloudFront names an object by its distribution and the hour it covers (`E2ABC.2026-11-20-14.a1b2c3d4.gz`) and
may put it up to a day later; others name theirs alike. So each run looks at the names of the hours asked for
and of LATENESS before them, and takes in what its record does not list yet, or lists with another size.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from footfall.clients import Client, LogSource, Site
from footfall.errors import FootfallError
from footfall.geo import NOWHERE, Place
from footfall.hours import between
from footfall.keys import SAFE_KEY, source_record
from footfall.salts import Salts
from footfall.store import NotFound, ObjectInfo, ObjectStore
from sources.conversion import Receiver
from sources.event_names import EventNames
from sources.log_files import LogFile
from sources.log_formats import BY_NAME
from sources.log_import import (
    Converted,
    Landed,
    convert,
    land_all,
    layout_of,
    open_objects,
    said_of,
)
from sources.request_lines import USUAL_PAGES
from sources.requests import reading

#: How late a log object may come and still be found. AWS: "up to 24 hours"; two more for its own delay.
#: Longer lists more of the bucket in each run; shorter loses late objects.
LATENESS = timedelta(hours=26)
#: Compressed bytes of log objects that are put together. Larger batches make fewer raw objects and take more
#: disk.
BATCH_BYTES = 32 << 20
#: Log objects of a batch: each is a file. Their owner chooses how small they are.
BATCH_OBJECTS = 10_000

#: How most names say an hour, where a format has no name of its own.
_ANY_STAMP = r"(\d{4})[-_/]?(\d{2})[-_/]?(\d{2})[-_T/]?(\d{2})"


@dataclass
class TakenIn:
    """What one run found in a source. `hours` are those whose raw objects it added to.

    `damaged`: log objects of which nothing was taken, with the reason.
    """

    objects: int = 0
    lines: int = 0
    requests: int = 0
    page_views: int = 0
    malformed: int = 0
    damaged: dict[str, str] = field(default_factory=dict)
    hours: set[datetime] = field(default_factory=set)

    def add(self, converted: Converted, landed: Landed, objects: int) -> None:
        """Count a batch."""
        self.objects += objects
        self.lines += converted.counts.lines
        self.requests += converted.counts.requests
        self.page_views += converted.counts.page_views
        self.malformed += converted.counts.malformed + converted.counts.refused
        self.damaged.update(converted.damaged)
        self.hours.update(landed.by_hour)


def take_in(
    bucket: ObjectStore,
    lake: ObjectStore,
    client: Client,
    site: Site,
    source: LogSource,
    names: EventNames,
    start: datetime,
    end: datetime,
    *,
    place: Callable[[str], Place] = lambda _: NOWHERE,
) -> TakenIn:
    """Convert every log object named for an hour in [start - LATENESS, end) that is new, or has grown.

    The record is written after the raw objects: a crash between the two brings the same events once more,
    which ingest marks as duplicates. `place`: where an address is, of lines that say no
    country. Raises StoreError when either store fails; what was done is done.
    """
    taken = TakenIn()
    receiver = replace(receiver_of(client, site, source, Salts(lake), names), place=place)
    for hour in between(start - LATENESS, end):
        known = _record(lake, client, source, hour)
        found = {info.key: info.size for info in _named(bucket, source, hour)}
        new = {key: size for key, size in sorted(found.items()) if known.get(key) != size}
        for batch in _batches(new):
            with TemporaryDirectory(prefix="footfall-source-") as scratch:
                objects = list(_fetched(bucket, batch, Path(scratch), taken.damaged))
                converted, landed = convert_into(lake, objects, receiver, source)
            taken.add(converted, landed, len(objects))
            known.update({key: new[key] for key, _ in objects})
            _write_record(lake, client, source, hour, known)
    return taken


def receiver_of(client: Client, site: Site, source: LogSource, salts: Salts, names: EventNames) -> Receiver:
    """Whose a source's requests are, and what is made of them."""
    return Receiver(client, site, salts, names, page_rule=USUAL_PAGES if source.page_views else None)


def convert_into(
    lake: ObjectStore, objects: Sequence[tuple[str, Path]], receiver: Receiver, source: LogSource
) -> tuple[Converted, Landed]:
    """Convert log objects (key, local file) and put the raw objects of the hours of their requests.

    What it returns was counted in the lake. Raises FootfallError where that is not what was read.
    """
    form = BY_NAME[source.format]
    batch = hashlib.sha256(
        "\n".join(f"{key} {path.stat().st_size}" for key, path in objects).encode()
    ).hexdigest()
    client_id = receiver.client.client_id
    origin = f"{source.format}-{client_id}-{source.name}-{batch[:12]}"
    with reading() as (connection, folder):
        logs, damaged = open_objects(objects, form)
        if not form.fields or source.log_format is not None:  # only its lines say how they are cut
            logs = list(_laid_out(connection, logs, source, receiver.now, damaged))
        converted = convert(connection, logs, folder, receiver, form, damaged=damaged, tells_damage=True)
        return converted, land_all(lake, converted, origin, client_id)


def _laid_out(
    connection: duckdb.DuckDBPyConnection,
    logs: Sequence[LogFile],
    source: LogSource,
    now: datetime,
    damaged: dict[str, str],
) -> Iterator[LogFile]:
    """The files with what cuts their lines; those of another format, with the reason, in `damaged`."""
    for log in logs:
        try:
            yield replace(log, layout=layout_of(connection, log, source, now))
        except FootfallError as error:
            damaged[log.key] = said_of(log.content.path, error)


def _named(bucket: ObjectStore, source: LogSource, hour: datetime) -> Iterator[ObjectInfo]:
    """The log objects that are named for `hour`."""
    prefix = source.prefix(hour)
    if source.distribution:
        prefix += f"{source.distribution}.{hour:%Y-%m-%d-%H}."
    stamp = (f"{hour:%Y}", f"{hour:%m}", f"{hour:%d}", f"{hour:%H}")
    name = re.compile(BY_NAME[source.format].stamp or _ANY_STAMP)
    for info in bucket.list(prefix):
        match = name.search(info.key)
        if match is not None and match.groups() == stamp and info.size:
            yield info


def _batches(new: dict[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for key, each in new.items():
        if batch and (size + each > BATCH_BYTES or len(batch) == BATCH_OBJECTS):
            yield batch
            batch, size = [], 0
        batch.append(key)
        size += each
    if batch:
        yield batch


def _fetched(
    bucket: ObjectStore, keys: list[str], folder: Path, gone: dict[str, str]
) -> Iterator[tuple[str, Path]]:
    """Each object that is still there, as a local file; the others, with the reason, in `gone`."""
    for number, key in enumerate(keys):
        if not SAFE_KEY.fullmatch(key):
            gone[key] = "its name has letters that no log object's has; copy it to another name"
            continue
        path = folder / f"{number}{Path(key).suffix}"
        try:
            bucket.fetch(key, path)
            yield key, path
        except NotFound:
            gone[key] = "deleted between listing and reading"  # perhaps by the owner's lifecycle rule


def _record(lake: ObjectStore, client: Client, source: LogSource, hour: datetime) -> dict[str, int]:
    try:
        return dict(json.loads(lake.get(source_record(client.client_id, source.name, hour)))["objects"])
    except NotFound:
        return {}


def _write_record(
    lake: ObjectStore, client: Client, source: LogSource, hour: datetime, known: dict[str, int]
) -> None:
    record = {"objects": dict(sorted(known.items()))}
    lake.put(source_record(client.client_id, source.name, hour), json.dumps(record, indent=1).encode())
