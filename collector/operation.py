"""What is asked about the collector: by probes, by operators, by a client's own programs."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from collector.answers import json_answer
from collector.counters import Counters
from collector.recent import MAX_LINES
from collector.server.message import Answer, Request
from collector.spool import SpoolState
from collector.targets import KeyHolder, Sites
from footfall.access.limits import KEY_WINDOW_SECONDS, Limits
from footfall.event import timestamp

#: Share of its limit at which the spool counts as full, so that a balancer turns away in time.
NEARLY_FULL = 0.95
#: Seconds after which events that wait for the lake are late. Shorter: told in each small outage; longer: the
#: hour's run is over before anybody knows.
SHIPPING_SECONDS = 600.0
#: Recent events in one answer, unless the query says otherwise.
RECENT = 20
_LIMIT = re.compile(rb"(?:^|&)limit=([0-9]{1,5})(?:&|$)")


class Holds(Protocol):
    """What is asked of a spool."""

    def append(self, hour: datetime, payload: bytes) -> "asyncio.Future[None]":
        """See Spool.append."""
        ...

    def state(self) -> SpoolState:
        """See Spool.state."""
        ...


class Ships(Protocol):
    """What the collector needs of a shipper."""

    shipped: int
    last_error: str | None


class Operation:
    """Answers about this process. Counts are of this process since its start, and of no other worker."""

    def __init__(
        self,
        spool: Holds,
        shipper: Ships,
        counters: Counters,
        limits: Limits,
        started: datetime,
        clock_has_jumped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock_has_jumped = clock_has_jumped
        self._spool = spool
        self._shipper = shipper
        self._counters = counters
        self._limits = limits
        self._started = timestamp(started)
        self.sites = Sites()
        self.client_mistakes = 0
        #: Set when the process has been told to end: a balancer should send nobody more.
        self.is_draining = False
        #: Whether the lake answered when it was last asked. Events are kept here while it does not.
        self.is_lake_away = False

    # Probes

    def livez(self, _request: Request) -> Answer:
        """200 while the process answers at all."""
        return json_answer(200, {"status": "ok"})

    def readyz(self, _request: Request) -> Answer:
        """503 while events would be refused: the spool nearly full, the disk failing, the end near.

        A lake that is away is told, and no reason: its events wait in the spool.
        """
        why = self.not_ready()
        lake = "away" if self.is_lake_away else "ok"
        report = {"status": "unready" if why else "ok", "reasons": why, "lake": lake}
        return json_answer(503 if why else 200, report)

    def not_ready(self) -> list[str]:
        """Why this process should get no events now; empty where it should."""
        spool = self._spool.state()
        reasons = {
            "draining": self.is_draining,
            "spool_nearly_full": spool.held_bytes >= NEARLY_FULL * spool.limit_bytes,
            "disk_error": spool.last_error is not None,
            "clock_jumped": self._clock_has_jumped(),
        }
        return [reason for reason, holds in reasons.items() if holds]

    def health(self, _request: Request) -> Answer:
        """Each dependency, ok or degraded: anybody may ask, so no counts and no names (those: /metrics).

        503 only where events would be refused: a collector whose lake is down still keeps them.
        """
        why = self.not_ready()
        spool = self._spool.state()
        is_well = {
            "disk": spool.last_error is None,
            "spool": "spool_nearly_full" not in why,
            "lake": self._shipper.last_error is None,
            "shipping": spool.oldest_unshipped_seconds <= SHIPPING_SECONDS,
            "client_files": not self.client_mistakes,
            "clock": not self._clock_has_jumped(),
        }
        said = {name: "ok" if well else "degraded" for name, well in is_well.items()}
        status = "ok" if not why and all(is_well.values()) else "degraded"
        return json_answer(503 if why else 200, {"status": status, "dependencies": said})

    # A client's own programs

    def count(self, holder: KeyHolder, request: Request) -> Answer:
        """Events taken for a client."""
        sites = {
            site_id: counts
            for (client_id, site_id), counts in self._counters.sites.items()
            if client_id == holder.client_id
        }
        report = {
            "client_id": holder.client_id,
            "count": sum(counts.events for counts in sites.values()),
            "since": self._started,
            "scope": "this collector process",
            "sites": {
                site_id: {"events": counts.events, "refused": dict(counts.refused)}
                for site_id, counts in sites.items()
            },
        }
        return self._keyed(holder, request, report)

    def recent(self, holder: KeyHolder, request: Request) -> Answer:
        """The newest stored lines of a client, at most `?limit=`."""
        wanted = _LIMIT.search(request.query)
        limit = int(wanted[1]) if wanted else RECENT
        lines = holder.recent.newest(min(limit, MAX_LINES)) if holder.recent is not None else []
        report = {
            "client_id": holder.client_id,
            "count": len(lines),
            "since": self._started,
            "scope": "this collector process",
            "events": lines,
        }
        return self._keyed(holder, request, report)

    def key_info(self, holder: KeyHolder, request: Request) -> Answer:
        """What a key is and may do."""
        key = holder.key
        quota, left, seconds = self._limits.key_left(key.sha256, key.requests_per_minute, request.started)
        report = {
            "authenticated": True,
            "client_id": holder.client_id,
            "name": key.name,
            "permissions": key.permissions,
            "site_id": holder.target.site.site_id if holder.target is not None else None,
            "rate_limit": {
                "requests": quota or None,
                "window_seconds": int(KEY_WINDOW_SECONDS),
                "remaining": left if quota else None,
                "reset_seconds": seconds if quota else None,
            },
        }
        return self._keyed(holder, request, report)

    def _keyed(self, holder: KeyHolder, request: Request, report: dict[str, Any]) -> Answer:
        key = holder.key
        left = self._limits.headers_of_key(key.sha256, key.requests_per_minute, request.started)
        return json_answer(200, report, *left)
