"""The statements for DuckDB, which reads manifests and files where they lie."""

from orchestration.delivery.ddl_names import Names, is_time, literal

_TEXT = """\
-- {export} for DuckDB 1.1 or newer: fills the table "{view}" with the newest revision of each period whose
-- files have these columns. Run it again to take up what came since.
--
-- {where}
SET VARIABLE footfall_bucket = {bucket};

-- Every file that a manifest of the export names: data, and whether a newer revision takes its place.
CREATE OR REPLACE TEMP TABLE "{view}_files" AS
SELECT unnest(files).key AS key, "schema" = {schema} AS is_of_these_columns, is_newest
FROM (
  SELECT files, "schema", revision = max(revision) OVER (PARTITION BY period.start) AS is_newest
  FROM read_json(
    getvariable('footfall_bucket') || {manifests},
    columns = {{client_id: 'VARCHAR', export: 'VARCHAR', period: 'STRUCT("start" VARCHAR)',
      revision: 'INTEGER', "schema": 'VARCHAR', files: 'STRUCT("key" VARCHAR)[]'}},
    hive_partitioning = false
  )
  WHERE client_id = {client} AND export = {name}
);

-- Where no newest revision has these columns, some file of them says the types, and none of its rows counts.
SET VARIABLE footfall_is_empty = (
  SELECT coalesce(bool_and(NOT is_newest), true) FROM "{view}_files" WHERE is_of_these_columns
);
SET VARIABLE footfall_files = (
  SELECT coalesce(list(path ORDER BY path) FILTER (is_newest), [min(path)])
  FROM (
    SELECT getvariable('footfall_bucket') || '/' || key AS path, is_newest
    FROM "{view}_files" WHERE is_of_these_columns
  )
);

CREATE OR REPLACE TABLE "{view}" AS
SELECT
{columns}
FROM {reader}
WHERE NOT getvariable('footfall_is_empty');
"""
_HERE = "Start DuckDB in the folder of the bucket, or say here where a copy of it lies."
_COPY = "A copy in a folder will do too. For "
#: Scheme → what DuckDB needs first to read there.
_ELSEWHERE = {
    "s3": _COPY + "s3:// first: INSTALL httpfs; LOAD httpfs; and a secret (CREATE SECRET (TYPE s3, …)).",
    "gs": _COPY + "gs:// first: INSTALL httpfs; LOAD httpfs; and a secret with an HMAC key "
    "(CREATE SECRET (TYPE gcs, …)).",
    "az": _COPY + "az:// first: INSTALL azure; LOAD azure; and a secret (CREATE SECRET (TYPE azure, …)).",
}


def duckdb_sql(names: Names) -> str:
    """duckdb.sql: a script that fills a table."""
    selection = names.selection
    where = _ELSEWHERE.get(names.url.partition("://")[0])
    read = ", ".join(f"'{name}': '{_read_as(names, kind)}'" for name, kind in names.columns)
    return _TEXT.format(
        export=selection.export.name,
        view=names.view,
        where=where or _HERE,
        bucket=literal(_place(names.url) if where else "."),
        schema=literal(names.schema),
        manifests=literal(f"/{names.pattern}/_manifest.json"),
        client=literal(selection.client.client_id),
        name=literal(selection.export.name),
        columns=",\n".join(f'  {_value(names, name, kind)} AS "{name}"' for name, kind in names.columns),
        reader=names.form.loading.duckdb.format(files="getvariable('footfall_files')", columns=f"{{{read}}}"),
    )


def _place(url: str) -> str:
    """A bucket as DuckDB writes it: of Azure with the whole name of the host."""
    scheme, _, path = url.rstrip("/").partition("://")
    account, _, rest = path.partition("/")
    return f"az://{account}.blob.core.windows.net/{rest}" if scheme == "az" else url.rstrip("/")


def _read_as(names: Names, kind: str) -> str:
    """The type in which the reader gives a column: text where the file has text."""
    is_text = names.form.loading.duckdb_casts or (names.form.cells.times_as_text and is_time(kind))
    return "VARCHAR" if is_text else kind


def _value(names: Names, name: str, kind: str) -> str:
    column = f'"{name}"'
    if kind == "VARCHAR" and names.selection.dialect.get("formula_guard"):
        # As docs/delivery.md says: one apostrophe less.
        return rf"regexp_replace({column}, '^''(''*[\t\n\r+\-=@＋－＝＠])', '\1')"
    return f"CAST({column} AS {kind})" if _read_as(names, kind) != kind else column
