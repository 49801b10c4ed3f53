"""`python -m collector`: settings → spool, shipper, application, server; and their orderly end.

Prints one line when it accepts requests. SIGTERM or SIGINT: stop accepting, finish requests, commit and
seal, ship what is sealed, exit 0. What prevents a start is one line on stderr and exit code 1.
"""

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from collector.address import networks
from collector.app import Collector
from collector.asgi import asgi
from collector.shipper import Shipper
from collector.spool import Spool
from collector.targets import targets
from footfall.clients import load_registry
from footfall.errors import FootfallError
from footfall.privacy import Salts
from footfall.settings import Settings
from footfall.store import ObjectStore, open_store

log = logging.getLogger("collector")

#: Seconds between two looks at the client files.
REGISTRY_SECONDS = 2.0
#: Seconds between two destructions of old salts.
SALT_SECONDS = 3600.0
#: Seconds that requests under way, and then the last shipping, may take at the end.
REQUESTS_SECONDS = 10
SHIPPING_SECONDS = 10.0
#: Connections that may wait to be accepted.
BACKLOG = 2048

PIXEL = Path(__file__).resolve().parent.parent / "pixel" / "dist" / "pixel.js"


def main() -> int:
    """Run until told to stop. Returns the exit code."""
    logging.basicConfig(format="collector: %(levelname)s: %(message)s", level=logging.INFO)
    # The server reports every malformed request; /health counts are enough.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    try:
        run(Settings.from_environ(os.environ))
    except FootfallError as error:
        sys.stderr.write(f"collector: {' '.join(str(error).split())}\n")
        return 1
    except KeyboardInterrupt:  # while starting; once it serves, the signal is the ordinary end
        return 130
    return 0


def run(settings: Settings) -> None:
    """Everything between settings and the end. Raises FootfallError where it cannot start."""
    trusted = networks(settings.trusted_proxies)
    if not settings.clients.is_dir():
        raise FootfallError(
            f"the folder of client files {settings.clients} does not exist; set FOOTFALL_CLIENTS"
        )
    listener = _listen(settings.collector_host, settings.collector_port)
    try:
        lake = open_store(settings.lake, s3_endpoint=settings.s3_endpoint)
        probe(lake)
        spool = Spool(
            settings.spool,
            collector_id=settings.collector_id,
            segment_seconds=settings.segment_seconds,
            segment_bytes=settings.segment_bytes,
            spool_bytes=settings.spool_bytes,
        )
        shipper = Shipper(spool, lake)
        shipper.start()
        collector = Collector(
            spool=spool,
            shipper=shipper,
            # A new Salts each time: its memory would outlive a salt that another collector destroys.
            agree_salt=lambda client_id, moment: Salts(lake).of(client_id, moment),
            trusted_proxies=trusted,
            import_key=settings.import_key,
            pixel=PIXEL,
        )
        try:
            _run_loop(_serve(collector, listener, settings, lake))
        finally:
            spool.close()
            left = shipper.finish(SHIPPING_SECONDS)
            spool.release()
            if left:
                log.warning("%d segments stay in the spool; the next start ships them", left)
    finally:
        listener.close()


def probe(lake: ObjectStore) -> None:
    """Write and remove a small object. Raises FootfallError where the lake does not allow it."""
    key = f"probe/{secrets.token_hex(8)}"
    try:
        lake.put(key, b"probe\n")
        lake.delete(key)
    except (FootfallError, OSError) as error:
        raise FootfallError(f"the lake cannot be written (FOOTFALL_LAKE): {error}") from error


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise FootfallError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    # No SO_REUSEPORT: two collectors on one port would share its requests unnoticed.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise FootfallError(
            f"cannot listen on {host}:{port}: {error.strerror}; "
            "stop what uses the port, or set FOOTFALL_COLLECTOR_PORT"
        ) from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn that says when it accepts, and leaves signals to us."""

    address = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(f"collector: listening on http://{self.address}\n")
            sys.stdout.flush()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn raises the signal once more after its end, which would hide our exit code.
        yield


async def _serve(
    collector: Collector, listener: socket.socket, settings: Settings, lake: ObjectStore
) -> None:
    config = uvicorn.Config(
        asgi(collector),
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,  # it would write addresses
        log_config=None,
        proxy_headers=False,  # X-Forwarded-For is ours to judge
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=REQUESTS_SECONDS,
    )
    server = _Server(config)
    host = settings.collector_host
    server.address = f"{f'[{host}]' if ':' in host else host}:{settings.collector_port}"

    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)

    watch = RegistryWatch(settings.clients, collector)
    watch.look()
    upkeep = [
        asyncio.create_task(_every(REGISTRY_SECONDS, watch.look)),
        asyncio.create_task(_every(SALT_SECONDS, lambda: destroy_salts(lake, collector), at_once=True)),
    ]
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in upkeep:
            task.cancel()


class RegistryWatch:
    """Keeps the collector's sites equal to the client files, and logs each mistake once."""

    def __init__(self, folder: Path, collector: Collector) -> None:
        self._folder = folder
        self._collector = collector
        self._signature: object = None
        self._told: set[str] = set()

    def look(self) -> None:
        """Read the files again if any of them changed. Safe in a thread: the sites change as a whole."""
        signature = self._look_at_names()
        if signature == self._signature:
            return
        registry = load_registry(self._folder)
        # A client whose file was broken by an edit keeps its sites as they last were: a slip of the keyboard
        # must not cost its visitors' events. A file that is gone takes its sites with it.
        broken = {Path(mistake.file).stem for mistake in registry.mistakes}
        kept = {key: target for key, target in self._collector.sites.items() if target.client_id in broken}
        self._collector.sites = {**kept, **targets(registry)}
        self._collector.client_mistakes = len(registry.mistakes)
        mistakes = {str(mistake) for mistake in registry.mistakes}
        for mistake in sorted(mistakes - self._told):
            log.error("client file set aside: %s", mistake)
        self._told = mistakes
        self._signature = signature

    def _look_at_names(self) -> object:
        found = []
        for path in sorted(self._folder.glob("*.yaml")):
            facts = path.stat()
            found.append((path.name, facts.st_mtime_ns, facts.st_size))
        return found


def destroy_salts(lake: ObjectStore, collector: Collector) -> None:
    """Destroy salts past their life in the lake, and forget here what is not needed today."""
    collector.forget_salts()
    Salts(lake).destroy_old(datetime.now(UTC))


async def _every(seconds: float, work: Callable[[], None], *, at_once: bool = False) -> None:
    """Do a piece of upkeep in a thread, again and again. A failure is logged when it changes."""
    told = ""
    while True:
        if not at_once:
            await asyncio.sleep(seconds)
        at_once = False
        try:
            await asyncio.to_thread(work)
            told = ""
        except Exception as error:
            text = str(error) if isinstance(error, FootfallError) else type(error).__name__
            if text != told:
                log.error("upkeep: %s", text)
            told = text


def _run_loop(main_task: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # not on every platform; the standard loop does the same, more slowly
        asyncio.run(main_task)
    else:
        uvloop.run(main_task)


if __name__ == "__main__":
    sys.exit(main())
