"""Every answer the collector gives, as bytes: taken, refused, JSON, preflight."""

from collections.abc import Sequence
from typing import Any

import msgspec

from collector.message import Answer, Headers
from footfall.event import Refusal, Refused

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
        (b"access-control-allow-headers", b"content-type, content-encoding, authorization, x-api-key"),
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


def refusal_answer(refusals: Sequence[Refused], taken: Answer | None = None) -> Answer:
    """The answer that names the first refusal; `taken` with its name where other events were taken."""
    first = refusals[0].refusal
    reason = (b"x-footfall-reason", first.code.encode())
    count = (b"x-footfall-refused", str(len(refusals)).encode())
    if taken is not None:
        return taken._replace(headers=[*taken.headers, _EXPOSE, reason, count])
    body = f"{refusals[0]}\n".encode()
    headers = [CORS, _EXPOSE, reason, count, _TEXT, length(body)]
    if first.status == 503:
        headers.append(_RETRY)
    if first is Refusal.BODY_UNFINISHED:
        headers.append((b"connection", b"close"))  # the rest of it is not worth waiting for
    return Answer(first.status, headers, body)
