"""Every answer the collector gives, as bytes: taken, refused, JSON, preflight."""

import re
from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from collector.server.message import Answer, Headers
from footfall.event import Refused, timestamp
from footfall.keys import raw_prefix
from footfall.shapes import Shape

#: Seconds after which a refused sender may try again, in the Retry-After header.
RETRY_SECONDS = 5
#: Seconds that a browser may remember the answer to a preflight, and a file whose name has no version.
CACHE_SECONDS = 3600

#: A transparent image of one pixel.
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


def length(body: bytes) -> tuple[bytes, bytes]:
    """The header that says how long a body is."""
    return b"content-length", str(len(body)).encode()


CORS = (b"access-control-allow-origin", b"*")
NO_STORE = (b"cache-control", b"no-store")
_EXPOSE = (
    b"access-control-expose-headers",
    b"x-footfall-reason, x-footfall-refused, retry-after, ratelimit, ratelimit-policy",
)
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_JSON = (b"content-type", b"application/json")
_RETRY = (b"retry-after", str(RETRY_SECONDS).encode())

#: Where every event of a request was taken.
TAKEN = Answer(204, [CORS])
IMAGE = Answer(200, [CORS, (b"content-type", b"image/gif"), NO_STORE, length(GIF)], GIF)
PREFLIGHT = Answer(
    204,
    [
        CORS,
        (b"access-control-allow-methods", b"GET, POST, PUT, OPTIONS"),
        (
            b"access-control-allow-headers",
            b"content-type, content-encoding, authorization, x-api-key, "
            b"anonymousid, sp-anonymous, x-umami-cache",
        ),
        (b"access-control-max-age", str(CACHE_SECONDS).encode()),
    ],
)


def json_answer(status: int, document: Any, *more: tuple[bytes, bytes]) -> Answer:
    """An answer that nobody may keep, with a JSON body."""
    body = msgspec.json.encode(document)
    headers: Headers = [CORS, _JSON, NO_STORE, length(body), *more]
    if status == 503:
        headers.append(_RETRY)
    return Answer(status, headers, body)


def refusal_answer(
    refusals: Sequence[Refused],
    taken: Answer | None = None,
    *,
    as_json: bool = False,
    more: Headers | None = None,
) -> Answer:
    """The answer that names the first refusal; `taken` with its name where other events were taken."""
    first = refusals[0].refusal
    reason = (b"x-footfall-reason", first.code.encode())
    count = (b"x-footfall-refused", str(len(refusals)).encode())
    if taken is not None:
        return taken._replace(headers=[*taken.headers, _EXPOSE, reason, count])
    document = refusals[0].document
    as_json = as_json or document is not None
    if as_json:
        body = msgspec.json.encode(document or {"error": first.code, "message": refusals[0].detail})
    else:
        body = f"{refusals[0]}\n".encode()
    headers = [CORS, _EXPOSE, reason, count, _JSON if as_json else _TEXT, length(body)]
    if more is not None:
        headers += more
    elif first.status == 503:
        headers.append(_RETRY)
    elif first.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return Answer(first.status, headers, body)


#: What the first collector calls its environments: the first part of the paths of each.
_ENVIRONMENTS = re.compile(r"/(dev|test|stage|staging|prod)/")


def environment_of(path: str) -> str:
    """The environment that a path of the first collector stands for."""
    found = _ENVIRONMENTS.match(path)
    return found[1] if found else "prod"


def older_health(path: str, received_at: datetime, why: Sequence[str]) -> Answer:
    """What an older client hears that asks by POST whether we are there; `why` events would be refused."""
    report = {
        "status": "unhealthy" if why else "healthy",
        "message": f"event-collector is {'not ready' if why else 'working'}; nothing was stored",
        "environment": environment_of(path),
        "timestamp": timestamp(received_at),
        **({"reasons": why} if why else {}),
    }
    return json_answer(503 if why else 200, report)


def older_answer(
    shape: Shape, path: str, event_ids: Sequence[str], received_at: datetime, bucket: str, refused: int
) -> Answer:
    """What a program that was written for another collector expects to read after its events were taken.

    `path`: where it sent them.
    """
    if shape == "collect":
        return json_answer(
            200,
            {
                "message": "event taken",
                "environment": environment_of(path),
                "timestamp": timestamp(received_at),
            },
        )
    if shape == "track":
        # The event's own object does not exist: `key` is where the hour's events are put.
        key = raw_prefix(received_at)
        return json_answer(200, {"status": "ok", "eventId": event_ids[0], "bucket": bucket, "key": key})
    document: dict[str, Any] = {"status": "success", "message": "event taken", "event_id": event_ids[0]}
    if len(event_ids) > 1 or refused:
        document |= {"event_ids": event_ids, "taken": len(event_ids), "refused": refused}
    return json_answer(201, document)


class Origins:
    """Which pages' scripts may read answers: the setting FOOTFALL_CORS_ORIGINS.

    It guards answers, not events: a browser sends a plain POST wherever it likes.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        #: True where nothing needs to be changed on any answer.
        self.all = "*" in allowed
        self._allowed = tuple(allowed)

    def apply(self, answer: Answer, origin: bytes) -> Answer:
        """The answer with the CORS header that is right for an Origin header (empty: none was sent)."""
        headers = [pair for pair in answer.headers if pair[0] != CORS[0]]
        text = origin.decode("latin-1")
        # In a pattern brackets are a choice of characters; in an origin they hold an IPv6 address.
        if text in self._allowed or any(fnmatchcase(text, pattern) for pattern in self._allowed):
            headers.append((CORS[0], origin))
        headers.append((b"vary", b"origin"))
        return answer._replace(headers=headers)
