"""The collector as an ASGI callable: reads a request whole, with limits, and sends what becomes of it."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from collector.app import Collector
from collector.message import Answer, Pending, Request
from footfall.event import MAX_BODY_BYTES, Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: Seconds in which a body must have arrived whole. A phone on a poor line needs a few.
BODY_SECONDS = 25.0


def asgi(collector: Collector) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An ASGI application that answers what the collector answers."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers[name] = headers[name] + b", " + value if name in headers else value
        body, trouble = await read_body(receive, BODY_SECONDS)
        outcome = collector.handle(
            Request(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"],
                headers=headers,
                peer=scope["client"][0] if scope["client"] else "",
                body=body,
                trouble=trouble,
            )
        )
        if isinstance(outcome, Pending):
            await asyncio.wait([outcome.durable])
            answer = collector.settle(outcome)
        else:
            answer = outcome if isinstance(outcome, Answer) else await outcome
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    return application


async def read_body(receive: Receive, seconds: float) -> tuple[bytes, Refusal | None]:
    """A request's body, or as much of it as came and why there is no more.

    No more than MAX_BODY_BYTES and one message of the server are ever held.
    """
    body = b""
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return body, Refusal.BODY_UNFINISHED
                chunk = message.get("body", b"")
                body = body + chunk if body else chunk
                if len(body) > MAX_BODY_BYTES:
                    return body, Refusal.BODY_TOO_LARGE
                if not message.get("more_body", False):
                    return body, None
    except TimeoutError:
        return body, Refusal.BODY_UNFINISHED
