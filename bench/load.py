"""`python -m bench.load`: sends requests over many connections, each as soon as the last is answered.

A process of its own, so that its work is not the server's. Prints JSON: what was acknowledged, how fast,
how late, and how busy this process was: near 1.0 it is the generator that was measured.
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import cast

from bench.measure import pin
from bench.traffic import USER_AGENT, body

#: Different requests that are sent in turn. Ready-made: building them would cost more than sending.
REQUESTS = 1000
#: Seconds after the end in which the last answers must have come.
STUCK_SECONDS = 10.0
_TAKEN = b"HTTP/1.1 204"


class Load:
    """One run: until the clock says `until`, every answer is followed by the next request."""

    def __init__(self, requests: Iterator[bytes], counted_from: float, until: float) -> None:
        self.requests = requests
        self.counted_from = counted_from
        self.until = until
        self.acknowledged = 0
        #: Seconds from request to answer, of those within the time that counts.
        self.delays: list[float] = []
        self.running = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ended(self, error: str = "") -> None:
        """One connection has no more to do; any error ends the run."""
        self.running -= 1
        if self.over.done():
            return
        if error:
            self.over.set_exception(RuntimeError(error))
        elif not self.running:
            self.over.set_result(None)


class Connection(asyncio.Protocol):
    """One connection of a load."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._answer = b""
        self._is_done = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self._load.running += 1
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._load.requests))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._answer.startswith(_TAKEN):
            self._end(f"the server answered {self._answer[:300].decode('latin-1')!r}")
        elif self._answer.endswith(b"\r\n\r\n"):  # a 204 has no body
            self._answer = b""
            now = time.perf_counter()
            load = self._load
            load.acknowledged += 1
            if load.counted_from <= now < load.until:
                load.delays.append(now - self._sent)
            if now < load.until:
                self._send()
            else:
                self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._is_done:
            self._end(f"the server closed a connection: {exc}")

    def _end(self, error: str = "") -> None:
        self._is_done = True
        self._load.ended(error)
        self._transport.close()


async def run(port: int, *, batch: int, connections: int, warm_up: float, seconds: float) -> dict[str, float]:
    """Send for `warm_up` + `seconds`, count the latter. Raises RuntimeError at the first answer but 204."""
    bodies = [body(n, batch) for n in range(REQUESTS)]
    head = (
        "POST /collect HTTP/1.1\r\nhost: collector.example\r\ncontent-type: text/plain;charset=UTF-8\r\n"
        f"user-agent: {USER_AGENT}\r\norigin: https://shop.example\r\naccept: */*\r\n"
        "accept-encoding: gzip, deflate, br\r\naccept-language: en-GB,en;q=0.7\r\ncontent-length: "
    )
    requests = itertools.cycle([f"{head}{len(each)}\r\n\r\n".encode() + each for each in bodies])
    begun = time.perf_counter() + warm_up
    load = Load(requests, begun, begun + seconds)
    loop = asyncio.get_running_loop()
    await asyncio.gather(
        *(loop.create_connection(lambda: Connection(load), "127.0.0.1", port) for _ in range(connections))
    )
    await asyncio.sleep(max(0.0, load.counted_from - time.perf_counter()))
    busy = time.process_time()
    async with asyncio.timeout(seconds + STUCK_SECONDS):
        await load.over
    busy = (time.process_time() - busy) / (time.perf_counter() - load.counted_from)
    delays = sorted(load.delays)
    if not delays:
        raise RuntimeError("nothing was answered in the time that counts")
    return {
        "acknowledged_events": load.acknowledged * batch,
        "events_per_second": len(delays) * batch / seconds,
        "p50_ms": delays[len(delays) // 2] * 1000,
        "p99_ms": delays[len(delays) * 99 // 100] * 1000,
        "generator_busy": busy,
    }


def main() -> int:
    """The command; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--batch", type=int, default=1, help="events in one request")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds that do not count")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--core", type=int, help="stay on this core")
    options = vars(parser.parse_args())
    core = options.pop("core")
    if core is not None:
        pin(os.getpid(), core)
    try:
        import uvloop
    except ImportError:  # not on every platform
        runner = asyncio.run
    else:
        runner = uvloop.run
    try:
        print(json.dumps(runner(run(options.pop("port"), **options))))
    except (RuntimeError, OSError) as error:  # TimeoutError is an OSError
        print(f"load: {error or 'a request was never answered'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
