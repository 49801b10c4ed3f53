"""Import an access log: its page requests become page views through the same contract as the pixel's.

    file ── pass 1: whole? its hash, its first time ──► pass 2: line → Hit → event JSON → check_event
                                                            └► stored line, grouped by hour ──► raw objects

A line of the log is an event received at its own time, so it lands in the partition of its own hour and
every later step treats it like any other. Nothing is put before the whole file has been read twice.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from footfall import hours
from footfall.clients import Client, Site
from footfall.errors import FootfallError
from footfall.event import (
    EARLIEST,
    MAX_AHEAD,
    MAX_USER_AGENT,
    Receipt,
    Refusal,
    Refused,
    check_event,
    event_line,
    refused_line,
)
from footfall.landing import REFUSED, land
from footfall.privacy import Salts, visitor_id
from footfall.raw_object import joined_lines
from footfall.scrub import scrub_user_agent
from footfall.scrub_addresses import without_own_address
from footfall.store import ObjectStore
from sources import access_log
from sources.access_log import Hit, is_page_view, parse_line
from sources.contents import MAX_LINE_BYTES, numbered_lines, require_bounded
from sources.event_names import EventNames
from sources.torn_lines import CUT, malformed_line

#: Bytes of stored lines that one import holds in memory, since a log need not be ordered by hour. A page
#: view takes about 700, so this is some 1.5 million of them. Higher: larger files in one go, more memory.
MAX_KEPT_BYTES = 1 << 30


@dataclass(frozen=True)
class ImportReport:
    """What became of a log. lines = hits + malformed; hits = page_views + other_hits + refused.

    What is stored is counted in the lake, in the objects that hold it.

    lines       lines of the file that are not blank
    hits        those that follow the format
    page_views  hits stored as events
    other_hits  hits that are no page view (images, redirects, errors, …): counted, not stored
    refused     page views that the contract refuses: stored as refused lines
    malformed   lines that do not follow the format, or whose time cannot be: stored as refused lines
    by_hour     hour → stored lines; first_hour and last_hour are its ends, None where nothing is stored
    keys        the raw objects in the lake, one an hour
    """

    lines: int
    hits: int
    page_views: int
    other_hits: int
    refused: int
    malformed: int
    by_hour: Mapping[datetime, int]
    keys: tuple[str, ...]

    @property
    def first_hour(self) -> datetime | None:
        """The earliest hour that something was stored in."""
        return min(self.by_hour, default=None)

    @property
    def last_hour(self) -> datetime | None:
        """The latest hour that something was stored in."""
        return max(self.by_hour, default=None)

    @property
    def objects(self) -> int:
        """How many raw objects the log became."""
        return len(self.keys)


def import_log(
    path: Path,
    client: Client,
    site: Site,
    store: ObjectStore,
    salts: Salts,
    names: EventNames,
    *,
    now: datetime | None = None,
    log_format: str = "combined",
    max_kept_bytes: int = MAX_KEPT_BYTES,
) -> ImportReport:
    """Put the page views of `path` (plain, gzip or zstd) into the lake as raw objects, one an hour.

    Event ids come from the content's keyed hash and the line's number, so that importing the same content
    again, compressed or not, brings no new events. While the day's salts live (48 hours) it also makes
    the same bytes under the same keys; later the visitor hashes differ, and ingest counts the second
    import as duplicates. A log that has grown since is another content: import logs that are finished.

    Raises FootfallError for a file that cannot be read to its end, is empty, follows no known format or
    has changed meanwhile, and StoreError when the lake fails. In all but the last case nothing was put;
    in the last, importing again completes it.
    """
    if log_format not in access_log.FORMATS:
        raise FootfallError(f"unknown log format {log_format!r}: use {' or '.join(access_log.FORMATS)}")
    host = _host(client, site)
    latest = (now or datetime.now(UTC)) + MAX_AHEAD
    survey = _survey(path, latest)
    file_name = names.of_file(survey.sha256, store, client.client_id, survey.first_stored)
    kept = KeptLines(path, max_kept_bytes)
    pages = other = refused = malformed = 0
    last_good = survey.first_good
    digest = hashlib.sha256()
    for number, line in numbered_lines(path, digest.update):
        hit = _plausible_hit(line, latest)
        if isinstance(hit, Refused):
            malformed += 1
            receipt = Receipt(client.client_id, site.site_id, last_good, None, "")
            kept.add(last_good, malformed_line(hit, receipt, line))
            continue
        last_good = hit.at
        if not is_page_view(hit):
            other += 1
            continue
        visitor = visitor_id(salts.of(client.client_id, hit.at), site.site_id, hit.address, hit.user_agent)
        receipt = Receipt(
            client.client_id,
            site.site_id,
            hit.at,
            visitor,
            scrub_user_agent(hit.user_agent[:MAX_USER_AGENT]),
            source="access_log",
            consent_default=site.consent_default,
        )
        raw = _event_json(f"log-{file_name[:24]}-{number}", host, hit)
        try:
            event = check_event(raw)
        except Refused as problem:
            refused += 1
            kept.add(hit.at, without_own_address(refused_line(problem, receipt, raw), hit.address))
            continue
        pages += 1
        declared = site.declares(event.host)
        text = event_line(event, receipt, sent_at=None, is_declared_host=declared)
        kept.add(hit.at, without_own_address(text, hit.address))
    if digest.hexdigest() != survey.sha256:
        raise FootfallError(f"{path} changed while it was read: import it when nothing writes to it")
    stored = kept.put_into(store, f"import-{file_name[:12]}", client.client_id)
    stored.require(path, events=pages, refused=refused + malformed)
    return ImportReport(
        lines=stored.events + other + stored.refused,
        hits=stored.events + other + stored.refused - malformed,
        page_views=stored.events,
        other_hits=other,
        refused=stored.refused - malformed,
        malformed=malformed,
        by_hour=stored.by_hour,
        keys=stored.keys,
    )


def _plausible_hit(line: bytes, latest: datetime) -> Hit | Refused:
    if len(line) > MAX_LINE_BYTES:
        return Refused(Refusal.MALFORMED_LOG_LINE, f"longer than {MAX_LINE_BYTES} bytes{CUT}")
    hit = parse_line(line)
    if hit is None:
        return Refused(Refusal.MALFORMED_LOG_LINE, f"does not follow the combined format{CUT}")
    if not EARLIEST <= hit.at <= latest:
        return Refused(
            Refusal.MALFORMED_LOG_LINE, f"its time lies before {EARLIEST.year} or in the future{CUT}"
        )
    return hit


def _host(client: Client, site: Site) -> str:
    for domain in site.domains:
        if not domain.startswith("*."):
            return domain
    raise FootfallError(
        f"site {site.site_id} of client {client.client_id} has wildcard domains only, and a log names no "
        "host: add the host name that the log is of to the site's domains"
    )


def _event_json(event_id: str, host: str, hit: Hit) -> bytes:
    event: dict[str, str | int] = {
        "id": event_id,
        "type": "page_view",
        "occurred_at": int(hit.at.timestamp()) * 1000,
        "url": f"https://{host}{hit.path_and_query}",
    }
    if hit.referrer is not None:
        event["referrer"] = hit.referrer
    return msgspec.json.encode(event)


@dataclass(frozen=True)
class StoredLines:
    """What the raw objects of an import hold, counted in the lake."""

    keys: tuple[str, ...]
    by_hour: Mapping[datetime, int]
    events: int
    refused: int

    def require(self, path: Path, *, events: int, refused: int) -> None:
        """Raise FootfallError where not everything that was read is stored."""
        if (self.events, self.refused) != (events, refused):
            raise FootfallError(
                f"{path}: {events} events and {refused} refused lines were read, {self.events} and "
                f"{self.refused} are stored in {', '.join(self.keys)}; report this with the log, these hours "
                "must not be delivered"
            )


@dataclass
class KeptLines:
    """Stored lines by hour, up to a number of bytes."""

    path: Path
    max_bytes: int
    size: int = 0
    by_hour: dict[datetime, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def add(self, at: datetime, line: bytes) -> None:
        self.size += len(line)
        if self.size > self.max_bytes:
            raise FootfallError(
                f"{self.path} holds more than {self.max_bytes} bytes of page views: split it, for "
                "instance by day, and import the parts; nothing was imported"
            )
        self.by_hour[hours.floor(at)].append(line)

    def put_into(self, store: ObjectStore, origin: str, client_id: str) -> StoredLines:
        """Put one raw object an hour. Raises FootfallError where it does not hold what was kept."""
        keys, by_hour, counts = [], {}, Counter[str]()
        for hour, lines in sorted(self.by_hour.items()):
            key, stored = land(store, hour, origin, client_id, joined_lines(lines), len(lines))
            keys.append(key)
            by_hour[hour] = stored.total()
            counts += stored
        refused = counts.pop(REFUSED, 0)
        return StoredLines(tuple(keys), by_hour, counts.total(), refused)


@dataclass(frozen=True)
class _Survey:
    """What must be known before the first line is stored: the content's hash, its first good time, and that
    of the first hit which is stored.
    """

    sha256: str
    first_good: datetime
    first_stored: datetime


def _survey(path: Path, latest: datetime) -> _Survey:
    """Read the whole file once. Raises FootfallError where it cannot be imported."""
    require_bounded(path)
    digest = hashlib.sha256()
    first_good = first_stored = None
    lines = 0
    for _, line in numbered_lines(path, digest.update):
        lines += 1
        if first_stored is None:
            hit = _plausible_hit(line, latest)
            if isinstance(hit, Hit):
                first_good = first_good or hit.at
                first_stored = hit.at if is_page_view(hit) else None
    if lines == 0:
        raise FootfallError(f"{path} is empty: there is nothing to import")
    if first_good is None:
        raise FootfallError(
            f"none of the {lines} lines of {path} follows the combined format (address, identity, user, "
            '[time], "request", status, bytes, "referrer", "user agent") at a time since '
            f"{EARLIEST.year} that has passed; nothing was imported"
        )
    return _Survey(digest.hexdigest(), first_good, first_stored or first_good)
