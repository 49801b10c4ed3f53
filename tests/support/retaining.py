"""A lake, a warehouse and two clients for runs of retention in this process, at whatever time it is to be."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import zstandard
from support.delivering import signer
from support.orchestration_builders import client, event, land, refused

from footfall import keys
from footfall.clients import Registry
from footfall.hour_files import HourFiles
from footfall.hours import HOUR
from footfall.retention.rules import Retention
from footfall.sql import open_database
from footfall.store import LocalStore
from footfall.tombstones import in_force
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.schema import make_schema
from orchestration.retention.house import House
from orchestration.retention.retain import retain

START = datetime(2025, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RULE = Retention(raw="20d", quarantine="12d", events="60d")


class Dies(Exception):
    """The process ends here."""


class Mortal:
    """A store that dies at the nth thing that changes it: before it is done, or `after` it."""

    def __init__(self, store, at, *, after):
        self._store, self._left, self._after = store, at, after

    def __getattr__(self, name):
        return getattr(self._store, name)

    def put(self, key, data, **how):
        self._change(lambda: self._store.put(key, data, **how))

    def delete(self, key):
        self._change(lambda: self._store.delete(key))

    def _change(self, act):
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Dies
        act()
        if self._left == 0:
            raise Dies


class Keeping:
    """`goes` has the rule, `keeps` has none. Models are not made: there are tables of rows and no figures."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.lake = LocalStore(folder / "lake")
        self.now = START
        self.registry = Registry((client("goes").model_copy(update={"retention": RULE}), client("keeps")), ())
        self.database = open_database(folder / "warehouse.duckdb")
        self.database.execute("SET TimeZone = 'UTC'")
        make_schema(self.database)
        self.database.execute(
            "CREATE SCHEMA intermediate; CREATE TABLE intermediate.touched (client_id VARCHAR)"
        )

    def receive(self, hour, origin="c1-1-1"):
        """An object with lines of both, and something refused."""
        lines = [
            event(f"event-{name}-{hour:%Y%m%d%H}", hour + timedelta(minutes=5), client_id=name)
            for name in ("goes", "keeps")
        ]
        bad = refused(b'{"secret', hour).replace(b'"demo"', b'"goes"')
        land(self.lake, hour, *lines, bad, origin=origin)
        self.ingest(hour)

    def stones(self):
        return in_force(self.folder, self.lake)

    def ingest(self, hour):
        return ingest_hours(self.database, self.lake, [hour], self.registry, stones=self.stones())

    def retain(self, lake=None):
        @contextmanager
        def connect(*_folders):
            yield self.database

        store = lake or self.lake
        house = House(
            store,
            HourFiles(self.lake, self.folder / "cache", 0),
            self.registry,
            Ledger(self.folder / "ledger.sqlite"),
            Desk(self.folder, signer(), now=lambda: self.now),
            lambda _client: {},
            connect,
            lambda _windows: None,
            lambda: None,
            self.folder / "first_hour",
            self.stones,
        )
        return {each.client_id: each for each in retain(house)}

    def lines(self):
        """(client, hour) of each raw line."""
        found = []
        for info in self.lake.list("raw/"):
            content = zstandard.ZstdDecompressor().decompressobj().decompress(self.lake.get(info.key))
            for line in content.splitlines():
                name = "goes" if b'"goes"' in line else "keeps"
                found.append((name, keys.hour_of(info.key)))
        return sorted(found)

    def rows(self, folder, columns="client_id, received_hour"):
        """The rows of the lake's Parquet below a folder."""
        paths = [str(self.lake.root / info.key) for info in self.lake.list(folder)]
        query = f"SELECT {columns} FROM read_parquet(?, hive_partitioning = false) ORDER BY ALL"
        return self.database.execute(query, [paths]).fetchall() if paths else []

    def everything(self):
        """All that is kept: lines, rows of the lake, and what the warehouse knows of each hour."""
        tables = ("event_index", "quarantine", "receipts", "horizons")
        return (
            self.lines(),
            self.rows("events/", "* EXCLUDE (object_key, line_number)"),
            self.rows("quarantine/", "* EXCLUDE (object_key, line_number)"),
            [
                self.database.execute(
                    f"SELECT * EXCLUDE ({'number' if t == 'horizons' else 'object_key, line_number'}) "
                    f"FROM ingest.{t} ORDER BY ALL"
                    if t != "receipts"
                    else f"SELECT * FROM ingest.{t} ORDER BY ALL"
                ).fetchall()
                for t in tables
            ],
        )


def hours_of(days):
    return [START + n * DAY + 10 * HOUR for n in days]
