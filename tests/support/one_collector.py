"""A collector without a server: requests go in by call, and its spool says what the test wants."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.collectors import SITE, batch, wire_event
from support.salted import salt_of_day

from collector.app import Collector
from collector.options import Options
from collector.sender import Senders
from collector.server.message import Answer, Pending, Request
from collector.spool import SpoolState
from collector.targets import targets
from footfall.clients import Client, Registry

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FINE = SpoolState(
    held_bytes=0,
    limit_bytes=1000,
    open_segments=0,
    sealed_segments=0,
    oldest_unshipped_seconds=0.0,
    last_error=None,
    torn_segments=0,
    corrupt_frames=0,
    queued_bytes=0,
    commits=0,
    commit_seconds=0.0,
)


class StatedSpool:
    """Keeps lines in memory and says of itself what the test wants."""

    def __init__(self, state: SpoolState = FINE) -> None:
        self.now = state
        self.kept: list[bytes] = []

    def append(self, _hour: datetime, payload: bytes) -> "asyncio.Future[None]":
        """Durable at once."""
        self.kept.append(payload)
        waiter = asyncio.get_running_loop().create_future()
        waiter.set_result(None)
        return waiter

    def state(self) -> SpoolState:
        """What the test said."""
        return self.now


class IdleShipper:
    """Has nothing to ship."""

    shipped = 0
    last_error: str | None = None


def a_collector(
    spool: StatedSpool | None = None,
    pixel: Path = Path("nowhere"),
    senders: Senders | None = None,
    **options: Any,
) -> Collector:
    """A collector of one site with the key SITE, and with these Options."""
    collector = Collector(
        spool=spool or StatedSpool(),
        shipper=IdleShipper(),
        agree_salt=lambda _client, clock, moment: salt_of_day(b"s" * 32, clock, moment),
        pixel=pixel,
        now=lambda: NOON,
        senders=senders,
        options=Options(**options),
    )
    client = Client.model_validate(
        {
            "client_id": "one",
            "name": "One",
            "sites": [{"site_id": "one", "key": SITE, "domains": ["one.example"]}],
            "destination": {"url": "s3://bucket-of-one"},
            "exports": [{"name": "events", "dataset": "events", "cadence": "hourly"}],
        }
    )
    collector.sites = targets(Registry((client,), ()))
    return collector


def ask(
    collector: Collector,
    method: str = "POST",
    path: str = "/collect",
    body: bytes | None = None,
    *,
    peer: str = "198.51.100.7",
    query: str = "",
    **headers: str,
) -> Answer:
    """The answer to one request, after whatever it waits for. Header names are written with underscores."""
    request = Request(
        method=method,
        path=path,
        query=query.encode(),
        headers={name.replace("_", "-").encode(): value.encode() for name, value in headers.items()},
        peer=peer,
        body=batch(wire_event("a" * 8)) if body is None else body,
    )

    async def go() -> Answer:
        outcome = collector.handle(request)
        if isinstance(outcome, Pending):
            await asyncio.wait([outcome.durable])
            return collector.settle(outcome)
        return outcome if isinstance(outcome, Answer) else await outcome

    return asyncio.run(go())


def header(answer: Answer, name: str) -> str | None:
    """A header's value, None where it is missing or empty."""
    return dict(answer.headers).get(name.encode(), b"").decode() or None
