"""The contract: what may arrive, what becomes of it, and how it is stored.

    wire body ── parse_batch ──► raw events ── check_event ──► Event ── event_line ──► one stored line
                     └───────────── Refusal ──────────────────────► refused_line

A stored line is an envelope of our own (client, receipt time, visitor) around the client's own bytes,
so that fields nobody knew of are kept as they came. Every limit and every reason of refusal is here.
"""

import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

import msgspec

#: Bytes of one event. Segment's figure; larger events are almost always a mistake.
MAX_EVENT_BYTES = 32 * 1024
#: Bytes of one request body: a full batch of ordinary events.
MAX_BODY_BYTES = 500 * 1024
#: Events in one request.
MAX_BATCH_EVENTS = 500
#: Properties of one event.
MAX_PROPERTIES = 64
#: Nesting of an event. Parsers and writers disagree beyond some hundreds; nobody needs more than this.
MAX_DEPTH = 32
#: Bytes of a body that cannot be read and is kept all the same.
MAX_QUARANTINE_BYTES = 64 * 1024
#: How far a corrected client time may lie from the receipt before the receipt is used instead.
MAX_AGE = timedelta(days=7)
MAX_AHEAD = timedelta(minutes=5)

_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TYPE = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


class Refusal(Enum):
    """Every reason for which something is not taken as an event: name, HTTP status, meaning.

    The name is the value of the `x-footfall-reason` header, a counter and a quarantine reason.
    """

    NOT_FOUND = ("not_found", 404, "no such path")
    METHOD = ("method_not_allowed", 405, "the path does not take this method")
    BODY_TOO_LARGE = ("body_too_large", 413, f"more than {MAX_BODY_BYTES} bytes; send smaller batches")
    BODY_UNFINISHED = ("body_unfinished", 400, "the body ended early or came too slowly")
    MISSING_SITE = ("missing_site", 400, "neither the body nor the query names a site key")
    UNKNOWN_SITE = ("unknown_site", 403, "no client has this site key")
    MALFORMED_JSON = ("malformed_json", 400, "the body is not the JSON of an event or a batch")
    EMPTY_BATCH = ("empty_batch", 400, "the batch holds no event")
    TOO_MANY_EVENTS = ("too_many_events", 413, f"more than {MAX_BATCH_EVENTS} events in one batch")
    EVENT_TOO_LARGE = ("event_too_large", 413, f"an event of more than {MAX_EVENT_BYTES} bytes")
    TOO_DEEP = ("too_deep", 400, f"nested more than {MAX_DEPTH} levels")
    TOO_MANY_PROPERTIES = ("too_many_properties", 400, f"more than {MAX_PROPERTIES} properties")
    INVALID_EVENT = ("invalid_event", 400, "a field is missing, of the wrong type or out of range")
    IMPORT_KEY = ("import_key_refused", 403, "a receipt time was stated without the import key")
    RECEIPT_TIME = ("receipt_time_invalid", 400, "the stated receipt time is not a time in the past")
    NOT_DURABLE = ("not_durable", 503, "the event could not be made durable; try again later")
    MALFORMED_LOG_LINE = ("malformed_log_line", 400, "an access log line that does not follow its format")
    UNREADABLE_LOG = ("unreadable_log", 400, "a log object that is damaged, or no access log")

    def __init__(self, code: str, status: int, meaning: str) -> None:
        self.code = code
        self.status = status
        self.meaning = meaning


class Refused(Exception):
    """Raised by the functions below. `detail` says which field and what was expected, without values."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(f"{refusal.code}: {detail or refusal.meaning}")
        self.refusal = refusal
        self.detail = detail or refusal.meaning


class Batch(msgspec.Struct):
    """What a body says about all its events: the site key and when it was sent (ms since 1970, UTC)."""

    site: str | None = None
    sent_at: int | None = None
    events: list[msgspec.Raw] | None = None


class WireEvent(msgspec.Struct):
    """The fields of an event that Footfall itself reads; all others are kept as they are.

    `id` is made where the event happens, so that every retry carries the same one. `occurred_at` is ms
    since 1970 by the client's clock.
    """

    type: str
    url: str
    id: str | None = None
    occurred_at: int | None = None
    title: str | None = None
    referrer: str | None = None
    props: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A checked event: `raw` is its JSON on one line, `host` the lower-case host of its URL."""

    event_id: str
    type: str
    host: str
    client_occurred_at: datetime | None
    raw: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the server knows of a request: where it belongs, when it came, who came (as a keyed hash)."""

    client_id: str
    site_id: str
    received_at: datetime
    visitor_id: str | None
    user_agent: str
    gpc: bool = False
    dnt: bool = False


_batch_decoder = msgspec.json.Decoder(Batch)
_event_decoder = msgspec.json.Decoder(WireEvent)


def parse_batch(body: bytes) -> tuple[str | None, int | None, list[bytes]]:
    """Site key, send time and the JSON of each event of a body. A body without `events` is one event.

    Raises Refused(MALFORMED_JSON | EMPTY_BATCH | TOO_MANY_EVENTS | BODY_TOO_LARGE).
    """
    if len(body) > MAX_BODY_BYTES:
        raise Refused(Refusal.BODY_TOO_LARGE)
    try:
        batch = _batch_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(Refusal.MALFORMED_JSON, _position(error)) from None
    if batch.events is None:
        return batch.site, batch.sent_at, [body]
    if not batch.events:
        raise Refused(Refusal.EMPTY_BATCH)
    if len(batch.events) > MAX_BATCH_EVENTS:
        raise Refused(Refusal.TOO_MANY_EVENTS)
    return batch.site, batch.sent_at, [bytes(event) for event in batch.events]


def _position(error: Exception) -> str:
    """The parser's message without any of the client's own text."""
    return str(error) if isinstance(error, msgspec.DecodeError) else "not UTF-8 JSON"


def check_event(raw: bytes) -> Event:
    """One event's JSON, checked against the contract.

    Raises Refused(EVENT_TOO_LARGE | TOO_DEEP | TOO_MANY_PROPERTIES | INVALID_EVENT).
    """
    if len(raw) > MAX_EVENT_BYTES:
        raise Refused(Refusal.EVENT_TOO_LARGE)
    # The parser skips fields it does not know without looking at their bytes.
    if not raw.isascii() and not _is_utf8(raw):
        raise Refused(Refusal.INVALID_EVENT, "not UTF-8")
    # Every level opens a bracket: few brackets cannot be deep, and the walk is spared.
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _depth(raw) > MAX_DEPTH:
        raise Refused(Refusal.TOO_DEEP)
    try:
        event = _event_decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(Refusal.INVALID_EVENT, _position(error)) from None
    if event.props is not None and len(event.props) > MAX_PROPERTIES:
        raise Refused(Refusal.TOO_MANY_PROPERTIES)
    if not _TYPE.fullmatch(event.type):
        raise Refused(Refusal.INVALID_EVENT, "type: expected 1 to 64 characters without controls")
    if event.id is not None and not _EVENT_ID.fullmatch(event.id):
        raise Refused(Refusal.INVALID_EVENT, "id: expected 8 to 64 of A-Z a-z 0-9 _ -")
    # JSON allows line ends between its tokens only, where a space says the same.
    line = raw.replace(b"\r", b" ").replace(b"\n", b" ")
    return Event(
        event_id=event.id or new_event_id(),
        type=event.type,
        host=_host(event.url),
        client_occurred_at=_moment(event.occurred_at),
        raw=line,
    )


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _depth(raw: bytes) -> int:
    """The deepest nesting of JSON text: brackets inside strings do not count."""
    depth = deepest = 0
    in_string = escaped = False
    for byte in raw:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        raise Refused(Refusal.INVALID_EVENT, "url: expected an absolute http or https address")
    return host


def _moment(milliseconds: int | None) -> datetime | None:
    """A client's time, or None where it gives none or one outside the years 2000 to 2100."""
    if milliseconds is None or not 946_684_800_000 <= milliseconds <= 4_102_444_800_000:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def new_event_id() -> str:
    """A UUIDv7: ordered by time, so that Parquet of ids compresses and sorts well."""
    milliseconds = time.time_ns() // 1_000_000
    tail = bytearray(os.urandom(10))
    tail[0] = 0x70 | (tail[0] & 0x0F)
    tail[2] = 0x80 | (tail[2] & 0x3F)
    digits = (milliseconds.to_bytes(6, "big") + bytes(tail)).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def true_time(received: datetime, sent_at: int | None, occurred: datetime | None) -> datetime:
    """When an event really happened, by the server's clock.

    received − (sent − occurred): the age of the event at sending is right even where the client's clock
    is not (Snowplow and Segment use the same formula). Without both times, or where the result is over
    MAX_AGE old or MAX_AHEAD early, the receipt time is the best that is known.
    """
    sent = _moment(sent_at)
    if occurred is None:
        return received
    corrected = received - (sent - occurred) if sent is not None else occurred
    if not received - MAX_AGE <= corrected <= received + MAX_AHEAD:
        return received
    return min(corrected, received)


class _EventEnvelope(msgspec.Struct):
    v: int
    kind: str
    client_id: str
    site_id: str
    event_id: str
    type: str
    received_at: str
    occurred_at: str
    visitor_id: str | None
    user_agent: str
    host: str
    is_declared_host: bool
    gpc: bool
    dnt: bool


class _RefusedEnvelope(msgspec.Struct):
    v: int
    kind: str
    client_id: str
    site_id: str
    received_at: str
    reason: str
    detail: str
    body: str


#: Version of the stored line. A reader meets lines of every version that was ever written.
LINE_VERSION = 1
_encode = msgspec.json.Encoder().encode


def event_line(event: Event, receipt: Receipt, *, sent_at: int | None, is_declared_host: bool) -> bytes:
    """The stored line of an event, without its line end."""
    envelope = _EventEnvelope(
        v=LINE_VERSION,
        kind="event",
        client_id=receipt.client_id,
        site_id=receipt.site_id,
        event_id=event.event_id,
        type=event.type,
        received_at=timestamp(receipt.received_at),
        occurred_at=timestamp(true_time(receipt.received_at, sent_at, event.client_occurred_at)),
        visitor_id=receipt.visitor_id,
        user_agent=receipt.user_agent[:512],
        host=event.host,
        is_declared_host=is_declared_host,
        gpc=receipt.gpc,
        dnt=receipt.dnt,
    )
    return _encode(envelope)[:-1] + b',"event":' + event.raw + b"}"


def refused_line(refused: Refused, receipt: Receipt, body: bytes) -> bytes:
    """The stored line of something that could not become an event: its reason and its own bytes."""
    return _encode(
        _RefusedEnvelope(
            v=LINE_VERSION,
            kind="refused",
            client_id=receipt.client_id,
            site_id=receipt.site_id,
            received_at=timestamp(receipt.received_at),
            reason=refused.refusal.code,
            detail=refused.detail,
            # Latin-1 keeps every byte: what is no UTF-8 can still be restored exactly.
            body=body[:MAX_QUARANTINE_BYTES].decode("latin-1"),
        )
    )


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: `2026-11-20T14:03:07.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
