"""When events were received: now, or what a trusted import states."""

import hmac
from datetime import UTC, datetime

from footfall.event import EARLIEST, Refusal, Refused


def receipt_time(now: datetime, import_key: bytes | None, headers: dict[bytes, bytes]) -> datetime:
    """An aware UTC time. `import_key` is the secret of trusted imports; without it nobody may state one.

    Raises Refused(IMPORT_KEY | RECEIPT_TIME).
    """
    stated = headers.get(b"x-footfall-received-at")
    if stated is None:
        return now
    secret = headers.get(b"x-footfall-import-key", b"")
    if import_key is None or not hmac.compare_digest(secret, import_key):
        raise Refused(Refusal.IMPORT_KEY)
    try:
        moment = datetime.fromisoformat(stated.decode("ascii"))
        moment = moment.astimezone(UTC) if moment.tzinfo else datetime.max.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Refused(Refusal.RECEIPT_TIME, "expected ISO 8601 such as 2026-11-20T14:03:07Z") from None
    if not EARLIEST <= moment <= now:
        raise Refused(Refusal.RECEIPT_TIME, f"expected a time with its zone, from {EARLIEST.year} to now")
    return moment
