"""`python -m bench.reference FILE`: the least that a collector on the same server could do.

Reads each body, appends it to FILE without fsync, answers 204: no parsing, no check, no visitor, no
promise. The server, its parser, its loop and its settings are the collector's own, so that the
difference is the collector's work. Prints its port when it listens; SIGTERM ends it.
"""

import os
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from collector.listening import BACKLOG

_START = {"type": "http.response.start", "status": 204, "headers": [(b"access-control-allow-origin", b"*")]}
_END = {"type": "http.response.body", "body": b""}


def main() -> None:
    """Serve until told to stop."""
    file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def app(
        _scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        os.write(file, body)
        await send(_START)
        await send(_END)

    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
