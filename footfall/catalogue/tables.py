"""Every table that leaves the house, in one entry each: into clients' buckets, or as a copy in the lake.

What follows from an entry: the datasets that a client file may name, how often and in which order they are
delivered, the copies that dashboards read, what previews leave out, the ends of dbt's lineage
(`dbt_project/models/_exposures.yml`) and the table in `docs/delivery.md`. `make generate` writes the files.
"""

from dataclasses import dataclass
from typing import Literal

from footfall.catalogue.periods import kind_of

Cadence = Literal["live", "hourly", "daily", "weekly", "monthly"]
#: What a rule about how long rows are kept goes by. `acts`: a row is something that one person did.
#: `persons`: a row is a person or a device. `figures`: a row counts, and is about nobody.
Retention = Literal["acts", "persons", "figures"]


@dataclass(frozen=True)
class Clock:
    """By what a row belongs to a period: a time, `hour` in hourly and `moment` in daily files (TIMESTAMPTZ),
    or a local day, `day` (DATE). `words` say it in documents.

    `cadences`: how often it can be delivered. An hour of receipt is complete once and for all, and so is the
    hour in which a session closed; a row of a report is a local day. Live is what is known of an event as
    soon as it is received.
    """

    words: str
    cadences: tuple[Cadence, ...]
    hour: str | None = None
    moment: str | None = None
    day: str | None = None


RECEIVED = Clock(
    "the hour, or the local day, it was received in",
    ("live", "hourly", "daily"),
    hour="received_hour",
    moment="received_at",
)
#: No earlier hour can know that a session is over.
CLOSED = Clock(
    "the hour or day it closed in (30 minutes after its last event)",
    ("hourly", "daily"),
    hour="closed_at",
    moment="closed_at",
)
FIRST_VISIT = Clock(
    "the local day of the first visit; who comes back is a new revision of that day",
    ("daily",),
    day="first_date",
)
SITE_DAY = Clock("a local day of its site", ("daily",), day="date")
#: A page about all days of a period; it shows the period before beside it.
PERIOD = Clock("the local days of its period", ("daily", "weekly", "monthly"), day="date")
COHORT = Clock(
    "the Monday of its cohort; each week that passes is a new revision of that Monday. A cohort whose Monday "
    "lies before the installation's first day is not delivered",
    ("daily",),
    day="cohort_week",
)


@dataclass(frozen=True)
class Table:
    """A mart or report that leaves the house.

    `name` is the dbt model's and the dataset's; `label` what exports of it are called, and `grain` what their
    rows are. Without a `clock` no client can order it. `order`: columns that give the rows of a client a
    total order, so that the same data gives the same bytes. `personal`: its columns about a person or a
    device, which no page shows. `published`: whether each run publishes it in the lake. A published table
    lies by the day of its rows, or, where a row changes with every act of somebody, `is_by_row`: `order` is
    then the key of a row. `published_order` where its files have another order than deliveries. `made_of`:
    what no model makes is a page for people, made of these tables when it is delivered.
    """

    name: str
    label: str
    grain: str
    clock: Clock | None
    order: tuple[str, ...]
    retention: Retention = "figures"
    personal: tuple[str, ...] = ()
    published: bool = True
    published_order: tuple[str, ...] = ()
    is_by_row: bool = False
    made_of: tuple[str, ...] = ()

    @property
    def is_page(self) -> bool:
        """Whether it is delivered as a page, and has no columns."""
        return bool(self.made_of)

    @property
    def models(self) -> tuple[str, ...]:
        """dbt's models that it is, or is made of."""
        return self.made_of or (self.name,)

    @property
    def cadences(self) -> tuple[Cadence, ...]:
        """How often a client can have it; none where no client can."""
        return self.clock.cadences if self.clock else ()

    @property
    def hour(self) -> str | None:
        """See Clock."""
        return self.clock.hour if self.clock else None

    @property
    def moment(self) -> str | None:
        """See Clock."""
        return self.clock.moment if self.clock else None

    @property
    def day(self) -> str | None:
        """See Clock."""
        return self.clock.day if self.clock else None

    @property
    def published_day(self) -> str | None:
        """The column (DATE) by which its published rows lie; None where they lie by row."""
        return None if self.is_by_row else self.day or "date"

    def column(self, cadence: str) -> str:
        """The column by which a row belongs to a period of an export of that cadence."""
        return str(self.day or (self.hour if kind_of(cadence).is_hour else self.moment))


_BY_EVENT = ("site_id", "occurred_at", "event_id")
_OF_EVENTS = ("event_id", "event_key", "session_id", "visitor_id")


def _report(name: str, label: str, grain: str, *order: str, personal: tuple[str, ...] = ()) -> Table:
    """Figures of a site's local days; `order` is what a row has beside both."""
    return Table(name, label, grain, SITE_DAY, ("site_id", "date", *order), personal=personal)


TABLES: tuple[Table, ...] = (
    Table(
        "events",
        "events",
        "Every kept event of an hour of receipt, bots marked.",
        RECEIVED,
        _BY_EVENT,
        "acts",
        personal=(
            *_OF_EVENTS,
            *("first_party_session_id", "user_id", "user_agent", "view_id"),
            *("url", "title", "referrer", "order_id", "props", "payload", "learnt", "region", "city"),
        ),
        # The lake has them as they came, by hour of receipt.
        published=False,
    ),
    Table(
        "page_views",
        "page views",
        "Every page view of an hour of receipt, with the pages before and after it.",
        RECEIVED,
        _BY_EVENT,
        "acts",
        personal=(*_OF_EVENTS, "view_id", "url", "title", "referrer", "region", "city"),
        published_order=("visitor_id", *_BY_EVENT),
    ),
    Table(
        "sessions",
        "sessions",
        "Sessions that closed in an hour.",
        CLOSED,
        ("site_id", "started_at", "session_id"),
        "acts",
        personal=("session_id", "visitor_id", "first_party_session_id", "region", "city"),
        published_order=("visitor_id", "site_id", "started_at", "session_id"),
    ),
    Table(
        "conversions",
        "conversions",
        "Every conversion of an hour of receipt, credited to its session and to its first and last touches.",
        RECEIVED,
        _BY_EVENT,
        "acts",
        personal=_OF_EVENTS,
        published_order=("visitor_id", *_BY_EVENT),
    ),
    Table(
        "touches",
        "touches",
        "Every change of source inside a session of an hour of receipt, its beginning too.",
        RECEIVED,
        _BY_EVENT,
        "acts",
        personal=_OF_EVENTS,
        published_order=("visitor_id", *_BY_EVENT),
    ),
    Table(
        "visitors",
        "visitors",
        "Visitors who were first seen on a day, with all that came of them since.",
        FIRST_VISIT,
        ("site_id", "visitor_id"),
        "persons",
        personal=("visitor_id",),
        is_by_row=True,
    ),
    Table(
        "url_metadata",
        "pages",
        "Pages, with what was seen of them last.",
        None,
        ("site_id", "page"),
        personal=("title",),
        is_by_row=True,
    ),
    Table(
        "identity_map",
        "identities",
        "Visitors, and the user that they are known to be.",
        None,
        ("site_id", "visitor_id"),
        "persons",
        personal=("visitor_id", "user_id", "stitched_id"),
        is_by_row=True,
    ),
    _report("daily_metrics", "daily metrics", "One day's figures of each site, in the site's own time zone."),
    _report(
        "pages_daily",
        "pages by day",
        "Views, entrances, exits and engagement of each page on one day.",
        "page",
        personal=("title",),
    ),
    _report(
        "sources_daily",
        "sources by day",
        "Sessions of one day by channel, source, medium, campaign, term and content.",
        *("channel", "source", "medium", "campaign", "term", "content"),
    ),
    _report(
        "revenue_daily",
        "revenue by day",
        "Orders, gross and refunds of one day, a row of each currency.",
        "currency",
    ),
    _report(
        "revenue_sources_daily",
        "revenue by source and day",
        "The same by channel, source, medium and campaign.",
        *("channel", "source", "medium", "campaign", "currency"),
    ),
    _report(
        "geo_daily",
        "places by day",
        "Sessions of one day by country, region and city.",
        *("country", "region", "city"),
        personal=("region", "city"),
    ),
    _report(
        "devices_daily",
        "devices by day",
        "Sessions of one day by kind of device, browser and operating system.",
        *("device", "browser", "os"),
    ),
    _report("events_daily", "event types by day", "Events of one day by their type.", "event_type"),
    _report(
        "properties_daily",
        "properties by day",
        "Events of one day by the values of the properties that the site names.",
        *("event_type", "property", "value"),
        personal=("value",),
    ),
    _report(
        "clicks_daily",
        "clicks by day",
        "Clicks of one day by page and element.",
        *("page", "tag", "element_id", "text", "link"),
        personal=("text", "link"),
    ),
    _report(
        "journeys",
        "journeys",
        "Pairs of pages that followed each other on one day.",
        *("from_page", "to_page"),
    ),
    Table(
        "funnels",
        "funnels",
        "Steps of the client's own funnels that began on one day.",
        SITE_DAY,
        ("site_id", "funnel", "date", "step"),
    ),
    _report(
        "web_vitals_daily",
        "web vitals by day",
        "What browsers measured on one day, by page and device.",
        *("page", "device"),
    ),
    _report(
        "ai_traffic_daily",
        "AI traffic by day",
        "Visits that assistants sent on one day, and what assistants and AI crawlers fetched.",
        *("kind", "name"),
    ),
    _report("consent_daily", "consent by day", "Events of one day by what visitors allowed.", "consent_tier"),
    _report(
        "quality_daily",
        "quality by day",
        "What became of the lines received on one day: what to look at first when a number seems wrong.",
        *("step", "detail"),
    ),
    _report("late_events", "late events", "What came late for one day, and when.", "received_hour"),
    _report(
        "edge_daily",
        "requests by day",
        "Requests of one day from access logs, by edge, result and status.",
        *("origin", "edge_location", "edge_result", "status_class"),
    ),
    Table(
        "retention_weekly",
        "retention",
        "Visitors of a week who came back in the weeks after it.",
        COHORT,
        ("site_id", "cohort_week", "weeks_later"),
    ),
    Table(
        "report",
        "report pages",
        "A page for people: the figures of a period beside those of the period before, and what changed.",
        PERIOD,
        ("site_id", "date"),
        published=False,
        made_of=(
            *("daily_metrics", "sources_daily", "pages_daily", "geo_daily", "devices_daily"),
            *("revenue_daily", "late_events", "page_views"),
        ),
    ),
)

#: What a client can order, by name.
DATASETS: dict[str, Table] = {table.name: table for table in TABLES if table.clock}
#: What each run publishes in the lake.
PUBLISHED: tuple[Table, ...] = tuple(table for table in TABLES if table.published)
