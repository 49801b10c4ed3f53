"""`footfall import`: logs and events of other tools into the lake, whatever their format, with one report."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from commands.parameters import client
from commands.registry import known_client, known_site
from commands.state import with_installation
from footfall.catalogue.periods import days
from footfall.clients import Client, LogSource, Site
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.hours import HOUR, floor, lower_first_hour, run_command
from footfall.privacy import Salts
from footfall.settings import Settings
from footfall.signatures import load_signer
from footfall.store import ObjectStore
from sources.event_names import EventNames
from sources.import_events import import_events
from sources.import_files import local_files
from sources.importer import ImportReport, import_log


@dataclass
class _Taken:
    """What became of a file, or of several: lines = stored + unstored + quarantined."""

    lines: int = 0
    stored: int = 0
    #: Of what is stored, where that is more than page views.
    page_views: int | None = None
    unstored: int = 0
    quarantined: int = 0
    hours: set[datetime] = field(default_factory=set)
    #: Files of which nothing was taken, with the reason.
    damaged: dict[str, str] = field(default_factory=dict)

    def add(self, other: "_Taken") -> None:
        """Count another one."""
        self.lines += other.lines
        self.stored += other.stored
        if other.page_views is not None:
            self.page_views = (self.page_views or 0) + other.page_views
        self.unstored += other.unstored
        self.quarantined += other.quarantined
        self.hours |= other.hours
        self.damaged |= other.damaged

    def text(self, noun: str) -> str:
        """`10000 lines = 3908 page views + 6091 other hits (counted, not stored) + 1 to quarantine`."""
        views = f" ({self.page_views} page views)" if self.page_views is not None else ""
        unstored = f" + {self.unstored} other hits (counted, not stored)" if self.unstored else ""
        return (
            f"{self.lines} lines = {self.stored} {noun}{views}{unstored} + {self.quarantined} to quarantine"
        )


@dataclass(frozen=True)
class _Place:
    """Where it goes."""

    client: Client
    site: Site
    lake: ObjectStore
    salts: Salts
    names: EventNames

    def combined(self, files: Iterator[tuple[str, Path]]) -> Iterator[tuple[str, _Taken]]:
        """Apache's and NGINX's combined log, each file by itself."""
        for name, path in files:
            yield name, _of(import_log(path, self.client, self.site, self.lake, self.salts, self.names))

    def ndjson(self, files: Iterator[tuple[str, Path]]) -> Iterator[tuple[str, _Taken]]:
        """Events as lines of JSON, each file by itself."""
        for name, path in files:
            yield name, _of(import_events(path, self.client, self.site, self.lake, self.salts, self.names))

    def cloudfront(self, files: Iterator[tuple[str, Path]], page_views: bool) -> Iterator[tuple[str, _Taken]]:
        """CloudFront's log objects, many at once: each holds a few lines."""
        from sources.intake import BATCH_BYTES, BATCH_OBJECTS, TakenIn, convert_into  # loads DuckDB
        from sources.log_object import MAX_BYTES

        source = LogSource(name="by-hand", site_id=self.site.site_id, url="file:///", page_views=page_views)

        def converted(batch: list[tuple[str, bytes]]) -> tuple[str, _Taken]:
            taken = TakenIn()
            done = convert_into(self.lake, batch, self.client, self.site, source, self.salts, self.names)
            taken.add(done, len(batch))
            return f"{len(batch)} log objects" if len(batch) > 1 else batch[0][0], _Taken(
                taken.lines,
                taken.requests,
                page_views=taken.page_views,
                quarantined=taken.malformed,
                hours=taken.hours,
                damaged=taken.damaged,
            )

        batch: list[tuple[str, bytes]] = []
        for name, path in files:
            try:
                if path.stat().st_size > MAX_BYTES:
                    raise FootfallError(
                        f"{name} has more than {MAX_BYTES} bytes: split it, and import the parts"
                    )
                # The name without its folder: the same object from another place is the same object.
                batch.append((name.rpartition("/")[2], path.read_bytes()))
            except OSError as error:
                raise FootfallError(f"{name} cannot be read: {error.strerror}") from None
            if sum(len(data) for _, data in batch) >= BATCH_BYTES or len(batch) == BATCH_OBJECTS:
                yield converted(batch)
                batch = []
        if batch:
            yield converted(batch)


def _of(report: ImportReport) -> _Taken:
    return _Taken(
        report.lines,
        report.page_views,
        unstored=report.other_hits,
        quarantined=report.refused + report.malformed,
        hours=set(report.by_hour),
    )


#: Format → what its stored lines are called.
_NOUNS = {"combined": "page views", "cloudfront": "requests", "ndjson": "events"}


@click.command()
@click.argument("file")
@client(required=True, text="Whose they are.")
@click.option("--site", metavar="ID", help="The site they are of (default: the client's only one).")
@click.option(
    "--format", "log_format", default="combined", show_default=True, type=click.Choice(list(_NOUNS))
)
@click.option(
    "--no-page-views", is_flag=True, help="cloudfront: requests only, where a pixel counts the views."
)
@with_installation
def command(
    settings: Settings, file: str, client_id: str, site: str | None, log_format: str, no_page_views: bool
) -> int:
    """Put a log, or events of another tool, into the lake, each line at its own time.

    FILE is a file, s3://bucket/key, or s3://bucket/prefix/ for all under it; plain, gzip or zstd. Importing
    the same again brings no event twice.
    """
    known = known_client(settings, client_id)
    of_site = known_site(known, site)
    begun = time.monotonic()
    with local_files(file, s3_endpoint=settings.s3_endpoint) as files:
        lake = open_lake(settings.lake, settings.s3_endpoint)
        names = EventNames.of(load_signer(settings.home / "keys"))
        place = _Place(known, of_site, lake, Salts(lake), names)
        if log_format == "cloudfront":
            taken = place.cloudfront(files, not no_page_views)
        else:
            taken = (place.ndjson if log_format == "ndjson" else place.combined)(files)
        whole = _told(taken, _NOUNS[log_format])
    return _report(whole, known, settings, time.monotonic() - begun)


def _told(taken: Iterator[tuple[str, _Taken]], noun: str) -> _Taken:
    """Say of each file what became of it; return the sum, said too where there were several."""
    whole, count = _Taken(), 0
    for name, each in taken:
        print(f"{name}: {each.text(noun)}", flush=True)
        for damaged, problem in each.damaged.items():
            print(f"set aside: {damaged}: {problem}", file=sys.stderr)
        whole.add(each)
        count += 1
    if count > 1:
        print(f"in all: {whole.text(noun)}")
    return whole


def _report(whole: _Taken, client: Client, settings: Settings, took: float) -> int:
    if not whole.hours:
        print("nothing to store")
        return 1 if whole.damaged else 0
    first, last = min(whole.hours), max(whole.hours)
    print(f"{len(whole.hours)} hours from {first:%Y-%m-%dT%H} to {last:%Y-%m-%dT%H}, {took:.1f} s")
    begin, end = _whole_days(client, first, last)
    if lower_first_hour(settings.first_hour_file, begin):
        print(
            "these hours are the earliest so far: if Dagster is running, reload its code location to see them"
        )
    now = datetime.now(UTC)
    print(f"next: {run_command(begin, end if end <= now else last + HOUR, now)}")
    return 1 if whole.damaged else 0


def _whole_days(client: Client, first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """[begin, end) in hours of the days that two hours lie in: in UTC, and the client's own."""
    calendars = {client.calendar(export) for export in client.exports if export.kind.is_day}
    own = {calendar.at(hour).window for calendar in {*calendars, days("UTC")} for hour in (first, last)}
    begin = min(floor(start) for start, _ in own)
    return begin, max(floor(end + HOUR - timedelta(microseconds=1)) for _, end in own)
