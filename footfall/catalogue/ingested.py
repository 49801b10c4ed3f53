"""The tables that ingest writes in the warehouse, schema `ingest`. dbt reads them and nothing else.

The DDL (orchestration/ingest/schema.py) and dbt's sources follow from it.
"""

from dataclasses import dataclass

from footfall.catalogue.columns import DAY, EVENT, FLAG, LARGE, QUARANTINE, REAL, SMALL, TEXT, TIME, Column


@dataclass(frozen=True)
class Ingested:
    """A table. `rows`: what its rows are. `written_with`: the table whose asset in Dagster makes it too."""

    name: str
    rows: str
    columns: tuple[Column, ...]
    written_with: str = ""
    #: Whether its rows lie in the lake alone; here it is a view of the hours that a run reads.
    is_in_lake: bool = False


_HOUR = Column("received_hour", TIME, "Hour of receipt in UTC.")
_KEPT = Column("kept", LARGE, "Lines that are events and no duplicates.")
_DUPLICATES = Column("duplicates", LARGE, "Lines that repeat an event.")
_ERASED = Column("erased", LARGE, "Lines of persons that were erased; null counts as none.")
_OWNER = Column("client_id", TEXT, "Client whose event it is.")
_EVENT_ID = Column("event_id", TEXT, "Event.", personal=True)

#: Of an event what is asked across hours: duplicates, hours of an event, hosts, volumes, accounts.
_INDEXED = (
    *("received_hour", "client_id", "site_id", "event_id", "event_type", "received_at", "occurred_at"),
    *("visitor_id", "host", "lost", "is_duplicate", "object_key", "line_number"),
)

INGESTED: tuple[Ingested, ...] = (
    Ingested(
        "events",
        "One row per line of a raw object that is an event, duplicates included. A view of the lake's "
        "Parquet, of the hours that the run reads.",
        EVENT,
        is_in_lake=True,
    ),
    Ingested(
        "event_index",
        "One row per row of events, of all hours: what is asked across hours.",
        tuple(column for column in EVENT if column.name in _INDEXED),
        written_with="events",
    ),
    Ingested(
        "hour_files",
        "One row per object of the lake that holds an hour's events, and per one that is to be removed.",
        (
            _HOUR,
            Column("object_key", TEXT, "Object of the lake."),
            Column("sha256", TEXT, "Digest of its bytes."),
            Column("bytes", LARGE, "Its bytes."),
            Column("rows", LARGE, "Its rows."),
            Column("columns", TEXT, "Its columns, with commas between them."),
            Column("is_current", FLAG, "Whether it is the hour's; false: another took its place."),
            Column("is_shown", FLAG, "Whether the view events shows it."),
        ),
        written_with="events",
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
            _ERASED,
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
            Column(
                "waiting",
                TEXT,
                "Sealed lines that are not in it, because their key is missing: JSON of [client, key, lines, "
                "an object that has some]; null: none.",
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
            _ERASED,
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
            _ERASED,
        ),
    ),
    Ingested(
        "incidents",
        "One row per thing of an hour that somebody should look at; only ever added to.",
        (
            _HOUR,
            Column(
                "kind",
                TEXT,
                "unreadable_object, unclosed_hour, implausible_volume, lost_lines, expired_lines or "
                "handed_over.",
            ),
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
            Column(
                "timezone",
                TEXT,
                "Zone in which the site's days begin, such as Europe/Berlin; a chain of zones where they "
                "were once of another.",
            ),
            Column("timeout_minutes", SMALL, "Minutes without an event that end a session."),
            Column("cut_at_midnight", FLAG, "Whether the site's midnight ends a session too."),
            Column("cut_on_campaign", FLAG, "Whether another campaign ends a session too."),
            Column("conversions", TEXT, "Types of events that count as conversions, separated by commas."),
            Column("properties", TEXT, "Properties that are counted, separated by commas; null without any."),
        ),
    ),
    Ingested(
        "properties",
        "One row per property of events that a site has counted by its values.",
        (
            Column("client_id", TEXT, "Client who owns the site."),
            Column("site_id", TEXT, "Site."),
            Column("property", TEXT, "Name of the property."),
        ),
        written_with="sites",
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
        "site_currencies",
        "One row per site whose client file names its main currency.",
        (
            Column("client_id", TEXT, "Client who owns the site."),
            Column("site_id", TEXT, "Site."),
            Column("currency", TEXT, "Three letters of the currency."),
        ),
        written_with="sites",
    ),
    Ingested(
        "exchange_rates",
        "One row per rate of a client's own file, for the currency that it reports in.",
        (
            Column("client_id", TEXT, "Client whose rate it is."),
            Column("reporting_currency", TEXT, "Currency that amounts are turned into."),
            Column("currency", TEXT, "Currency of the amounts."),
            Column("date", DAY, "First day on which it holds, up to the next of the currency."),
            Column("rate", REAL, "What one unit is in the reporting currency."),
            Column(
                "settings", TEXT, "Stands for all rates of the client; another text means that they changed."
            ),
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
            Column(
                "fields",
                TEXT,
                "The fields it gives as JSON text; in `properties` what is no column of an event.",
            ),
        ),
        written_with="events",
    ),
    Ingested(
        "horizons",
        "One row per client of whom something is not kept any more (docs/lifecycle.md).",
        (
            Column("client_id", TEXT, "Client."),
            Column("number", LARGE, "Number of the decision in the lake."),
            Column("raw_from", TIME, "Lines received before are not read any more; null: all are."),
            Column("quarantine_from", TIME, "Bytes of refused lines received before are gone."),
            Column("events_from", TIME, "Events received before are gone."),
            Column(
                "frozen_until", DAY, "First local day whose figures are computed; those before are frozen."
            ),
        ),
        written_with="events",
    ),
    Ingested(
        "carried_visitors",
        "One row per visitor who is still seen and was first seen on a day whose events are gone.",
        (
            Column("client_id", TEXT, "Client."),
            Column("site_id", TEXT, "Site."),
            Column("visitor_id", TEXT, "Visitor.", personal=True),
            Column("first_source", TEXT, "Source of the first session."),
            Column("first_medium", TEXT, "Its medium."),
            Column("first_campaign", TEXT, "Its campaign."),
            Column("first_channel", TEXT, "Its channel."),
            Column("first_page", TEXT, "Its first page."),
            Column("first_date", DAY, "Local day of the first session."),
            Column("first_seen_at", TIME, "When it began."),
        ),
        written_with="events",
    ),
    Ingested(
        "zones",
        "One row per zone in use: from where to where its days are known.",
        (
            Column("zone", TEXT, "Zone."),
            Column("version", TEXT, "Release of the time zone database, such as 2026f."),
            Column("first_date", DAY, "First date in zone_days."),
            Column("last_date", DAY, "Last one."),
        ),
        written_with="sites",
    ),
    Ingested(
        "zone_days",
        "One row per zone in use and date: what its clocks do on that day of UTC. No zone changes twice on "
        "one.",
        (
            Column("zone", TEXT, "Zone, as sites name it."),
            Column("date", DAY, "Date: of the day of UTC for offsets, of the local day for its start."),
            Column("offset_before", LARGE, "Seconds that clocks are ahead of UTC, up to changes_at."),
            Column("changes_at", TIME, "When they are put forward or back; null on most days."),
            Column("offset_after", LARGE, "Seconds from then on; the same on days without a change."),
            Column(
                "least_date",
                DAY,
                "Local day that does not end by clocks that were put back; null on almost all days.",
            ),
            Column("starts_at", TIME, "Where the local day of the date begins."),
            Column("timezone", TEXT, "Zone whose midnight ends it."),
        ),
        written_with="sites",
    ),
    Ingested(
        "zone_changes",
        "One row per zone and past date that a newer release of the time zone database told otherwise; only "
        "ever added to.",
        (
            Column("zone", TEXT, "Zone."),
            Column("date", DAY, "Date."),
            Column("version", TEXT, "That release."),
        ),
        written_with="sites",
    ),
)

#: Tables of the warehouse; the others lie in the lake.
STORED: tuple[str, ...] = tuple(table.name for table in INGESTED if not table.is_in_lake)

#: Table → column → DuckDB type.
COLUMN_TYPES: dict[str, dict[str, str]] = {
    table.name: {column.name: column.type for column in table.columns} for table in INGESTED
}
