"""The stored event, once: the fields of a line in a raw object, and the columns that ingest makes of them.

What follows from it: what the collector and imports write (footfall.event), the decoder and the columns by
which ingest reads it, the tables of the warehouse and the lake's Parquet with their DDL, what may be learnt
later, and in dbt the sources, the list of enrichable fields and the texts of columns (`make generate`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

#: DuckDB types.
TEXT, FLAG, TIME, DAY = "VARCHAR", "BOOLEAN", "TIMESTAMPTZ", "DATE"
SMALL, LARGE, REAL, JSON = "INTEGER", "BIGINT", "DOUBLE", "JSON"

#: What a line is: an event, or something that was refused.
LineKind = Literal["event", "refused"]
_BOTH: tuple[LineKind, ...] = ("event", "refused")
_EVENT: tuple[LineKind, ...] = ("event",)
_REFUSED: tuple[LineKind, ...] = ("refused",)


@dataclass(frozen=True)
class Field:
    """A field of a stored line. `type`: what DuckDB reads it as; `of`: the lines that have it.

    `is_required`: without it a line is no event. `becomes`: what is made of a field that has no column of
    its own.
    """

    name: str
    type: str
    of: tuple[LineKind, ...] = _EVENT
    is_required: bool = False
    becomes: str = ""
    #: Left out of lines that have nothing to say in it.
    is_rare: bool = False


#: The fields of a stored line, of every version, in the order in which they are written: part of its bytes.
LINE: tuple[Field, ...] = (
    Field("v", SMALL, _BOTH, becomes="the version of the line"),
    Field("kind", TEXT, _BOTH, becomes="the table that the line goes to"),
    Field("client_id", TEXT, _BOTH, is_required=True),
    Field("site_id", TEXT, _BOTH, is_required=True),
    Field("event_id", TEXT, is_required=True),
    Field("type", TEXT, is_required=True),
    Field("received_at", TIME, _BOTH, is_required=True),
    Field("occurred_at", TIME, is_required=True),
    Field("visitor_id", TEXT),
    Field("user_agent", TEXT),
    Field("host", TEXT),
    Field("is_declared_host", FLAG),
    Field("gpc", FLAG),
    Field("dnt", FLAG),
    Field("previous_visitor_id", TEXT),
    Field("consent_tier", SMALL),
    Field("consent_declared", SMALL),
    Field("session_id", TEXT),
    Field("user_id", TEXT),
    Field("country", TEXT),
    Field("region", TEXT),
    Field("city", TEXT),
    Field("client_hints", TEXT, becomes="device, browser and os, with the user agent"),
    Field("lost", SMALL),
    Field("sent_at", LARGE, becomes="clock"),
    Field("source", TEXT),
    Field("reason", TEXT, _REFUSED),
    Field("detail", TEXT, _REFUSED),
    Field("body", TEXT, _REFUSED),
    Field("redactions", JSON, _BOTH),
    Field(
        "agent",
        TEXT,
        becomes="bot_class, bot_name and bot_signals, of an agent whose signature was verified",
        is_rare=True,
    ),
    Field(
        "asn_class", TEXT, becomes="is_bot and bot_signals, beside another sign of a program", is_rare=True
    ),
    Field("event", JSON, becomes="the columns that come from it, and payload"),
)


@dataclass(frozen=True)
class OfLine:
    """A column that is a field of the stored line."""

    field: str


@dataclass(frozen=True)
class OfEvent:
    """A column that is a field of the event's own JSON, and is in the payload no more."""

    field: str


@dataclass(frozen=True)
class OfRequest:
    """A column that is a field of the event's own JSON in lines of access logs. The payload keeps it."""

    field: str


@dataclass(frozen=True)
class Column:
    """A column of a table that ingest writes. `type`: DuckDB's.

    `source`: where it comes from; None where ingest finds it out (orchestration/ingest/event_rows.py).
    `enrichable`: whether it may be learnt later; facts of the receipt itself stay as they were.
    `personal`: whether it says something about a person or a device.
    """

    name: str
    type: str
    meaning: str
    source: OfLine | OfEvent | OfRequest | None = None
    enrichable: bool = False
    personal: bool = False


def _line(name: str, type_: str, meaning: str, field: str = "", **more: bool) -> Column:
    return Column(name, type_, meaning, OfLine(field or name), **more)


def _event(name: str, type_: str, meaning: str, field: str = "", **more: bool) -> Column:
    return Column(name, type_, meaning, OfEvent(field or name), **more)


def _request(name: str, type_: str, meaning: str) -> Column:
    return Column(name, type_, f"{meaning}; access logs only.", OfRequest(name))


_RECEIVED_HOUR = Column("received_hour", TIME, "Hour of receipt; decides which run models it.")
_CLIENT = _line("client_id", TEXT, "Client who owns the site.")
_RECEIVED = _line("received_at", TIME, "When the collector took it.")
_OBJECT = Column("object_key", TEXT, "Raw object the line is in.")
_BOTS = "search, ai_crawler, ai_assistant, ai_agent, monitor, library, headless or other; null for people."
_REFERRERS = (
    "search, social, ai_assistant, email, shopping, video, ads, internal, payment, sign_in, spam or other."
)

#: A row per line of a raw object that is an event, duplicates included; in the order of the lake's Parquet.
EVENT: tuple[Column, ...] = (
    _RECEIVED_HOUR,
    _CLIENT,
    _line("site_id", TEXT, "Site it belongs to."),
    _line(
        "event_id",
        TEXT,
        "Id made where the event happened; unique within a client, and breaks ties of time.",
        personal=True,
    ),
    _line("event_type", TEXT, "page_view, or any name the client chose.", "type"),
    _RECEIVED,
    _line("occurred_at", TIME, "When it happened, by the server's clock; decides sessions and metrics."),
    _line(
        "visitor_id",
        TEXT,
        "Keyed hash of one device on one site and day, or the first-party id from tier 3 on; null where the "
        "visitor is unknown.",
        personal=True,
    ),
    _event("url", TEXT, "Address of the page as sent.", personal=True),
    _line("host", TEXT, "Host of the address."),
    _line("is_declared_host", FLAG, "Whether the client file declares the host for the site."),
    _event("title", TEXT, "Title of the page.", enrichable=True, personal=True),
    _event("referrer", TEXT, "Address of the page before as sent.", personal=True),
    _line("user_agent", TEXT, "What the browser calls itself.", personal=True),
    _line("gpc", FLAG, "Whether the browser sent Global Privacy Control."),
    _line("dnt", FLAG, "Whether the browser sent Do Not Track."),
    _line(
        "consent_tier",
        SMALL,
        "What was allowed: 0 nothing kept, 1 cookieless, 2 session, 3 first-party id.",
    ),
    _line("consent_declared", SMALL, "The tier that the page claimed."),
    _line(
        "previous_visitor_id",
        TEXT,
        "Hash that the same device had the day before; only of events received in the first half hour of a "
        "day of the site, and the hash of the day of those with which a first-party id begins.",
        personal=True,
    ),
    _line(
        "first_party_session_id",
        TEXT,
        "Session token kept by the page, from tier 2 on; for comparing, it decides nothing.",
        "session_id",
        personal=True,
    ),
    _line("user_id", TEXT, "Id by which the client knows the person.", enrichable=True, personal=True),
    _event("view_id", TEXT, "Page view that the event belongs to, as the page numbers them.", personal=True),
    Column("seq", LARGE, "Number that the page gave the event, from 0; orders what happened in one moment."),
    _line("country", TEXT, "ISO 3166-1 alpha-2 code.", enrichable=True),
    _line("region", TEXT, "ISO 3166-2 subdivision.", enrichable=True, personal=True),
    _line("city", TEXT, "Name of the city.", enrichable=True, personal=True),
    _event("language", TEXT, "Language of the browser.", "lang", enrichable=True),
    _event("screen", TEXT, "Size of the screen, such as 1920x1080."),
    _event("viewport", TEXT, "Size of what the browser shows of the page, such as 1280x720."),
    Column("browser", TEXT, "Name of the browser.", enrichable=True),
    Column("browser_version", TEXT, "Version of the browser.", enrichable=True),
    Column("os", TEXT, "Name of the operating system.", enrichable=True),
    Column("os_version", TEXT, "Version of the operating system.", enrichable=True),
    Column("device", TEXT, "mobile, tablet, desktop, tv, bot or other.", enrichable=True),
    Column("is_bot", FLAG, "Whether ingest found that a program made it.", enrichable=True),
    Column("bot_class", TEXT, _BOTS, enrichable=True),
    Column("bot_name", TEXT, "Name of the program.", enrichable=True),
    Column("bot_signals", TEXT, "What gave the program away, separated by commas."),
    Column("referrer_class", TEXT, f"What kind of place the referrer is: {_REFERRERS}", enrichable=True),
    Column("referrer_source", TEXT, "Name of the referrer, else its host.", enrichable=True),
    Column("is_referrer_spam", FLAG, "Whether the referrer is known to be spam."),
    Column("page", TEXT, "Path after the site's rules.", enrichable=True),
    Column("page_group", TEXT, "Group of pages by the site's rules; null where none fits.", enrichable=True),
    Column(
        "clock",
        TEXT,
        "What was done about the sender's clock: ok, corrected, future, ancient or missing.",
    ),
    _line("source", TEXT, "How it came in: web, access_log, cloudfront or import."),
    _line("lost", SMALL, "Events that the page says it lost; on the first event of a batch."),
    _request("method", TEXT, "HTTP method"),
    _request("status", SMALL, "HTTP status"),
    _request("edge_location", TEXT, "Edge that answered"),
    _request("edge_result", TEXT, "Hit, Miss, Error and so on"),
    _request("time_taken", REAL, "Seconds the answer took"),
    _request("bytes_sent", LARGE, "Bytes of the answer"),
    Column("enrichment_version", TEXT, "Version of the rules that found country, device, bot and referrer."),
    _event("props", TEXT, "Properties as JSON text.", personal=True),
    Column(
        "payload",
        TEXT,
        "The fields of the event that have no column here, as JSON text; its occurred_at is that of the "
        "sender's clock.",
        personal=True,
    ),
    _line(
        "redactions",
        TEXT,
        "How often each rule took something out of the event before it was stored, as JSON text; null where "
        "none did.",
    ),
    Column(
        "is_duplicate",
        FLAG,
        "Whether the same event id of the client was received earlier: then the earlier row is the event.",
    ),
    _OBJECT,
    Column("line_number", LARGE, "Line in that object, from 1."),
)

#: A row per line, or per whole object, that could not become an event.
QUARANTINE: tuple[Column, ...] = (
    _RECEIVED_HOUR,
    _CLIENT,
    _line("site_id", TEXT, "Site the request named."),
    _RECEIVED,
    _line("reason", TEXT, "Code of the refusal."),
    _line("detail", TEXT, "Which field, and what was expected of it."),
    _line("body", TEXT, "What was sent.", personal=True),
    _line(
        "redactions",
        TEXT,
        "How often each rule took something out of the body before it was stored, as JSON text; null where "
        "none did.",
    ),
    _OBJECT,
    Column("line_number", LARGE, "Line in that object, from 1; null where the whole object is meant."),
)

#: What may be learnt later of a stored event, in the order of its columns.
ENRICHABLE: tuple[str, ...] = tuple(column.name for column in EVENT if column.enrichable)


def fields_of(kind: LineKind) -> tuple[Field, ...]:
    """The fields of a line of that kind, in their order."""
    return tuple(field for field in LINE if kind in field.of)


def sources(columns: Iterable[Column], of: type[OfLine | OfEvent | OfRequest]) -> dict[str, str]:
    """Column → field, of those that come from such a place."""
    found = ((column.name, column.source) for column in columns)
    return {name: source.field for name, source in found if source and isinstance(source, of)}
