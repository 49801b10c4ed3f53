"""The collector's sites follow the client files; a slip of the keyboard costs no visitor's event.

A file that was good and is broken now keeps its sites as they last were: in memory, and over a restart
by a copy in the state folder. Where a file is broken and no good copy of it was ever seen, a site key
that nobody has may be one of its: such events are answered 503, so that their senders keep them, and
not 403. A file that is gone takes its sites with it.
"""

import contextlib
import logging
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from collector.operation import Operation
from collector.targets import Sites, targets
from footfall.allowed import Allowed
from footfall.clients import Client, Registry, load_registry
from footfall.durable import mark_lake, require_known_lake
from footfall.errors import FootfallError
from footfall.identity_files import names_in
from footfall.last_good import keep
from footfall.store import ObjectStore, StoreError
from footfall.tombstones import FILE, Tombstones, in_force

log = logging.getLogger("collector")


class Knows(Protocol):
    """What is told about the client files."""

    sites: Sites
    client_mistakes: int


class Ships(Protocol):
    """What tells that the lake may be away."""

    last_error: str | None


class Tells(Protocol):
    """What is told about the lake."""

    operation: Operation


class LakeWatch:
    """Asks a lake whether it can be written: at the start, and again for as long as something fails."""

    def __init__(self, lake: ObjectStore, shipper: Ships, collector: Tells) -> None:
        self._lake = lake
        self._shipper = shipper
        self._operation = collector.operation
        self._was_asked = False

    def look(self) -> None:
        """Write and remove a small object, if need be. Raises FootfallError where that fails."""
        operation = self._operation
        if self._was_asked and not operation.is_lake_away and self._shipper.last_error is None:
            return
        self._was_asked = True
        key = f"probe/{secrets.token_hex(8)}"
        try:
            require_known_lake(self._lake)
            mark_lake(self._lake)
            self._lake.put(key, b"probe\n")
            self._lake.delete(key)
        except (FootfallError, OSError) as error:
            operation.is_lake_away = True
            text = f"the lake cannot be written (FOOTFALL_LAKE): {error}; events wait in the spool"
            raise FootfallError(text) from error
        if operation.is_lake_away:
            log.warning("the lake can be written again")
        operation.is_lake_away = False


class OwnersWatch:
    """Knows whose the ids of client files are, as the lake says; while it is away, as it last said."""

    def __init__(self, lake: ObjectStore) -> None:
        self._lake = lake
        #: Client id → identity, of ids that had another owner before.
        self.names: Mapping[str, str] = {}

    def look(self) -> None:
        """Ask the lake; LakeWatch tells where it is away."""
        with contextlib.suppress(StoreError):
            self.names = {each: name for each, name in names_in(self._lake).items() if each != name}


class Forgets(Protocol):
    """What is told about erased persons."""

    stones: Tombstones


class ErasedWatch:
    """Knows who was erased, by the hashes in the state folder; ingest asks the lake as well."""

    def __init__(self, home: Path, intake: Forgets) -> None:
        self._home = home
        self._intake = intake
        self._seen: object = None

    def look(self) -> None:
        """Read the hashes again if there are more. Raises FootfallError where they cannot be used."""
        try:
            facts = (self._home / FILE).stat()
        except OSError:
            return
        seen = facts.st_mtime_ns, facts.st_size
        if seen != self._seen:
            self._intake.stones = in_force(self._home)
            self._seen = seen


class RegistryWatch:
    """Keeps the collector's sites equal to the client files, and logs each mistake once."""

    def __init__(
        self,
        folder: Path,
        copies: Path,
        collector: Knows,
        allowed: Allowed | None = None,
        owners: OwnersWatch | None = None,
    ) -> None:
        """`copies` is the folder of the last good client files; it is made when there is one to keep."""
        self._owners = owners
        self._allowed = allowed
        self._folder = folder
        self._copies = copies
        self._collector = collector
        self._signature: object = None
        self._told: set[str] = set()
        self._good: dict[str, Client] = {}

    def look(self) -> None:
        """Read the files again if any of them changed. Safe in a thread: the sites change as a whole."""
        owners = self._owners.names if self._owners else {}
        signature = (self._look_at_names(), owners)
        if signature == self._signature:
            return
        registry = load_registry(self._folder, self._allowed, in_force=self._copies, is_delivering=False)
        broken = {Path(mistake.file).stem for mistake in registry.mistakes}
        if self._signature is None and broken:
            copied = load_registry(self._copies, self._allowed, is_delivering=False)
            self._good = {client.client_id: client for client in copied.clients}
        valid = {client.client_id: client for client in registry.clients}
        whole = self._folder.is_dir()  # a folder that is away for a moment has not lost its files
        kept = {n: c for n, c in self._good.items() if (n in broken or not whole) and n not in valid}
        self._good = {**kept, **valid}
        sites = targets(Registry(tuple(self._good.values()), ()), owners)
        sites.are_certain = whole and broken <= set(self._good)
        self._collector.sites = sites
        self._collector.client_mistakes = len(registry.mistakes)
        mistakes = {str(mistake) for mistake in registry.mistakes}
        for mistake in sorted(mistakes - self._told):
            log.error("client file set aside: %s", mistake)
        for name in sorted(kept):
            log.warning("client %s keeps its sites as they last were", name)
        self._told = mistakes
        self._signature = signature
        if whole:
            self._copy(valid)

    def _look_at_names(self) -> object:
        found = []
        for path in sorted(self._folder.glob("*.yaml")):
            facts = path.stat()
            found.append((path.name, facts.st_mtime_ns, facts.st_size))
        return found

    def _copy(self, valid: dict[str, Client]) -> None:
        """Keep what is good, so that a start beside a broken file still knows its sites."""
        try:
            keep(self._folder, self._copies, valid)
        except OSError as error:
            log.warning("the last good client files are not kept: %s: %s", self._copies, error.strerror)
