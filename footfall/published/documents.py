"""What a snapshot says: for each table its columns and its files, as JSON."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from footfall.errors import FootfallError
from footfall.published.layout import Span

VERSION = 1
#: Most bytes of a snapshot: some 250 a file.
MAX_BYTES = 256 * 1024 * 1024


class DamagedSnapshot(FootfallError):
    """A document is no snapshot, or not the one that its key names."""

    def __init__(self, where: str, said: object) -> None:
        text = " ".join(str(said).split())[:200]
        super().__init__(f"{where} is damaged ({text}); the next run of any hour publishes anew")


class DamagedFile(FootfallError):
    """A published file is gone, or has other bytes, while a snapshot that nobody replaced names it."""

    def __init__(
        self, where: str, what: str, remedy: str = "the next run of any hour writes it anew"
    ) -> None:
        super().__init__(f"{where} {what}; {remedy}")


@dataclass(frozen=True)
class DataFile:
    """One Parquet file. `span`: of a table by day. `bucket`: of a base of several parts. `number`: of rows
    that are newer than the base, the snapshot they came with; 0 of all others.

    `digest` says which rows it has, in any order, to whoever made it.
    """

    key: str
    rows: int
    bytes: int
    sha256: str
    span: Span | None = None
    bucket: int | None = None
    number: int = 0
    digest: str = ""

    def as_document(self) -> dict[str, Any]:
        """As the snapshot says it."""
        document: dict[str, Any] = {
            "key": self.key,
            "rows": self.rows,
            "bytes": self.bytes,
            "sha256": self.sha256,
        }
        if self.span:
            document |= {"min_day": f"{self.span.first}", "max_day": f"{self.span.last}"}
        if self.bucket is not None:
            document["bucket"] = self.bucket
        if self.number:
            document["number"] = self.number
        if self.digest:
            document["digest"] = self.digest
        return document

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> "DataFile":
        """What `as_document` wrote. Raises ValueError, KeyError, TypeError."""
        days = (
            (date.fromisoformat(entry["min_day"]), date.fromisoformat(entry["max_day"]))
            if "min_day" in entry
            else None
        )
        return cls(
            str(entry["key"]),
            int(entry["rows"]),
            int(entry["bytes"]),
            str(entry["sha256"]),
            Span(*days) if days else None,
            int(entry["bucket"]) if "bucket" in entry else None,
            int(entry.get("number", 0)),
            str(entry.get("digest", "")),
        )


@dataclass(frozen=True)
class PublishedTable:
    """One logical table. `columns`: name → DuckDB type, in order. `day`: the column it lies by, or None: then
    `key` tells its rows apart, and the newest row of a key counts. `order`: of the rows in a file.

    `files`: those of a table by row oldest first, the base before what is newer. `buckets`: parts of that
    base. `rows`, `digest`: of the table; the digest is empty where nobody computed it.
    """

    name: str
    columns: Mapping[str, str]
    day: str | None
    key: tuple[str, ...]
    order: tuple[str, ...]
    rows: int
    files: tuple[DataFile, ...] = ()
    buckets: int = 1
    digest: str = ""

    @property
    def columns_version(self) -> str:
        """Twelve hex digits over names and types."""
        return hashlib.sha256(json.dumps(list(self.columns.items())).encode()).hexdigest()[:12]

    @property
    def by_bucket(self) -> str:
        """The column whose hash says the part of the base: the visitor, or the page."""
        return "visitor_id" if "visitor_id" in self.columns else self.key[-1]

    @property
    def days(self) -> Span | None:
        """From the first to the last day that has a file."""
        spans = [file.span for file in self.files if file.span]
        return Span(min(s.first for s in spans), max(s.last for s in spans)) if spans else None

    @property
    def base(self) -> tuple[DataFile, ...]:
        """The files of a table by row that are not newer than its base."""
        return tuple(file for file in self.files if not file.number)

    @property
    def newer(self) -> tuple[DataFile, ...]:
        """The others, oldest first."""
        return tuple(file for file in self.files if file.number)

    def as_document(self) -> dict[str, Any]:
        """As the snapshot says it."""
        days = self.days
        return {
            "columns": dict(self.columns),
            "columns_version": self.columns_version,
            "day": self.day,
            "key": list(self.key),
            "order": list(self.order),
            "rows": self.rows,
            "min_day": f"{days.first}" if days else None,
            "max_day": f"{days.last}" if days else None,
            "buckets": self.buckets,
            "digest": self.digest,
            "files": [file.as_document() for file in self.files],
        }

    @classmethod
    def read(cls, name: str, entry: Mapping[str, Any]) -> "PublishedTable":
        """What `as_document` wrote. Raises ValueError, KeyError, TypeError."""
        return cls(
            name,
            {str(column): str(kind) for column, kind in entry["columns"].items()},
            None if entry["day"] is None else str(entry["day"]),
            tuple(map(str, entry["key"])),
            tuple(map(str, entry["order"])),
            int(entry["rows"]),
            tuple(DataFile.read(each) for each in entry["files"]),
            int(entry["buckets"]),
            str(entry["digest"]),
        )


@dataclass(frozen=True)
class Snapshot:
    """All tables of a client as one run left them. `name`: by its content, as its key has it.

    `complete_through`: the end of the newest hour that was ingested, ISO. `previous`: the one before.
    """

    client_id: str
    number: int
    previous: str
    complete_through: str
    model_version: str
    tables: Mapping[str, PublishedTable] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Of the document."""
        return hashlib.sha256(self.as_bytes()).hexdigest()

    @property
    def name(self) -> str:
        """The start of the sha256 by which its key names it."""
        return self.sha256[:16]

    @property
    def keys(self) -> set[str]:
        """Keys of all files."""
        return {file.key for table in self.tables.values() for file in table.files}

    def says_the_same(self, other: "Snapshot | None") -> bool:
        """Whether another one has the same tables as of the same hour."""
        return other is not None and replace(self, number=0, previous="") == replace(
            other, number=0, previous=""
        )

    def as_bytes(self) -> bytes:
        """The document."""
        document = {
            "snapshot_version": VERSION,
            "client": self.client_id,
            "number": self.number,
            "previous": self.previous,
            "complete_through": self.complete_through,
            "model_version": self.model_version,
            "tables": {name: table.as_document() for name, table in self.tables.items()},
        }
        return json.dumps(document, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def read(cls, data: bytes, where: str) -> "Snapshot":
        """What `as_bytes` wrote. Raises FootfallError where it is of a newer program, or damaged."""
        try:
            document = json.loads(data)
            version = document["snapshot_version"]
            if type(version) is int and version > VERSION:
                raise FootfallError(
                    f"{where} is of version {version} of published tables, and this program knows versions "
                    f"up to {VERSION}: install the program that wrote it"
                )
            return cls(
                str(document["client"]),
                int(document["number"]),
                str(document["previous"]),
                str(document["complete_through"]),
                str(document["model_version"]),
                {str(name): PublishedTable.read(name, each) for name, each in document["tables"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedSnapshot(where, error) from None
