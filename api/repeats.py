"""The same act twice is done once: answers by Idempotency-Key, for a day."""

import hashlib
import threading
from collections.abc import Callable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from api.access import Caller
from api.problems import Problem
from api.service import Service
from footfall.access.register import key_register
from footfall.event import timestamp

#: How long an answer is remembered.
KEPT = timedelta(days=1)
_acting = threading.Lock()


def once(
    service: Service, request: Request, caller: Caller, body: str, act: Callable[[], Response]
) -> Response:
    """Act, or give the answer of the first request with this Idempotency-Key. Raises Problem(key_reused)."""
    key = request.headers.get("idempotency-key", "").strip()
    if not key:
        return act()
    if len(key) > 200:
        raise Problem("invalid", "at most 200 characters", field="Idempotency-Key")
    name = hashlib.sha256(f"{caller.holder.key.sha256}\0{key}".encode()).hexdigest()
    asked = hashlib.sha256(
        f"{request.method} {request.url.path}?{request.url.query}\0{body}".encode()
    ).hexdigest()
    now = service.now()
    with _acting:
        with key_register(service.settings.home) as database:
            database.execute("DELETE FROM answers WHERE at < ?", (timestamp(now - KEPT),))
            row = database.execute(
                "SELECT asked, status, body FROM answers WHERE name = ?", (name,)
            ).fetchone()
        if row is not None:
            if row[0] != asked:
                raise Problem("key_reused", field="Idempotency-Key")
            return Response(row[2], row[1], {"idempotency-replayed": "true"}, "application/json")
        answer = act()  # with the register closed: others note there that their keys were used
        with key_register(service.settings.home) as database:
            database.execute(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?)",
                (name, asked, answer.status_code, bytes(answer.body), timestamp(now)),
            )
        return answer
