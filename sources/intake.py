"""A client's log bucket → raw objects of the lake, each log object once.

CloudFront names an object by its distribution and the hour it covers (`E2ABC.2026-11-20-14.a1b2c3d4.gz`) and
may put it up to a day later. So each run looks at the names of the hours asked for and of LATENESS before
them, and takes in what its record does not list yet, or lists with another size.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from footfall.clients import Client, LogSource, Site
from footfall.errors import FootfallError
from footfall.hours import between
from footfall.keys import SAFE_KEY, source_record
from footfall.landing import REFUSED, land
from footfall.privacy import Salts
from footfall.sql import confined
from footfall.store import NotFound, ObjectInfo, ObjectStore
from sources.cloudfront import Converted, convert
from sources.event_names import EventNames
from sources.request_lines import USUAL_PAGES

#: How late a log object may come and still be found. AWS: "up to 24 hours"; two more for its own delay.
#: Longer lists more of the bucket in each run; shorter loses late objects.
LATENESS = timedelta(hours=26)
#: Compressed bytes of log objects that are converted together. Larger batches make fewer raw objects and
#: take more memory: about twenty times this.
BATCH_BYTES = 32 << 20
#: Log objects of a batch: each is a file. Their owner chooses how small they are.
BATCH_OBJECTS = 10_000

_NAME = re.compile(r"(?:^|[/.])(\d{4})-(\d{2})-(\d{2})-(\d{2})\.[A-Za-z0-9]+\.(?:gz|json|parquet|log|txt)$")


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

    def add(self, converted: Converted, objects: int) -> None:
        """Count a batch."""
        self.objects += objects
        self.lines += converted.lines
        self.requests += converted.requests
        self.page_views += converted.page_views
        self.malformed += converted.malformed
        self.damaged.update(converted.damaged)
        self.hours.update(converted.hours)


def take_in(
    bucket: ObjectStore,
    lake: ObjectStore,
    client: Client,
    site: Site,
    source: LogSource,
    names: EventNames,
    start: datetime,
    end: datetime,
) -> TakenIn:
    """Convert every log object named for an hour in [start - LATENESS, end) that is new, or has grown.

    The record is written after the raw objects: a crash between the two brings the same events once more,
    which ingest marks as duplicates. Raises StoreError when either store fails; what was done is done.
    """
    taken = TakenIn()
    salts = Salts(lake)
    for hour in between(start - LATENESS, end):
        known = _record(lake, client, source, hour)
        found = {info.key: info.size for info in _named(bucket, source, hour)}
        new = {key: size for key, size in sorted(found.items()) if known.get(key) != size}
        for batch in _batches(new):
            objects = list(_fetched(bucket, batch, taken.damaged))
            converted = convert_into(lake, objects, client, site, source, salts, names)
            taken.add(converted, len(objects))
            known.update({key: new[key] for key, _ in objects})
            _write_record(lake, client, source, hour, known)
    return taken


def convert_into(
    lake: ObjectStore,
    objects: list[tuple[str, bytes]],
    client: Client,
    site: Site,
    source: LogSource,
    salts: Salts,
    names: EventNames,
) -> Converted:
    """Convert log objects (key, content) and put the raw objects, one for each hour of their requests.

    What it returns was counted in the lake. Raises FootfallError where that is not what was read.
    """
    batch = hashlib.sha256("\n".join(f"{key} {len(data)}" for key, data in objects).encode()).hexdigest()
    origin = f"cloudfront-{client.client_id}-{source.name}-{batch[:12]}"
    stored: Counter[str] = Counter()
    with confined("footfall-source-") as (connection, folder):
        rule = USUAL_PAGES if source.page_views else None
        converted = convert(connection, objects, client, site, salts, folder, names, page_rule=rule)
        for hour, path in converted.hours.items():
            lines = converted.expected[hour]
            stored += land(lake, hour, origin, client.client_id, path.read_bytes(), lines)[1]
    counted = (stored["request"], stored["page_view"], stored[REFUSED] - len(converted.damaged))
    read = (converted.requests, converted.page_views, converted.malformed)
    if counted != read:
        raise FootfallError(
            f"{objects[0][0]} and {len(objects) - 1} more: requests, page views and lines for quarantine "
            f"were {read}, stored are {counted}; report this with the logs, these hours must not be delivered"
        )
    return converted


def _named(bucket: ObjectStore, source: LogSource, hour: datetime) -> Iterator[ObjectInfo]:
    """The log objects that are named for `hour`."""
    prefix = source.prefix(hour)
    if source.distribution:
        prefix += f"{source.distribution}.{hour:%Y-%m-%d-%H}."
    stamp = (f"{hour:%Y}", f"{hour:%m}", f"{hour:%d}", f"{hour:%H}")
    for info in bucket.list(prefix):
        match = _NAME.search(info.key)
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


def _fetched(bucket: ObjectStore, keys: list[str], gone: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Each object that is still there; the others, with the reason, in `gone`."""
    for key in keys:
        if not SAFE_KEY.fullmatch(key):
            gone[key] = "its name has letters that no log object's has; copy it to another name"
            continue
        try:
            yield key, bucket.get(key)
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
