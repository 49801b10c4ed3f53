"""Which API key a request carries."""

from collections.abc import Mapping

_SCHEMES = frozenset({b"bearer", b"api-key", b"apikey", b"token"})


def presented_key(headers: Mapping[bytes, bytes]) -> str | None:
    """The key in `X-API-Key: KEY` or `Authorization: Bearer | Api-Key | Token KEY`, None without one.

    Never in the query: addresses end up in logs of proxies.
    """
    key = headers.get(b"x-api-key")
    if key is None:
        scheme, _, key = headers.get(b"authorization", b"").strip().partition(b" ")
        if scheme.lower() not in _SCHEMES:
            return None
    key = key.strip()
    return key.decode("latin-1") if key else None
