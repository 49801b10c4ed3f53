"""All models on an engine that reads Spark's SQL: a program, for dbt has one engine in a process.

    python -m support.on_second_engine sail|spark|running FOLDER

`sail` is a wheel and needs no Java; `spark` is the installation that SPARK_HOME names; `running` a Spark that
FOOTFALL_SPARK_REMOTE names. FOLDER/ingest holds a Parquet file of each of ingest's tables, and FOLDER/tables
gets those that are made. FOLDER/said.json: `build`, node → what dbt said where it did not succeed. Of an
engine that was started here also `window`, the same of a run of one hour, and FOLDER/made, a Parquet file
`schema.table` of each relation that could be read.
"""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.collectors import free_port

PROJECT = Path(__file__).parents[2] / "dbt_project"
SCHEMAS = ("ingest", "staging", "intermediate", "main", "scratch")


def _said(done: Any) -> dict[str, str]:
    results = getattr(done.result, "results", None)
    if results is None:
        return {"dbt": str(done.exception)}
    good = ("success", "pass", "no-op")
    return {each.node.name: str(each.message) for each in results if str(each.status) not in good}


@contextmanager
def _sail(_folder: Path) -> Iterator[str]:
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start(background=True)
    address, port = server.listening_address
    yield f"sc://{address}:{port}"


@contextmanager
def _spark(folder: Path) -> Iterator[str]:
    """Two cores and small plans: a table of these stories has some thousand rows."""
    port = free_port()
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.sql.warehouse.dir": folder / "warehouse",
        "spark.sql.shuffle.partitions": 1,
        "spark.sql.codegen.wholeStage": "false",
        "spark.ui.enabled": "false",
    }
    submit = Path(os.environ["SPARK_HOME"]) / "bin" / "spark-submit"
    with (folder / "spark.log").open("w+b") as log:
        server = subprocess.Popen(
            [submit, "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
            + ["--master", "local[2]", "--driver-memory", "3g", "--name", "second engine"]
            + [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")],
            cwd=folder,
            stdout=log,
            stderr=log,
            env=os.environ | {"SPARK_LOCAL_IP": "127.0.0.1"},
        )
        try:
            yield f"sc://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


@contextmanager
def _running(_folder: Path) -> Iterator[str]:
    yield os.environ["FOOTFALL_SPARK_REMOTE"]


#: Engine → how it is started, and the format of its tables. Sail deletes from no Iceberg tables, and no
#: package index has Iceberg for Spark 4.
ENGINES = {"sail": (_sail, "delta"), "spark": (_spark, "parquet"), "running": (_running, "parquet")}


def main(engine: str, folder: Path) -> None:
    """Everything in one session, because a session's tables are its own."""
    start, tables = ENGINES[engine]
    with start(folder) as remote:
        os.environ |= {
            "FOOTFALL_SPARK_REMOTE": remote,
            "FOOTFALL_SPARK_TABLES": tables,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        _make(engine, folder)


def _make(engine: str, folder: Path) -> None:
    from dbt.cli.main import dbtRunner
    from pyspark.sql import SparkSession

    session = SparkSession.builder.remote(os.environ["FOOTFALL_SPARK_REMOTE"]).getOrCreate()
    for schema in SCHEMAS:
        session.sql(f"create schema {schema} location '{folder / 'tables' / schema}'").collect()
    for file in (folder / "ingest").glob("*.parquet"):
        session.sql(f"create table ingest.{file.stem} using parquet location '{file}'").collect()

    fixed = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"]
    fixed += ["--target", "sail" if engine == "sail" else "spark"]
    fixed += ["--target-path", str(folder / "dbt"), "--log-path", str(folder / "dbt")]
    manifest = dbtRunner().invoke(["parse", *fixed, "--no-write-json"]).result
    build = ["build", "--exclude-resource-type", "unit_test", "test"]
    said: dict[str, Any] = {"build": _said(dbtRunner(manifest=manifest).invoke([*build, *fixed]))}
    if engine != "running":
        _read(session, folder, said["build"])
        os.environ |= {
            "FOOTFALL_WINDOW_START": "2026-03-28T18:00:00Z",
            "FOOTFALL_WINDOW_END": "2026-03-28T19:00:00Z",
        }
        hour = dbtRunner(manifest=manifest).invoke(["run", "--select", "int_received_hours", *fixed])
        said["window"] = _said(hour)
    (folder / "said.json").write_text(json.dumps(said))


def _read(session: Any, folder: Path, said: dict[str, str]) -> None:
    """All relations into FOLDER/made; what could not be read into `said`."""
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


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], Path(sys.argv[2]))
    # Sail's threads do not end by themselves.
    sys.stdout.flush()
    os._exit(0)
