"""A small home in one process: two clients, hours that are run without Dagster, an erasure that may die."""

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from functools import partial

from support.command_line import ROOT
from support.orchestration_builders import HOUR, Crash, event, land, refused

from commands.ledger_work import Installation
from commands.privacy_work import house_of
from footfall.clients import registry_of
from footfall.durable import take_up
from footfall.owners import settled
from footfall.privacy import first_party_visitor_id
from footfall.settings import Settings
from footfall.store import LocalStore
from footfall.tombstones import in_force
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.progress import IngestedHours
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.late_fields import replace_enrichments
from orchestration.ingest.sites import replace_sites, replace_zone_days
from orchestration.modelling.project import prepare
from orchestration.modelling.publishing.client import Terms, publish_client
from orchestration.privacy.erasure_warehouse import model
from orchestration.resources.lake import Lake
from orchestration.resources.warehouse import Warehouse

ONE = timedelta(hours=1)
#: Where a client's files go, unless told.
FOLDER = 'url: "file://${{FOOTFALL_HOME}}/buckets/{client}"'
CLIENT = """\
client_id: {client}
name: {client}
timezone: UTC
sites: [{{site_id: shop, key: pk_{client}_Kd83hDs2, domains: [shop.example]}}]
destination: {{{destination}}}
exports:
  - {{name: events, dataset: events, cadence: live, live_minutes: 30}}
  - name: hashed
    dataset: page_views
    cadence: hourly
    format: parquet
    hash: [visitor_id, event_id, session_id, event_key]
  - {{name: sessions, dataset: sessions, cadence: hourly, compression: gzip}}
  - {{name: metrics, dataset: daily_metrics, cadence: daily}}
"""
ANNA, BERT = (first_party_visitor_id("shop", f"{name}-first-party-id") for name in ("anna", "bert"))
#: Every id of the person who is erased. The hash is of the day before she consented.
HASH = "5e1d0c7b9a8f4e6d3c2b1a0f9e8d7c6b"
USER = "anna-user-4711"
TEXTS = (ANNA, HASH, USER, "anna-first-party-id", "anna-event-")


def lines_of(name, hour, first, *, client="acme", **more):
    """Three page views of somebody within an hour, and who he says he is."""
    visitor = {"anna": ANNA, "bert": BERT}[name]

    def line(n, **fields):
        at = hour + timedelta(minutes=first + n)
        milliseconds = int(at.timestamp() * 1000)
        return event(
            f"{name}-event-{hour:%H}{first + n:02}",
            at,
            client_id=client,
            visitor_id=visitor,
            consent=3,
            occurred_at=milliseconds,
            visitor=f"{name}-first-party-id",
            url=f"https://shop.example/page-{first + n}",
            **fields,
            **more,
        )

    return [line(0), line(1), line(2, type="identify", user=f"{name}-user-4711")]


class Home:
    """A home below a folder. `people`: whose lines it gets. `first`: its first hour. `rule`: what acme's
    client file has at its end. `keys`: those of another home, so that both hash and sign alike.
    `destination`: of a client's files, with `{client}` in it. `settings`: more of them.
    """

    def __init__(
        self,
        folder,
        people=("anna", "bert"),
        *,
        first=HOUR,
        rule="",
        keys=None,
        destination=FOLDER,
        settings=None,
    ):
        self.folder, self.people, self.first = folder, people, first
        clients = folder / "clients"
        clients.mkdir(parents=True)
        for client in ("acme", "beta"):
            where = destination.format(client=client)
            text = CLIENT.format(client=client, destination=where) + (rule if client == "acme" else "")
            (clients / f"{client}.yaml").write_text(text)
        self.home = folder / "home"
        for client in ("acme", "beta"):
            (self.home / "buckets" / client).mkdir(parents=True)
        if keys is not None:
            shutil.copytree(keys, self.home / "keys")
        environ = {"FOOTFALL_HOME": str(self.home), "FOOTFALL_CLIENTS": str(clients), **(settings or {})}
        self.environ = {**os.environ, **environ}
        self.settings = Settings.from_environ(environ)
        (self.home / "first_hour").write_text(f"{first - ONE:%Y-%m-%dT%H}\n")
        take_up(self.home)
        self.lake = Lake.of(self.settings).store()
        settled(self.home, self.lake, partial(registry_of, self.settings), first)

    def says(self, *arguments):
        """A command as a process of its own: exit code, and what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "commands.entry", *arguments],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def land(self, hour, *, minute=5, origin="c1-1-1"):
        """An hour's object, with the lines of whoever is told of here."""
        lines = [
            line
            for n, name in enumerate(("anna", "bert"))
            if name in self.people
            for line in lines_of(name, hour, minute + 10 * n)
        ]
        lines += lines_of("bert", hour, minute, client="beta")
        return land(self.lake, hour, *lines, origin=origin)

    def land_odd(self, hour):
        """What names the person otherwise: a refused body, a hash of before, an address of another visit."""
        if "anna" in self.people:
            body = f'{{"url": "https://shop.example/?who={USER}"'.encode()
            line = json.loads(refused(body, hour))
            refused_line = json.dumps({**line, "client_id": "acme"}).encode()
            before = event("anna-event-before", hour, client_id="acme", visitor_id=HASH)
            began = json.loads(
                event(
                    "anna-event-began",
                    hour + timedelta(minutes=1),
                    client_id="acme",
                    visitor_id=ANNA,
                    consent=3,
                    type="consent",
                    visitor="anna-first-party-id",
                )
            )
            began["previous_visitor_id"] = HASH
            shared = event(
                "carl-event-1",
                hour + timedelta(minutes=2),
                client_id="acme",
                visitor_id="c" * 32,
                url=f"https://shop.example/invited?by={USER}&x=1",
            )
            lines = (refused_line, before, json.dumps(began).encode(), shared)
            land(self.lake, hour, *lines, origin="c1-2-1")

    def ingest(self, *hours):
        """What a run does first."""
        at, lake = Installation(self.settings), Lake.of(self.settings)
        files, store = lake.files(), lake.store()
        stones = in_force(self.home, store)
        with Warehouse(database=str(self.settings.warehouse)).connect(files.folder) as connection:
            ingest_hours(connection, store, hours, at.registry, files=files, stones=stones)
            for hour in hours:
                replace_enrichments(connection, store, hour, stones)
            replace_sites(connection, at.registry)
            replace_zone_days(connection, at.registry, hours)

    def run(self, *hours, live=()):
        """Ingest, model, publish and deliver these hours, as a run does; of those in `live` parts, too."""
        self.ingest(*hours)
        at, lake = Installation(self.settings), Lake.of(self.settings)
        files, store = lake.files(), lake.store()
        warehouse = Warehouse(database=str(self.settings.warehouse))
        with warehouse.exclusive():
            model(self.settings.warehouse, hours, files, self.home / "dbt" / "run", prepare(self.home))
        marts = store.root / "marts" if isinstance(store, LocalStore) else self.settings.cache
        with warehouse.connect(*at.desk.folders, marts) as connection:
            terms = Terms(35, timedelta(hours=2))
            for client in at.registry.clients:
                cache = self.settings.cache_of(client.client_id)
                publish_client(connection, store, client.client_id, cache, terms, at.desk.now())
            self._deliver(at, connection, hours, live)

    def correct(self, hour):
        """Tell Anna's events of an hour otherwise, and deliver it once more."""
        at, warehouse = Installation(self.settings), Warehouse(database=str(self.settings.warehouse))
        with warehouse.connect(*at.desk.folders) as connection:
            connection.execute(
                "UPDATE intermediate.int_events_sessionised SET title = 'corrected' "
                "WHERE received_hour = ? AND visitor_id = ?",
                [hour, ANNA],
            )
            self._deliver(at, connection, [hour], ())

    def _deliver(self, at, connection, hours, live):
        ingested = IngestedHours.read(connection, self.first - ONE)
        orders = []
        for client in at.registry.clients:
            for export in client.exports:
                some = [client.calendar(export).at(hour) for hour in live]
                if some and export.is_live:
                    parts = tuple(part for each in some for part in each.parts(30))
                    orders.append(Order(client, export.parts(), parts))
            for export in client.exports:
                calendar = client.calendar(export)
                orders.append(Order(client, export, tuple({calendar.at(hour) for hour in hours})))
        for report in deliver_all(connection, orders, at.places, at.ledger, at.desk, ingested):
            assert not report.failed, report.failed

    def plant(self):
        """The person where a run leaves nobody for long: slices, artefacts, logs, waiting files."""
        for name in (
            "slices/run/acme.parquet",
            "dbt/run/failed.sql",
            "logs/up.log",
            "outbox/acme/events/old/a.csv",
        ):
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"of {USER} and {ANNA}\n")

    def rows(self, query):
        """What the models say."""
        with Warehouse(database=str(self.settings.warehouse)).connect() as connection:
            return connection.execute(query).fetchall()

    def newest(self, client="acme"):
        """(export, period) → number and sha256 of files of the newest revision, but of parts of hours."""
        ledger = Installation(self.settings).ledger
        found = {}
        for row in ledger.all("WHERE client_id = ?", (client,)):
            if row.is_delivered and not row.export.endswith(".live"):
                found[row.export, row.period_start] = row.revision, [file.sha256 for file in row.files]
        return found


class DyingHouse:
    """The house of an installation in which the process dies once at each edge of an erasure."""

    def __init__(self, home):
        self.home = home
        self.died_at = []

    def __call__(self, edge):
        if edge not in self.died_at:
            self.died_at.append(edge)
            raise Crash(edge)

    def house(self):
        return house_of(self.home.settings, self)
