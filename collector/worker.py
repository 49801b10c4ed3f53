"""One process that collects: settings → spool, shipper, application, server; and their orderly end.

The end takes at most ten seconds, or longer where FOOTFALL_LAST_SHIPPING_SECONDS says so: stop accepting,
finish requests, commit and seal, ship what is sealed.
"""

import asyncio
import gc
import logging
import resource
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from collector.app import Collector
from collector.clock import LiveClock
from collector.closing import Closer
from collector.counters import Summary
from collector.memory import give_back_freed
from collector.options import Options
from collector.salts import KeptSalts
from collector.sealing import Sealing
from collector.sender import Senders
from collector.server.http import CONNECTIONS, Limits, Server
from collector.server.listening import BACKLOG, listen, say_listening
from collector.shipper import Shipper
from collector.spool import Spool
from collector.watch import ErasedWatch, LakeWatch, OwnersWatch, RegistryWatch
from collector.worker_folders import open_spool
from footfall import installed
from footfall.access.register import note_uses
from footfall.address import networks
from footfall.agent_keys import AgentKeys
from footfall.allowed import Allowed
from footfall.asn import NetworkFile
from footfall.durable import require_known_lake
from footfall.errors import FootfallError
from footfall.event import MAX_BODY_BYTES
from footfall.geo import GeoFile
from footfall.settings import Settings
from footfall.spool_tail import show_life
from footfall.store import ObjectStore, StoreError, open_store

log = logging.getLogger("collector")

#: How long a start waits for the lake to say its version, in seconds, 1 to 30. Longer: a start beside a lake
#: that does not answer takes longer.
LAKE_ANSWER_SECONDS = 3.0

#: Seconds between two looks at the client files.
REGISTRY_SECONDS = 2.0
#: Seconds between two lines in the log that say what was answered.
SUMMARY_SECONDS = 60.0
#: Seconds between two notes of which API keys were used. Longer: fewer writes, and less is known of a crash.
USES_SECONDS = 60.0
#: Seconds between two signs of life, and two looks at the table of places, and at the keys of agents.
FILES_SECONDS = 2.0
#: Seconds between two questions to a lake that was away, and to it about salts that are our own. Lower: more
#: knocking, and fewer events under a salt that only we know.
LAKE_SECONDS = 10.0
#: Seconds between two destructions of old salts.
SALT_SECONDS = 3600.0
#: Seconds between two looks in the lake for ids of clients that have a new owner. Lower: the salts of the old
#: one are used for a shorter time, and the lake is listed more often.
OWNERS_SECONDS = 60.0
#: Seconds that requests under way, and then the last shipping, may take at the end.
REQUESTS_SECONDS = 4.0
SHIPPING_SECONDS = 5.0
#: Objects made, less those freed, before the youngest are searched for cycles; then how many such searches
#: before older ones are. A request leaves no cycle, a closed connection a small one. Lower: more searching.
GC_THRESHOLDS = (10_000, 20, 20)
#: Descriptors kept for everything that is no connection: segments, the lake, client files.
OTHER_DESCRIPTORS = 200


def run(settings: Settings, *, number: int = 0, descriptor: int | None = None) -> None:
    """Everything between settings and the end. Raises FootfallError where it cannot start.

    The lake may be away. `number`: 0 alone, from 1 as a worker, which gets its listening socket from the
    supervisor and ends when its stdin does.
    """
    give_back_freed()
    geo = GeoFile.of(settings.geoip, settings.home)
    agents = AgentKeys(settings.agents)
    asn = NetworkFile.of(settings.asn)
    trusted = networks(settings.trusted_proxies)
    senders = Senders(trusted, settings.address_header, geo.place, agents.of, asn.asn_class)
    if not settings.clients.is_dir():
        raise FootfallError(
            f"the folder of client files {settings.clients} does not exist; set FOOTFALL_CLIENTS"
        )
    if descriptor is None:
        listener = listen(settings.collector_host, settings.collector_port)
    else:
        listener = socket.socket(fileno=descriptor)
    try:
        lake = open_store(settings.lake, s3_endpoint=settings.s3_endpoint)
        require_known_if_near(lake)
        spool = open_spool(
            settings.spool,
            workers=settings.collector_workers,
            collector_id=settings.collector_id,
            segment_seconds=settings.segment_seconds,
            segment_bytes=settings.segment_bytes,
            spool_bytes=settings.spool_bytes,
        )
        show_life(spool.folder)
        # One for all: what is stamped, closed and destroyed goes by the same time.
        clock = LiveClock()
        sealing = Sealing(lambda: collector.sites.raw_keys, settings.spool / "sealing-secret")
        shipper = Shipper(
            spool,
            lake,
            closer=Closer(spool, lake, settings.collector_id, now=clock),
            sealed=sealing.sealed,
        )
        salts = KeptSalts(lake, settings.spool / "salts", clock)
        collector = Collector(
            spool=spool,
            shipper=shipper,
            agree_salt=salts.agree,
            find_salt=salts.existing,
            own_salt=salts.own,
            senders=senders,
            import_key=settings.import_key,
            pixel=installed.PIXEL,
            now=clock,
            options=Options.of(settings),
        )
        ending = Ending()
        shipper.start()
        try:
            with _metrics(settings, number, collector, spool, shipper):
                _run_loop(
                    _serve(
                        collector,
                        listener,
                        settings,
                        lake,
                        LakeWatch(lake, shipper, collector),
                        salts,
                        number,
                        (geo.reload, asn.reload, agents.reload, partial(show_life, spool.folder)),
                        clock,
                        ending,
                    )
                )
        finally:
            ending.heed_without_loop()
            spool.close()
            last_seconds = settings.last_shipping_seconds
            left = shipper.finish(
                last_seconds or SHIPPING_SECONDS, is_last=lambda: ending.is_last and last_seconds > 0
            )
            spool.release()
            if left and last_seconds:
                log.error("%d segments did not get into the lake in %d s", left, last_seconds)
            elif left:
                log.warning("%d segments stay in the spool; the next start ships them", left)
    finally:
        listener.close()


@contextmanager
def _metrics(
    settings: Settings, number: int, collector: Collector, spool: Spool, shipper: Shipper
) -> Generator[None, None, None]:
    """/metrics on the port of this worker, where one is set."""
    if not settings.metrics_port:
        yield
        return
    from collector.metrics import Families, serve  # some megabytes that most installations do not need

    families = Families(collector.counters, collector.operation, spool.state, shipper)
    stop = serve(families, settings.metrics_host, settings.metrics_port + max(0, number - 1))
    try:
        yield
    finally:
        stop()


def require_known_if_near(lake: ObjectStore) -> None:
    """Refuse a lake of a newer program. One that is away, or slow, is asked again before anything is put."""
    found: list[FootfallError] = []

    def ask() -> None:
        try:
            require_known_lake(lake)
        except StoreError:
            pass
        except FootfallError as error:
            found.append(error)

    asking = threading.Thread(target=ask, name="lake version", daemon=True)
    asking.start()
    asking.join(LAKE_ANSWER_SECONDS)
    if found:
        raise found[0]


class Ending:
    """How a worker is told to end: for ever, or (SIGHUP) because another takes its place."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.is_last = False

    def end(self) -> None:
        """None comes after it."""
        self.is_last = True
        self.begun.set()

    def heed_without_loop(self) -> None:
        """Hear during the last shipping, too, that none comes after it: that may take long."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it ends already

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self.is_last = True


async def _serve(
    collector: Collector,
    listener: socket.socket,
    settings: Settings,
    store: ObjectStore,
    lake: LakeWatch,
    salts: KeptSalts,
    number: int,
    files: Sequence[Callable[[], None]],
    clock: LiveClock,
    ending: Ending,
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_kind)
    for number_of_signal in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number_of_signal, ending.end)
    # Ended in order: whatever started us starts us again.
    loop.add_signal_handler(signal.SIGHUP, ending.begun.set)
    if number:
        loop.add_reader(0, ending.end)

    owners = OwnersWatch(store)
    watch = RegistryWatch(
        settings.clients, settings.last_good_clients, collector, Allowed.of(settings), owners
    )
    watch.look()
    upkeep = [
        asyncio.create_task(_every(REGISTRY_SECONDS, watch.look)),
        asyncio.create_task(
            _every(REGISTRY_SECONDS, ErasedWatch(settings.home, collector.intake).look, at_once=True)
        ),
        asyncio.create_task(_every(OWNERS_SECONDS, owners.look, at_once=True)),
        asyncio.create_task(_every(SUMMARY_SECONDS, Summary(collector.counters).tell)),
        asyncio.create_task(_every(LAKE_SECONDS, lake.look, at_once=True)),
        asyncio.create_task(_every(LAKE_SECONDS, collector.agree_salts_again)),
        asyncio.create_task(
            _every(SALT_SECONDS, lambda: destroy_salts(salts, collector, clock()), at_once=True)
        ),
        *(asyncio.create_task(_every(FILES_SECONDS, work)) for work in files),
        asyncio.create_task(_every(USES_SECONDS, lambda: note_key_uses(settings.home, collector))),
    ]
    server = Server(collector, Limits(MAX_BODY_BYTES, connections=min(CONNECTIONS, _descriptors())))
    # What is here now stays for ever: no collection need look at it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        await server.start(listener, backlog=BACKLOG)
        say_listening(settings.collector_host, settings.collector_port)
        await ending.begun.wait()
        collector.operation.is_draining = True
        await server.drain(REQUESTS_SECONDS)
    finally:
        for task in upkeep:
            task.cancel()
        with suppress(FootfallError, OSError):
            note_key_uses(settings.home, collector)


def _descriptors() -> int:
    """Connections for which there are file descriptors, as many of which as allowed are asked for."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_DESCRIPTORS
    allowed = max(now, wanted if most == resource.RLIM_INFINITY else min(most, wanted))
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return max(1, allowed - OTHER_DESCRIPTORS)


def _log_kind(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What went wrong outside of any request: its kind, never its text, which may quote a visitor."""
    error = context.get("exception")
    log.error("unexpected %s in the event loop", type(error).__name__ if error else "message")


def note_key_uses(home: Path, collector: Collector) -> None:
    """Note down when API keys were last used. Raises FootfallError; then they are noted the next time."""
    uses, collector.key_uses = collector.key_uses, {}
    if not uses:
        return
    try:
        note_uses(home, uses)
    except (FootfallError, OSError):
        collector.key_uses = uses | collector.key_uses
        raise


def destroy_salts(salts: KeptSalts, collector: Collector, now: datetime) -> None:
    """Destroy salts past their life, and forget what is not needed today."""
    collector.forget_salts()
    salts.destroy_old(now)


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
