"""The statements for Athena, which reads files where they lie and sees no manifests.

Names with `_` in front are hidden from it (https://docs.aws.amazon.com/athena/latest/ug/create-table.html),
so the newest revision is the highest whose folder is there: registered as a partition, also where it holds no
rows.
"""

from orchestration.delivery.ddl_names import Names, is_time, literal, type_in

_TEXT = """\
-- {export} for Athena. The view "{view}" shows the newest revision of each period.
{notes}
CREATE EXTERNAL TABLE IF NOT EXISTS `{table}` (
{columns}
)
PARTITIONED BY ({partitioned})
{form}
LOCATION {location};

{register}

CREATE OR REPLACE VIEW "{view}" AS
{query};
"""
_REPAIR = """\
-- Again whenever periods have come; `WHERE {first} = …` reads less than all.
-- https://docs.aws.amazon.com/athena/latest/ug/msck-repair-table.html
MSCK REPAIR TABLE `{table}`;"""
_ELSEWHERE = "-- It reads s3:// alone: copy the bucket there.\n"
#: Folders that are no partitions of Hive's are added one by one.
_ADD = """\
-- The folders of this export are none that Athena finds by itself. For each manifest, with its values:
-- https://docs.aws.amazon.com/athena/latest/ug/alter-table-add-partition.html
-- ALTER TABLE `{table}` ADD IF NOT EXISTS
--   PARTITION (`{period}` = '<period.start>', `{revision}` = '<revision as 0001>')
--   LOCATION '{bucket}/<the folder of the manifest>/';"""
_OF_CSV = """\
-- Its reader of CSV has text alone; the view gives the types. Files show by their header which columns they
-- have, and those of other columns are left out. What it cannot do: a line end inside a cell breaks the row
-- (https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html), and an empty text is the same as none: both
-- are NULL here. Where that matters, order jsonl or parquet."""
_BY_NAME = """\
-- Columns are found by name: a period that was delivered without one of these has NULL there. Where earlier
-- revisions have another format, take their partitions away, or queries of those days fail:
-- ALTER TABLE `{table}` DROP PARTITION ({first} = …);"""
#: Partitions of folders that are none of Hive's.
_OWN = ("footfall_period_start", "footfall_revision")
#: Catches cells behind the last column: a file that has them is of other columns.
_MORE = "footfall_more"


def athena(names: Names) -> str:
    """athena.sql: an external table, and the view over it."""
    loading = names.form.loading
    is_hive = bool(names.partitions)
    register = _REPAIR if is_hive else _ADD
    partitions = names.folders() if is_hive else _OWN
    listed = [f"  `{name}` {_in_table(names, kind)}" for name, kind in names.columns]
    if loading.athena_casts:
        listed.append(f"  `{_MORE}` string")
    return _TEXT.format(
        export=names.selection.export.name,
        view=names.view,
        notes=(_ELSEWHERE if names.is_in_cloud else "")
        + (_OF_CSV if loading.athena_casts else _BY_NAME.format(table=names.table, first=partitions[0])),
        table=names.table,
        columns=",\n".join(listed),
        partitioned=", ".join(f"`{name}` string" for name in partitions),
        form=loading.athena,
        location=literal(f"{names.bucket}/{names.root}"),
        register=register.format(
            table=names.table,
            first=partitions[0],
            period=_OWN[0],
            revision=_OWN[1],
            bucket=names.bucket,
        ),
        query=_query(names),
    )


def _in_table(names: Names, kind: str) -> str:
    is_text = names.form.loading.athena_casts or (names.form.cells.times_as_text and is_time(kind))
    return "string" if is_text else type_in("athena", kind)


def _query(names: Names) -> str:
    *periods, revision = names.partitions or _OWN
    same = " AND ".join(f'f."{name}" = newest."{name}"' for name in (*periods, revision))
    listed = ", ".join(f'"{name}"' for name in periods)
    # https://docs.aws.amazon.com/athena/latest/ug/querying-glue-catalog.html
    newest = (
        f'(SELECT {listed}, max("{revision}") AS "{revision}" '
        f'FROM "{names.table}$partitions" GROUP BY {listed})'
    )
    shown = [f"  {_value(names, name, kind)}" for name, kind in names.columns]
    shown += [f'  f."{name}"' for name in periods]
    body = ",\n".join(shown)
    if not names.form.loading.athena_casts:
        return f'SELECT\n{body}\nFROM "{names.table}" AS f\nJOIN {newest} AS newest\n  ON {same}'
    header = " AND ".join(f'"{name}" = {literal(name)}' for name, _ in names.columns)
    every = ", ".join(f'"{name}"' for name in (*periods, revision))
    return (
        f"SELECT\n{body}\nFROM (\n"
        f"  SELECT *, bool_or(is_header) OVER (PARTITION BY {every}, file) AS is_of_these_columns\n"
        "  FROM (\n"
        f'    SELECT *, "$path" AS file,\n'
        f'      coalesce({header} AND "{_MORE}" IS NULL, false) AS is_header\n'
        f'    FROM "{names.table}"\n'
        "  ) AS lines\n"
        f") AS f\nJOIN {newest} AS newest\n  ON {same}\n"
        "WHERE f.is_of_these_columns AND NOT f.is_header"
    )


def _value(names: Names, name: str, kind: str) -> str:
    column = f'f."{name}"'
    if names.form.loading.athena_casts:
        column = f"nullif({column}, '')"
    # A view has no times with a zone; these are UTC.
    if is_time(kind) and names.form.cells.times_as_text:
        return f'CAST(from_iso8601_timestamp({column}) AS timestamp) AS "{name}"'
    wanted = type_in("trino", kind)
    if names.form.loading.athena_casts and wanted != "varchar":
        return f'CAST({column} AS {wanted}) AS "{name}"'
    return f'{column} AS "{name}"'
