"""`python -m bench.references.least FILE`: the least that a collector on our own server could do.

Appends each body to FILE without fsync and answers 204: no parsing, no check, no visitor, no promise. The
difference to the collector is the collector's work. Prints its port when it listens; SIGTERM ends it.
"""

import asyncio
import os
import signal
import socket
import sys

import uvloop

from collector.server.http import Limits, Server
from collector.server.listening import BACKLOG
from collector.server.message import Answer, Pending, Request, Trouble
from footfall.event import MAX_BODY_BYTES

_TAKEN = Answer(204, [(b"access-control-allow-origin", b"*")])


class Least:
    """Takes everything."""

    def __init__(self, file: int) -> None:
        self._file = file

    def handle(self, request: Request) -> Answer:
        """Append the body."""
        os.write(self._file, request.body)
        return _TAKEN

    def settle(self, pending: Pending) -> Answer:
        """Nothing is ever pending."""
        return pending.answer

    def refuse(self, _trouble: Trouble) -> Answer:
        """A status alone."""
        return Answer(400, [])


async def main() -> None:
    """Serve until told to stop."""
    file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(Least(file), Limits(MAX_BODY_BYTES))
    await server.start(listener, backlog=BACKLOG)
    print(listener.getsockname()[1], flush=True)
    await stop.wait()
    await server.drain(1.0)


if __name__ == "__main__":
    uvloop.run(main())
