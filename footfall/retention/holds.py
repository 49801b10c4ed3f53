"""Holds: what a person has forbidden to remove, until a person lets it go. Signed objects of the lake.

    holds/client=acme/<id>-held.json        who, when, why, from which day on
    holds/client=acme/<id>-released.json    who let it go, and when

Neither is ever replaced or removed, so that years later it can be seen what was held.
"""

import json
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from footfall.errors import FootfallError
from footfall.event import timestamp
from footfall.keys import HOLDS, hold_object
from footfall.signatures import Signer, signed_by
from footfall.store import AlreadyExists, ObjectStore

_KEY = re.compile(r"holds/client=([a-z0-9._-]+)/([0-9a-f]{8})-(held|released)\.json")
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class Hold:
    """A hold. `since`: the first day of receipt that it keeps; None: all that is there when it is made."""

    client_id: str
    id: str
    reason: str
    by: str
    at: str
    since: date | None = None
    released_at: str = ""
    released_by: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it still holds."""
        return not self.released_at


def add(
    lake: ObjectStore,
    signer: Signer,
    client_id: str,
    *,
    reason: str,
    by: str,
    now: datetime,
    since: date | None = None,
) -> Hold:
    """Put a hold on a client's data. Raises StoreError."""
    hold = Hold(client_id, secrets.token_hex(4), reason, by, timestamp(now), since)
    said = {
        "record": "hold",
        "client": client_id,
        "id": hold.id,
        "reason": reason,
        "by": by,
        "at": hold.at,
        "since": since.isoformat() if since else None,
    }
    lake.put(hold_object(client_id, hold.id, "held"), _signed(said, signer), create_only=True)
    return hold


def release(lake: ObjectStore, signer: Signer, hold: Hold, *, by: str, now: datetime) -> None:
    """Let a hold go. Raises FootfallError where it was let go before, StoreError."""
    said = {"record": "release", "client": hold.client_id, "id": hold.id, "by": by, "at": timestamp(now)}
    try:
        lake.put(hold_object(hold.client_id, hold.id, "released"), _signed(said, signer), create_only=True)
    except AlreadyExists:
        raise FootfallError(f"hold {hold.id} was released before") from None


def read(lake: ObjectStore, trusted: Mapping[str, bytes]) -> list[Hold]:
    """All holds, those that were let go too, by client and time. Raises FootfallError, StoreError.

    A hold that nobody of ours signed holds all the same: to take it for none would lose what it keeps.
    A release that nobody of ours signed releases nothing.
    """
    held: dict[tuple[str, str], dict[str, Any]] = {}
    released: dict[tuple[str, str], dict[str, Any]] = {}
    for info in lake.list(HOLDS):
        found = _KEY.fullmatch(info.key)
        if found is None:
            continue
        try:
            document = json.loads(lake.get(info.key, limit=_MAX_BYTES))
            if found[3] == "released":
                signed_by(document, trusted)
            else:
                _hold((found[1], found[2]), document, {})
            (held if found[3] == "held" else released)[found[1], found[2]] = document
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise FootfallError(
                f"{lake.url(info.key)} is no hold of ours ({error}); nothing is removed until it is looked at"
            ) from None
    return sorted(
        (_hold(key, said, released.get(key, {})) for key, said in held.items()),
        key=lambda each: (each.client_id, each.at),
    )


def against_erasure(
    holds: Iterable[Hold], client_id: str, received: Collection[datetime] | None
) -> list[Hold]:
    """Active holds that keep something of a person. `received`: when his lines were; None: nobody knows."""
    return [
        each
        for each in holds
        if each.client_id == client_id
        and each.is_active
        and (
            each.since is None
            or received is None
            or any(moment.astimezone(UTC).date() >= each.since for moment in received)
        )
    ]


def refusal(holds: Iterable[Hold]) -> str:
    """Why nobody is erased while these hold, in one line; empty where none does."""
    said = [
        f"{each.client_id} is held ({each.id}, {each.at[:10]} by {each.by}"
        f"{f', received since {each.since}' if each.since else ''}: {each.reason})"
        for each in holds
    ]
    if not said:
        return ""
    return (
        f"{'; '.join(said)}: nothing of the person is erased. Whoever holds it releases it "
        "(`footfall privacy hold release ID`), or the person is told why it is kept"
    )


def limit(holds: list[Hold], client_id: str) -> tuple[bool, datetime | None]:
    """Whether a client's data is held, and up to where horizons may move all the same (None: nowhere)."""
    active = [each for each in holds if each.client_id == client_id and each.is_active]
    days = [each.since for each in active]
    if not active:
        return False, None
    if None in days:
        return True, None
    first = min(day for day in days if day is not None)
    return True, datetime(first.year, first.month, first.day, tzinfo=UTC)


def _hold(key: tuple[str, str], said: Mapping[str, Any], let_go: Mapping[str, Any]) -> Hold:
    since = said.get("since")
    return Hold(
        *key,
        str(said.get("reason", "")),
        str(said.get("by", "")),
        str(said.get("at", "")),
        date.fromisoformat(str(since)) if since else None,
        str(let_go.get("at", "")),
        str(let_go.get("by", "")),
    )


def _signed(said: dict[str, Any], signer: Signer) -> bytes:
    return json.dumps(signer.sign(said), indent=1, ensure_ascii=False).encode() + b"\n"
