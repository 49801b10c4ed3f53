"""Import events of another tool: a file of JSON lines, each an event of the contract at its own time.

    {"occurred_at": "2026-05-01T12:00:00Z", "type": "page_view", "url": "https://a.example/", "visitor": "v"}

`occurred_at` is ISO 8601 with its zone, or milliseconds since 1970; it is the time of receipt as well, so the
event lands in the partition of its own hour. All else is as the pixel sends it; fields that nobody knows are
kept.
"""

import hashlib
import re
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
    Receipt,
    Refusal,
    Refused,
    check_event,
    event_line,
    refused_line,
)
from footfall.privacy import visitor_id
from footfall.salts import Salts
from footfall.scrub_addresses import without_own_address
from footfall.scrub_names import kind_of
from footfall.store import ObjectStore
from sources.contents import MAX_LINE_BYTES, numbered_lines, require_bounded
from sources.event_names import EventNames
from sources.importer import MAX_KEPT_BYTES, ImportReport, KeptLines

#: Addresses that one event may state: a chain of proxies.
MAX_ADDRESSES = 8

#: A name and its text in a line that is no JSON as a whole.
_FIELD = re.compile(rb'"([A-Za-z0-9_-]{1,40}+)"\s{0,8}+:\s{0,8}+"([^"\\]{0,512}+)"')
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def import_events(
    path: Path,
    client: Client,
    site: Site,
    store: ObjectStore,
    salts: Salts,
    names: EventNames,
    *,
    now: datetime | None = None,
    max_kept_bytes: int = MAX_KEPT_BYTES,
) -> ImportReport:
    """Put the events of `path` (plain, gzip or zstd) into the lake as raw objects, one an hour.

    An event without an `id` gets one from the content's keyed hash and its line's number, so that importing
    the same file again brings nothing new. A `visitor` becomes a keyed hash, daily unless the event declares
    `consent` 3. A line that is no event is stored as a refused line, in the hour of the last good one. The
    addresses that an event states, under names like `ip`, are hidden wherever it says them.

    Raises FootfallError for a file that cannot be read to its end, is empty or holds no event, and
    StoreError when the lake fails; importing again completes it.
    """
    latest = (now or datetime.now(UTC)) + MAX_AHEAD
    survey = _survey(path, latest)
    file_name = names.of_file(survey.sha256, store, client.client_id, survey.first_good)
    clock = client.clock(site)
    kept = KeptLines(path, max_kept_bytes)
    taken = refusals = 0
    last_good = survey.first_good
    digest = hashlib.sha256()
    for number, line in numbered_lines(path, digest.update):
        try:
            given = _event_of(line, f"import-{file_name[:24]}-{number}", latest)
            event = check_event(given.raw)
        except Refused as problem:
            refusals += 1
            receipt = Receipt(client.client_id, site.site_id, last_good, None, "")
            kept.add(last_good, _without_addresses(refused_line(problem, receipt, line), _addresses(line)))
            continue
        last_good = given.at
        visitor = None
        if given.visitor is not None:
            salt = salts.of(client.client_id, clock, given.at)
            visitor = visitor_id(salt, site.site_id, given.visitor, "")
        receipt = Receipt(
            client.client_id,
            site.site_id,
            given.at,
            visitor,
            given.user_agent,
            source="import",
            consent_default=site.consent_default,
            gpc_policy=site.gpc_policy,
        )
        text = event_line(event, receipt, sent_at=None, is_declared_host=site.declares(event.host))
        kept.add(given.at, _without_addresses(text, given.addresses))
        taken += 1
    if digest.hexdigest() != survey.sha256:
        raise FootfallError(f"{path} changed while it was read: import it when nothing writes to it")
    stored = kept.put_into(store, f"import-{file_name[:12]}", client.client_id)
    stored.require(path, events=taken, refused=refusals)
    return ImportReport(
        lines=stored.events + stored.refused,
        hits=stored.events,
        page_views=stored.events,
        other_hits=0,
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


def _survey(path: Path, latest: datetime) -> _Survey:
    """Read the whole file once. Raises FootfallError where it cannot be imported."""
    require_bounded(path)
    digest = hashlib.sha256()
    lines = 0
    first_good: datetime | None = None
    first_problem: Refused | None = None
    for number, line in numbered_lines(path, digest.update):
        lines += 1
        if first_good is None:
            try:
                given = _event_of(line, f"import-{number}", latest)
                check_event(given.raw)
                first_good = given.at
            except Refused as problem:
                first_problem = first_problem or problem
    if lines == 0:
        raise FootfallError(f"{path} is empty: there is nothing to import")
    if first_good is None:
        raise FootfallError(
            f"none of the {lines} lines of {path} is an event ({first_problem}); nothing was imported"
        )
    return _Survey(digest.hexdigest(), first_good)


@dataclass(frozen=True)
class _Given:
    """One line. `raw`: JSON in the contract's form; `visitor`: its token; `addresses`: whose event it is."""

    at: datetime
    raw: bytes
    visitor: str | None
    user_agent: str
    addresses: tuple[str, ...]


def _event_of(line: bytes, event_id: str, latest: datetime) -> _Given:
    """What a line says. Raises Refused."""
    if len(line) > MAX_LINE_BYTES:
        raise Refused(Refusal.EVENT_TOO_LARGE, f"longer than {MAX_LINE_BYTES} bytes")
    try:
        event = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(Refusal.MALFORMED_JSON, "not one JSON object on the line") from None
    at = _moment(event.get("occurred_at"))
    if at is None or not EARLIEST <= at <= latest:
        raise Refused(
            Refusal.INVALID_EVENT,
            f"occurred_at: expected ISO 8601 with its zone, or milliseconds, from {EARLIEST.year} to now",
        )
    event["occurred_at"] = int(at.timestamp() * 1000)
    event.setdefault("id", event_id)
    token, agent = event.get("visitor"), event.get("user_agent")
    return _Given(
        at,
        msgspec.json.encode(event),
        token if isinstance(token, str) and token else None,
        agent[:512] if isinstance(agent, str) else "",
        _stated(event),
    )


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
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
