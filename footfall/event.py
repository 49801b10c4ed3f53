"""The contract: what may arrive, what becomes of it, and how it is stored.

    wire body ── parse_batch ──► raw events ── check_event ──► Event ── event_line ──► one stored line
                     └───────────── Refusal ──────────────────────► refused_line

A stored line is an envelope of our own (client, receipt time, visitor) around the client's own bytes,
so that fields nobody knew of are kept as they came. Every limit and every reason of refusal is here.
"""

import hashlib
import math
import os
import re
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from footfall import consent
from footfall.catalogue.columns import fields_of
from footfall.event_ids import EVENT_ID
from footfall.json_text import depth, is_utf8, without_unreadable
from footfall.moments import milliseconds
from footfall.odd_json import as_json, batch_parts, elements, members_of, without_mark, without_repeats
from footfall.privacy import first_party_visitor_id
from footfall.scrub import scrub_body, scrub_event
from footfall.scrub_signs import is_plain
from footfall.scrub_work import MAX_EVENT_WORK, affordable, work

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
#: Characters of a user agent that are kept.
MAX_USER_AGENT = 512
#: Bytes of a body that cannot be read and is kept all the same.
MAX_QUARANTINE_BYTES = 64 * 1024
#: The largest loss a pixel may report in one batch; beyond it the report is a mistake.
MAX_LOSS = 1_000_000
#: Characters of a first-party visitor or session id, and of a user id.
MAX_ID_LENGTH = 256
#: How far a corrected client time may lie from the receipt before the receipt is used instead.
MAX_AGE = timedelta(days=7)
MAX_AHEAD = timedelta(minutes=5)
#: What lies between sending and receipt up to here is the network, and says nothing of the client's clock.
#: Lower: a slow request puts an event behind a later one. Higher: a slow clock is believed for longer.
MAX_DELAY = timedelta(seconds=60)

#: How old a first-party id may be, by its page's clock, to count as made with an event: the pixel makes it
#: with the first event of its tier. Higher: more events of the first minute carry the hash of the day.
FRESH = timedelta(seconds=5)

#: How an event came: over HTTP from a page or a server, or out of a log.
Source = Literal["web", "access_log", "cloudfront", "import"]
#: When the web began: no log is older. Earlier times are those of clocks set back to 1970 or 1980.
EARLIEST = datetime(1991, 1, 1, tzinfo=UTC)
#: Milliseconds since 1970 of it and of the year 2100. A clock that shows another time shows none.
EARLIEST_TIME, LATEST_TIME = int(EARLIEST.timestamp() * 1000), 4_102_444_800_000

#: An address whose host needs no second look. Parsing an address whole takes twice as long.
_USUAL_HOST = re.compile(r"https?://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?:[/?#]|\Z)")
_TIMED_ID = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
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
    UNREADABLE_ENCODING = (
        "unreadable_encoding",
        400,
        "content-encoding is neither gzip nor deflate, or the body is damaged",
    )
    RATE_LIMITED = ("rate_limited", 429, "more than the limit allows; send again after Retry-After seconds")
    API_KEY_MISSING = ("api_key_missing", 401, "the path needs an API key")
    API_KEY_UNKNOWN = ("api_key_unknown", 401, "no client has this API key")
    PERMISSION = ("permission_denied", 403, "the API key does not have the permission for it")
    SITES_UNCERTAIN = ("sites_uncertain", 503, "a client file cannot be read, and the site may be its own")
    MALFORMED_JSON = ("malformed_json", 400, "the body is not the JSON of an event or a batch")
    EMPTY_BATCH = ("empty_batch", 400, "the batch holds no event")
    TOO_MANY_EVENTS = ("too_many_events", 413, f"more than {MAX_BATCH_EVENTS} events in one batch")
    EVENT_TOO_LARGE = ("event_too_large", 413, f"an event of more than {MAX_EVENT_BYTES} bytes")
    TOO_DEEP = ("too_deep", 400, f"nested more than {MAX_DEPTH} levels")
    TOO_MANY_PROPERTIES = ("too_many_properties", 400, f"more than {MAX_PROPERTIES} properties")
    TOO_MUCH_WORK = ("too_much_work", 413, "an event with too many values, pairs or escapes to look through")
    INVALID_EVENT = ("invalid_event", 400, "a field is missing, of the wrong type or out of range")
    BUCKET_MISMATCH = ("bucket_mismatch", 403, "the bucket it names is not the client's destination")
    ENRICHMENT = ("enrichment_by_file", 422, "stored events are enriched by `footfall enrich`, not over HTTP")
    IMPORT_KEY = ("import_key_refused", 403, "a receipt time was stated without the import key")
    RECEIPT_TIME = ("receipt_time_invalid", 400, "the stated receipt time is not a time in the past")
    BAD_REQUEST = ("bad_request", 400, "not an HTTP/1.1 request, or one whose end is in doubt")
    HEAD_TOO_LARGE = ("head_too_large", 431, "a request line or headers beyond the limit")
    HEAD_UNFINISHED = ("head_unfinished", 408, "the headers came too slowly")
    OVERLOADED = ("overloaded", 503, "too many connections or unfinished bodies; try again later")
    NOT_DURABLE = ("not_durable", 503, "the event could not be made durable; try again later")
    MALFORMED_LOG_LINE = ("malformed_log_line", 400, "an access log line that does not follow its format")
    UNREADABLE_LOG = ("unreadable_log", 400, "a log object that is damaged, or no access log")

    def __init__(self, code: str, status: int, meaning: str) -> None:
        self.code = code
        self.status = status
        self.meaning = meaning


class Refused(Exception):
    """Raised by the functions below. `detail` says which field and what was expected, without values.

    `site` is the site key of a body that could be read as far as that. `document`: the JSON by which its
    sender's own collector would refuse it.
    """

    def __init__(
        self,
        refusal: Refusal,
        detail: str = "",
        site: str | None = None,
        document: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{refusal.code}: {detail or refusal.meaning}")
        self.refusal = refusal
        self.detail = detail or refusal.meaning
        self.site = site
        self.document = document


class Batch(msgspec.Struct):
    """What a body says about all its events: the site key and when it was sent (ms since 1970, UTC)."""

    site: str | None = None
    sent_at: int | None = None
    events: list[msgspec.Raw] | None = None


class _Loss(msgspec.Struct):
    lost: Any = None


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
    # Old clients use these names for things of their own: what has another type is kept, and not understood.
    consent: Any = None
    gpc: Any = None
    dnt: Any = None
    visitor: Any = None
    session: Any = None
    user: Any = None


class _KnownEvent(WireEvent, forbid_unknown_fields=True):
    """An event with no field but these, all of which ingest knows. Most are."""

    # Of plain types: nothing deep or hidden stays unlooked at.
    consent: int | None = None
    gpc: bool | None = None
    dnt: bool | None = None
    visitor: str | None = None
    session: str | None = None
    user: str | None = None
    clicks: dict[str, bool] | None = None
    view_id: str | None = None
    seq: int | None = None
    screen: str | None = None
    viewport: str | None = None
    lang: str | None = None
    tz: str | None = None
    nav: str | None = None
    webdriver: bool | None = None
    # Of a batch of one that is sent as the event itself.
    site: str | None = None
    sent_at: int | None = None
    pixel: str | None = None
    lost: int | None = None
    retries: int | None = None
    queued: int | None = None


class Event(msgspec.Struct, frozen=True):
    """A checked event: `raw` is its JSON on one line, `host` the lower-case host of its URL.

    `consent` is the tier it declares, `gpc` and `dnt` what the page saw of these signals; `visitor`,
    `session` and `user` are ids that it has, whether or not its tier allows them. `has_ids`: it has a field
    visitor or session, perhaps of a type that nobody understands. `has_clicks`: it may hold values of click
    ids. `raw` holds no personal data that the scrub knows; `redactions` counts what it took out.
    """

    event_id: str
    type: str
    host: str
    client_occurred_at: datetime | None
    raw: bytes
    consent: int | None = None
    gpc: bool = False
    dnt: bool = False
    visitor: str | None = None
    session: str | None = None
    user: str | None = None
    has_ids: bool = False
    has_clicks: bool = False
    redactions: Mapping[str, int] | None = None


class Receipt(msgspec.Struct, frozen=True):
    """What the server knows of a request: where it belongs, when it came, who came (as a keyed hash).

    `previous_visitor_id` is the same visitor under the salt of the day before; `country`, `region` and
    `city` are where the address was; `source` is how the event came. `consent_default`, `gpc_policy` and
    `dnt_policy` are the site's. `token`: the id by which a program with a key knows the person, where the
    event has no `visitor`. `links_consent`: whether an event that begins a first-party id carries the daily
    one too. `agent`: which agent the request names, behind what its signature is worth. `asn_class`: of the
    network that it came from, where one is known.
    """

    client_id: str
    site_id: str
    received_at: datetime
    visitor_id: str | None
    user_agent: str
    gpc: bool = False
    dnt: bool = False
    previous_visitor_id: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    client_hints: str | None = None
    source: Source = "web"
    consent_default: int = consent.COOKIELESS
    gpc_policy: consent.GpcPolicy = "tier1"
    dnt_policy: consent.DntPolicy = "tier1"
    token: str | None = None
    links_consent: bool = False
    agent: str | None = None
    asn_class: str | None = None


_loss_decoder = msgspec.json.Decoder(_Loss)
_batch_decoder = msgspec.json.Decoder(Batch)
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_event_decoder = msgspec.json.Decoder(WireEvent)
_known_event_decoder = msgspec.json.Decoder(_KnownEvent)


def parse_batch(body: bytes) -> tuple[str | None, int | None, list[bytes]]:
    """Site key, send time and the JSON of each event of a body. A body without `events` is one event.

    Raises Refused(MALFORMED_JSON | EMPTY_BATCH | TOO_MANY_EVENTS | BODY_TOO_LARGE).
    """
    if len(body) > MAX_BODY_BYTES:
        raise Refused(Refusal.BODY_TOO_LARGE)
    try:
        batch = _batch_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        batch = _odd_batch(body, error)
        body = as_json(without_mark(body))
    if batch.events is None:
        return batch.site, batch.sent_at, [body]
    if not batch.events:
        raise Refused(Refusal.EMPTY_BATCH, site=batch.site)
    if len(batch.events) > MAX_BATCH_EVENTS:
        raise Refused(Refusal.TOO_MANY_EVENTS, site=batch.site)
    return batch.site, batch.sent_at, [bytes(event) for event in batch.events]


def parse_any_batch(body: bytes) -> tuple[str | None, int | None, list[bytes], int | None]:
    """Site key, send time, the JSON of each event, and the loss that the pixel reports.

    As parse_batch, and a bare array of events too. Raises Refused as parse_batch does.
    """
    if without_mark(body).lstrip()[:1] != b"[":
        return *parse_batch(body), reported_loss(body)
    if len(body) > MAX_BODY_BYTES:
        raise Refused(Refusal.BODY_TOO_LARGE)
    try:
        events: list[Any] | None = _list_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        events = elements(without_mark(body).strip())
        events = events and list(map(as_json, events))
    if events is None:
        raise Refused(Refusal.MALFORMED_JSON)
    if not events:
        raise Refused(Refusal.EMPTY_BATCH)
    if len(events) > MAX_BATCH_EVENTS:
        raise Refused(Refusal.TOO_MANY_EVENTS)
    return None, None, [bytes(event) for event in events], None


def _odd_batch(body: bytes, error: Exception) -> Batch:
    """A body of which the parser takes something amiss: the events of a batch stand for themselves, and odd
    fields beside them say nothing. Raises Refused where it is no batch and no event at all.
    """
    parts = batch_parts(without_mark(body).strip())
    if parts is None:
        raise Refused(Refusal.MALFORMED_JSON, _position(error))
    around, events = parts
    if len(around) > MAX_EVENT_BYTES:
        raise Refused(Refusal.MALFORMED_JSON, _position(error))
    fields = members_of(around)
    if events is None and (not fields or fields.get("events") is not None):
        raise Refused(Refusal.MALFORMED_JSON, _position(error))
    site = fields.get("site")
    return Batch(
        site=site if isinstance(site, str) else None,
        sent_at=milliseconds(fields.get("sent_at")),
        events=None if events is None else [msgspec.Raw(as_json(event)) for event in events],
    )


def reported_loss(body: bytes) -> int | None:
    """How many events the pixel had to give up before it sent this body, where it says so."""
    if b'"lost"' not in body:
        return None
    try:
        lost = _loss_decoder.decode(body).lost
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        parts = batch_parts(without_mark(body).strip())
        around = parts[0] if parts is not None else b""
        lost = members_of(around).get("lost") if len(around) <= MAX_EVENT_BYTES else None
    return lost if type(lost) is int and 0 < lost <= MAX_LOSS else None


def _position(error: Exception) -> str:
    """The parser's message without any of the client's own text."""
    return str(error) if isinstance(error, msgspec.DecodeError) else "not UTF-8 JSON"


def check_event(raw: bytes) -> Event:
    """One event's JSON, checked against the contract.

    Raises Refused(EVENT_TOO_LARGE | TOO_MUCH_WORK | TOO_DEEP | TOO_MANY_PROPERTIES | INVALID_EVENT).
    """
    if len(raw) > MAX_EVENT_BYTES:
        raise Refused(Refusal.EVENT_TOO_LARGE)
    redactions = None
    event = _plain_event(raw)
    if event is not None and _has_odd_id(event):
        event = None  # as any text, it is looked through before it is kept
    is_plain = event is not None
    if event is None:
        if work(raw) > MAX_EVENT_WORK:
            raise Refused(Refusal.TOO_MUCH_WORK)
        # The parser skips fields it does not know without looking at their bytes.
        if not raw.isascii() and not is_utf8(raw):
            raw = raw.decode("utf-8", "replace").encode()
        # Every level opens a bracket: few brackets cannot be deep, and the walk is spared.
        if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and depth(raw) > MAX_DEPTH:
            raise Refused(Refusal.TOO_DEEP)
        raw, found = scrub_event(without_repeats(without_unreadable(raw)))
        redactions = found or None
        try:
            event = _event_decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raw = _without_odd_fields(raw, error)
            event = _event_decoder.decode(raw)
        if _has_odd_id(event):
            raw = _without_odd_id(raw)
            event.id = None
        if event.id is None and b'"id_as_sent"' in raw:
            event.id = _id_by_content(raw)
    if event.props is not None and len(event.props) > MAX_PROPERTIES:
        raise Refused(Refusal.TOO_MANY_PROPERTIES)
    if not _TYPE.fullmatch(event.type):
        raise Refused(Refusal.INVALID_EVENT, "type: expected 1 to 64 characters without controls")
    # JSON allows line ends between its tokens only, where a space says the same.
    if 10 in raw or 13 in raw:
        raw = raw.replace(b"\r", b" ").replace(b"\n", b" ")
    return Event(
        event_id=event.id or new_event_id(),
        type=event.type,
        host=_host(event.url),
        client_occurred_at=_moment(event.occurred_at),
        raw=raw,
        consent=consent.declared_tier(event.consent),
        gpc=event.gpc is True,
        dnt=event.dnt is True,
        visitor=event.visitor and _id("visitor", event.visitor),
        session=event.session and _id("session", event.session),
        user=event.user and _id("user", event.user),
        has_ids=event.visitor is not None or event.session is not None,
        has_clicks=not is_plain,
        redactions=redactions,
    )


#: Fields that an event may lack, and what they are. One that is something else is set aside.
_OPTIONAL: dict[str, Any] = {
    "id": str | None,
    "occurred_at": int | None,
    "title": str | None,
    "referrer": str | None,
    "props": dict[str, Any] | None,
}


def _without_odd_fields(raw: bytes, error: Exception) -> bytes:
    """An event whose odd optional fields are called `…_as_sent`, and a time in other words is understood.

    Raises Refused where that does not make an event of it; `error` says why it is none as it stands.
    """
    refused = Refused(Refusal.INVALID_EVENT, _position(error))
    try:
        fields = _fields_decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refused from None
    for name in _OPTIONAL.keys() & fields.keys():
        try:
            msgspec.json.decode(fields[name], type=_OPTIONAL[name])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            odd = fields.pop(name)
            fields.setdefault(f"{name}_as_sent", odd)
            if name == "occurred_at":
                moment = milliseconds(members_of(b'{"at":%b}' % bytes(odd)).get("at"))
                fields[name] = msgspec.Raw(b"null" if moment is None else b"%d" % moment)
    raw = _encode(fields)
    try:
        _event_decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as other:
        raise Refused(Refusal.INVALID_EVENT, _position(other)) from None
    return raw


def _has_odd_id(event: WireEvent) -> bool:
    """Whether an id is none of ours; what the scrub has made of a person's data would be many events' id."""
    return event.id is not None and (EVENT_ID.fullmatch(event.id) is None or "redacted-" in event.id)


def _without_odd_id(raw: bytes) -> bytes:
    """An event whose id is none of ours, and is kept as it was sent."""
    fields = _fields_decoder.decode(raw)
    fields.setdefault("id_as_sent", fields.pop("id"))
    return _encode(fields)


def _id_by_content(raw: bytes) -> str | None:
    """For an event with an id that is none of ours: the same for a retry, which says the same. None where it
    says nothing, or hid a person's data, which several may share.
    """
    odd = bytes(_fields_decoder.decode(raw).get("id_as_sent", b"null"))
    if odd in (b"null", b'""') or b"redacted-" in odd:
        return None
    return str(uuid.UUID(bytes=hashlib.sha256(raw).digest()[:16]))


def _plain_event(raw: bytes) -> WireEvent | None:
    """The event, where it has known fields only and nothing for the scrub to look at; most have."""
    try:
        event = _known_event_decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    fields = msgspec.structs.astuple(event)
    names = len(fields) - fields.count(None)
    if event.props:
        names += len(event.props)
    if event.clicks:
        names += len(event.clicks)
    props = event.props or {}
    event_id = event.id  # whose form is checked
    texts = [value for value in fields if type(value) is str and value is not event_id]
    if event.clicks:
        texts.extend(event.clicks)
    return event if is_plain(raw, names, (event.url, event.referrer), props, texts) else None


def _id(name: str, value: Any) -> str | None:
    """An id that may be text or a whole number. Raises Refused where it is too long to be one."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if len(text) > MAX_ID_LENGTH:
        raise Refused(Refusal.INVALID_EVENT, f"{name}: expected at most {MAX_ID_LENGTH} characters")
    return text or None


def _host(url: str) -> str:
    usual = _USUAL_HOST.match(url)
    if usual is not None:
        return usual[1]
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        raise Refused(Refusal.INVALID_EVENT, "url: expected an absolute http or https address")
    return host


def _moment(milliseconds: int | None) -> datetime | None:
    """A client's time, or None where it gives none or one outside the years 1991 to 2100."""
    if milliseconds is None or not EARLIEST_TIME <= milliseconds <= LATEST_TIME:
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
    is not (Snowplow and Segment use the same formula). Where the receipt lies up to MAX_DELAY after the
    sending, the client's clock is right and its own time stands: else a slow request would put an event
    behind one that happened later. Without both times, or where the result is over MAX_AGE old or
    MAX_AHEAD early, the receipt time is the best that is known.
    """
    sent = _moment(sent_at)
    if occurred is None:
        return received
    skew = received - sent if sent is not None else timedelta()
    corrected = occurred if timedelta() <= skew <= MAX_DELAY else occurred + skew
    if not received - MAX_AGE <= corrected <= received + MAX_AHEAD:
        return received
    return min(corrected, received)


_EventEnvelope = msgspec.defstruct(
    "_EventEnvelope",
    [(each.name, Any, msgspec.UNSET) if each.is_rare else each.name for each in fields_of("event")],
    kw_only=True,
)
_RefusedEnvelope = msgspec.defstruct("_RefusedEnvelope", [field.name for field in fields_of("refused")])

#: Version of the stored line. A reader meets lines of every version that was ever written.
#: 2: consent tiers, places, first-party ids, losses, redactions; 1: without them.
LINE_VERSION = 2
_encode = msgspec.json.Encoder().encode


def is_kept(receipt: Receipt, event: Event | None = None) -> bool:
    """Whether anything is kept of an event, or of what is none: nothing under Do Not Track, where the site
    says so.
    """
    return receipt.dnt_policy != "tier0" or not (receipt.dnt or (event is not None and event.dnt))


def event_line(
    event: Event, receipt: Receipt, *, sent_at: int | None, is_declared_host: bool, lost: int | None = None
) -> bytes:
    """The stored line of an event, without its line end: what its consent tier allows, and no more.

    `lost` is the loss that the batch reports, on its first event.
    """
    gpc = receipt.gpc or event.gpc
    dnt = receipt.dnt or event.dnt
    tier = consent.effective_tier(
        event.consent, receipt.consent_default, gpc=gpc, dnt=dnt, gpc_policy=receipt.gpc_policy
    )
    visitor, previous = receipt.visitor_id, receipt.previous_visitor_id
    user_agent, region, city = receipt.user_agent[:MAX_USER_AGENT], receipt.region, receipt.city
    if tier == consent.NONE:
        visitor = previous = region = city = None
        user_agent = consent.reduced_user_agent(user_agent)
    elif tier == consent.PERSISTENT:
        token = event.visitor or receipt.token
        if token is not None:
            visitor = first_party_visitor_id(receipt.site_id, token)
            previous = receipt.visitor_id if receipt.links_consent and _is_upgrade(event) else None
    raw = consent.strip(
        event.raw,
        tier,
        has_ids=event.has_ids,
        has_clicks=event.has_clicks,
        is_alias=event.type == "alias",
    )
    envelope = _EventEnvelope(
        v=LINE_VERSION,
        kind="event",
        client_id=receipt.client_id,
        site_id=receipt.site_id,
        event_id=event.event_id,
        type=event.type,
        received_at=timestamp(receipt.received_at),
        occurred_at=timestamp(true_time(receipt.received_at, sent_at, event.client_occurred_at)),
        visitor_id=visitor,
        user_agent=user_agent,
        host=event.host,
        is_declared_host=is_declared_host,
        gpc=gpc,
        dnt=dnt,
        previous_visitor_id=previous,
        consent_tier=tier,
        consent_declared=event.consent,
        session_id=event.session if tier >= consent.SESSION else None,
        user_id=event.user if tier > consent.NONE else None,
        country=receipt.country,
        region=region,
        city=city,
        client_hints=receipt.client_hints,
        lost=lost,
        sent_at=sent_at if sent_at is not None and EARLIEST_TIME <= sent_at <= LATEST_TIME else None,
        source=receipt.source,
        redactions=event.redactions,
        agent=receipt.agent or msgspec.UNSET,
        asn_class=receipt.asn_class or msgspec.UNSET,
        event=msgspec.Raw(raw),
    )
    return _encode(envelope)


def _is_upgrade(event: Event) -> bool:
    """Whether a first-party id begins here: the event tells of consent, or the page has just made the id."""
    if event.type == "consent":
        return True
    made_at = _TIMED_ID.match(event.visitor or "")
    if made_at is None or event.client_occurred_at is None:
        return False
    age = event.client_occurred_at.timestamp() - int(made_at[1] + made_at[2], 16) / 1000
    return 0 <= age <= FRESH.total_seconds()


def refused_line(refused: Refused, receipt: Receipt, body: bytes) -> bytes:
    """The stored line of something that could not become an event: its reason and its own bytes, but for
    personal data and ids as far as they show.
    """
    # A little more than is kept, so that what the cut would halve is still recognised.
    body, found = scrub_body(affordable(body[: MAX_QUARANTINE_BYTES + 1024]))
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
            redactions=found or None,
        )
    )


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: `2026-11-20T14:03:07.123Z`."""
    return _second(math.floor(moment.timestamp())) + _MILLISECONDS[moment.microsecond // 1000]


#: Milliseconds as they stand in a timestamp. Formatting each moment whole takes four times as long.
_MILLISECONDS = tuple(f".{n:03d}Z" for n in range(1000))


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]
