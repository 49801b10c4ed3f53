"""A manifest that was found in a bucket, which others may write too: is it what it says, and whose?"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from footfall import keys, zones
from footfall.catalogue.periods import Period, calendar, kind_of
from footfall.keys import MANIFEST_NAME
from footfall.manifest import ReadManifest, as_manifest, parse
from footfall.signatures import signed_by

_SIGNED = re.compile(r"2\.[0-9]{1,4}")
#: Manifests of before signing.
_UNSIGNED = re.compile(r"1\.[0-9]{1,4}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def ours(data: bytes, key: str, own_keys: Mapping[str, bytes]) -> ReadManifest:
    """A manifest that a key of ours signed for this very key of the bucket.

    `key`: below the destination's root. `own_keys`: key id → PEM. Raises ValueError with the reason why not.
    """
    document = parse(data)
    read = as_manifest(document)
    if not _SIGNED.fullmatch(read.manifest_version):
        raise ValueError(f"is of version {read.manifest_version[:20]!r}, which nobody signs")
    signed_by(document, own_keys)
    for mistake in mistakes(read):
        raise ValueError(mistake)
    if read.key != key:
        raise ValueError(f"was moved, it was written as {read.key}")
    return read


def is_of_before_signing(document: ReadManifest) -> bool:
    """Whether it says that it is of the version that had no signatures. Anybody can say so."""
    return _UNSIGNED.fullmatch(document.manifest_version) is not None


def own_key(document: ReadManifest) -> str | None:
    """Where a manifest says it was written, below its destination's root; None where it does not say."""
    if document.key or not document.files:
        return document.key or None
    return f"{document.files[0].key.rpartition('/')[0]}/{MANIFEST_NAME}"


def mistakes(document: ReadManifest) -> Iterator[str]:
    """What a manifest says that cannot be so, whoever signed it."""
    if not _SIGNED.fullmatch(document.manifest_version) and not is_of_before_signing(document):
        yield f"is of the unknown version {document.manifest_version[:20]!r}; this program reads 1 and 2"
        return
    if document.revision < 1 or not 0 < (document.supersedes or 1) <= document.revision:
        yield f"has the revision {document.revision}, superseding {document.supersedes}"
        return
    try:
        period = period_of(document)
    except ValueError:
        yield f"its period is none: {document.period.start[:40]} to {document.period.end[:40]}"
        return
    own = own_key(document)
    folder = (own or "").removesuffix(MANIFEST_NAME)
    if own is not None and (not own.endswith(f"/{MANIFEST_NAME}") or not keys.is_key(own)):
        yield f"says that it was written as {own[:200]!r}, which is no key of a manifest"
    elif own is not None and not _is_folder_of(document, period, folder):
        what = f"{document.export}, {period.start:%Y-%m-%dT%H:%M%z}, revision {document.revision}"
        yield f"lies in {folder}, which is no folder of {what}"
    names = [file.key for file in document.files]
    for file in document.files:
        if not file.key.startswith(folder) or not keys.is_key(file.key) or file.key.endswith(MANIFEST_NAME):
            yield f"names a file outside of its own folder: {file.key[:200]!r}"
        elif not _SHA256.fullmatch(file.sha256) or file.bytes < 0 or file.rows < 0:
            yield f"says what cannot be of {file.key}"
    if len(set(names)) != len(names):
        yield "names a file twice"


def period_of(document: ReadManifest) -> Period:
    """The period that a manifest is of; where an early one does not say the cadence, its first hour.

    Raises ValueError where start and end are none.
    """
    said = document.period
    try:
        start, zone = datetime.fromisoformat(said.start), zones.zone(said.timezone)
        if start.tzinfo is None:
            raise ValueError("no time zone")
        if not document.cadence:
            return calendar("hourly").at(start)
        end = datetime.fromisoformat(said.end)
        if kind_of(document.cadence).is_day:
            return _day(document, zone, start, end)
        period = calendar(document.cadence).at(start)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None
    if (period.start, period.end) != (start, end):
        raise ValueError(f"{said.start} to {said.end} is no period of {document.cadence}")
    return period


def _day(document: ReadManifest, zone: ZoneInfo, start: datetime, end: datetime) -> Period:
    """The local day, or the days, that a manifest is of, from where to where it says.

    Clocks of the time of its making may have been those of an older database, or of an earlier zone; so its
    middle tells the date, and its own start the midnight.
    """
    span = kind_of(document.cadence).span
    if not timedelta() < end - start < timedelta(days=span.days + 1):
        raise ValueError(f"{start} to {end} is no period of {document.cadence}")
    first = span.first((start + (end - start) / 2).astimezone(zone).date())
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    # At most a day, as clocks are ahead of UTC or behind; a time zone of Python refuses more.
    own = timezone(midnight - start)
    return Period(midnight.replace(tzinfo=own), end.astimezone(zone), zone.key, document.cadence)


def _is_folder_of(document: ReadManifest, period: Period, folder: str) -> bool:
    """Whether a folder names the export, period and revision: as by default, or in an order of its own."""
    if folder == keys.revision_prefix(document.export, period, document.revision):
        return True
    words = [document.export, period.date, f"{document.revision:04d}"]
    if document.cadence:
        words.append(period.clock)
    rest = folder
    # Of two words that hold one another the longer first: an export may be called `20`.
    for word in sorted(words, key=len, reverse=True):
        if word not in rest:
            return False
        rest = rest.replace(word, "/", 1)
    return True


def shown(text: str) -> str:
    """Text of others as one line of a terminal: what is not printable ASCII is escaped, long text is cut."""
    cut = text if len(text) <= 1000 else f"{text[:1000]}…"
    return "".join(c if " " <= c <= "~" or c == "…" else ascii(c)[1:-1] for c in cut)
