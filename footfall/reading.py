"""Read an export out of a bucket, for whoever owns it: newest revisions, checked, in the types promised.

Needs pandas and pyarrow beside the ground floor, boto3 for s3://, obstore for gs:// and az://. A period is in
memory at a time, in the form it came in and as a table; `read_export` keeps the tables of all.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from footfall.bucket_log import FOLDER
from footfall.catalogue.periods import Period
from footfall.errors import FootfallError
from footfall.keys import is_key
from footfall.log_check import FoundLog
from footfall.manifest import MAX_BYTES, DeliveredFile
from footfall.newest_periods import Delivery, Finder, Found
from footfall.settled_log import settled_log
from footfall.signatures import public_key
from footfall.store import (
    STORES,
    NotFound,
    ObjectStore,
    StoreError,
    TooLarge,
    address_of,
    open_store,
    require_no_cloud,
)

if TYPE_CHECKING:
    import pandas as pd

Bound = str | date | datetime | None
Keys = bytes | str | Path | Iterable[bytes | str | Path] | None
Missing = Literal["raise", "report"]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: How many periods a message names.
_NAMED = 5
#: Years of which periods can be asked for: each of them is counted.
_YEARS = range(1970, 2101)


@dataclass(frozen=True)
class Part:
    """What was delivered of one period: its newest revision. `frame` has its rows; `schema` the folder that
    describes its columns; `is_incomplete`: more is to come, the period had not ended.
    """

    period: Period
    revision: int
    schema: str
    is_incomplete: bool
    frame: "pd.DataFrame"


def read_export(
    url: str | Path, export: str, start: Bound = None, end: Bound = None, **options: Any
) -> "pd.DataFrame":
    """See `footfall.read`."""
    pd = _pandas()
    store, found = _find(url, export, start, end, **options)
    parts = list(_parts(store, found))
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    frame.attrs["footfall"] = {
        "client_id": found.deliveries[0].read.client_id,
        "export": export,
        "periods": [f"{part.period.name} rev={part.revision:04d}" for part in parts],
        "schemas": list(dict.fromkeys(part.schema for part in parts)),
        "missing": [period.name for period in found.missing],
        "incomplete": [part.period.name for part in parts if part.is_incomplete],
    }
    return frame


def read_parts(
    url: str | Path, export: str, start: Bound = None, end: Bound = None, **options: Any
) -> Iterator[Part]:
    """See `footfall.read_periods`. What is wrong with a manifest is said before the first part comes."""
    _pandas()
    store, found = _find(url, export, start, end, **options)
    return _parts(store, found)


def _pandas() -> Any:
    try:
        import pandas
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise FootfallError(f"footfall.read needs {error.name}: pip install pandas pyarrow") from None
    return pandas


def _find(
    url: str | Path,
    export: str,
    start: Bound,
    end: Bound,
    *,
    key: Keys = None,
    client: str | None = None,
    endpoint: str | None = None,
    missing: Missing = "raise",
    mixed: bool = False,
    unlogged: bool = False,
) -> tuple[ObjectStore, Found]:
    if missing not in ("raise", "report"):
        raise FootfallError(f"missing: {missing!r} is neither 'raise' nor 'report'")
    first, last = _bound(start, "start"), _bound(end, "end")
    if first is not None and last is not None and type(first) is type(last) and first >= last:
        raise FootfallError(f"end {end} does not come after start {start}: it is the first that is left out")
    if not isinstance(export, str) or not is_key(export):
        raise FootfallError(f"{export!r} is no name of an export")
    if client is not None and (not isinstance(client, str) or not is_key(client)):
        raise FootfallError(f"client: {client!r} is no id of a client")
    if endpoint is not None and not isinstance(endpoint, str):
        raise FootfallError(f"endpoint: {endpoint!r} is no URL")
    if not isinstance(url, str | Path) or "\0" in str(url):
        raise FootfallError(f"{url!r} is no bucket: write a folder, {STORES}")
    require_no_cloud(str(url), endpoint)
    store = open_store(address_of(str(url)), s3_endpoint=endpoint, is_confined=True)
    trusted = _keys_in(store) if key is None else _given(key)
    if not trusted:
        raise FootfallError(f"{store.url('')} holds no public key in _keys/: is it the bucket? Or give key=")
    log = _log_of(store, trusted)
    if log is None and not unlogged:
        raise FootfallError(
            f"{store.url(FOLDER)} holds no log, which alone says what was taken away; "
            "unlogged=True does without"
        )
    reader = Finder(store, export, trusted, client, log)
    found = reader.find(f"{export}/", first, last)
    if found is None or found.missing:
        # A client file may have named other folders.
        found = reader.find("", first, last) or found
    if found is None or not found.deliveries:
        raise FootfallError(_nothing(store, export, client, log))
    if missing == "raise":
        _require_whole(export, found)
    if not mixed:
        _require_one_schema(export, found.deliveries)
    return store, found


def _nothing(store: ObjectStore, export: str, client: str | None, log: FoundLog | None) -> str:
    """Why nothing was found, as far as the log of the bucket knows."""
    said = f"{store.url('')} holds nothing of {export!r}"
    if log is not None and client not in (None, log.client_id):
        return f"{said} of {client}: it is of {log.client_id}"
    there = sorted(log.starts()) if log is not None else []
    if there and export not in there:
        return f"{said}; there are {', '.join(there)}"
    return f"{said} in the time asked for"


def _bound(said: Bound, what: str) -> date | datetime | None:
    """A day, or a moment with its zone."""
    if isinstance(said, str):
        try:
            said = date.fromisoformat(said) if _DATE.fullmatch(said) else datetime.fromisoformat(said)
        except ValueError:
            raise FootfallError(f"{what}: {said!r} is neither a day (2026-11-20) nor a time") from None
    if said is not None and not isinstance(said, date):
        raise FootfallError(f"{what}: {said!r} is neither a day (2026-11-20) nor a time")
    if said is not None and said.year not in _YEARS:
        raise FootfallError(f"{what}: {said} is no time of a delivery; without {what} all of them are read")
    if isinstance(said, datetime) and said.tzinfo is None:
        return said.replace(tzinfo=UTC)
    return said


def _given(key: Keys) -> dict[str, bytes]:
    several = [key] if isinstance(key, bytes | str | Path) or not isinstance(key, Iterable) else list(key)
    found = {}
    for each in several:
        if not isinstance(each, bytes | str | Path):
            raise FootfallError(f"key: {each!r} is no public key: give its PEM, the path of one, or several")
        try:
            name, pem = public_key(each if isinstance(each, bytes) else Path(each).read_bytes())
        except (OSError, ValueError) as error:
            shown = "bytes" if isinstance(each, bytes) else repr(str(each))
            raise FootfallError(f"key {shown}: {error}") from None
        found[name] = pem
    return found


def _keys_in(store: ObjectStore) -> dict[str, bytes]:
    found = {}
    for info in store.list("_keys/"):
        try:
            name, pem = public_key(store.get(info.key, limit=MAX_BYTES))
        except ValueError as error:
            raise FootfallError(f"{store.url(info.key)}: {error}") from None
        found[name] = pem
    return found


def _log_of(store: ObjectStore, trusted: Mapping[str, bytes]) -> FoundLog | None:
    """The log of the bucket; None where it has none. Raises FootfallError where it cannot be trusted."""

    def read(key: str, limit: int) -> bytes | None:
        try:
            return store.get(key, limit=limit)
        except NotFound:
            return None

    lying = {info.key: info.size for info in store.list(FOLDER)}
    if not lying:
        return None
    log, odd = settled_log(store, "", lying, trusted, read)
    if log is None or odd:
        why = odd[0] if odd else "no checkpoint is signed"
        raise FootfallError(
            f"the log of {store.url('')} cannot be trusted: {why}; `footfall verify` says more"
        )
    return log


def _require_whole(export: str, found: Found) -> None:
    go_on = "missing='report' goes on without"
    if found.missing:
        names = [period.name for period in found.missing]
        raise FootfallError(f"{len(names)} periods of {export} are missing: {_shown(names)}; {go_on}")
    names = [each.period.name for each in found.deliveries if each.is_incomplete]
    if names:
        raise FootfallError(
            f"{len(names)} periods of {export} had not ended when they were delivered, more is to come: "
            f"{_shown(names)}; missing='report' takes them"
        )


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _require_one_schema(export: str, deliveries: Sequence[Delivery]) -> None:
    """Columns of one name can mean something else: one that was hashed, or renamed, or filtered since."""
    for one, other in pairwise(deliveries):
        if one.schema != other.schema:
            schemas = f"{one.schema}, then {other.schema}"
            raise FootfallError(
                f"{export} has other columns from {other.period.name} on ({schemas}): "
                "read up to there and from there, or unite them by mixed=True, as columns.md of both allows"
            )


def _parts(store: ObjectStore, found: Found) -> Iterator[Part]:
    from footfall.delivered_tables import as_frame, table_of

    for each in found.deliveries:
        tables = [table_of(each.document, file, _checked(store, file)) for file in each.read.files]
        yield Part(
            each.period, each.read.revision, each.schema, each.is_incomplete, as_frame(each.document, tables)
        )


def _checked(store: ObjectStore, file: DeliveredFile) -> bytes:
    """A file that a manifest names, as it was delivered. Raises FootfallError where it is not."""
    where = store.url(file.key)
    try:
        data = store.get(file.key, limit=file.bytes)
    except NotFound:
        raise FootfallError(f"{where} is missing, a manifest names it; ask for it to be sent again") from None
    except TooLarge:
        data = b""
    except StoreError:
        raise
    if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
        raise FootfallError(
            f"{where} is not what was delivered, its sha256 differs; ask for it to be sent again"
        )
    return data
