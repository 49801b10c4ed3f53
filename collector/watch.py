"""The collector's sites follow the client files; a slip of the keyboard costs no visitor's event.

A file that was good and is broken now keeps its sites as they last were: in memory, and over a restart
by a copy in the state folder. Where a file is broken and no good copy of it was ever seen, a site key
that nobody has may be one of its: such events are answered 503, so that their senders keep them, and
not 403. A file that is gone takes its sites with it.
"""

import logging
from pathlib import Path
from typing import Protocol

from collector.targets import Sites, targets
from footfall.allowed import Allowed
from footfall.clients import Client, Registry, load_registry
from footfall.last_good import keep

log = logging.getLogger("collector")


class Knows(Protocol):
    """What is told about the client files."""

    sites: Sites
    client_mistakes: int


class RegistryWatch:
    """Keeps the collector's sites equal to the client files, and logs each mistake once."""

    def __init__(self, folder: Path, copies: Path, collector: Knows, allowed: Allowed | None = None) -> None:
        """`copies` is the folder of the last good client files; it is made when there is one to keep."""
        self._allowed = allowed
        self._folder = folder
        self._copies = copies
        self._collector = collector
        self._signature: object = None
        self._told: set[str] = set()
        self._good: dict[str, Client] = {}

    def look(self) -> None:
        """Read the files again if any of them changed. Safe in a thread: the sites change as a whole."""
        signature = self._look_at_names()
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
        sites = targets(Registry(tuple(self._good.values()), ()))
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
