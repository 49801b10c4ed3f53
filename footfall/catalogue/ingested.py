"""The tables that ingest writes in the warehouse, schema `ingest`. dbt reads them and nothing else.

The DDL (orchestration/ingest/schema.py) and dbt's sources follow from it.
"""

from dataclasses import dataclass

from footfall.catalogue.columns import EVENT, FLAG, LARGE, QUARANTINE, SMALL, TEXT, TIME, Column


@dataclass(frozen=True)
class Ingested:
    """A table. `rows`: what its rows are. `written_with`: the table whose asset in Dagster makes it too."""

    name: str
    rows: str
    columns: tuple[Column, ...]
    written_with: str = ""


_HOUR = Column("received_hour", TIME, "Hour of receipt in UTC.")
_KEPT = Column("kept", LARGE, "Lines that are events and no duplicates.")
_DUPLICATES = Column("duplicates", LARGE, "Lines that repeat an event.")
_OWNER = Column("client_id", TEXT, "Client whose event it is.")
_EVENT_ID = Column("event_id", TEXT, "Event.", personal=True)

INGESTED: tuple[Ingested, ...] = (
    Ingested(
        "events",
        "One row per line of a raw object that is an event, duplicates included.",
        EVENT,
    ),
    Ingested(
        "quarantine",
        "One row per line, or per whole object, that could not become an event.",
        QUARANTINE,
    ),
    Ingested(
        "hours",
        "One row per ingested hour: what lay there and what became of it.",
        (
            _HOUR,
            Column("objects", LARGE, "Raw objects read."),
            Column("bytes", LARGE, "Their bytes as stored."),
            Column("lines", LARGE, "Lines in them."),
            _KEPT,
            _DUPLICATES,
            Column("quarantined", LARGE, "Lines that could not become an event."),
            Column(
                "digest", TEXT, "Digest of the list of objects; another one means that an object landed late."
            ),
            Column("is_degraded", FLAG, "Whether an object of the hour could not be read."),
            Column(
                "had_ended",
                FLAG,
                "Whether the hour was over when it was ingested; false: for live exports, and only its "
                "beginning.",
            ),
        ),
        written_with="events",
    ),
    Ingested(
        "objects",
        "One row per raw object of an ingested hour: what became of its lines.",
        (
            _HOUR,
            Column("object_key", TEXT, "Raw object."),
            Column("bytes", LARGE, "Its bytes as stored."),
            Column("lines", LARGE, "Lines in it; 1 where it cannot be read."),
            _KEPT,
            _DUPLICATES,
            Column("quarantined", LARGE, "Lines that could not become an event, or 1 for the whole object."),
        ),
    ),
    Ingested(
        "receipts",
        "The receipt of an hour: one row per client and site, and one more per reason of quarantine. Their "
        "sum is the hour's lines.",
        (
            _HOUR,
            Column("client_id", TEXT, "Client; null where a damaged line or object names none."),
            Column("site_id", TEXT, "Site; likewise."),
            Column("reason", TEXT, "Reason of quarantine; null in the row of the events."),
            Column("kept", LARGE, "Events."),
            _DUPLICATES,
            Column("quarantined", LARGE, "Lines that could not become an event for this reason."),
        ),
    ),
    Ingested(
        "incidents",
        "One row per thing of an hour that somebody should look at; only ever added to.",
        (
            _HOUR,
            Column("kind", TEXT, "unreadable_object, unclosed_hour, implausible_volume or lost_lines."),
            Column("key", TEXT, "What it is about: an object, a collector, or the hour."),
            Column("detail", TEXT, "What was found."),
            Column("first_seen_at", TIME, "When ingest saw it first."),
        ),
    ),
    Ingested(
        "sites",
        "One row per site of a valid client file.",
        (
            Column("client_id", TEXT, "Client who owns the site."),
            Column("site_id", TEXT, "Site."),
            Column("timezone", TEXT, "Time zone in which the client's days begin, such as Europe/Berlin."),
            Column("timeout_minutes", SMALL, "Minutes without an event that end a session."),
            Column("cut_at_midnight", FLAG, "Whether the site's midnight ends a session too."),
            Column("cut_on_campaign", FLAG, "Whether another campaign ends a session too."),
            Column("conversions", TEXT, "Types of events that count as conversions, separated by commas."),
        ),
    ),
    Ingested(
        "funnels",
        "One row per step of a client's funnel.",
        (
            Column("client_id", TEXT, "Client who defined it."),
            Column("funnel", TEXT, "Name of the funnel."),
            Column("counted_by", TEXT, "session or visitor."),
            Column("window_minutes", SMALL, "Minutes from the first step within which the others count."),
            Column("step", SMALL, "Place in the order, from 1."),
            Column("step_name", TEXT, "Name of the step."),
            Column("event_type", TEXT, "Type of event that takes the step."),
            Column("page", TEXT, "Pattern of the page for LIKE, ! escapes; null for any page."),
            Column("definition", TEXT, "The whole funnel as JSON; another text means that it changed."),
        ),
        written_with="sites",
    ),
    Ingested(
        "changes",
        "One row per event and hour whose ingest changed it, though it was received in another hour: it "
        "became a duplicate or the copy that counts, or a correction of it came or went. Only ever added to.",
        (
            Column("changed_in_hour", TIME, "Hour whose ingest changed the event; its run reads it."),
            _OWNER,
            _EVENT_ID,
        ),
        written_with="events",
    ),
    Ingested(
        "event_enrichments",
        "One row per correction of a stored event; only ever added to.",
        (
            _OWNER,
            _EVENT_ID,
            Column("enriched_at", TIME, "When the correction came in."),
            Column("version", SMALL, "The higher one counts."),
            Column("fields", TEXT, "The fields it gives as JSON text."),
        ),
        written_with="events",
    ),
)

#: Table → column → DuckDB type.
COLUMN_TYPES: dict[str, dict[str, str]] = {
    table.name: {column.name: column.type for column in table.columns} for table in INGESTED
}
