"""The retention ledger: what was decided about a client's data, and what was removed, signed, in the lake.

    retention/client=acme/000007-decided-<sha>.json    from when on each class is kept, since then
    retention/client=acme/000008-removed-<sha>.json    what went by it, and what is left of what is older
    frozen/client=acme/…                               figures of days that are not computed any more

A decision is there before the first object goes, and says all that is needed to go on: stores are brought to
it, however often that is begun. The highest number counts. Horizons never move back.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from footfall.errors import FootfallError
from footfall.event import timestamp
from footfall.keys import (
    RETENTION,
    frozen_object,
    frozen_prefix,
    retention_of,
    retention_prefix,
    retention_record,
)
from footfall.signatures import Signer, signed_by
from footfall.store import ObjectStore, put_once

_MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class FrozenFile:
    """Figures of one table and month, as Parquet."""

    table: str
    month: str
    key: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class State:
    """What counts for a client. `horizons`: class → from when on it is kept; one that is not named, all.

    `frozen_until`: the first local day whose figures are computed. `carried`: the object of what is known of
    visitors from days that are gone, its sha256 and its rows.
    """

    client_id: str
    number: int = 0
    horizons: Mapping[str, datetime] = field(default_factory=dict)
    frozen_until: date | None = None
    frozen: tuple[FrozenFile, ...] = ()
    carried: tuple[str, str, int] | None = None

    def horizon(self, name: str) -> datetime | None:
        """From when on a class is kept."""
        return self.horizons.get(name)


def read_states(lake: ObjectStore, trusted: Mapping[str, bytes]) -> dict[str, State]:
    """Client → what counts for it, of those about whom anything was decided.

    Raises FootfallError for a record that no key of ours signed, StoreError.
    """
    newest: dict[str, tuple[int, str]] = {}
    for info in lake.list(RETENTION):
        found = retention_of(info.key)
        if found is not None and found[2] == "decided":
            newest[found[0]] = max((found[1], info.key), newest.get(found[0], (0, "")))
    return {client_id: _state(lake, key, trusted) for client_id, (_, key) in sorted(newest.items())}


def decide(
    lake: ObjectStore,
    signer: Signer,
    after: State,
    rule: Mapping[str, str],
    now: datetime,
    by: str,
) -> State:
    """Write a decision down. Returns it as it counts now. Raises StoreError.

    The objects that `after` names are in the lake already.
    """
    listed = json.dumps([asdict(each) for each in after.frozen], separators=(",", ":")).encode()
    sha256 = hashlib.sha256(listed).hexdigest()
    index = frozen_object(after.client_id, "list", sha256, "json")
    if after.frozen:
        put_once(lake, index, listed)
    said = {
        "record": "retention",
        "client": after.client_id,
        "at": timestamp(now),
        "by": by,
        "rule": dict(rule),
        "horizons": {name: timestamp(moment) for name, moment in sorted(after.horizons.items())},
        "frozen_until": after.frozen_until.isoformat() if after.frozen_until else None,
        "frozen": {"key": index, "sha256": sha256} if after.frozen else None,
        "carried": list(after.carried) if after.carried else None,
    }
    number = _put(lake, signer, after.client_id, "decided", said)
    return State(
        after.client_id,
        number,
        after.horizons,
        after.frozen_until,
        after.frozen,
        after.carried,
    )


def decide_again(
    lake: ObjectStore, signer: Signer, trusted: Mapping[str, bytes], after: State, now: datetime, by: str
) -> State:
    """The newest decision once more, with other objects. Raises FootfallError, StoreError."""
    return decide(lake, signer, after, _newest(lake, after.client_id, trusted)["rule"], now, by)


def drop_unnamed(lake: ObjectStore, trusted: Mapping[str, bytes], state: State) -> None:
    """Remove frozen objects in whose place a newer decision has put others. Raises StoreError."""
    for key in unnamed(lake, trusted, state)[0]:
        lake.delete(key)


def unnamed(
    lake: ObjectStore, trusted: Mapping[str, bytes], state: State
) -> tuple[list[str], frozenset[str]]:
    """Frozen objects that the newest decision does not name, and those it names that are not there.

    Raises FootfallError, StoreError.
    """
    objects = [info.key for info in lake.list(frozen_prefix(state.client_id))]
    named = {each.key for each in state.frozen} | ({state.carried[0]} if state.carried else set())
    if objects and (index := _newest(lake, state.client_id, trusted)["frozen"]) is not None:
        named.add(index["key"])
    return [key for key in objects if key not in named], frozenset(named.difference(objects))


def rule_of(lake: ObjectStore, client_id: str, trusted: Mapping[str, bytes]) -> dict[str, str]:
    """The rule that the newest decision about a client went by; empty where there is none.

    Raises FootfallError, StoreError.
    """
    if not any(kind == "decided" for _, kind, _ in _newest_first(lake, client_id)):
        return {}
    rule: dict[str, str] = _newest(lake, client_id, trusted)["rule"]
    return rule


def _newest(lake: ObjectStore, client_id: str, trusted: Mapping[str, bytes]) -> dict[str, Any]:
    return _read(
        lake, next(key for _, kind, key in _newest_first(lake, client_id) if kind == "decided"), trusted
    )


def note_removed(
    lake: ObjectStore,
    signer: Signer,
    state: State,
    removed: Iterable[Mapping[str, Any]],
    left: Iterable[str],
    now: datetime,
) -> None:
    """Write down what went by a decision, and what is still there that should not be. Raises StoreError."""
    said = {
        "record": "removed",
        "client": state.client_id,
        "at": timestamp(now),
        "by_decision": state.number,
        "removed": [dict(each) for each in removed],
        "left": list(left),
    }
    _put(lake, signer, state.client_id, "removed", said)


def ledger(lake: ObjectStore, client_id: str, trusted: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """All records of a client, in order. Raises FootfallError, StoreError."""
    return [_read(lake, key, trusted) for _, _, key in reversed(_newest_first(lake, client_id))]


def reached(lake: ObjectStore, client_id: str, trusted: Mapping[str, bytes], name: str) -> datetime | None:
    """Up to where a class is known to be gone: by the newest run that left nothing. Horizons never move back.

    Raises FootfallError, StoreError.
    """
    found = _newest_first(lake, client_id)
    decided = {number: key for number, kind, key in found if kind == "decided"}
    for key in (key for _, kind, key in found if kind == "removed"):
        said = _read(lake, key, trusted)
        if not said["left"] and said["by_decision"] in decided:
            horizons = _read(lake, decided[said["by_decision"]], trusted)["horizons"]
            if name in horizons:
                return datetime.fromisoformat(horizons[name])
    return None


def _newest_first(lake: ObjectStore, client_id: str) -> list[tuple[int, str, str]]:
    """Number, kind and key of each record of a client. Years have thousands: few of them are read."""
    return sorted(
        (
            (number, kind, info.key)
            for info in lake.list(retention_prefix(client_id))
            for _, number, kind in [retention_of(info.key) or ("", 0, "")]
            if number
        ),
        reverse=True,
    )


def _put(lake: ObjectStore, signer: Signer, client_id: str, kind: str, said: dict[str, Any]) -> int:
    number = max((number for number, _, _ in _newest_first(lake, client_id)), default=0) + 1
    data = json.dumps(signer.sign({**said, "number": number}), indent=1).encode() + b"\n"
    put_once(lake, retention_record(client_id, number, kind, hashlib.sha256(data).hexdigest()), data)
    return number


def _read(lake: ObjectStore, key: str, trusted: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(lake.get(key, limit=_MAX_BYTES))
        signed_by(document, trusted)
    except (ValueError, AttributeError) as error:
        raise FootfallError(
            f"{lake.url(key)} says what of a client is kept, and it {error}: put back the keys of this "
            "installation, or the public half of the key that signed it into keys/public of the state folder"
        ) from None
    return document


def _state(lake: ObjectStore, key: str, trusted: Mapping[str, bytes]) -> State:
    said = _read(lake, key, trusted)
    frozen: tuple[FrozenFile, ...] = ()
    if said["frozen"]:
        data = lake.get(said["frozen"]["key"], limit=_MAX_BYTES)
        if hashlib.sha256(data).hexdigest() != said["frozen"]["sha256"]:
            raise FootfallError(f"{lake.url(said['frozen']['key'])} holds other bytes than {key} says")
        frozen = tuple(FrozenFile(**each) for each in json.loads(data))
    carried = said["carried"]
    return State(
        said["client"],
        said["number"],
        {name: datetime.fromisoformat(text).astimezone(UTC) for name, text in said["horizons"].items()},
        date.fromisoformat(said["frozen_until"]) if said["frozen_until"] else None,
        frozen,
        (carried[0], carried[1], carried[2]) if carried else None,
    )
