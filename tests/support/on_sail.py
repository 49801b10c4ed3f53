"""All models on Sail, which reads Spark's SQL without Java: a program, for dbt has one engine in a process.

    python -m support.on_sail FOLDER

FOLDER/ingest holds a Parquet file of each of ingest's tables. It leaves FOLDER/made, a Parquet file
`schema.table` of each relation that could be read, and FOLDER/said.json: `build`, node → what dbt said where
it did not succeed; `window`, the same of a run of one hour.
"""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2] / "dbt_project"
SCHEMAS = ("ingest", "staging", "intermediate", "main", "scratch")


def _said(done: Any) -> dict[str, str]:
    results = getattr(done.result, "results", None)
    if results is None:
        return {"dbt": str(done.exception)}
    good = ("success", "pass", "no-op")
    return {each.node.name: str(each.message) for each in results if str(each.status) not in good}


def main(folder: Path) -> None:
    """Everything in one session, because a session's tables are its own."""
    from dbt.cli.main import dbtRunner
    from pysail.spark import SparkConnectServer
    from pyspark.sql import SparkSession

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start(background=True)
    address, port = server.listening_address
    os.environ |= {
        "FOOTFALL_SPARK_REMOTE": f"sc://{address}:{port}",
        # It knows no Iceberg tables that are deleted from.
        "FOOTFALL_SPARK_TABLES": "delta",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    session = SparkSession.builder.remote(os.environ["FOOTFALL_SPARK_REMOTE"]).getOrCreate()
    for schema in SCHEMAS:
        session.sql(f"create schema {schema} location '{folder / 'tables' / schema}'").collect()
    for file in (folder / "ingest").glob("*.parquet"):
        session.sql(f"create table ingest.{file.stem} using parquet location '{file}'").collect()

    fixed = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target", "sail", "--quiet"]
    fixed += ["--target-path", str(folder / "dbt"), "--log-path", str(folder / "dbt")]
    manifest = dbtRunner().invoke(["parse", *fixed, "--no-write-json"]).result
    build = ["build", "--exclude-resource-type", "unit_test", "test"]
    said: dict[str, Any] = _said(dbtRunner(manifest=manifest).invoke([*build, *fixed]))

    made = folder / "made"
    made.mkdir()
    import pyarrow.parquet as pq

    for schema in SCHEMAS[1:]:
        for row in session.sql(f"show tables in {schema}").collect():
            table = f"{schema}.{row.tableName}"
            try:
                pq.write_table(session.table(table).toArrow(), made / f"{table}.parquet")
            except Exception as error:
                said[row.tableName] = str(error)
    os.environ |= {
        "FOOTFALL_WINDOW_START": "2026-03-28T18:00:00Z",
        "FOOTFALL_WINDOW_END": "2026-03-28T19:00:00Z",
    }
    hour = dbtRunner(manifest=manifest).invoke(["run", "--select", "int_received_hours", *fixed])
    (folder / "said.json").write_text(json.dumps({"build": said, "window": _said(hour)}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
    # The server's threads do not end by themselves.
    sys.stdout.flush()
    os._exit(0)
