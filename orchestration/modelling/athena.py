"""`python -m orchestration.modelling.athena s3://LAKE`: tables of Athena over the lake's Parquet.

Columns are those that ingest writes. Partitions are projected from the keys, so that no crawler is needed
and a new hour is there at once; a query that names `dt` reads only these days.
"""

import sys

from footfall.catalogue.ingested import COLUMN_TYPES

#: DuckDB type → Athena's.
_TYPES = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "DOUBLE": "double",
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


def main(arguments: list[str]) -> int:
    """The command; see the module's docstring."""
    if len(arguments) != 1 or not arguments[0].startswith("s3://") or "'" in arguments[0]:
        sys.stderr.write("one argument is wanted: the lake's root, such as s3://bucket/prefix\n")
        return 2
    sys.stdout.write("\n".join(athena_ddl(table, arguments[0]) for table in _IN_THE_LAKE))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
