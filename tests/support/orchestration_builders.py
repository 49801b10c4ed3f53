"""Raw objects, clients and stores for tests of the orchestration."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from footfall.clients import Client, Destination, Export, Site
from footfall.event import Receipt, Refusal, Refused, check_event, event_line, refused_line
from footfall.keys import raw_object
from footfall.raw_object import compress
from footfall.store import (
    AlreadyExists,
    Changed,
    LocalStore,
    NotFound,
    ObjectInfo,
    ObjectStore,
    StoreError,
    TooLarge,
    created_in_turn,
)

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)


def event(
    event_id: str,
    received_at: datetime = HOUR,
    *,
    client_id: str = "demo",
    site_id: str = "shop",
    visitor_id: str | None = "visitor-1",
    **fields: object,
) -> bytes:
    """The stored line of a page view, as the collector writes it."""
    wire = {"id": event_id, "type": "page_view", "url": "https://shop.example/", **fields}
    receipt = Receipt(client_id, site_id, received_at, visitor_id, "Mozilla/5.0 (X11; Linux) Firefox/145.0")
    return event_line(check_event(json.dumps(wire).encode()), receipt, sent_at=None, is_declared_host=True)


def refused(
    body: bytes = b"{", received_at: datetime = HOUR, *, client_id: str = "demo", site_id: str = "shop"
) -> bytes:
    """The stored line of a body that was no JSON."""
    receipt = Receipt(client_id, site_id, received_at, None, "")
    return refused_line(Refused(Refusal.MALFORMED_JSON), receipt, body)


def packed(lines: Iterable[bytes]) -> bytes:
    """The bytes of a raw object. Unlike the collector's, these lines may be anything."""
    return compress(b"".join(line + b"\n" for line in lines))


def land(lake: ObjectStore, hour: datetime, *lines: bytes, origin: str = "c1-1-1") -> str:
    """Put one raw object of these lines into an hour. Returns its key."""
    return land_bytes(lake, hour, packed(lines), origin=origin)


def land_bytes(lake: ObjectStore, hour: datetime, data: bytes, *, origin: str = "c1-1-1") -> str:
    """Put any bytes where a raw object belongs. Returns the key."""
    key = raw_object(hour, origin, hashlib.sha256(data).hexdigest())
    lake.put(key, data)
    return key


def client(
    client_id: str = "demo",
    *,
    timezone: str = "UTC",
    url: str = "file://${FOOTFALL_HOME}/buckets/demo",
    exports: Iterable[Export] = (),
) -> Client:
    """A client with one site."""
    return Client(
        client_id=client_id,
        name=client_id.title(),
        timezone=timezone,
        sites=[Site(site_id="shop", key=f"pk_{client_id}_0000", domains=[f"{client_id}.example"])],
        destination=Destination(url=url),
        exports=list(exports) or [EVENTS],
    )


EVENTS = Export(name="events", dataset="events", cadence="hourly")
SESSIONS = Export(name="sessions", dataset="sessions", cadence="hourly")
DAILY_METRICS = Export(name="daily-metrics", dataset="daily_metrics", cadence="daily")


def warehouse(path: str | Path = ":memory:") -> duckdb.DuckDBPyConnection:
    """A warehouse, by default in memory, with small tables in place of the marts."""
    connection = duckdb.connect(path)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        """
        CREATE TABLE main.events (
            client_id VARCHAR, site_id VARCHAR, event_id VARCHAR, title VARCHAR, amount DOUBLE,
            received_hour TIMESTAMPTZ, occurred_at TIMESTAMPTZ, received_at TIMESTAMPTZ
        );
        CREATE TABLE main.sessions (
            client_id VARCHAR, site_id VARCHAR, session_id VARCHAR, events BIGINT,
            started_at TIMESTAMPTZ, closed_at TIMESTAMPTZ
        );
        CREATE TABLE main.daily_metrics (client_id VARCHAR, site_id VARCHAR, date DATE, visitors BIGINT);
        """
    )
    return connection


def add_event(
    connection: duckdb.DuckDBPyConnection,
    event_id: str,
    *,
    hour: datetime = HOUR,
    client_id: str = "demo",
    title: str | None = "Home",
    amount: float | None = None,
    site_id: str = "shop",
) -> None:
    """One row of `main.events`, a minute into its hour."""
    connection.execute(
        "INSERT INTO main.events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [client_id, site_id, event_id, title, amount, hour, *[hour + timedelta(minutes=1)] * 2],
    )


class Crash(BaseException):
    """The end of the process, as far as the code under test can tell."""


class TroubledStore:
    """A store in memory that keeps a journal of its calls, and can be told to go wrong.

    `trouble` is raised at call number `at` (from 0), or at every call where `at` is None; with
    `after=True` the call takes effect first, as when only the answer was lost.
    """

    def __init__(self, name: str = "bucket", shared: list[str] | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self.journal: list[str] = [] if shared is None else shared
        self.trouble: BaseException | None = None
        self.at: int | None = None
        self.after = False
        self.damages: set[str] = set()
        self._name = name
        self._calls = 0

    def fail(self, trouble: BaseException, *, at: int | None = None, after: bool = False) -> None:
        """Go wrong from now on; calls are counted from now."""
        self.trouble, self.at, self.after, self._calls = trouble, at, after, 0

    def heal(self) -> None:
        """Work again."""
        self.trouble = None

    def down(self) -> None:
        """Answer nothing, as a service that is out for an hour."""
        self.fail(StoreError(f"{self._name} is down", retryable=True))

    def url(self, key: str) -> str:
        return f"memory://{self._name}/{key}"

    def _call(self, verb: str, key: str) -> bool:
        """Note the call. Returns whether it is to go wrong after its effect."""
        self.journal.append(f"{verb} {self._name} {key}")
        number = self._calls
        self._calls += 1
        if self.trouble is None or self.at not in (None, number):
            return False
        if not self.after:
            raise self.trouble
        return True

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        is_lost = self._call("put", key)
        if create_only and key in self.objects:
            raise AlreadyExists(self.url(key))
        self.objects[key] = data
        self._answer(is_lost)

    def create_all(self, objects: Mapping[str, bytes]) -> list[str]:
        return created_in_turn(self, objects)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        is_lost = self._call("get", key)
        if key not in self.objects:
            raise NotFound(self.url(key))
        if limit is not None and len(self.objects[key]) > limit:
            raise TooLarge(self.url(key), limit)
        self._answer(is_lost)
        is_damaged = any(part in key for part in self.damages)
        return b"damaged" if is_damaged else self.objects[key]

    def _answer(self, is_lost: bool) -> None:
        if is_lost and self.trouble is not None:
            raise self.trouble

    def fetch(self, key: str, path: Path) -> None:
        path.write_bytes(self.get(key))

    def head(self, key: str) -> ObjectInfo | None:
        self._call("head", key)
        return ObjectInfo(key, len(self.objects[key])) if key in self.objects else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self._call("list", prefix)
        found = sorted(key for key in self.objects if key.startswith(prefix))
        return iter([ObjectInfo(key, len(self.objects[key])) for key in found])

    def delete(self, key: str) -> None:
        self._call("delete", key)
        self.objects.pop(key, None)

    def read_tagged(self, key: str, *, limit: int | None = None) -> tuple[bytes, str] | None:
        is_lost = self._call("read_tagged", key)
        self._answer(is_lost)
        if key not in self.objects:
            return None
        if limit is not None and len(self.objects[key]) > limit:
            raise TooLarge(self.url(key), limit)
        return self.objects[key], hashlib.sha256(self.objects[key]).hexdigest()

    def swap(self, key: str, data: bytes, tag: str | None) -> None:
        is_lost = self._call("swap", key)
        there = self.objects.get(key)
        if tag != (hashlib.sha256(there).hexdigest() if there is not None else None):
            raise Changed(self.url(key))
        self.objects[key] = data
        self._answer(is_lost)


class Vanishing(LocalStore):
    """A folder from which an object disappears between being listed and being read."""

    def __init__(self, root: Path, vanishing: str) -> None:
        super().__init__(root)
        self._vanishing = vanishing

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        if key == self._vanishing:
            self.delete(key)
        return super().get(key, limit=limit)


class Failing(LocalStore):
    """A folder that refuses one verb for keys with a certain beginning."""

    def __init__(self, root: Path, verb: str, prefix: str) -> None:
        super().__init__(root)
        self._refused = verb, prefix

    def _refuse(self, verb: str, key: str) -> None:
        if verb == self._refused[0] and key.startswith(self._refused[1]):
            raise StoreError(f"cannot {verb} {key}: out of order", retryable=True)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        self._refuse("get", key)
        return super().get(key, limit=limit)

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        self._refuse("put", key)
        super().put(key, data, create_only=create_only)

    def create_all(self, objects: Mapping[str, bytes]) -> list[str]:
        for key in objects:
            self._refuse("put", key)
        return super().create_all(objects)

    def delete(self, key: str) -> None:
        self._refuse("delete", key)
        super().delete(key)
