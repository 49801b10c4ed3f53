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
    """How engines load a file: pieces of the statements that `orchestration/delivery/ddl.py` makes.

    `athena`: the format of a table; `athena_properties`: more properties of it. `bigquery`: options of LOAD
    DATA. `snowflake`: the end of COPY INTO. `redshift`: options of COPY. `duckdb`: what reads a file.
    """

    athena: str
    bigquery: str
    snowflake: str
    redshift: str
    duckdb: str
    athena_properties: tuple[str, ...] = ()


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
        athena="ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'\n"
        "WITH SERDEPROPERTIES ('separatorChar' = ',', 'quoteChar' = '\"', 'escapeChar' = '\"')\n"
        "STORED AS TEXTFILE",
        athena_properties=("'skip.header.line.count' = '1'",),
        bigquery="format = 'CSV', skip_leading_rows = 1, allow_quoted_newlines = true",
        snowflake="FILE_FORMAT = (TYPE = CSV, SKIP_HEADER = 1, FIELD_OPTIONALLY_ENCLOSED_BY = '\"', "
        "EMPTY_FIELD_AS_NULL = TRUE, ENCODING = 'UTF8')",
        redshift="CSV IGNOREHEADER 1 TIMEFORMAT 'auto'",
        duckdb="read_csv('a file of the manifest', header = true, delim = ',', quote = '\"', escape = '\"', "
        "nullstr = '', allow_quoted_nulls = false, all_varchar = true)",
    ),
)
JSONL = Format(
    "jsonl",
    dialect={"encoding": "utf-8", "line_end": "\n", "null": "null", "timestamps": ISO},
    copy={"FORMAT": "json"},
    # JSON has no NaN.
    cells=Cells(times_as_text=True, only_finite=True),
    loading=Loading(
        athena="ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'\nSTORED AS TEXTFILE",
        bigquery="format = 'NEWLINE_DELIMITED_JSON'",
        snowflake="FILE_FORMAT = (TYPE = JSON) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE",
        redshift="JSON 'auto' TIMEFORMAT 'auto'",
        duckdb="read_json('a file of the manifest', format = 'newline_delimited')",
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
        snowflake="FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE",
        redshift="FORMAT PARQUET",
        duckdb="read_parquet('a file of the manifest')",
    ),
    codecs={"none": "zstd", "gzip": "gzip", "zstd": "zstd"},
)
#: What a client file may ask for, the first where it asks for none.
FORMATS: dict[str, Format] = {each.name: each for each in (CSV, JSONL, PARQUET)}
