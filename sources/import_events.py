"""Import events of another tool: JSON lines as the pixel sends them, or the export of a tool.

    {"occurred_at": "2026-05-01T12:00:00Z", "type": "page_view", "url": "https://a.example/", "visitor": "v"}

`occurred_at` is the time of receipt as well, so the event lands in the partition of its own hour. What an
event says of a person, under the names that programs use (footfall/persons.py), makes its visitor and place.
All else is as the collector takes it; fields that nobody knows are kept.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from footfall.clients import Client, Site
from footfall.errors import FootfallError
from footfall.event import (
    EARLIEST,
    MAX_AHEAD,
    MAX_USER_AGENT,
    Event,
    Receipt,
    Refusal,
    Refused,
    check_event,
    event_line,
    is_kept,
    refused_line,
)
from footfall.event_ids import EVENT_ID
from footfall.geo import NOWHERE, Place
from footfall.moments import milliseconds
from footfall.persons import Person, told_apart
from footfall.privacy import visitor_id
from footfall.salts import Salts
from footfall.scrub import scrub_user_agent
from footfall.scrub_addresses import without_own_address
from footfall.scrub_names import kind_of
from footfall.store import ObjectStore
from sources.contents import require_bounded
from sources.event_names import EventNames
from sources.event_readings import Found, Lines, Reading, ToolRows, Unread
from sources.importer import MAX_KEPT_BYTES, ImportReport, KeptLines
from sources.tools.export import Tool, tools
from sources.tools.rows import Row

#: Addresses that one event may state: a chain of proxies.
MAX_ADDRESSES = 8
#: Rows at the beginning of an export by which it is told what it is.
_KNOWN_BY_ROWS = 1000

#: A name and its text in a line that is no JSON as a whole.
_FIELD = re.compile(rb'"([A-Za-z0-9_-]{1,40}+)"\s{0,8}+:\s{0,8}+"([^"\\]{0,512}+)"')
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True)
class EventReceiver:
    """Whose the events are. `place`: where an address is, for events that say an address and no place."""

    client: Client
    site: Site
    store: ObjectStore
    salts: Salts
    names: EventNames
    place: Callable[[str], Place] = lambda _: NOWHERE

    def receipt(self, given: "_Given") -> Receipt:
        """What is stored beside an event. A person without an id is told apart by address and user agent."""
        person = given.person
        who = person.told_apart_by
        visitor = None
        if who[0]:
            salt = self.salts.of(self.client.client_id, self.client.clock(self.site), given.at)
            visitor = visitor_id(salt, self.site.site_id, *who)
        place = person.place if any(person.place) or not person.address else self.place(person.address)
        return Receipt(
            self.client.client_id,
            self.site.site_id,
            given.at,
            visitor,
            scrub_user_agent(person.user_agent[:MAX_USER_AGENT]),
            country=place.country,
            region=place.region,
            city=place.city,
            source="import",
            consent_default=self.site.consent_default,
            gpc_policy=self.site.gpc_policy,
            dnt_policy=self.site.dnt_policy,
            token=person.token,
        )


def import_events(
    path: Path,
    to: EventReceiver,
    tool: Tool | None = None,
    *,
    now: datetime | None = None,
    max_kept_bytes: int = MAX_KEPT_BYTES,
) -> ImportReport:
    """Put the events of `path` (plain or compressed) into the lake as raw objects, one an hour.

    Without a `tool` its lines are events as the collector takes them. An event without an `id` gets one of
    its own that a second import gives it too. The visitor is a keyed hash, of the site's day unless the event
    declares `consent` 3. What is no event is stored as a refused line, in the hour of the last good one. The
    addresses that an event states, under names like `ip`, are hidden wherever it says them.

    Raises FootfallError for a file that cannot be read to its end, is empty, holds no event or is the export
    of something else, and StoreError when the lake fails; importing again completes it.
    """
    latest = (now or datetime.now(UTC)) + MAX_AHEAD

    def reading(file_name: str = "") -> Reading:
        return Lines(file_name) if tool is None else ToolRows(tool, to.names)

    survey = _survey(path, reading(), tool, latest, to.site.page_host)
    file_name = to.names.of_file(survey.sha256, to.store, to.client.client_id, survey.first_good)
    kept = KeptLines(path, max_kept_bytes)
    taken = refusals = left_out = 0
    last_good = survey.first_good
    digest = hashlib.sha256()
    read = reading(file_name)
    for row in read.rows(path, digest.update):
        count = 0
        whole = row.raw
        for given in _of_row(row, read, latest, to.site.page_host):
            count += 1
            if isinstance(given, Unread):
                refusals += 1
                receipt = Receipt(to.client.client_id, to.site.site_id, last_good, None, "")
                # What surrounds the events of a row stands with the first that is refused, and once.
                raw = whole or given.raw or row.raw
                whole = b"" if given.raw is not None else row.raw
                line = refused_line(given.refused, receipt, raw)
                kept.add(last_good, _without_addresses(line, _addresses(row.raw)))
                continue
            last_good = given.at
            declared, receipt = to.site.declares(given.event.host), to.receipt(given)
            if not is_kept(receipt, given.event):
                left_out += 1
                continue
            line = event_line(given.event, receipt, sent_at=None, is_declared_host=declared)
            kept.add(given.at, _without_addresses(line, given.addresses))
            taken += 1
        left_out += not count
    if digest.hexdigest() != survey.sha256:
        raise FootfallError(f"{path} changed while it was read: import it when nothing writes to it")
    stored = kept.put_into(to.store, f"import-{file_name[:12]}", to.client.client_id)
    stored.require(path, events=taken, refused=refusals)
    return ImportReport(
        lines=stored.events + stored.refused + left_out,
        hits=stored.events + left_out,
        page_views=stored.events,
        other_hits=left_out,
        refused=stored.refused,
        malformed=0,
        by_hour=stored.by_hour,
        keys=stored.keys,
    )


@dataclass(frozen=True)
class _Survey:
    """What must be known before the first line is stored: the content's hash and its first event's time."""

    sha256: str
    first_good: datetime


def _survey(path: Path, reading: Reading, tool: Tool | None, latest: datetime, host: str) -> _Survey:
    """Read the whole file once. Raises FootfallError where it cannot be imported."""
    require_bounded(path)
    digest = hashlib.sha256()
    rows = 0
    first_good: datetime | None = None
    first_problem: Refused | None = None
    head: list[frozenset[str]] = []
    for row in reading.rows(path, digest.update):
        rows += 1
        if tool is not None and len(head) < _KNOWN_BY_ROWS:
            head.append(frozenset(row.fields or ()))
            if len(head) == _KNOWN_BY_ROWS:
                _require_export(path, tool, head)
        if first_good is None:
            for given in _of_row(row, reading, latest, host):
                if isinstance(given, Unread):
                    first_problem = first_problem or given.refused
                else:
                    first_good = first_good or given.at
    if rows == 0:
        raise FootfallError(f"{path} is empty: there is nothing to import")
    if tool is not None and len(head) < _KNOWN_BY_ROWS:
        _require_export(path, tool, head)
    if first_good is None:
        raise FootfallError(
            f"none of the {rows} lines of {path} is an event ({first_problem}); nothing was imported"
        )
    return _Survey(digest.hexdigest(), first_good)


def _require_export(path: Path, tool: Tool, head: list[frozenset[str]]) -> None:
    """Raise FootfallError where most rows are none of this tool, with the name of one that they are of."""
    named = [names for names in head if names]
    if 2 * sum(tool.export.is_known(names) for names in named) >= len(named):
        return
    others = [
        other.name
        for other in tools().values()
        if 2 * sum(other.export.is_known(names) for names in named) > len(named)
    ]
    hint = f"; it looks like {' or '.join(others)}" if others else ""
    raise FootfallError(
        f"{path} is no export of {tool.export.title}: most rows lack {tool.export.known_text}{hint}; nothing "
        "was imported"
    )


@dataclass(frozen=True)
class _Given:
    """An event that was checked. `addresses`: whose event it is."""

    at: datetime
    event: Event
    person: Person
    addresses: tuple[str, ...]


def _of_row(row: Row, reading: Reading, latest: datetime, host: str) -> Iterator[_Given | Unread]:
    """The events of a row, each by itself."""
    if row.problem is not None:
        yield Unread(row.problem)
        return
    for found in reading.events(row, host):
        try:
            yield found if isinstance(found, Unread) else _given(found, latest)
        except Refused as refused:
            yield Unread(refused, found.raw)


def _given(found: Found, latest: datetime) -> _Given:
    """What an event says. Raises Refused."""
    event = found.event
    at = _moment(event.get("occurred_at"))
    if at is None or not EARLIEST <= at <= latest:
        raise Refused(
            Refusal.INVALID_EVENT,
            f"occurred_at: expected ISO 8601 with its zone, or milliseconds, from {EARLIEST.year} to now",
        )
    event["occurred_at"] = int(at.timestamp() * 1000)
    own = event.pop("id", None)
    is_usable = isinstance(own, str) and EVENT_ID.fullmatch(own)
    if own is not None and not is_usable:
        event["id_as_sent"] = own
    event["id"] = own if is_usable else found.own_id
    addresses = _stated(event)
    raw, person = told_apart(msgspec.json.encode(event))
    return _Given(at, check_event(raw), person, addresses)


def _stated(event: dict[str, Any]) -> tuple[str, ...]:
    """The addresses under names like `ip`: each is the sender's, wherever else it stands in the event."""
    found = []
    for name, value in event.items():
        if isinstance(value, str) and kind_of(name) == "address":
            for each in value[:512].split(",")[:MAX_ADDRESSES]:
                found.append(each.strip().strip("[]"))
    return tuple(found[:MAX_ADDRESSES])


def _addresses(line: bytes) -> tuple[str, ...]:
    """The same of a line that is no event."""
    try:
        return _stated(_decode(line))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _stated(
            {name.decode(): text.decode("utf-8", "replace") for name, text in _FIELD.findall(line)}
        )


def _without_addresses(stored: bytes, addresses: tuple[str, ...]) -> bytes:
    for address in addresses:
        stored = without_own_address(stored, address)
    return stored


def _moment(value: object) -> datetime | None:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else None
        number = milliseconds(value)
        return None if number is None else datetime.fromtimestamp(number / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
