"""An API over a lake of its own, served on a real socket, and what is published in it."""

import http.client
import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import uvicorn
import yaml
from support.api_erasures import FakeErasures
from support.client_files import client
from support.mart_rows import reports_of, table_of
from support.waiting import PATIENCE, wait_until

from api.app import build_app
from api.installation import Agent, Refusal
from api.service import Service
from footfall.access.api_keys import key_hash
from footfall.access.register import key_of, put_operator_key
from footfall.catalogue.tables import PUBLISHED
from footfall.settings import Settings
from footfall.sql import open_database
from footfall.store import LocalStore
from orchestration.modelling.publishing.client import Terms, publish_client

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: Role → its key, as `footfall keys` would make one. `site`: of one site of `one`.
ROLES = ("read", "write", "admin", "site", "assist", "other", "operator")
KEYS = {role: f"ffk_key-of-a-test-{role}" for role in ROLES}
FUNNEL = {"name": "buy", "steps": [{"name": "seen", "page": "/"}, {"name": "bought", "event": "purchase"}]}
SEGMENTS = [
    {"name": "mobile", "filters": [["is", "visit:device", ["mobile"]]]},
    {"name": "buyers", "filters": [["has_done", ["is", "event:goal", ["purchase"]]]]},
    {"name": "wrong", "filters": [["is", "visit:colour", ["red"]]]},
]


def api_key(role: str, *permissions: str, **more: Any) -> dict[str, Any]:
    return {"name": role, "sha256": key_hash(KEYS[role]), "permissions": list(permissions), **more}


def two_clients() -> list[dict[str, Any]]:
    """`one` has two sites and keys of every role, `two` has a site and a key."""
    sites = [
        {
            "site_id": "shop",
            "key": "pk_shop_1234",
            "domains": ["shop.example"],
            "properties": ["plan", "is member"],
        },
        {"site_id": "blog", "key": "pk_blog_1234", "domains": ["blog.example"], "timezone": "Europe/Berlin"},
    ]
    keys = [
        api_key("read", "read"),
        api_key("write", "write", site_id="shop"),
        api_key("admin", "admin"),
        api_key("site", "read", site_id="shop"),
        api_key("assist", "assist"),
    ]
    return [
        client("one", sites=sites, api_keys=keys, funnels=[FUNNEL], segments=SEGMENTS),
        client("two", api_keys=[api_key("other", "read", "admin")]),
    ]


def place(row: dict[str, Any]) -> tuple[datetime, str, int]:
    return datetime.fromisoformat(row["period_start"]), row["export"], row["revision"]


class FakeInstallation(FakeErasures):
    """Ledger, registry, alerts and Dagster as rows in memory; remembers what it was asked to do."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.of_domains: dict[str, list[dict[str, Any]]] = {}
        self.of_alerts: list[dict[str, Any]] = []
        self.is_away = False
        #: Cleared: Dagster takes its time with whoever has come.
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.has_come = threading.Event()

    def deliveries(self, client_id, export, start, end, *, before=None, limit):
        found = [
            row
            for row in self.rows.get(client_id, [])
            if export in (None, row["export"])
            and (start is None or row["period_start"] >= start.isoformat())
            and (end is None or row["period_start"] < end.isoformat())
            and (before is None or place(row) < before)
        ]
        return sorted(found, key=place, reverse=True)[:limit]

    def standing(self, client_id, export):
        found = [row for row in self.rows.get(client_id, []) if row["export"] == export]
        done = [row for row in found if row["state"] in ("committed", "notified")]
        newest = max(done, key=lambda row: row["period_start"], default={})
        waiting = [row for row in found if row["state"] in ("planned", "rendered")]
        return {
            "delivered": len(done),
            "newest": newest.get("period_start"),
            "newest_committed_at": newest.get("committed_at"),
            "waiting": len(waiting),
            "problems": sorted({row["error"] for row in waiting if row["error"]}),
        }

    def manifest(self, client_id, export, _start, _revision):
        return self.manifests.get((client_id, export))

    def domains(self, client_id):
        return self.of_domains.get(client_id, [])

    def approve(self, client_id, domain, acting):
        for row in self.of_domains.get(client_id, []):
            if row["domain"] == domain:
                self.done.append(("approve", client_id, domain, acting.by))
                return row | {"state": "verified"}
        raise Refusal("unknown_domain", domain)

    def alerts(self, client_id):
        return [each for each in self.of_alerts if client_id in (None, each["client_id"])]

    def acknowledge(self, client_id, key, _until, _because, acting):
        for each in self.alerts(client_id):
            if each["key"] == key:
                self.done.append(("ack", client_id, key, acting.by))
                return each
        raise Refusal("unknown_alert", key)

    def agent_of(self, user_agent):
        return Agent("ai_crawler", "GPTBot") if "GPTBot" in user_agent else None

    def run(self, client, export, partitions):
        if self.is_away:
            raise Refusal("unavailable", "Dagster does not answer")
        self.has_come.set()
        assert self.goes_on.wait(PATIENCE)
        self.done.append(("run", client.client_id, export.name, tuple(partitions)))
        return f"run{len(self.done)}"

    def run_state(self, client, run_id):
        started = [f"run{n}" for n, each in enumerate(self.done, 1) if each[:2] == ("run", client.client_id)]
        return {"id": run_id, "what": "run", "state": "running"} if run_id in started else None

    def sample_data(self, client, site, count, _now):
        self.done.append(("sample", client.client_id, site.site_id, count))
        return {"site_id": site.site_id, "events": count}

    def verify(self, client, export):
        assert self.goes_on.wait(PATIENCE)
        self.done.append(("verify", client.client_id, export.name))
        return {"main": {"is_as_promised": True}}


def a_delivery(export="events", start="2026-11-20T10:00:00.000Z", **more):
    return {
        "export": export,
        "period_start": start,
        "revision": 1,
        "cadence": "hourly",
        "state": "committed",
        "shown": "committed",
        "reason": "initial",
        "rows": 3,
        "bytes": 99,
        "manifest_key": "k",
        "error": None,
        "attempts": 1,
        "failing_since": None,
        "next_at": None,
        "planned_at": start,
        "committed_at": start,
        **more,
    }


def a_domain(domain="new.example", **more):
    return {
        "domain": domain,
        "state": "seen",
        "proof": None,
        "first_seen_hour": "2026-11-20T10:00:00.000Z",
        "last_seen_hour": "2026-11-20T10:00:00.000Z",
        "hours_seen": 1,
        "events": 7,
        "changed_at": "2026-11-20T10:00:00.000Z",
        "decision": None,
        "decided_by": None,
        "decided_at": None,
        **more,
    }


def an_alert(key="delivery_failing:one:events", client_id="one", **more):
    return {
        "key": key,
        "kind": key.partition(":")[0],
        "client_id": client_id,
        "severity": "error",
        "title": "a title",
        "cause": "a cause",
        "fix": "a fix",
        "facts": {"export": "events"},
        "state": "firing",
        "since": "2026-11-20T10:00:00.000Z",
        "told": "nobody",
        "silences": [],
        **more,
    }


def _warehouse():
    """A warehouse in which every published table is empty and no hour is ingested."""
    database = open_database()
    database.execute("SET TimeZone = 'UTC'")
    database.execute(
        "CREATE SCHEMA ingest; CREATE TABLE ingest.hours (received_hour TIMESTAMPTZ, had_ended BOOLEAN)"
    )
    for table in PUBLISHED:
        table_of(database, table.name, "nobody", [])
    return database


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def results(reply: Reply) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Dimensions and metrics of each row of an answer."""
    assert reply.status == 200, reply.body
    return [(tuple(row["dimensions"]), tuple(row["metrics"])) for row in reply.json["results"]]


class Api:
    """A served API. `role`: whose key a request carries, unless told. `made`: settings → the installation."""

    def __init__(self, folder, made: Callable[[Settings], Any] | None = None, **settings: str) -> None:
        self.folder = folder
        self._warehouses: dict[str, duckdb.DuckDBPyConnection] = {}
        (folder / "clients").mkdir(parents=True)
        for each in two_clients():
            self.write(each)
        self.settings = Settings.from_environ(
            {
                "FOOTFALL_HOME": str(folder / "home"),
                "FOOTFALL_CLIENTS": str(folder / "clients"),
                "FOOTFALL_API_REQUESTS_PER_MINUTE": "0",
                "FOOTFALL_API_REQUESTS_PER_HOUR": "0",
                "FOOTFALL_API_ADMIN_REQUESTS_PER_HOUR": "0",
                **settings,
            }
        )
        self.settings.home.mkdir(exist_ok=True)
        put_operator_key(self.settings.home, key_of(api_key("operator", "admin")))
        self.lake = LocalStore(folder / "home" / "lake")
        self.installation: Any = made(self.settings) if made else FakeInstallation()
        self.service = Service(self.settings, self.lake, self.installation, now=lambda: self.now)
        self.now = NOW
        self.app = build_app(self.service)
        self.port = 0
        self.terms = Terms(single_days=35, grace=timedelta(hours=2))

    def write(self, document: dict[str, Any]) -> None:
        path = self.folder / "clients" / f"{document['client_id']}.yaml"
        path.write_text(yaml.safe_dump(document))

    def publish(self, table: str, rows: list[dict[str, Any]], client_id: str = "one") -> None:
        """Publish a table as a run does, beside those that were published before."""
        database = self._warehouses.get(client_id)
        if database is None:
            database = self._warehouses[client_id] = _warehouse()
        table_of(database, table, client_id, rows)
        self._publish(client_id)

    def reach(self, client_id: str, end: datetime) -> None:
        """Have ingest come up to a moment, and publish that."""
        database = self._warehouses[client_id]
        database.execute("INSERT INTO ingest.hours VALUES (?, true)", [end - timedelta(hours=1)])
        self._publish(client_id)

    def _publish(self, client_id: str) -> None:
        publish_client(
            self._warehouses[client_id],
            self.lake,
            client_id,
            self.settings.cache_of(client_id),
            self.terms,
            datetime.now(UTC),
        )
        self.service.tables.forget()

    def publish_all(self, tables: dict[str, list[dict[str, Any]]], client_id: str, end: datetime) -> None:
        """Publish several tables at once, ingest having come up to a moment."""
        database = self._warehouses[client_id] = _warehouse()
        for table, rows in tables.items():
            table_of(database, table, client_id, rows)
        self.reach(client_id, end)

    def publish_sessions(self, rows: list[dict[str, Any]], client_id: str = "one") -> None:
        """Publish sessions, and the reports that are made of them."""
        self.publish("sessions", rows, client_id)
        for report, found in reports_of(client_id, rows).items():
            self.publish(report, found, client_id)

    def ask(self, method, path, *, role="read", body=None, headers=None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = dict(headers or {})
        if role is not None:
            sent.setdefault("authorization", f"Bearer {KEYS[role]}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def query(self, role="read", client=None, **question) -> Reply:
        body = {"site_id": "shop", "metrics": ["visitors"], "date_range": "7d", **question}
        return self.ask("POST", "/v1/query" + (f"?client={client}" if client else ""), role=role, body=body)


@contextmanager
def served(folder, made: Callable[[Settings], Any] | None = None, **settings: str):
    """The API on a free port of this machine."""
    api = Api(folder, made, **settings)
    config = uvicorn.Config(api.app, host="127.0.0.1", port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()

    def has_started() -> bool:
        assert thread.is_alive()
        return server.started

    wait_until(has_started, every=0.01)
    api.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield api
    finally:
        server.should_exit = True
        thread.join(30)
        api.service.close()
