"""A new client without a restart: a client file that came, changed or went is seen, and Dagster loads it."""

import hashlib
import threading
import time
from collections.abc import Callable

from footfall.clients import registry_of
from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.reloading import reload

#: Seconds between looks at the folder; the load itself takes about five more. After one that failed, the time
#: until the next try.
LOOK_SECONDS, AGAIN_SECONDS = 5.0, 30.0


def fingerprint(settings: Settings) -> str:
    """The content of every client file, and of what people said of whose the clients are, in hex."""
    digest = hashlib.sha256()
    for path in (*sorted(settings.clients.glob("*.yaml")), *sorted(settings.identities.glob("*.json"))):
        try:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        except OSError:
            continue  # removed since it was listed: the next look sees it
    return digest.hexdigest()


class Reloader:
    """Looks at the client files of an installation whose Dagster runs; `say` writes a line of the log."""

    def __init__(
        self,
        settings: Settings,
        say: Callable[[str], object],
        load: Callable[[Settings], str] = reload,
        every: float = LOOK_SECONDS,
        again: float = AGAIN_SECONDS,
    ) -> None:
        self._settings = settings
        self._say = say
        self._load = load
        self._every = every
        self._again = again
        self._loaded = fingerprint(settings)
        self._next = time.monotonic() + every
        self._going: threading.Thread | None = None

    def look(self) -> None:
        """One look, whenever it suits; a load goes on beside, as it may take minutes."""
        if time.monotonic() < self._next or (self._going is not None and self._going.is_alive()):
            return
        self._next = time.monotonic() + self._every
        now = fingerprint(self._settings)
        if now != self._loaded:
            self._going = threading.Thread(target=self._reload, args=(now,), daemon=True)
            self._going.start()

    def _reload(self, now: str) -> None:
        try:
            self._load(self._settings)
        except FootfallError as error:
            self._next = time.monotonic() + self._again
            self._say(f"client files have changed, and Dagster could not load them: {error}")
        else:
            self._loaded = now
            self._say("client files have changed; Dagster has loaded them")
            for mistake in registry_of(self._settings).mistakes:
                self._say(f"set aside: {mistake}")
