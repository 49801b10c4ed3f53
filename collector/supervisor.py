"""Several workers on one port: one small process that holds the sockets and keeps the workers running.

    supervisor ─ socket 1 ─► worker 1 ─ spool/…
               └ socket 2 ─► worker 2 ─ spool/…

Each worker has a socket of its own, all on the same port, over which the kernel spreads connections by
their addresses: evener than one socket that all accept from, where whoever wakes first takes all. The
supervisor keeps the sockets open, so that what arrives while a worker restarts waits in the queue of its
socket. A worker that keeps failing gives its share of the port to the others.

SIGTERM and SIGINT end all workers in order; SIGHUP renews one after the other. Workers end by themselves
when the supervisor is gone: their stdin closes.
"""

import asyncio
import logging
import signal
import socket
import sys
from typing import Any

from collector.server.listening import SPREADS, listen, say_listening
from footfall.errors import FootfallError
from footfall.settings import Settings

log = logging.getLogger("collector")

#: Seconds before the second start of a worker that failed; doubled each time, up to the cap.
BACKOFF_BASE = 0.25
BACKOFF_CAP = 30.0
#: Seconds of life after which a failure is a new one.
STEADY_SECONDS = 60.0
#: Seconds that connections may wait for a restart. Beyond that the other workers get them.
GIVE_BACK_SECONDS = 1.0
#: Seconds that workers may take to end, besides a last shipping of their own; they need less than ten.
STOP_SECONDS = 15.0


def supervise(settings: Settings) -> int:
    """Run the workers until told to stop. Returns the exit code; raises FootfallError."""
    return asyncio.run(_Supervisor(settings).run())


class _Worker:
    """One place for a worker: its number, its socket, its process."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.listener: socket.socket | None = None
        self.process: asyncio.subprocess.Process | None = None
        self.is_ready = asyncio.Event()
        self.is_known = False  # it was ready once
        self.is_renewed = False  # its end is wanted


class _Supervisor:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()
        self._workers = [_Worker(number + 1) for number in range(settings.collector_workers)]
        self._renewal: asyncio.Task[None] | None = None

    async def run(self) -> int:
        host, port = self._settings.collector_host, self._settings.collector_port
        # Alone first: it fails where anybody else listens.
        alone = listen(host, port)
        if SPREADS:
            alone.close()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._renew)
        for worker in self._workers:
            worker.listener = listen(host, port, is_shared=True) if SPREADS else alone
        # The first alone: what prevents a start is told once.
        first, *others = self._workers
        keeping = [asyncio.create_task(self._keep(first))]
        ready = asyncio.create_task(first.is_ready.wait())
        await _first(keeping[0], ready)
        if not first.is_ready.is_set():
            ready.cancel()
            return keeping[0].result()
        keeping += [asyncio.create_task(self._keep(worker)) for worker in others]
        everyone = asyncio.gather(*(worker.is_ready.wait() for worker in others))
        stopping = asyncio.create_task(self._stopping.wait())
        await _first(everyone, stopping)
        if not self._stopping.is_set():
            say_listening(host, port)
        await stopping
        everyone.cancel()
        if self._renewal is not None:
            self._renewal.cancel()
        codes = await asyncio.gather(*keeping)
        return max(codes)

    async def _keep(self, worker: _Worker) -> int:
        """Start a worker again and again until told to stop. Returns its last exit code."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            code = await self._run_once(worker)
            if self._stopping.is_set():
                # Told to end before it listened for that: it had accepted nothing.
                return 0 if code == -signal.SIGTERM else abs(code)
            if code and not any(other.is_known for other in self._workers):
                return code  # nothing ever ran: it has said why
            if worker.is_renewed:
                worker.is_renewed = False
                continue
            if asyncio.get_running_loop().time() - began > STEADY_SECONDS:
                failures = 0
            delay = min(BACKOFF_CAP, BACKOFF_BASE * 2**failures) if failures else 0.0
            failures += 1
            how = f"signal {-code}" if code < 0 else f"code {code}"
            log.error("worker %d ended with %s; it starts again in %.1f s", worker.number, how, delay)
            if delay > GIVE_BACK_SECONDS and SPREADS and worker.listener is not None:
                worker.listener.close()
                worker.listener = None
            await self._pause(delay)
            if self._stopping.is_set():
                return 0

    async def _run_once(self, worker: _Worker) -> int:
        """One life of a worker, from its start to its exit code (minus the signal that killed it)."""
        settings = self._settings
        if worker.listener is None:
            try:
                worker.listener = listen(settings.collector_host, settings.collector_port, is_shared=True)
            except FootfallError as error:
                log.error("%s", error)
                return 1
        descriptor = worker.listener.fileno()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "collector", "--worker", str(worker.number), "--listener", str(descriptor)),
            stdin=asyncio.subprocess.PIPE,  # never written to; its end tells the worker that we are gone
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(descriptor,),
        )
        worker.process = process
        ending = asyncio.create_task(self._end_with_us(process))
        assert process.stdout is not None
        if await process.stdout.readline():
            worker.is_known = True
            worker.is_ready.set()
        code = await process.wait()
        ending.cancel()
        worker.process = None
        return code

    async def _end_with_us(self, process: asyncio.subprocess.Process) -> None:
        """When told to stop: tell the worker, and wait for it no longer than it may take."""
        await self._stopping.wait()
        for worker in self._workers:
            if worker.listener is not None:
                worker.listener.close()  # refused at once is better than queued for nobody
        process.terminate()
        await asyncio.sleep(STOP_SECONDS + self._settings.last_shipping_seconds)
        log.error("a worker did not end; it was killed, and its segments stay for the next start")
        process.kill()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            pass

    def _renew(self) -> None:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew_all())

    async def _renew_all(self) -> None:
        """A new process for every worker, one after the other: somebody always accepts."""
        for worker in self._workers:
            if worker.process is not None:
                worker.is_renewed = True
                worker.is_ready.clear()
                worker.process.send_signal(signal.SIGHUP)  # SIGTERM would say that none comes after it
                await worker.is_ready.wait()
        log.info("every worker was renewed")


async def _first(*futures: "asyncio.Future[Any]") -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
