"""What the statements that load an export are about: names of tables, where files lie, types of columns."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from footfall import keys
from footfall.catalogue.formats import FORMATS, Format
from orchestration.delivery.selection import Selection

_TIME_WORD = re.compile(r"\{(?:date|hour|minute|revision)\}")
#: A folder that Hive, and so Athena, takes for a partition.
_HIVE = re.compile(r"([a-z][a-z0-9_]*)=(.+)")
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")

#: DuckDB type → Athena's tables, Athena's queries, BigQuery, Snowflake, Redshift. What is missing is text.
_TYPES = {
    "BOOLEAN": ("boolean", "boolean", "BOOL", "BOOLEAN", "BOOLEAN"),
    "TINYINT": ("tinyint", "tinyint", "INT64", "NUMBER(3,0)", "SMALLINT"),
    "SMALLINT": ("smallint", "smallint", "INT64", "NUMBER(5,0)", "SMALLINT"),
    "INTEGER": ("int", "integer", "INT64", "NUMBER(10,0)", "INTEGER"),
    "BIGINT": ("bigint", "bigint", "INT64", "NUMBER(19,0)", "BIGINT"),
    "HUGEINT": ("decimal(38,0)", "decimal(38,0)", "BIGNUMERIC", "NUMBER(38,0)", "DECIMAL(38,0)"),
    "FLOAT": ("float", "real", "FLOAT64", "FLOAT", "REAL"),
    "DOUBLE": ("double", "double", "FLOAT64", "FLOAT", "DOUBLE PRECISION"),
    "DATE": ("date", "date", "DATE", "DATE", "DATE"),
    "TIMESTAMP": ("timestamp", "timestamp", "TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP"),
    "TIMESTAMP WITH TIME ZONE": ("timestamp", "timestamp", "TIMESTAMP", "TIMESTAMP_TZ", "TIMESTAMPTZ"),
}
_TEXT = ("string", "varchar", "STRING", "VARCHAR", "VARCHAR(65535)")
_ENGINES = ("athena", "trino", "bigquery", "snowflake", "redshift")
_DECIMALS: dict[str, Callable[[int, int], str]] = {
    "athena": lambda precision, scale: f"decimal({precision},{scale})",
    "trino": lambda precision, scale: f"decimal({precision},{scale})",
    "bigquery": lambda precision, scale: _bigquery_decimal(precision, scale),
    "snowflake": lambda precision, scale: f"NUMBER({precision},{scale})",
    "redshift": lambda precision, scale: f"DECIMAL({precision},{scale})",
}


def type_in(engine: str, kind: str) -> str:
    """A DuckDB type as an engine calls it; `athena` in tables, `trino` in Athena's queries."""
    found = _DECIMAL.fullmatch(kind)
    if found:
        return _DECIMALS[engine](int(found[1]), int(found[2]))
    return _TYPES.get(kind, _TEXT)[_ENGINES.index(engine)]


def _bigquery_decimal(precision: int, scale: int) -> str:
    """NUMERIC has at most 9 places behind the point and 29 before it, BIGNUMERIC 38 and 38, and one before it
    at least: https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema
    """
    before = precision - scale
    if not 1 <= before <= 38:
        return "BIGNUMERIC"
    name = "NUMERIC" if before <= 29 and scale <= 9 else "BIGNUMERIC"
    return f"{name}({precision},{scale})"


def is_time(kind: str) -> bool:
    """Whether a column is a moment, which text files have as ISO 8601."""
    return kind.startswith("TIMESTAMP")


def literal(text: str) -> str:
    """A text as every engine reads it."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Names:
    """An export's columns in one version, and where its bucket is (`url`).

    The view is called as the export. The tables below it carry the version of the columns, so that a later
    version does not meet them; which revisions there are is of the export as a whole.
    """

    selection: Selection
    url: str

    @property
    def form(self) -> Format:
        """The format of the files."""
        return FORMATS[self.selection.export.format]

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and DuckDB type, in the order of the files."""
        return self.selection.columns

    @property
    def view(self) -> str:
        """What a client queries."""
        return self.selection.export.name.replace("-", "_").replace(".", "_")

    @property
    def table(self) -> str:
        """Rows of these columns, in all revisions."""
        return f"{self.view}_{self.selection.schema_id}"

    @property
    def revisions(self) -> str:
        """Which revisions there are, whatever their columns."""
        return f"{self.view}_revisions"

    @property
    def schema(self) -> str:
        """What the field `schema` of manifests of these columns says."""
        return keys.schema_folder(self.selection.export.name, self.selection.schema_id)

    @property
    def bucket(self) -> str:
        """The bucket as an engine elsewhere reaches it. A folder of ours is nothing to it."""
        return self.url.rstrip("/") if self.url.startswith("s3://") else "s3://BUCKET"

    def bucket_at(self, scheme: str, stands: str = "") -> str:
        """The same where it is of this scheme (`gs`); else `stands`."""
        return self.url.rstrip("/") if self.url.startswith(f"{scheme}://") else stands

    @property
    def template(self) -> str:
        """The folder of a delivery, with `{date}`, `{hour}`, `{minute}` and `{revision}` left open."""
        export = self.selection.export
        text = export.kind.template(export.key)
        for word, value in (
            ("export", export.name),
            ("dataset", export.dataset),
            ("client", self.selection.client.client_id),
        ):
            text = text.replace(f"{{{word}}}", value)
        return text

    @property
    def pattern(self) -> str:
        """The folders of all deliveries, as a pattern with stars."""
        return re.sub(r"\*+", "*", _TIME_WORD.sub("*", self.template))

    @property
    def root(self) -> str:
        """The folder that all deliveries lie in, with a slash at the end; empty for the bucket itself."""
        return "".join(f"{part}/" for part in self._parts()[0])

    @property
    def partitions(self) -> tuple[str, ...]:
        """Names of Hive's partitions below `root`, the revision's last; empty where the folders are none."""
        found = [_HIVE.fullmatch(part) for part in self._parts()[1]]
        names = [each[1] for each in found if each]
        revision = [each[1] for each in found if each and each[2] == "{revision}"]
        taken = {name for name, _ in self.columns}
        if len(names) < len(found) or len(revision) != 1 or len({*names} - taken) < len(names):
            return ()
        return (*(name for name in names if name != revision[0]), *revision)

    def folders(self) -> tuple[str, ...]:
        """The same in the order of the folders."""
        return tuple(part.partition("=")[0] for part in self._parts()[1])

    def _parts(self) -> tuple[list[str], list[str]]:
        parts = self.template.split("/")
        first = next(n for n, part in enumerate(parts) if _TIME_WORD.search(part))
        return parts[:first], parts[first:]
