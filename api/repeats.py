"""The same act twice is done once: answers by Idempotency-Key, for a day."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
#: Seconds for which a repeat waits until the first has its answer.
WAIT_SECONDS = 10
#: What is being done, by its name: of one act at a time, and no act waits for that of others.
_doing: set[str] = set()
_ended = threading.Condition()


def once(
    service: Service, request: Request, caller: Caller, body: str, act: Callable[[], Response]
) -> Response:
    """Act, or give the answer of the first request with this Idempotency-Key.

    Raises Problem: key_reused, or unavailable where the first is not done yet.
    """
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
    with _alone(name):
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


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Nobody else acts under this name. Raises Problem where somebody does for too long."""
    with _ended:
        if not _ended.wait_for(lambda: name not in _doing, WAIT_SECONDS):
            raise Problem("unavailable", "the first request with this Idempotency-Key is not done yet")
        _doing.add(name)
    try:
        yield
    finally:
        with _ended:
            _doing.discard(name)
            _ended.notify_all()
