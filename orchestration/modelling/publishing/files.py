"""One Parquet file: from a SELECT to the lake, never whole in memory; and what tells whether to make it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from footfall import keys
from footfall.file_cache import FileCache
from footfall.published.documents import DataFile
from footfall.published.layout import Span
from footfall.sql import SCRATCH, Connection, Sql, names, run, scratch, text
from footfall.sql import number as number_of
from footfall.store import ObjectStore
from footfall.whole_files import sha256_of

#: Rows that a file holds together, 10,000 to 122,880. A reader of one visitor reads one group of a file:
#: fewer rows cost it less, and make files a little larger.
GROUP_ROWS = 32_768


@dataclass(frozen=True)
class Digest:
    """What rows there are, whatever their order: unions of rows have the `+` of their digests.

    `engine`: whose hash it is; those of two engines never say the same.
    """

    engine: str
    count: int = 0
    xor: int = 0
    sum: int = 0

    def __add__(self, other: "Digest") -> "Digest":
        return Digest(self.engine, self.count + other.count, self.xor ^ other.xor, self.sum + other.sum)

    def __str__(self) -> str:
        return f"{self.engine}:{self.count}:{self.xor:x}:{self.sum:x}"

    @classmethod
    def read(cls, written: str) -> "Digest | None":
        """What `str` made; None of anything else."""
        try:
            engine, count, xor, total = written.split(":")
            return cls(engine, int(count), int(xor, 16), int(total, 16))
        except ValueError:
            return None


@dataclass(frozen=True)
class Writer:
    """Writes files of one client's published tables.

    `there`: key → bytes of what lies there already. `number`: of the snapshot to come. `engine`: see Digest.
    `columns`: mart or report → column → DuckDB type, in order.
    """

    connection: Connection
    store: ObjectStore
    client_id: str
    cache: FileCache
    there: Mapping[str, int]
    number: int
    engine: str
    columns: Mapping[str, Mapping[str, str]]

    def has(self, files: Iterable[DataFile]) -> bool:
        """Whether all of these files lie in the lake."""
        return all(self.there.get(file.key) == file.bytes for file in files)

    def digest(self, select: Sql, columns: Iterable[str]) -> Digest:
        """The digest of the rows of a SELECT."""
        row = run(
            self.connection,
            "SELECT count(*), coalesce(bit_xor(hash({columns})), 0), "
            "coalesce(sum(hash({columns}) % 1000003), 0) FROM ({select})",
            columns=names(columns),
            select=select,
        ).fetchone()
        assert row is not None
        return Digest(self.engine, int(row[0]), int(row[1]), int(row[2]))

    def write(
        self,
        table: str,
        what: str,
        select: Sql,
        *,
        span: Span | None = None,
        bucket: int | None = None,
        number: int = 0,
        digest: str = "",
    ) -> DataFile | None:
        """Put the rows of an ordered SELECT as one file; None where there are none. Raises StoreError."""
        with TemporaryDirectory(prefix=f"{SCRATCH}publish-", dir=scratch(self.connection)) as folder:
            path = Path(folder) / "rows.parquet"
            done = run(
                self.connection,
                "COPY ({select}) TO {path} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group})",
                select=select,
                path=text(str(path)),
                group=number_of(GROUP_ROWS),
            ).fetchone()
            rows = int(done[0]) if done else 0
            if not rows:
                return None
            sha256 = sha256_of(path)
            size = path.stat().st_size
            key = keys.published_file(self.client_id, table, what, sha256)
            if self.there.get(key) != size:
                self.store.put_file(key, path)
            self.cache.keep(self.store, path, sha256)
        return DataFile(key, rows, size, sha256, span, bucket, number, digest)
