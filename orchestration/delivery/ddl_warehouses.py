"""The statements for warehouses that take files in: BigQuery, Redshift, Snowflake.

One shape for all: a table to load a file into, which has the columns of the file and no more; a table of all
rows with the period and revision that they are of; a table of the revisions; and a view of the newest.
Redshift takes columnar files into nothing else than the first:
https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

from collections.abc import Callable
from dataclasses import dataclass

from orchestration.delivery.ddl_names import Names, literal, type_in

_TEXT = """\
-- {export} for {title}. The view {view} shows the newest revision of each period.
{notes}-- 1. Once.
CREATE TABLE IF NOT EXISTS {load} (
{in_load}
);
CREATE TABLE IF NOT EXISTS {table} (
{columns},
  {period} {text},
  {revision} {number}
);
CREATE TABLE IF NOT EXISTS {revisions} ({period} {text}, {revision} {number});
CREATE OR REPLACE VIEW {view} AS
SELECT
{shown}
FROM {table} AS f
JOIN (SELECT {period}, max({revision}) AS {revision} FROM {revisions} GROUP BY {period}) AS newest
  ON f.{period} = newest.{period} AND f.{revision} = newest.{revision};

-- 2. For each manifest of the export that is new, with its values at <…>. Of a manifest whose "schema" is not
-- {schema}, the last two statements alone: its rows come by the statements of that folder.
{before}{empty}
-- For each of its files:
{copy}
{begin}DELETE FROM {table} WHERE {period} = '<period.start>' AND {revision} = CAST('<revision>' AS {number});
INSERT INTO {table}
SELECT {loaded}, '<period.start>', CAST('<revision>' AS {number}) FROM {load};
DELETE FROM {revisions} WHERE {period} = '<period.start>' AND {revision} = CAST('<revision>' AS {number});
INSERT INTO {revisions} SELECT '<period.start>', CAST('<revision>' AS {number});
{end}
"""


@dataclass(frozen=True)
class _Engine:
    """A warehouse. `copy`: the statement that loads a file into a table of that name. `before`, `begin`,
    `end`: of the transaction, the second where the load may not be in it. `as_loaded`: a column's name as SQL
    and its type → its type in the table to load into, and what becomes of it there.
    """

    title: str
    key: str
    text: str
    number: str
    quoted: Callable[[str], str]
    empty: str
    copy: Callable[[str], str]
    notes: str = ""
    before: str = ""
    begin: str = ""
    end: str = "COMMIT;"
    as_loaded: Callable[[str, str], tuple[str, str]] = lambda column, kind: (kind, column)


def _made(engine: _Engine, names: Names) -> str:
    quoted = engine.quoted
    load = quoted(f"{names.table}_load")
    columns = [(quoted(name), type_in(engine.key, kind)) for name, kind in names.columns]
    loaded = [(name, *engine.as_loaded(name, kind)) for name, kind in columns]
    return _TEXT.format(
        export=names.selection.export.name,
        title=engine.title,
        notes=f"{engine.notes}\n" if engine.notes else "",
        load=load,
        table=quoted(names.table),
        view=quoted(names.view),
        revisions=quoted(names.revisions),
        in_load=",\n".join(f"  {name} {kind}" for name, kind, _ in loaded),
        columns=",\n".join(f"  {name} {kind}" for name, kind in columns),
        shown=",\n".join(f"  f.{name}" for name, _ in columns),
        loaded=", ".join(value for _, _, value in loaded),
        period=quoted("footfall_period_start"),
        revision=quoted("footfall_revision"),
        text=engine.text,
        number=engine.number,
        schema=names.schema,
        before=engine.before,
        empty=engine.empty.format(load=load),
        copy=engine.copy(load),
        begin=engine.begin,
        end=engine.end,
    )


def bigquery(names: Names) -> str:
    """bigquery.sql. BigQuery reads gs:// alone by itself: files in other buckets are copied there first."""
    compression = names.selection.export.compression
    packed = ", compression = 'GZIP'" if compression == "gzip" and not names.form.codecs else ""
    bucket = names.bucket_at("gs", "gs://BUCKET")
    notes = "" if names.bucket_at("gs") else "-- The files must lie in gs://: copy them there."
    if compression == "zstd" and not names.form.codecs:
        # https://cloud.google.com/bigquery/docs/reference/standard-sql/load-statements (compression)
        notes = f"{notes or '--'} It reads no zstd: decompress them too, or order gzip."
    return _made(
        _Engine(
            "BigQuery",
            "bigquery",
            "STRING",
            "INT64",
            lambda name: f"`{name}`",
            "TRUNCATE TABLE {load};",
            lambda load: (
                f"LOAD DATA INTO {load}\nFROM FILES ({names.form.loading.bigquery}{packed}, "
                f"uris = [{literal(f'{bucket}/<files[].key>')}]);"
            ),
            notes=notes,
            begin="BEGIN TRANSACTION;\n",
            end="COMMIT TRANSACTION;",
        ),
        names,
    )


def redshift(names: Names) -> str:
    """redshift.sql."""
    # What COPY is told of a file that is compressed as a whole.
    packed = {"none": "", "gzip": " GZIP", "zstd": " ZSTD"}[names.selection.export.compression]
    options = names.form.loading.redshift + ("" if names.form.codecs else packed)
    is_columnar = bool(names.form.codecs)

    def as_loaded(column: str, kind: str) -> tuple[str, str]:
        # Of columnar files COPY knows the types of external tables, in which a time has no zone:
        # https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_TABLE.html
        if is_columnar and kind == "TIMESTAMPTZ":
            return "TIMESTAMP", f"{column} AT TIME ZONE 'UTC'"
        return kind, column

    return _made(
        _Engine(
            "Redshift",
            "redshift",
            "VARCHAR(64)",
            "INTEGER",
            lambda name: f'"{name}"',
            "DELETE FROM {load};",
            lambda load: (
                f"COPY {load} FROM {literal(f'{names.bucket}/<files[].key>')}\nIAM_ROLE default {options};"
            ),
            before="BEGIN;\n",
            as_loaded=as_loaded,
        ),
        names,
    )


def _of_snowflake(names: Names) -> str:
    """https://docs.snowflake.com/en/sql-reference/sql/copy-into-table (externalLocation)."""
    if names.bucket_at("gs"):
        return names.bucket_at("gs").replace("gs://", "gcs://", 1)
    account, _, rest = names.bucket_at("az").removeprefix("az://").partition("/")
    return f"azure://{account}.blob.core.windows.net/{rest}" if rest else names.bucket


def snowflake(names: Names) -> str:
    """snowflake.sql. Names in capitals and quotes are those that stand without quotes, reserved words too."""
    loading = names.form.loading
    packed = {"none": "NONE", "gzip": "GZIP", "zstd": "ZSTD"}[names.selection.export.compression]
    form = loading.snowflake + ("" if names.form.codecs else f", COMPRESSION = {packed}")
    return _made(
        _Engine(
            "Snowflake",
            "snowflake",
            "VARCHAR",
            "INTEGER",
            lambda name: f'"{name.upper()}"',
            "DELETE FROM {load};",
            lambda load: (
                f"COPY INTO {load} FROM {literal(f'{_of_snowflake(names)}/')}\n"
                "STORAGE_INTEGRATION = YOUR_INTEGRATION FILES = ('<files[].key>') FORCE = TRUE\n"
                f"FILE_FORMAT = ({form}){loading.snowflake_columns};"
            ),
            before="BEGIN;\n",
        ),
        names,
    )
