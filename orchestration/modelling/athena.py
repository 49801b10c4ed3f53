"""`python -m orchestration.modelling.athena s3://LAKE`: tables of Athena over the lake's Parquet.

Columns are those that ingest writes, and those of the marts' contracts. Partitions are projected from the
keys, so that no crawler is needed and a new hour is there at once; a query that names `dt` reads these days.
Published tables are read by their lists of files, which a lake on S3 has.
"""

import re
import sys
from collections.abc import Mapping

from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.catalogue.tables import PUBLISHED, Table
from footfall.installed import DBT_PROJECT
from footfall.strict_yaml import read_yaml

#: DuckDB type → Athena's.
_TYPES = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "DOUBLE": "double",
    "DATE": "date",
    "TIMESTAMPTZ": "timestamp",
}
#: Tables that the lake has as Parquet, by hour of receipt (footfall.keys).
_IN_THE_LAKE = ("events", "quarantine")


def athena_ddl(table: str, lake: str) -> str:
    """One statement. `lake`: the lake's root, s3://bucket or s3://bucket/prefix."""
    place = f"{lake.rstrip('/')}/{table}/"
    columns = ",\n".join(f"  `{name}` {_TYPES[kind]}" for name, kind in COLUMN_TYPES[table].items())
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {table} (\n{columns}\n)\n"
        "PARTITIONED BY (`dt` string, `hour` string)\n"
        f"STORED AS PARQUET\nLOCATION '{place}'\nTBLPROPERTIES (\n"
        "  'projection.enabled' = 'true',\n"
        "  'projection.dt.type' = 'date', 'projection.dt.format' = 'yyyy-MM-dd',\n"
        "  'projection.dt.range' = '2020-01-01,NOW',\n"
        "  'projection.hour.type' = 'integer', 'projection.hour.range' = '0,23',\n"
        "  'projection.hour.digits' = '2',\n"
        f"  'storage.location.template' = '{place}dt=${{dt}}/hour=${{hour}}/'\n"
        ");\n"
    )


def athena_mart(table: Table, columns: Mapping[str, str], lake: str) -> str:
    """A table of one published mart or report. `columns`: name → type, as the contract has them.

    Each client has a list of the files that its current snapshot names (footfall.keys.published_links), which
    is replaced at once. Of what lies by row a view shows the newest row of each key.
    """
    place = f"{lake.rstrip('/')}/marts/"
    listed = [f"  `{name}` {_type(kind)}" for name, kind in columns.items()]
    if not table.is_by_row:
        return _over_links(table.name, table.name, listed, place)
    shown, key = (", ".join(f'"{name}"' for name in each) for each in (columns, ("client", *table.order)))
    return (
        _over_links(f"{table.name}_rows", table.name, [*listed, "  `is_gone` boolean"], place)
        # https://trino.io/docs/current/connector/hive.html (metadata columns)
        + f'CREATE OR REPLACE VIEW "{table.name}" AS\nSELECT {shown}, client\nFROM (\n'
        f"  SELECT *, row_number() OVER (\n    PARTITION BY {key}\n"
        "    ORDER BY coalesce(regexp_extract(\"$path\", '/newer-([0-9]+)-', 1), '') DESC\n  ) AS place\n"
        f'  FROM "{table.name}_rows"\n) AS numbered\nWHERE place = 1 AND NOT coalesce(is_gone, false);\n'
    )


def _over_links(name: str, table: str, listed: list[str], place: str) -> str:
    """An external table of the files that a list names.

    https://docs.delta.io/latest/presto-integration.html has the same for Athena, Presto and Trino.
    """
    columns = ",\n".join(listed)
    hive = "org.apache.hadoop.hive.ql.io"
    return (
        "-- A query says whose: WHERE client = '…'.\n"
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{name}` (\n{columns}\n)\n"
        "PARTITIONED BY (`client` string)\n"
        f"ROW FORMAT SERDE '{hive}.parquet.serde.ParquetHiveSerDe'\n"
        f"STORED AS INPUTFORMAT '{hive}.SymlinkTextInputFormat'\n"
        f"OUTPUTFORMAT '{hive}.HiveIgnoreKeyTextOutputFormat'\n"
        f"LOCATION '{place}'\nTBLPROPERTIES (\n"
        "  'projection.enabled' = 'true',\n"
        # https://docs.aws.amazon.com/athena/latest/ug/partition-projection-dynamic-id-partitioning.html
        "  'projection.client.type' = 'injected',\n"
        f"  'storage.location.template' = '{place}client=${{client}}/links/{table}/'\n"
        ");\n"
    )


def marts() -> dict[str, dict[str, str]]:
    """Mart or report that is published → column → type, of the contracts beside the models."""
    found = {}
    for table in PUBLISHED:
        [path] = (DBT_PROJECT / "models").glob(f"*/{table.name}.yml")
        [model] = [each for each in read_yaml(path.read_text())["models"] if each["name"] == table.name]
        found[table.name] = {each["name"]: str(each["data_type"]).upper() for each in model["columns"]}
    return found


def _type(kind: str) -> str:
    """Athena has decimals as DuckDB has them. Raises KeyError for a type that no mart had so far."""
    return kind.lower() if re.fullmatch(r"DECIMAL\(\d+,\d+\)", kind) else _TYPES[kind]


def main(arguments: list[str]) -> int:
    """The command; see the module's docstring."""
    if len(arguments) != 1 or not arguments[0].startswith("s3://") or "'" in arguments[0]:
        sys.stderr.write("one argument is wanted: the lake's root, such as s3://bucket/prefix\n")
        return 2
    texts = [athena_ddl(table, arguments[0]) for table in _IN_THE_LAKE]
    columns = marts()
    texts += [athena_mart(table, columns[table.name], arguments[0]) for table in PUBLISHED]
    sys.stdout.write("\n".join(texts))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
