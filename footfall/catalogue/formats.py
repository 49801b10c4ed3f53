"""The formats of delivered files, in one entry each: how files are called, written, and loaded by engines.

What follows from an entry: what a client file may ask for, the manifest's dialect, the SQL that writes a file
and each of its cells, and the statements of `_schema/` that load it. Plain data: SQL is made of it where it
is run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

#: Compression of a whole file → the end of its name.
ENDINGS: Mapping[str, str] = MappingProxyType({"none": "", "gzip": ".gz", "zstd": ".zst"})
#: Rows of a Parquet row group: a reader's smallest unit of work. Fixed, because it is part of the bytes.
ROW_GROUP = 122_880
#: How times are written as text.
ISO = "ISO 8601, UTC, milliseconds"


@dataclass(frozen=True)
class Cells:
    """How values are written, where not as the format has them.

    `times_as_text`: as ISO. `nested_as_json`: lists and structures as JSON text. `only_finite`: NaN and
    infinite numbers as null. `guarded`: text that a spreadsheet would run as a formula has an apostrophe in
    front, unless the client file says otherwise.
    """

    times_as_text: bool = False
    nested_as_json: bool = False
    only_finite: bool = False
    guarded: bool = False


@dataclass(frozen=True)
class Loading:
    """How engines load a file: pieces of the statements that `orchestration/delivery/ddl.py` makes. Of a page
    they are empty.

    `athena`: the format of a table; `athena_casts`: whether its view gives the types, because the table has
    text alone. `bigquery`: options of LOAD DATA. `snowflake`: the options of a file format;
    `snowflake_columns`: how COPY INTO finds columns. `redshift`: options of COPY. `duckdb`: what reads files,
    with `{files}` and `{columns}` to be filled in; `duckdb_casts`: whether it reads text alone.
    """

    athena: str
    bigquery: str
    snowflake: str
    redshift: str
    duckdb: str
    athena_casts: bool = False
    snowflake_columns: str = ""
    duckdb_casts: bool = False


@dataclass(frozen=True)
class Format:
    """A format. `copy`: options of DuckDB's COPY. `codecs`: the compression that a client file asks for → the
    one inside the file; none where the file is compressed as a whole.
    """

    name: str
    dialect: Mapping[str, Any]
    copy: Mapping[str, str | int | bool]
    cells: Cells
    loading: Loading
    codecs: Mapping[str, str] = field(default_factory=dict)
    #: Whether it is for people, and not for programs: no table is written so.
    is_page: bool = False

    def extension(self, compression: str) -> str:
        """The end of a file's name: `csv.gz`, `jsonl.zst`, `parquet`."""
        return self.name + ("" if self.codecs else ENDINGS[compression])

    def written(self, compression: str) -> Mapping[str, str | int | bool]:
        """All options of COPY. The same give the same bytes."""
        return {**self.copy, "COMPRESSION": self.codecs.get(compression, compression)}

    def said(self, *, guard: bool) -> dict[str, Any]:
        """The dialect of a file. `guard`: whether formulas are guarded."""
        off = {"formula_guard": None} if self.cells.guarded and not guard else {}
        return {**self.dialect, **off}


CSV = Format(
    "csv",
    # `formula_guard`: a text cell that a spreadsheet would run as a formula (it starts with = + - @, tab, CR
    # or LF, or the full-width form of one of the four) has an apostrophe in front. One that starts so after
    # apostrophes of its own gets one more: to read a cell, take one apostrophe from '=, ''=, '+ and so on.
    # `null`: a client file may switch the guard off.
    dialect={
        "encoding": "utf-8",
        "delimiter": ",",
        "quote": '"',
        "escape": '"',
        "line_end": "\n",
        "header": True,
        "null": "",
        "empty_string": '""',
        "timestamps": ISO,
        "formula_guard": "'",
    },
    copy={"FORMAT": "csv", "HEADER": True, "DELIMITER": ",", "QUOTE": '"', "ESCAPE": '"', "NULLSTR": ""},
    cells=Cells(times_as_text=True, nested_as_json=True, guarded=True),
    loading=Loading(
        # OpenCSVSerDe has text alone: numbers may not be empty there, times and dates not written so.
        # It knows no line end inside a cell. https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html
        # Its escape is a backslash where escapeChar is left out or is the quote itself (`newReader` in Hive's
        # OpenCSVSerde.java), and backslashes would vanish. So it is a sign that no page sends.
        athena="ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'\n"
        "WITH SERDEPROPERTIES ('separatorChar' = ',', 'quoteChar' = '\"', 'escapeChar' = '\\u0001')\n"
        "STORED AS TEXTFILE",
        athena_casts=True,
        # An empty cell is NULL by the default null_marker; with another one it would be refused for a number.
        # https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#CsvOptions
        bigquery="format = 'CSV', skip_leading_rows = 1, allow_quoted_newlines = true, "
        "preserve_ascii_control_characters = true",
        # An empty cell is NULL and "" is an empty text with these two together.
        # https://docs.snowflake.com/en/user-guide/data-unload-considerations
        # The defaults take \N for NULL, and a backslash for an escape.
        # https://docs.snowflake.com/en/sql-reference/sql/create-file-format
        snowflake="TYPE = CSV, SKIP_HEADER = 1, FIELD_OPTIONALLY_ENCLOSED_BY = '\"', "
        "EMPTY_FIELD_AS_NULL = TRUE, NULL_IF = (), ESCAPE_UNENCLOSED_FIELD = NONE, ENCODING = 'UTF8'",
        # Nothing between two delimiters is NULL with EMPTYASNULL; without it, an empty text.
        # https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
        redshift="CSV IGNOREHEADER 1 EMPTYASNULL DATEFORMAT 'auto' TIMEFORMAT 'auto'",
        # https://duckdb.org/docs/stable/data/csv/overview
        duckdb="read_csv({files}, auto_detect = false, header = true, delim = ',', quote = '\"', "
        "escape = '\"', new_line = '\\n', nullstr = '', allow_quoted_nulls = false, "
        "hive_partitioning = false, columns = {columns})",
        duckdb_casts=True,
    ),
)
JSONL = Format(
    "jsonl",
    dialect={"encoding": "utf-8", "line_end": "\n", "null": "null", "timestamps": ISO},
    copy={"FORMAT": "json"},
    # JSON has no NaN.
    cells=Cells(times_as_text=True, only_finite=True),
    loading=Loading(
        # https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html
        athena="ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'\nSTORED AS TEXTFILE",
        bigquery="format = 'NEWLINE_DELIMITED_JSON'",
        # The default of NULL_IF takes the text \N for NULL.
        snowflake="TYPE = JSON, NULL_IF = ()",
        snowflake_columns=" MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE",
        redshift="JSON 'auto' DATEFORMAT 'auto' TIMEFORMAT 'auto'",
        # Types are said, as guesses turn ids into UUIDs and times into times of the session's zone.
        # https://duckdb.org/docs/stable/data/json/loading_json
        duckdb="read_json({files}, format = 'newline_delimited', hive_partitioning = false, "
        "columns = {columns})",
    ),
)
PARQUET = Format(
    "parquet",
    dialect={"timestamps": "microseconds, UTC"},
    copy={"FORMAT": "parquet", "ROW_GROUP_SIZE": ROW_GROUP},
    cells=Cells(),
    loading=Loading(
        athena="STORED AS PARQUET",
        bigquery="format = 'PARQUET'",
        # Else a time is the number that it is stored as.
        # https://docs.snowflake.com/en/sql-reference/sql/create-file-format
        snowflake="TYPE = PARQUET, USE_LOGICAL_TYPE = TRUE",
        snowflake_columns=" MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE",
        redshift="FORMAT PARQUET",
        # https://duckdb.org/docs/stable/data/partitioning/hive_partitioning
        duckdb="read_parquet({files}, hive_partitioning = false)",
    ),
    codecs={"none": "zstd", "gzip": "gzip", "zstd": "zstd"},
)
HTML = Format(
    "html",
    dialect={"encoding": "utf-8", "timestamps": "local, as the page says"},
    copy={},
    cells=Cells(),
    loading=Loading(athena="", bigquery="", snowflake="", redshift="", duckdb=""),
    is_page=True,
)
#: What a client file may ask for, the first where it asks for none.
FORMATS: dict[str, Format] = {each.name: each for each in (CSV, JSONL, PARQUET, HTML)}
#: Those of tables.
OF_TABLES: dict[str, Format] = {name: each for name, each in FORMATS.items() if not each.is_page}
