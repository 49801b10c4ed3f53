"""All models on a Spark cluster of several processes, beside DuckDB, over the same events, one after another.

    SPARK_HOME=…/site-packages/pyspark python -m bench.spark FOLDER 1000000 …

Spark standalone: a master and WORKERS workers of one core each, processes of their own on 127.0.0.1, and a
server of Spark Connect as their driver; dbt is its client, as in operation. Wants Java 17 and an installation
of Spark 4.2 (docs/scaling.md). Both sides make every model whole and no test, and all tables are compared.
CPU seconds are those of every process of a side; wall seconds mean little where others use the cores.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

from bench.measure import say, setting
from bench.models import OF_AN_HOUR, connect, hour_files, prepare, prepared_models
from orchestration.modelling.build import build
from orchestration.modelling.command import BUILD, WHOLE
from orchestration.modelling.invoke import failures
from orchestration.modelling.rebuild import pieces
from orchestration.stored_hours import show_all_events

ROOT = Path(__file__).resolve().parents[1]
WORKERS = 2
#: Memory of a worker, of the executor in it, and of the driver. Half a gigabyte is what the worker needs.
WORKER_MEMORY, EXECUTOR_MEMORY, DRIVER_MEMORY = "5g", "4g", "2g"
#: Models and seeds alone, as DuckDB makes them in pieces and Spark at once.
MODELS = [*BUILD, "test"]
#: Seconds in which a process of the cluster has to be there, on a busy machine too.
PATIENCE = 300.0


@dataclass(frozen=True)
class Side:
    """What one engine took for all models. `cpu`: seconds of all its processes.

    `gib`: the sum of what each of its processes held at most. Bytes `shuffled` and `spilled` are 0 where one
    process does all.
    """

    seconds: float
    cpu: float
    gib: float
    shuffled: int = 0
    spilled: int = 0


def measured(folder: Path, events: int) -> tuple[Side, Side, list[str]]:
    """(DuckDB, Spark, tables that differ) for so many events. `folder` is made anew; 2 KB an event.

    Raises RuntimeError with what failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say(f"spark: {events:,} events are made")
    prepare(folder, history=max(0, events - OF_AN_HOUR), events=min(events, OF_AN_HOUR))
    prepared_models()
    _hand_over(folder)
    say("spark: all models in DuckDB")
    duckdb = _in_duckdb(folder)
    say(f"spark: {duckdb}")
    say(f"spark: all models on {WORKERS} workers")
    spark = _on_spark(folder)
    say(f"spark: {spark}")
    return duckdb, spark, _different(folder)


def _hand_over(folder: Path) -> None:
    """What ingest made, a Parquet file of each table."""
    (folder / "ingest").mkdir()
    with closing(connect(folder / "warehouse.duckdb")) as connection:
        show_all_events(connection, hour_files(folder))
        for (table,) in connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'ingest'"
        ).fetchall():
            path = folder / "ingest" / f"{table}.parquet"
            connection.execute(f"COPY (FROM ingest.{table}) TO '{path}' (FORMAT parquet)")


def _in_duckdb(folder: Path) -> Side:
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "bench.spark", "duckdb", str(folder)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"DuckDB: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Side(time.perf_counter() - begun, cpu, float(done.stdout.splitlines()[-1]))


def make_in_duckdb(folder: Path) -> float:
    """All models of the folder's warehouse, piece by piece as `footfall rebuild`. Returns GiB at most."""
    path, files = folder / "warehouse.duckdb", hour_files(folder)
    with closing(connect(path)) as connection:
        hours = connection.execute(
            "SELECT received_hour, count(*) FROM ingest.event_index GROUP BY 1 ORDER BY 1"
        ).fetchall()
    windows = pieces(hours)
    whole = (windows[0][0], windows[-1][1])
    steps = [([*MODELS, "--exclude", WHOLE], window) for window in windows]
    for arguments, window in [*steps, ([*MODELS, "--select", WHOLE], whole)]:
        bad = failures(build(arguments, path, window, folder / "target", files, prepared_models()))
        if bad:
            raise RuntimeError("; ".join(bad))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def _on_spark(folder: Path) -> Side:
    with _cluster(folder) as (remote, page, processes):
        begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-m", "support.on_second_engine", "running", str(folder)],
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "FOOTFALL_SPARK_REMOTE": remote},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        wall = time.perf_counter() - begun
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = json.loads((folder / "said.json").read_text()) if done.returncode == 0 else {}
        if said.get("build", True):
            raise RuntimeError(f"Spark: {said.get('build')} {done.stderr[-2000:]}")
        used = [_used(pid) for pid in _with_children([each.pid for each in processes])]
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        shuffled, spilled = _moved(page)
    return Side(wall, cpu + sum(each[0] for each in used), sum(each[1] for each in used), shuffled, spilled)


@contextmanager
def _cluster(folder: Path) -> Iterator[tuple[str, str, list[subprocess.Popen[bytes]]]]:
    """Its address for clients, the page with its figures, and its processes, which end with it."""
    home = Path(os.environ.get("SPARK_HOME", ""))
    if not (home / "bin" / "spark-class").exists() or not shutil.which("java"):
        raise RuntimeError("SPARK_HOME names no Spark, or there is no Java (docs/scaling.md)")
    master, server, figures = _free_port(), _free_port(), _free_port()
    address = f"spark://127.0.0.1:{master}"
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": server,
        "spark.sql.warehouse.dir": folder / "warehouse",
        "spark.local.dir": folder / "scratch",
        "spark.sql.shuffle.partitions": 4 * WORKERS,
        "spark.driver.host": "127.0.0.1",
        "spark.ui.port": figures,
        "spark.log.level": "WARN",
        "spark.ui.retainedStages": 100_000,
    }
    words = [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]
    node = "org.apache.spark.deploy"
    here, pages = ["--host", "127.0.0.1"], [str(_free_port()) for _ in range(WORKERS + 1)]
    worker = ["bin/spark-class", f"{node}.worker.Worker", *here, "--cores", "1", "--memory", WORKER_MEMORY]
    workers = [
        [*worker, "--work-dir", str(folder / f"worker-{page}"), "--webui-port", page, address]
        for page in pages[1:]
    ]
    driver = ["bin/spark-submit", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    driver += ["--master", address, "--executor-memory", EXECUTOR_MEMORY, "--executor-cores", "1"]
    driver += ["--driver-memory", DRIVER_MEMORY, "--name", "footfall", *words]
    first = ["bin/spark-class", f"{node}.master.Master", *here, "--port", str(master)]
    commands = [[*first, "--webui-port", pages[0]], *workers, driver]
    environment = os.environ | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder / "scratch")}
    with ExitStack() as stack:
        log = stack.enter_context((folder / "spark.log").open("wb"))
        running: list[subprocess.Popen[bytes]] = []
        stack.callback(_end, running)
        for command in commands:
            running.append(
                subprocess.Popen(
                    [home / command[0], *command[1:]], cwd=folder, stdout=log, stderr=log, env=environment
                )
            )
            if len(running) == 1:
                _wait_for(master, folder)
        _wait_for(server, folder)
        yield f"sc://127.0.0.1:{server}", f"http://127.0.0.1:{figures}/api/v1/applications", running


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """The driver first; executors go with their workers."""
    for each in reversed(processes):
        each.terminate()
        try:
            each.wait(60)
        except subprocess.TimeoutExpired:
            each.kill()
            each.wait()


def _wait_for(port: int, folder: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise RuntimeError(f"Spark does not answer: {folder / 'spark.log'}")


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _with_children(pids: Sequence[int]) -> list[int]:
    """These processes and all that they started."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended meanwhile
    found = list(pids)
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _used(pid: int) -> tuple[float, float]:
    """CPU seconds of a process and of those of its children that ended; GiB at most."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    most = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"), int(most[1]) / 1024**2 if most else 0.0


def _moved(page: str) -> tuple[int, int]:
    """Bytes that executors wrote for one another, and that memory did not hold, by Spark's own count."""

    def told(path: str) -> Any:
        with urllib.request.urlopen(f"{page}{path}", timeout=PATIENCE) as answer:
            return json.load(answer)

    application = told("")[0]["id"]
    executors = told(f"/{application}/allexecutors")
    stages = told(f"/{application}/stages")
    return sum(each["totalShuffleWrite"] for each in executors), sum(
        each["diskBytesSpilled"] for each in stages
    )


def _different(folder: Path) -> list[str]:
    """Tables whose rows are not the same on both, by the number and the sum of hashes of all rows."""
    found = []
    with closing(connect(folder / "warehouse.duckdb")) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema IN ('intermediate', 'main') AND table_type = 'BASE TABLE'"
        ).fetchall()
        for schema, table in tables:
            columns = connection.execute(f"DESCRIBE {schema}.{table}").fetchall()
            cast = ", ".join(f'CAST("{column[0]}" AS {column[1]})' for column in columns)
            there = folder / "tables" / schema / table / "*.parquet"
            rows = [
                connection.execute(f"SELECT count(*), sum(hash({cast})) FROM {source}").fetchone()
                for source in (f"{schema}.{table}", f"read_parquet('{there}')")
            ]
            if rows[0] != rows[1]:
                found.append(f"{schema}.{table}")
    return found


def lines(events: int, duckdb: Side, spark: Side, different: Sequence[str]) -> list[str]:
    """Rows of Markdown."""
    return [
        f"| {events:,} | {engine} | {side.seconds:,.0f} | {side.cpu:,.0f} | {side.gib:.1f} "
        f"| {side.shuffled / 1e9:.2f} | {side.spilled / 1e9:.2f} | {told} |"
        for engine, side, told in (
            ("DuckDB", duckdb, ""),
            (
                "Spark",
                spark,
                f"{spark.cpu / duckdb.cpu:.1f} × the CPU; differ: {', '.join(different) or 'none'}",
            ),
        )
    ]


def main() -> int:
    """See the module; `duckdb FOLDER` is one side, in a process of its own."""
    if sys.argv[1] == "duckdb":
        print(make_in_duckdb(Path(sys.argv[2])))
        return 0
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    print(setting(Path(sys.argv[1])))
    print("| Events | Engine | s | CPU s | GiB | shuffled, GB | spilled, GB | |")
    print("|---|---|---|---|---|---|---|---|")
    for events in map(int, sys.argv[2:]):
        print("\n".join(lines(events, *measured(Path(sys.argv[1]) / str(events), events))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
