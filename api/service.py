"""What one API process holds: settings, clients and keys as they are now, limits, tables."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from api.installation import Installation
from api.raw_lines import RawLines
from api.tables import Tables
from api.tasks import Tasks
from footfall.access.holders import Holders
from footfall.access.register import NAME, note_uses, operator_keys
from footfall.access.request_limits import RequestLimits
from footfall.clients import Client, Registry, registry_of
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.store import ObjectStore

log = logging.getLogger("footfall.api")

#: Seconds between looks at client files and keys: a revoked key is none after as long.
LOOK_SECONDS = 1.0
#: Seconds between two notes that a key was used.
USE_SECONDS = 60.0


class Service:
    """May be used by several threads."""

    def __init__(
        self,
        settings: Settings,
        lake: ObjectStore,
        installation: Installation,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.lake = lake
        self.installation = installation
        self.now = now
        self.limits = RequestLimits(settings.api_address_requests_per_minute)
        self.tables = Tables(
            lake,
            settings.cache_of,
            seconds=settings.api_query_seconds,
            memory_bytes=settings.api_query_bytes,
            stale_seconds=settings.api_stale_seconds,
        )
        self.raw_lines = RawLines(lake, settings.spool, settings.collector_id, settings.segment_seconds)
        self.tasks = Tasks()
        self._lock = threading.Lock()
        self._looked = 0.0
        self._seen: object = None
        self._registry = Registry((), ())
        self._holders = Holders((), ())
        self._used: dict[str, float] = {}

    @property
    def registry(self) -> Registry:
        """The clients as their files are now; one whose file was broken since stays as it last was."""
        self._look()
        return self._registry

    @property
    def holders(self) -> Holders:
        """Every key that is valid now."""
        self._look()
        return self._holders

    def client(self, client_id: str) -> Client | None:
        """The client of that id, as files or identities name it."""
        found = self.registry.client(client_id)
        return found or next(
            (c for c in self.registry.clients if c.client_id.split(".")[0] == client_id), None
        )

    def note_use(self, sha256: str) -> None:
        """Remember that a key was used, once a minute at most."""
        at = time.monotonic()
        if at - self._used.get(sha256, -USE_SECONDS) < USE_SECONDS:
            return
        self._used[sha256] = at
        try:
            note_uses(self.settings.home, {sha256: self.now()})
        except (FootfallError, OSError) as error:
            log.warning("that a key was used cannot be noted: %s", error)

    def close(self) -> None:
        """Let go of what is open."""
        self.tasks.close()
        self.tables.close()

    def _look(self) -> None:
        with self._lock:
            if time.monotonic() - self._looked < LOOK_SECONDS and self._seen is not None:
                return
            self._looked = time.monotonic()
            seen = self._fingerprint()
            if seen == self._seen:
                return
            found = registry_of(self.settings)
            broken = {mistake.file.removesuffix(".yaml") for mistake in found.mistakes}
            kept = tuple(
                each
                for each in self._registry.clients
                if each.client_id.split(".")[0] in broken and found.client(each.client_id) is None
            )
            for mistake in found.mistakes:
                log.warning("set aside: %s", mistake)
            self._registry = replace(found, clients=(*found.clients, *kept))
            self._holders = Holders(self._registry.clients, operator_keys(self.settings.home))
            self._seen = seen

    def _fingerprint(self) -> object:
        said = []
        operator = self.settings.home / NAME
        folders = (self.settings.clients.glob("*.yaml"), self.settings.identities.glob("*.json"))
        beside = (operator, operator.with_name(f"{NAME}-wal"))
        for path in (*(each for folder in folders for each in sorted(folder)), *beside):
            try:
                stat = path.stat()
            except OSError:
                continue
            said.append((path.name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return said
