"""Bodies that came compressed, and how large they may become."""

import zlib
from collections.abc import Mapping

from footfall.event import MAX_BODY_BYTES, Refusal, Refused

#: Encoding → what zlib is told of it.
_WINDOWS = {b"gzip": 16 + zlib.MAX_WBITS, b"x-gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}
#: How a gzip begins, as no text does.
GZIP_MARK = b"\x1f\x8b"
#: Members of one gzip. Thousands of empty ones would cost more time than they are worth.
_MAX_MEMBERS = 16


def encoding_of(headers: Mapping[bytes, bytes], body: bytes) -> bytes | None:
    """How a body is compressed; None where it is not. Not all senders say that they made a gzip."""
    return headers.get(b"content-encoding", b"gzip" if body.startswith(GZIP_MARK) else None)


def inflated(body: bytes, encoding: bytes) -> bytes:
    """A body without its content-encoding. Never more than MAX_BODY_BYTES + 1 are made of it.

    Raises Refused(UNREADABLE_ENCODING | BODY_TOO_LARGE).
    """
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return body
    if name not in _WINDOWS:
        raise Refused(Refusal.UNREADABLE_ENCODING, "only gzip and deflate are understood")
    window = _WINDOWS[name]
    if name == b"deflate" and not _has_zlib_header(body):
        window = -window  # as some send it, against the standard
    called = "deflate" if name == b"deflate" else "gzip"
    parts = []
    room = MAX_BODY_BYTES + 1
    for _ in range(_MAX_MEMBERS):
        stream = zlib.decompressobj(window)
        try:
            part = stream.decompress(body, room)
        except zlib.error:
            raise Refused(Refusal.UNREADABLE_ENCODING, f"the {called} is damaged") from None
        parts.append(part)
        room -= len(part)
        if room <= 0:
            raise Refused(Refusal.BODY_TOO_LARGE, f"more than {MAX_BODY_BYTES} bytes when inflated")
        if not stream.eof:
            raise Refused(Refusal.UNREADABLE_ENCODING, f"the {called} ends early")
        body = stream.unused_data  # a gzip may have several members
        if not body:
            return b"".join(parts)
    raise Refused(Refusal.UNREADABLE_ENCODING, f"the {called} has more than {_MAX_MEMBERS} members")


def _has_zlib_header(body: bytes) -> bool:
    return len(body) >= 2 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
