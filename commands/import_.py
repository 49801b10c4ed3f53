"""`footfall import`: logs and events of other tools into the lake, whatever their format, with one report."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path

import click

from commands.compare import beside_ours
from commands.parameters import client
from commands.registry import known_client, known_site
from commands.state import with_installation
from footfall.allowed import Allowed
from footfall.catalogue.periods import days
from footfall.clients import Client, Site
from footfall.destinations import source_access
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.geo import GeoFile, Place
from footfall.hours import HOUR, floor, lower_first_hour, run_command
from footfall.salts import Salts
from footfall.settings import Settings
from footfall.signatures import load_signer
from footfall.store import ObjectStore, StoreError, open_store
from sources.event_names import EventNames
from sources.import_events import EventReceiver, import_events
from sources.import_files import LocalFile, local_files
from sources.log_formats import FORMATS
from sources.old_figures import read_figures
from sources.tools.export import tools

#: The part of all lines in quarantine beyond which the command fails: perhaps they are of another format.
MOST_QUARANTINED = 0.1
#: Hosts that are named in the report.
_NAMED_HOSTS = 5
#: Time without a line from which on a person is asked to look: a slip of a clock, most likely.
_LONG_GAP = timedelta(days=366)


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
    #: Hosts that the site does not declare → their requests.
    undeclared: Counter[str] = field(default_factory=Counter)

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
        self.undeclared += other.undeclared

    def text(self, noun: str) -> str:
        """`10000 lines = 3908 page views + 6091 other hits (counted, not stored) + 1 to quarantine`."""
        views = f" ({self.page_views} page views)" if self.page_views is not None else ""
        unstored = f" + {self.unstored} other hits (counted, not stored)" if self.unstored else ""
        return (
            f"{self.lines} lines = {self.stored} {noun}{views}{unstored} + {self.quarantined} to quarantine"
        )


@dataclass(frozen=True)
class _Said:
    """What is said of a file, or of several that were put together. `noun`: what their stored lines are."""

    name: str
    noun: str
    taken: _Taken
    format: str = ""


@dataclass(frozen=True)
class _Place:
    """Where it goes, and what is made of it."""

    client: Client
    site: Site
    lake: ObjectStore
    salts: Salts
    names: EventNames
    #: Where an address is.
    place: Callable[[str], Place]

    def events(self, files: Iterator[LocalFile], tool: str | None, *, is_only: bool) -> Iterator[_Said]:
        """Events as lines of JSON, or the exports of a tool, each file by itself."""
        receiver = EventReceiver(self.client, self.site, self.lake, self.salts, self.names, self.place)
        for file in files:
            try:
                report = import_events(file.path, receiver, None if tool is None else tools()[tool])
            except StoreError as error:
                raise file.named_in(error) from None
            except FootfallError as error:
                problem = file.named_in(error)
                if is_only:
                    raise problem from None
                file.let_go()
                yield _Said(file.name, "events", _Taken(damaged={file.name: str(problem)}))
                continue
            file.let_go()
            taken = _Taken(
                report.lines,
                report.page_views,
                unstored=report.other_hits,
                quarantined=report.refused + report.malformed,
                hours=set(report.by_hour),
            )
            yield _Said(file.name, "events", taken)

    def logs(
        self,
        files: Iterator[LocalFile],
        log_format: str | None,
        notation: str | None,
        *,
        is_only: bool,
        page_views: bool,
        requests: bool,
        proxies: Sequence[str],
    ) -> Iterator[_Said]:
        """Access logs."""
        from footfall.address import networks
        from sources.conversion import Receiver  # loads DuckDB
        from sources.log_import import import_logs
        from sources.request_lines import USUAL_PAGES

        receiver = Receiver(
            self.client,
            self.site,
            self.salts,
            self.names,
            page_rule=USUAL_PAGES if page_views else None,
            keeps_requests=True if requests or not page_views else None,
            trusted=networks(proxies),
            place=self.place,
        )
        for done in import_logs(files, receiver, self.lake, log_format, notation, is_only=is_only):
            counts, stored = done.counts, done.landed.stored
            keeps = receiver.keeps_requests or (done.form is not None and done.form.keeps_requests)
            taken = _Taken(
                counts.lines,
                stored["request"] if keeps else stored["page_view"],
                page_views=stored["page_view"] if keeps else None,
                unstored=counts.others,
                quarantined=counts.malformed + counts.refused,
                hours=set(done.landed.by_hour),
                damaged=done.damaged,
                undeclared=counts.undeclared,
            )
            name = done.names[0] if len(done.names) == 1 else f"{len(done.names)} files"
            verb = "is" if len(done.names) == 1 else "are"
            is_told = log_format or notation
            chosen = f"{verb} {done.form.name}: {done.why}" if done.form and not is_told else ""
            yield _Said(name, "requests" if keeps else "page views", taken, chosen)


@click.command()
@click.argument("file", nargs=-1)
@client(required=True, text="Whose they are.")
@click.option("--site", metavar="ID", help="The site they are of (default: the client's only one).")
@click.option(
    "--format",
    "log_format",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", *(form.name for form in FORMATS), "ndjson", *tools()]),
    help="What they are; auto: as the first thousand lines tell.",
)
@click.option(
    "--log-format",
    "notation",
    metavar="TEXT",
    help="What a line is, as nginx's log_format or Apache's LogFormat has it.",
)
@click.option(
    "--no-page-views", is_flag=True, help="Logs: requests only, where a pixel counts the page views."
)
@click.option(
    "--requests", is_flag=True, help="Logs: every request, beside the page views (cloudfront: always)."
)
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Put the other tool's sums by day beside ours; FILE may then be missing.",
)
@with_installation
def command(
    settings: Settings,
    file: tuple[str, ...],
    client_id: str,
    site: str | None,
    log_format: str,
    notation: str | None,
    no_page_views: bool,
    requests: bool,
    compare: Path | None,
) -> int:
    """Put logs, or events of another tool, into the lake, each line at its own time.

    FILE is a file, a folder, - for the standard input, s3://bucket/key, or s3://bucket/prefix/ for all under
    it; plain, gzip, bzip2, xz or zstd. Importing the same again, or a log that has grown, brings no event
    twice.
    """
    known = known_client(settings, client_id)
    of_site = known_site(known, site)
    if notation is not None and log_format != "auto":
        raise FootfallError("--log-format says what a line is, and --format too: give one of them")
    if not file and compare is None:
        raise FootfallError("name a FILE to import; - is the standard input")
    figures = read_figures(compare) if compare is not None else None
    code = 0
    if file:
        code = _import(settings, file, known, of_site, log_format, notation, no_page_views, requests)
    if figures is not None:
        code = max(code, beside_ours(settings, known, of_site, figures))
    return code


def _import(
    settings: Settings,
    file: tuple[str, ...],
    known: Client,
    of_site: Site,
    log_format: str,
    notation: str | None,
    no_page_views: bool,
    requests: bool,
) -> int:
    begun = time.monotonic()
    with local_files(file, partial(_opened, settings, known)) as given:
        files, is_only = _counted(given)
        lake = open_lake(settings.lake, settings.s3_endpoint, settings.home)
        names = EventNames.of(load_signer(settings.home / "keys"))
        geo = GeoFile.of(settings.geoip, settings.home)
        place = _Place(known, of_site, lake, Salts(lake), names, geo.place)
        if log_format == "ndjson" or log_format in tools():
            said = place.events(files, None if log_format == "ndjson" else log_format, is_only=is_only)
        else:
            said = place.logs(
                files,
                None if log_format == "auto" else log_format,
                notation,
                is_only=is_only,
                page_views=not no_page_views,
                requests=requests,
                proxies=settings.trusted_proxies,
            )
        whole = _told(said)
    return _report(whole, known, settings, time.monotonic() - begun)


def _opened(settings: Settings, client: Client, url: str) -> ObjectStore:
    """The store at a URL: in the bucket of a source of the client's, as whom the client file says."""
    bucket = url.split("/")[:3]
    for source in client.sources:
        if url.startswith("s3://") and source.url.split("/")[:3] == bucket:
            access = source_access(source, Allowed.of(settings), s3_endpoint=settings.s3_endpoint)
            return open_store(url, access=access)
    return open_store(url, s3_endpoint=settings.s3_endpoint)


def _counted(files: Iterator[LocalFile]) -> tuple[Iterator[LocalFile], bool]:
    """The same files, and whether there is only one of them."""
    first = list(islice(files, 2))
    return chain(first, files), len(first) == 1


def _told(said: Iterator[_Said]) -> _Taken:
    """Say of each file what became of it; return the sum, said too where there were several."""
    whole, count, nouns = _Taken(), 0, dict[str, None]()
    for each in said:
        for damaged, problem in each.taken.damaged.items():
            print(f"set aside: {damaged}: {problem}", file=sys.stderr)
        whole.add(each.taken)
        if each.taken.damaged and not each.taken.lines:
            continue
        if each.format:
            print(f"{each.name} {each.format}")
        print(f"{each.name}: {each.taken.text(each.noun)}", flush=True)
        nouns[each.noun] = None
        count += 1
    if count > 1:
        print(f"in all: {whole.text(' and '.join(nouns))}")
    return whole


def _report(whole: _Taken, client: Client, settings: Settings, took: float) -> int:
    for host, count in whole.undeclared.most_common(_NAMED_HOSTS):
        print(f"not declared for this site, stored under its own name: {host} ({count} requests)")
    if not whole.hours:
        print("nothing to store")
        return 1
    first, last = min(whole.hours), max(whole.hours)
    print(f"{len(whole.hours)} hours from {first:%Y-%m-%dT%H} to {last:%Y-%m-%dT%H}, {took:.1f} s")
    begin, end = _whole_days(client, first, last)
    if lower_first_hour(settings.first_hour_file, begin):
        print(
            "these hours are the earliest so far: if Dagster is running, reload its code location to see them"
        )
    now = datetime.now(UTC)
    until = end if end <= now else last + HOUR
    print(f"next: {run_command(begin, until, now)}")
    before, after = _widest_gap(whole.hours)
    if after - before > _LONG_GAP:
        later, _ = _whole_days(client, after, last)
        print(
            f"nothing lies between {before:%Y-%m-%dT%H} and {after:%Y-%m-%dT%H}, and each hour between is "
            f"delivered without rows; to deliver only what is later: {run_command(later, until, now)}"
        )
    if whole.quarantined > MOST_QUARANTINED * whole.lines:
        print(
            f"{whole.quarantined} of {whole.lines} lines went to quarantine, more than a tenth: is it the "
            "right format, and is the log whole?",
            file=sys.stderr,
        )
        return 1
    return 1 if whole.damaged else 0


def _widest_gap(hours: Iterable[datetime]) -> tuple[datetime, datetime]:
    """The hours before and after the longest time in which there is none."""
    ordered = sorted(hours)
    pairs = [*pairwise(ordered), (ordered[0], ordered[0])]
    return max(pairs, key=lambda pair: pair[1] - pair[0])


def _whole_days(client: Client, first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """[begin, end) in hours of the days that two hours lie in: in UTC, and the client's own."""
    calendars = {client.calendar(export) for export in client.exports if export.kind.is_day}
    own = {calendar.at(hour).window for calendar in {*calendars, days("UTC")} for hour in (first, last)}
    begin = min(floor(start) for start, _ in own)
    return begin, max(floor(end + HOUR - timedelta(microseconds=1)) for _, end in own)
