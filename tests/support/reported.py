"""Daily tables with a few consistent days, and deliveries of reports made of them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from support.delivering import Setting
from support.orchestration_builders import client
from support.publishing import mart_warehouse

from footfall.access.day_notes import DayNote, add_day_note
from footfall.exports import Export
from footfall.hours import between
from orchestration.delivery.progress import IngestedHours

BERLIN = "Europe/Berlin"
NOVEMBER = [date(2026, 11, 1) + timedelta(days=n) for n in range(30)]
OCTOBER = [date(2026, 10, 1) + timedelta(days=n) for n in range(31)]
FIRST, LAST = datetime(2026, 9, 30, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC)
MONTHLY = Export(name="report", dataset="report", format="html", cadence="monthly")


def put(connection, table, day, site="shop", client_id="demo", **values):
    """One row of a daily table."""
    row = {"client_id": client_id, "site_id": site, "date": day, **values}
    places = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", [*row.values()])


def live_through(connection, day, sessions, site="shop", page="/", **names):
    """A day of so many sessions of one source, which all tables agree about."""
    source = {"channel": "direct", "source": "(direct)", "medium": "(none)", "campaign": "(not set)"}
    place = {"country": "DE", "region": "BE", "city": "Berlin"}
    device = {"device": "mobile", "browser": "Firefox", "os": "Android"}
    put(
        connection, "daily_metrics", day, site,
        visitors=sessions - 1, sessions=sessions, page_views=3 * sessions, bounces=sessions // 2,
        avg_session_seconds=60.5, events=4 * sessions, bot_events=7, received=5 * sessions,
        duplicates=2, quarantined=1,
    )  # fmt: skip
    given = {name: names.get(name, usual) for name, usual in (source | place | device).items()}
    unset = {"term": "(not set)", "content": "(not set)"}
    for table, columns in (("sources_daily", source), ("geo_daily", place), ("devices_daily", device)):
        more = unset if table == "sources_daily" else {}
        row = {name: given[name] for name in columns}
        put(
            connection, table, day, site, **row, **more,
            sessions=sessions, page_views=3 * sessions, conversions=1,
        )  # fmt: skip
    put(
        connection, "pages_daily", day, site,
        page=page, page_views=3 * sessions, entrances=sessions, exits=sessions,
    )  # fmt: skip


def note(at, day, said, client_id="demo", site_id="shop") -> DayNote:
    """What somebody wrote on a day, in the state folder of a setting."""
    return add_day_note(
        at.folder, client_id=client_id, site_id=site_id, day=day, text=said, by="anna", now=LAST
    )


def shop_warehouse():
    """A warehouse of two months: ten sessions a day, twelve from November on."""
    connection = mart_warehouse()
    connection.execute(
        "CREATE TABLE ingest.receipts (received_hour TIMESTAMPTZ, client_id VARCHAR, site_id VARCHAR, "
        "reason VARCHAR, kept BIGINT, duplicates BIGINT, quarantined BIGINT)"
    )
    for day in OCTOBER:
        live_through(connection, day, 10)
    for day in NOVEMBER:
        live_through(connection, day, 12)
    return connection


class Reporting(Setting):
    """One client whose reports are delivered, two days after November."""

    def __init__(self, folder, connection=None, **changes):
        super().__init__(folder)
        self.connection.close()
        self.connection = connection or shop_warehouse()
        self.owner = client(timezone=BERLIN, exports=[MONTHLY]).model_copy(update=changes)
        self.now = LAST
        self.hours = list(between(FIRST, LAST))
        self.letters = []
        self.first_hour = FIRST

    def ingested(self):
        return IngestedHours(self.hours, self.first_hour)

    def desk(self):
        return replace(super().desk(), mail=self._mail)

    def _mail(self, route, client_id, letter):
        if self.hook_is_down:
            raise OSError("nobody answers")
        self.letters.append((route, client_id, letter))

    def report(self, export=MONTHLY, at=NOVEMBER[19]):
        """Deliver the period of an export that a day lies in."""
        moment = datetime(at.year, at.month, at.day, 12, tzinfo=UTC)
        return self.deliver(moment, export, owner=self.owner)

    def page(self, outcome, number=0):
        """A delivered page."""
        return self.destination.objects[outcome.files[number].key].decode()
