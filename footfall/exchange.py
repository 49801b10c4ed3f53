"""One HTTP exchange with an address that was checked (footfall.guard): pinned, bounded, without redirects."""

import certifi
import urllib3

from footfall.errors import FootfallError
from footfall.guard import Target


class Unanswered(FootfallError):
    """Nobody answered, or not in HTTP, or not in time."""


#: Bytes of an answer that are read: enough for a token, too few to fill a memory.
_ANSWER_BYTES = 4096


def exchange(
    target: Target, method: str, body: bytes | None, fields: dict[str, str], seconds: float
) -> tuple[int, int, bytes]:
    """Status, seconds of Retry-After (0 without) and the first bytes of the answer from a pinned address.

    Redirects are answers like any other. Raises Unanswered.
    """
    timeout = urllib3.Timeout(total=seconds)
    pool: urllib3.HTTPConnectionPool
    if target.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            target.address,
            target.port,
            timeout=timeout,
            # The certificate is the name's, whatever address it was found at.
            server_hostname=target.host,
            assert_hostname=target.host,
            ca_certs=certifi.where(),
        )
    else:
        pool = urllib3.HTTPConnectionPool(target.address, target.port, timeout=timeout)
    standard = 443 if target.scheme == "https" else 80
    host = f"[{target.host}]" if ":" in target.host else target.host
    fields = {**fields, "host": host if target.port == standard else f"{host}:{target.port}"}
    try:
        response = pool.urlopen(
            method,
            target.path,
            body=body,
            headers=fields,
            redirect=False,
            retries=False,
            preload_content=False,
        )
        try:
            wait = response.headers.get("retry-after", "")
            seconds_asked = int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 7 else 0
            return response.status, seconds_asked, response.read(_ANSWER_BYTES)
        finally:
            response.close()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Unanswered(f"{target.host}: {type(error).__name__}") from None
    finally:
        pool.close()
