"""A client's published tables, made of a warehouse that a test has at hand, and compared with it."""

from datetime import UTC, datetime, timedelta

from footfall import keys
from footfall.catalogue.tables import PUBLISHED
from footfall.file_cache import FileCache
from footfall.published.tables import open_tables
from footfall.sql import open_database
from footfall.store import LocalStore
from orchestration.modelling.athena import marts
from orchestration.modelling.publishing.client import Terms, publish_client

NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
TERMS = Terms(single_days=35, grace=timedelta(hours=2))


class Shelf:
    """A lake's published tables, and who publishes there."""

    def __init__(self, folder, store=None, terms=TERMS):
        self.folder = folder
        self.store = store or LocalStore(folder / "lake")
        self.terms = terms
        self.now = NOW

    def cache(self, client_id):
        return FileCache(self.folder / "cache", client_id, 100_000_000)

    def publish(self, connection, client_id, later=timedelta()):
        """Publish one client's tables, so much later than the time before."""
        self.now += later
        return publish_client(connection, self.store, client_id, self.cache(client_id), self.terms, self.now)

    def open(self, client_id):
        return open_tables(self.store, client_id, self.cache(client_id))

    def keys(self, client_id):
        return {info.key for info in self.store.list(keys.published_prefix(client_id))}

    def views(self, client_id="demo"):
        """(day, visitor, page) of each page view that a reader finds."""
        with self.open(client_id) as tables:
            return sorted(tables.relation("page_views").project("date, visitor_id, page").fetchall())

    def differences(self, connection, client_id):
        """Table → rows that only the warehouse or only the published files have."""
        found = {}
        with self.open(client_id) as tables:
            for table in PUBLISHED:
                there = tables.relation(table.name)
                columns = ", ".join(there.columns)
                here = connection.execute(
                    f"SELECT {columns} FROM main.{table.name} WHERE client_id = ?", [client_id]
                ).fetchall()
                rows = there.fetchall()
                differing = set(map(repr, here)) ^ set(map(repr, rows))
                if differing or not len(here) == len(rows) == tables.table(table.name).rows:
                    found[table.name] = differing
        return found


def visitors_and_days(connection, client_id):
    """Visitor → the days on which it has rows, as the marts have them."""
    found = {}
    for table in ("page_views", "sessions", "conversions"):
        rows = connection.execute(
            f"SELECT DISTINCT visitor_id, date FROM main.{table} "
            "WHERE client_id = ? AND visitor_id IS NOT NULL",
            [client_id],
        ).fetchall()
        for visitor, day in rows:
            found.setdefault(visitor, set()).add(day)
    return found


def mart_warehouse(path=":memory:"):
    """A warehouse with all marts and reports as their contracts have them, and no row."""
    connection = open_database(path)
    connection.execute("SET TimeZone = 'UTC'")
    for table, columns in marts().items():
        listing = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        connection.execute(f"CREATE TABLE main.{table} ({listing})")
    connection.execute(
        "CREATE SCHEMA intermediate; CREATE SCHEMA ingest; "
        "CREATE TABLE intermediate.unpublished_days (model VARCHAR, client_id VARCHAR, day DATE); "
        "CREATE TABLE intermediate.unpublished_visitors "
        "(client_id VARCHAR, site_id VARCHAR, visitor_id VARCHAR); "
        "CREATE TABLE intermediate.published_snapshots (client_id VARCHAR, snapshot VARCHAR); "
        "CREATE TABLE ingest.hours (received_hour TIMESTAMPTZ, had_ended BOOLEAN)"
    )
    return connection


def see(connection, day, visitor, page="/", client_id="demo"):
    """A visitor's page view and session on a day, and what a run notes of them."""
    at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    ids = [client_id, "shop", visitor]
    connection.execute(
        "INSERT INTO page_views BY NAME SELECT ? AS client_id, ? AS site_id, ? AS visitor_id, ? AS page, "
        "? AS event_id, ? AS event_key, ? AS date, ? AS occurred_at, ? AS received_hour",
        [*ids, page, f"{visitor}-{day}{page}", f"{visitor}-{day}{page}", day, at, at],
    )
    connection.execute(
        "INSERT INTO sessions BY NAME SELECT ? AS client_id, ? AS site_id, ? AS visitor_id, "
        "? AS session_id, ? AS date, ? AS started_at",
        [*ids, f"{visitor}-{day}{page}", day, at],
    )
    known = "FROM visitors WHERE client_id = ? AND site_id = ? AND visitor_id = ?"
    (before,) = connection.execute(f"SELECT count(*) {known}", ids).fetchone()
    connection.execute(f"DELETE {known}", ids)
    connection.execute(
        "INSERT INTO visitors BY NAME SELECT ? AS client_id, ? AS site_id, ? AS visitor_id, "
        "? AS sessions, ? AS first_date, ? AS last_page",
        [*ids, before + 1, day, page],
    )
    note(connection, day, visitor, client_id)


def note(connection, day, visitor, client_id="demo"):
    """What a run notes of a visitor and a day that it touched."""
    for model in ("page_views", "sessions"):
        connection.execute(
            "INSERT INTO intermediate.unpublished_days VALUES (?, ?, ?)", [model, client_id, day]
        )
    connection.execute(
        "INSERT INTO intermediate.unpublished_visitors VALUES (?, ?, ?)", [client_id, "shop", visitor]
    )
