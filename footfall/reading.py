"""Read an export out of a bucket, for whoever owns it: newest revisions, checked, in the types promised.

Needs pandas and pyarrow beside the ground floor, and boto3 for s3://. A period is in memory at a time, in the
form it came in and as a table; `read_export` keeps the tables of all.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from footfall.catalogue.periods import Period, calendar
from footfall.errors import FootfallError
from footfall.exports import LIVE
from footfall.found import mistakes, period_of
from footfall.hours import floor
from footfall.keys import MANIFEST_NAME
from footfall.manifest import INCOMPLETE, MAX_BYTES, DeliveredFile, ReadManifest, as_manifest, parse
from footfall.signatures import public_key, signed_by
from footfall.store import NotFound, ObjectStore, StoreError, TooLarge, open_store

if TYPE_CHECKING:
    import pandas as pd

Bound = str | date | datetime | None
Keys = bytes | str | Path | Iterable[bytes | str | Path] | None
Missing = Literal["raise", "report"]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: How many periods a message names.
_NAMED = 5


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


@dataclass(frozen=True)
class _Delivery:
    """A manifest that holds what it must, as it was read and as its document is."""

    read: ReadManifest
    period: Period
    document: dict[str, Any] = field(repr=False)

    @property
    def schema(self) -> str:
        return str(self.document.get("schema", ""))

    @property
    def is_incomplete(self) -> bool:
        return self.read.status == INCOMPLETE


@dataclass(frozen=True)
class _Found:
    """The newest deliveries of the periods asked for, in order, and the periods that are not there."""

    deliveries: tuple[_Delivery, ...]
    missing: tuple[Period, ...]


def read_export(
    url: str, export: str, start: Bound = None, end: Bound = None, **options: Any
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
    url: str, export: str, start: Bound = None, end: Bound = None, **options: Any
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
    url: str,
    export: str,
    start: Bound,
    end: Bound,
    *,
    key: Keys = None,
    client: str | None = None,
    endpoint: str | None = None,
    missing: Missing = "raise",
    mixed: bool = False,
) -> tuple[ObjectStore, _Found]:
    if missing not in ("raise", "report"):
        raise FootfallError(f"missing: {missing!r} is neither 'raise' nor 'report'")
    first, last = _bound(start, "start"), _bound(end, "end")
    address = url if "://" in url else Path(url).absolute().as_uri()
    store = open_store(address, s3_endpoint=endpoint, is_confined=True)
    trusted = _keys_in(store) if key is None else _given(key)
    if not trusted:
        raise FootfallError(f"{store.url('')} holds no public key in _keys/: is it the bucket? Or give key=")
    reader = _Reader(store, export, trusted, client)
    found = reader.find(f"{export}/", first, last)
    if found is None or found.missing:
        # A client file may have named other folders.
        found = reader.find("", first, last) or found
    if found is None or not found.deliveries:
        raise FootfallError(f"{store.url('')} holds nothing of {export!r} in the time asked for")
    if missing == "raise":
        _require_whole(export, found)
    if not mixed:
        _require_one_schema(export, found.deliveries)
    return store, found


def _bound(said: Bound, what: str) -> date | datetime | None:
    """A day, or a moment with its zone."""
    if isinstance(said, str):
        try:
            said = date.fromisoformat(said) if _DATE.fullmatch(said) else datetime.fromisoformat(said)
        except ValueError:
            raise FootfallError(f"{what}: {said!r} is neither a day (2026-11-20) nor a time") from None
    if isinstance(said, datetime) and said.tzinfo is None:
        return said.replace(tzinfo=UTC)
    return said


def _is_before(period: Period, bound: date | datetime) -> bool:
    """Whether a period begins before a moment, or before a day of its own calendar."""
    if isinstance(bound, datetime):
        return period.start.timestamp() < bound.timestamp()
    return period.start.date() < bound


def _given(key: Keys) -> dict[str, bytes]:
    several = [key] if isinstance(key, bytes | str | Path) else list(key or ())
    found = {}
    for each in several:
        try:
            name, pem = public_key(each if isinstance(each, bytes) else Path(each).read_bytes())
        except (OSError, ValueError) as error:
            shown = "bytes" if isinstance(each, bytes) else each
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


@dataclass(frozen=True)
class _Reader:
    """Looks for the manifests of one export. `client`: whose they must be; None: all of one client."""

    store: ObjectStore
    export: str
    trusted: Mapping[str, bytes]
    client: str | None

    def find(self, prefix: str, first: date | datetime | None, last: date | datetime | None) -> _Found | None:
        """What lies below a prefix; None where nothing does."""
        newest: dict[float, _Delivery] = {}
        for key in self._keys(prefix, first, last):
            each = self._delivery(key)
            if each is None or (first and _is_before(each.period, first)):
                continue
            if last and not _is_before(each.period, last):
                continue
            at = each.period.start.timestamp()
            if at not in newest or newest[at].read.revision < each.read.revision:
                newest[at] = each
        if not newest:
            return None
        deliveries = tuple(newest[at] for at in sorted(newest))
        clients = sorted({each.read.client_id for each in deliveries})
        if len(clients) > 1:
            raise FootfallError(
                f"{self.store.url(prefix)} holds manifests of {', '.join(clients)}: say client="
            )
        return _Found(deliveries, tuple(self._missing(deliveries, first, last)))

    def _keys(
        self, prefix: str, first: date | datetime | None, last: date | datetime | None
    ) -> Iterator[str]:
        """Keys of manifests whose folder names a day that can be meant; each folder names its own."""
        low = (first - timedelta(days=1)).strftime("%Y-%m-%d") if first else ""
        high = (last + timedelta(days=1)).strftime("%Y-%m-%d") if last else "9999-99-99"
        for info in self.store.list(prefix):
            if not info.key.endswith(f"/{MANIFEST_NAME}") or info.key.startswith("_"):
                continue
            days = _DATE.findall(info.key)
            if not days or any(low <= day <= high for day in days):
                yield info.key

    def _delivery(self, key: str) -> _Delivery | None:
        """A manifest; None where it is of another export, or of a client that was not asked for."""
        where = self.store.url(key)
        try:
            document = parse(self.store.get(key, limit=MAX_BYTES))
            read = as_manifest(document)
            if read.export != self.export or (self.client or read.client_id) != read.client_id:
                return None
            signed_by(document, self.trusted)
            for mistake in mistakes(read):
                raise ValueError(mistake)
            if read.key != key:
                raise ValueError(f"was moved, it was written as {read.key}")
            return _Delivery(read, period_of(read), document)
        except ValueError as error:
            raise FootfallError(f"{where}: {error}; `footfall verify` says more") from None

    def _missing(
        self, deliveries: Sequence[_Delivery], first: date | datetime | None, last: date | datetime | None
    ) -> Iterator[Period]:
        """Periods that should be there: a period without rows is delivered too."""
        there = {each.period.start.timestamp() for each in deliveries}
        expected = list(_expected(deliveries, first, last))
        closed = set()
        if self.export.endswith(LIVE) and any(p.start.timestamp() not in there for p in expected):
            # An hour that is delivered whole needs no parts any more.
            hours = _Reader(self.store, self.export.removesuffix(LIVE), self.trusted, self.client)
            found = hours.find(f"{hours.export}/", None, None) or hours.find("", None, None)
            closed = {each.period.start.timestamp() for each in (found.deliveries if found else ())}
        for period in expected:
            at = period.start.timestamp()
            if at not in there and floor(period.start).timestamp() not in closed:
                yield period


def _expected(
    deliveries: Sequence[_Delivery], first: date | datetime | None, last: date | datetime | None
) -> Iterator[Period]:
    """Every period from the first to the last that was asked for or, where nothing was asked, is there.

    How long a period is, is what the one before it says: parts of an hour can change their length.
    """

    def following(period: Period) -> Period:
        return calendar(period.cadence, period.zone).after(period)

    start = deliveries[0].period
    calendar_of_first = calendar(start.cadence, start.zone)
    earlier = []
    while first is not None and not _is_before(before := calendar_of_first.before(start.start), first):
        earlier.append(before)
        start = before
    yield from reversed(earlier)
    for one, other in zip(deliveries, [*deliveries[1:], None], strict=True):
        yield one.period
        period = following(one.period)
        while (other and period.start.timestamp() < other.period.start.timestamp()) or (
            not other and last is not None and _is_before(period, last)
        ):
            yield period
            period = following(period)


def _require_whole(export: str, found: _Found) -> None:
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


def _require_one_schema(export: str, deliveries: Sequence[_Delivery]) -> None:
    """Columns of one name can mean something else: one that was hashed, or renamed, or filtered since."""
    for one, other in pairwise(deliveries):
        if one.schema != other.schema:
            schemas = f"{one.schema}, then {other.schema}"
            raise FootfallError(
                f"{export} has other columns from {other.period.name} on ({schemas}): "
                "read up to there and from there, or unite them by mixed=True, as columns.md of both allows"
            )


def _parts(store: ObjectStore, found: _Found) -> Iterator[Part]:
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
