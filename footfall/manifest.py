"""The manifest of a delivery: written last, it says what was delivered and how to check it.

`build` makes it; footfall.verify checks a bucket against its manifests and needs nothing but the bucket.
The format is versioned (docs/manifest.schema.json); a reader ignores fields it does not know.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from footfall import keys
from footfall.catalogue.periods import Period
from footfall.event import timestamp
from footfall.exports import Export
from footfall.signatures import Signer, canonical

MANIFEST_VERSION = "2.0"
#: The status of a delivery that was made before its period had ended, because a person wanted it so.
INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class DeliveredFile:
    """One file of a delivery: where it lies below the destination's root, and how to check it."""

    key: str
    bytes: int
    sha256: str
    rows: int
    #: The site whose rows these are, where an export is split.
    site: str | None = None


@dataclass(frozen=True)
class Receipt:
    """What became of everything that was received for a client in a period.

    received = kept + duplicate + the sum of quarantined + erased; rows of the dataset = delivered + excluded.
    """

    received: int = 0
    kept: int = 0
    duplicate: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)
    #: Rows of the dataset in the period, those that the filter let through, and those it did not.
    rows: int = 0
    delivered: int = 0
    excluded: int = 0
    #: Site → kept, duplicate and quarantined of it; `""` for what names none. Empty for parts of an hour.
    sites: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    #: Lines of persons who were erased. A manifest says it where there are any.
    erased: int = 0

    @property
    def is_balanced(self) -> bool:
        """Whether nothing is unaccounted for."""
        through = self.kept + self.duplicate + sum(self.quarantined.values()) + self.erased
        of_sites = sum(sum(fates.values()) for fates in self.sites.values())
        return (
            self.received == through
            and self.rows == self.delivered + self.excluded
            and (not self.sites or of_sites == self.received)
        )


@dataclass(frozen=True)
class Contents:
    """What was delivered: files, the name and type of their columns in order, how they are written, the
    folder that describes them, and what became of everything received.
    """

    files: tuple[DeliveredFile, ...]
    columns: tuple[tuple[str, str], ...]
    dialect: Mapping[str, Any]
    schema: str
    receipt: Receipt


@dataclass(frozen=True)
class Revision:
    """Which delivery of its period it is, and why.

    `supersedes` is the revision that this one replaces for the client. Numbers may be left out: a revision
    that failed before the client could see it, and whose data changed meanwhile, is never delivered. `reason`
    is `initial`, `completed`, `late`, `correction`, `erasure`, `schema` or `zone`. `closes` are the manifests
    of the parts of a live export's hour, which this one takes the place of; None for other exports.
    """

    number: int
    supersedes: int | None
    reason: str
    planned_at: datetime
    closes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Progress:
    """How far ingest had come. `complete_through` is the watermark: the end of the last hour up to which all
    are ingested. `is_final`: no ordinary late event can change the period any more. `is_incomplete`: an hour
    of it is not ingested yet, or was before it had ended.
    """

    complete_through: datetime | None
    is_final: bool = False
    is_incomplete: bool = False

    @property
    def status(self) -> str:
        """As the manifest says it."""
        return INCOMPLETE if self.is_incomplete else "final" if self.is_final else "provisional"


def folder_of(client_id: str, export: Export, period: Period, revision: int) -> str:
    """Where the files of a delivery and its manifest lie, with a slash at the end."""
    return keys.revision_prefix(
        export.name,
        period,
        revision,
        template=export.key,
        dataset=export.dataset,
        client_id=client_id,
    )


def build(
    client_id: str,
    export: Export,
    period: Period,
    revision: Revision,
    contents: Contents,
    progress: Progress,
    *,
    software: Mapping[str, str],
    signer: Signer,
) -> bytes:
    """The manifest as JSON. The same arguments give the same bytes, so a repeated attempt is harmless."""
    through = progress.complete_through
    document = {
        "manifest_version": MANIFEST_VERSION,
        "key": folder_of(client_id, export, period, revision.number) + keys.MANIFEST_NAME,
        "client_id": client_id,
        "export": export.name,
        "dataset": export.dataset,
        "cadence": period.cadence,
        "period": {
            "start": timestamp(period.start),
            "end": timestamp(period.end),
            "timezone": period.zone,
            **({"sites": period.zones_of_sites} if period.zones_of_sites else {}),
        },
        "revision": revision.number,
        "supersedes": revision.supersedes,
        "reason": revision.reason,
        "status": progress.status,
        "complete_through": timestamp(through) if through else None,
        "planned_at": timestamp(revision.planned_at),
        "format": export.format,
        "compression": export.compression,
        "dialect": dict(contents.dialect),
        "schema": contents.schema,
        "columns": [{"name": name, "type": kind} for name, kind in contents.columns],
        "files": [_file(file) for file in contents.files],
        "receipt": _receipt(contents.receipt),
        **({} if revision.closes is None else {"closes": list(revision.closes)}),
        "software": dict(software),
    }
    # The bytes of `json.dumps` with an indent, in a twentieth of its time.
    return msgspec.json.format(msgspec.json.encode(signer.sign(document)), indent=2) + b"\n"


def _receipt(receipt: Receipt) -> dict[str, Any]:
    said = asdict(receipt)
    if not receipt.erased:
        del said["erased"]  # as manifests were before there were erasures
    return said


def _file(file: DeliveredFile) -> dict[str, Any]:
    return {name: value for name, value in asdict(file).items() if value is not None}


class ReadPeriod(msgspec.Struct):
    """The window of a manifest that was read."""

    start: str
    end: str = ""
    timezone: str = "UTC"


class ReadManifest(msgspec.Struct):
    """The fields of a manifest that a check or a taking-over needs, with the types they must have."""

    client_id: str
    export: str
    period: ReadPeriod
    revision: int
    supersedes: int | None
    files: list[DeliveredFile]
    manifest_version: str = "1.0"
    key: str = ""
    cadence: str = ""
    reason: str = "initial"
    status: str = ""
    planned_at: str = ""
    receipt: Receipt | None = None
    dataset: str = ""
    closes: list[str] = []


#: Bytes that a manifest may have: some 60,000 files. A larger object of that name is read by nobody.
MAX_BYTES = 16 * 1024 * 1024
#: Integers beyond it are other numbers in jq, and in every reader that takes numbers for doubles.
_LARGEST = 2**53 - 1


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object that `data` holds, where every reader reads the same: UTF-8, no member twice, no
    fractions, no large numbers. Raises ValueError saying what is wrong with it.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    try:
        document = json.loads(
            data.decode(),
            object_pairs_hook=_members,
            parse_float=_no_number,
            parse_constant=_no_number,
            parse_int=_integer,
        )
        if not isinstance(document, dict):
            raise ValueError("no JSON object")
        canonical(document)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise ValueError(f"no UTF-8 text: {error.reason}") from None
    return document


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _no_number(text: str) -> Any:
    raise ValueError(f"{text[:40]} is no whole number")


def _integer(text: str) -> int:
    if len(text) > len(str(_LARGEST)) + 1 or abs(int(text)) > _LARGEST:
        raise ValueError(f"{text[:40]} is too large a number")
    return int(text)


def as_manifest(document: dict[str, Any]) -> ReadManifest:
    """A parsed manifest of any version. Raises ValueError saying what is wrong with it."""
    try:
        return msgspec.convert(document, ReadManifest)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
