"""How to load a delivery: DDL of an export's files for the warehouses that clients use."""

import re
from collections.abc import Callable
from typing import Any

from footfall.catalogue.formats import FORMATS
from orchestration.delivery.selection import Selection

#: DuckDB type → Athena, BigQuery, Snowflake, Redshift. What is missing is text.
_TYPES = {
    "BOOLEAN": ("boolean", "BOOL", "BOOLEAN", "BOOLEAN"),
    "TINYINT": ("tinyint", "INT64", "NUMBER(3,0)", "SMALLINT"),
    "SMALLINT": ("smallint", "INT64", "NUMBER(5,0)", "SMALLINT"),
    "INTEGER": ("int", "INT64", "NUMBER(10,0)", "INTEGER"),
    "BIGINT": ("bigint", "INT64", "NUMBER(19,0)", "BIGINT"),
    "HUGEINT": ("decimal(38,0)", "BIGNUMERIC", "NUMBER(38,0)", "DECIMAL(38,0)"),
    "FLOAT": ("float", "FLOAT64", "FLOAT", "REAL"),
    "DOUBLE": ("double", "FLOAT64", "FLOAT", "DOUBLE PRECISION"),
    "DATE": ("date", "DATE", "DATE", "DATE"),
    "TIMESTAMP": ("timestamp", "TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP"),
    "TIMESTAMP WITH TIME ZONE": ("timestamp", "TIMESTAMP", "TIMESTAMP_TZ", "TIMESTAMPTZ"),
}
_TEXT = ("string", "STRING", "VARCHAR", "VARCHAR(65535)")
#: What Redshift is told of a file that is compressed as a whole.
_PACKED = {"none": "", "gzip": " GZIP", "zstd": " ZSTD"}
_ENGINES = ("athena", "bigquery", "snowflake", "redshift")


def _type(kind: str, engine: str) -> str:
    found = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind)
    if found:
        digits = ",".join(found.groups())
        return {
            "athena": f"decimal({digits})",
            "bigquery": f"NUMERIC({digits})",
            "snowflake": f"NUMBER({digits})",
            "redshift": f"DECIMAL({digits})",
        }[engine]
    return _TYPES.get(kind, _TEXT)[_ENGINES.index(engine)]


def ddl(selection: Selection, url: str) -> dict[str, str]:
    """File name → text. `url`: the destination's root, for statements that name where files lie."""
    table = selection.export.name.replace("-", "_").replace(".", "_")
    writers: dict[str, Callable[[Selection, str, str], str]] = {
        "athena.sql": _athena,
        "bigquery.sql": _bigquery,
        "snowflake.sql": _snowflake,
        "duckdb.sql": _duckdb,
        "redshift.sql": _redshift,
    }
    return {name: writer(selection, table, url.rstrip("/")) for name, writer in writers.items()}


def schema(selection: Selection) -> dict[str, Any]:
    """The same as facts: columns, types, format, dialect."""
    return {
        "export": selection.export.name,
        "dataset": selection.export.dataset,
        "format": selection.export.format,
        "compression": selection.export.compression,
        "dialect": dict(selection.dialect),
        "columns": [{"name": name, "type": kind} for name, kind in selection.columns],
    }


def _listing(selection: Selection, engine: str, quote: str) -> str:
    return ",\n".join(
        # Text files carry times as ISO 8601, which not every engine reads as a time.
        f"  {quote}{name}{quote} {_type(_in_file(kind, selection, engine), engine)}"
        for name, kind in selection.columns
    )


def _in_file(kind: str, selection: Selection, engine: str) -> str:
    is_text = FORMATS[selection.export.format].cells.times_as_text and kind.startswith("TIMESTAMP")
    return "VARCHAR" if engine == "athena" and is_text else kind


def _athena(selection: Selection, table: str, url: str) -> str:
    """Partitions are projected, so that no crawler is needed. Newest revisions: see docs/delivery.md."""
    export = selection.export
    is_part = export.cadence.endswith("min")
    hour = "" if export.cadence == "daily" else ", `hour` string" + ", `minute` string" * is_part
    loading = FORMATS[export.format].loading
    projected = (
        ""
        if export.cadence == "daily"
        else "  'projection.hour.type' = 'integer', 'projection.hour.range' = '0,23', "
        "'projection.hour.digits' = '2',\n"
    )
    if is_part:
        projected += (
            "  'projection.minute.type' = 'integer', 'projection.minute.range' = '0,59', "
            "'projection.minute.digits' = '2',\n"
        )
    properties = "".join(f",\n  {each}" for each in loading.athena_properties)
    return (
        f"CREATE EXTERNAL TABLE {table} (\n{_listing(selection, 'athena', '`')}\n)\n"
        f"PARTITIONED BY (`dt` string{hour}, `rev` string)\n{loading.athena}\n"
        f"LOCATION '{url}/{export.name}/'\nTBLPROPERTIES (\n  'projection.enabled' = 'true',\n"
        "  'projection.dt.type' = 'date', 'projection.dt.format' = 'yyyy-MM-dd', "
        "'projection.dt.range' = '2020-01-01,NOW',\n"
        f"{projected}  'projection.rev.type' = 'injected'{properties}\n);\n"
    )


def _bigquery(selection: Selection, table: str, _url: str) -> str:
    return (
        f"CREATE TABLE {table} (\n{_listing(selection, 'bigquery', '`')}\n);\n"
        f"-- LOAD DATA INTO {table} FROM FILES ({FORMATS[selection.export.format].loading.bigquery}, "
        "uris = ['gs://copy-of-a-file-of-the-manifest']);\n"
    )


def _snowflake(selection: Selection, table: str, url: str) -> str:
    return (
        f"CREATE TABLE {table} (\n{_listing(selection, 'snowflake', '')}\n);\n"
        f"-- COPY INTO {table} FROM '{url}/' FILES = ('a key of the manifest') "
        f"{FORMATS[selection.export.format].loading.snowflake};\n"
    )


def _redshift(selection: Selection, table: str, url: str) -> str:
    form = FORMATS[selection.export.format]
    packed = "" if form.codecs else _PACKED[selection.export.compression]
    return (
        f"CREATE TABLE {table} (\n{_listing(selection, 'redshift', chr(34))}\n);\n"
        f"-- COPY {table} FROM '{url}/a key of the manifest' IAM_ROLE default "
        f"{form.loading.redshift}{packed};\n"
    )


def _duckdb(selection: Selection, table: str, _url: str) -> str:
    columns = ",\n".join(f'  "{name}" {kind}' for name, kind in selection.columns)
    return (
        f"CREATE TABLE {table} (\n{columns}\n);\n"
        f"-- INSERT INTO {table} SELECT * FROM {FORMATS[selection.export.format].loading.duckdb};\n"
    )
