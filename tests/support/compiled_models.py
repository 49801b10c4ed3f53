"""dbt in this process, and the models' SQL without dbt.

dbt starts slowly; a property needs hundreds of runs. So `compiled_models` lets dbt compile and run every
model twice, once from nothing and once incrementally, keeps the SQL that dbt executed, and it can then be
executed on any in-memory database. What that proves of SQL, `test_incremental_equals_rebuild` proves again,
for fewer orders, with dbt itself.
"""

import pickle
import re
import shutil
import warnings
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from support.once import once
from support.stored_events import events_as_a_table

from footfall.zones import clock, zone_days
from orchestration.ingest.schema import create_statements
from orchestration.modelling.project import prepare

with warnings.catch_warnings():
    # dbt's own dependencies use names that Python and click have deprecated; nothing we could change.
    warnings.simplefilter("ignore", DeprecationWarning)
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner, dbtRunnerResult

PROJECT = Path(__file__).parents[2] / "dbt_project"
#: A window that no data lies in; its text is replaced by the window that is meant.
PLACE_OF_WINDOW = ("1900-01-01T00:00:00Z", "1900-01-01T01:00:00Z")
#: What dbt keeps of what it has parsed.
PARSED = "partial_parse.msgpack"
INT_EVENTS = "int_events_sessionised"


#: Zones that a test of models may give its sites, and the years in which its events lie.
ZONES = ("UTC", "Europe/Berlin", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Adelaide")
YEARS = (date(2025, 1, 1), date(2027, 12, 31))


@cache
def _zone_days() -> pa.Table:
    rows = [{"zone": zone, **asdict(day)} for zone in ZONES for day in zone_days(clock(zone), *YEARS)]
    return pa.Table.from_pylist(rows)


def hour_text(moment: datetime) -> str:
    """An hour as the environment variables of a window want it."""
    return moment.strftime("%Y-%m-%dT%H:00:00Z")


class Dbt:
    """dbt in this process, on one warehouse file. What `make setup` parsed is not parsed again."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = folder / "warehouse.duckdb"
        self.target = folder / "target"
        self._parsed: Any = None

    def __call__(self, *arguments: str, window: tuple[str, str] = ("", "")) -> dbtRunnerResult:
        """Run a dbt command. The file is closed again before this returns."""
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            patch.setenv("FOOTFALL_WAREHOUSE", str(self.warehouse))
            patch.setenv("FOOTFALL_WINDOW_START", window[0])
            patch.setenv("FOOTFALL_WINDOW_END", window[1])
            patch.setenv("DBT_TARGET_PATH", str(self.target))
            patch.setenv("DBT_LOG_PATH", str(self.target / "logs"))
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", ResourceWarning)
            fixed = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"]
            if arguments[0] != "parse" and self._parsed is None:
                self.target.mkdir(parents=True, exist_ok=True)
                shutil.copy(prepare(self.target) / PARSED, self.target / PARSED)
                with pytest.MonkeyPatch.context() as as_prepared:
                    # For another warehouse than the one it knows, dbt parses all anew.
                    as_prepared.delenv("FOOTFALL_WAREHOUSE")
                    self._parsed = dbtRunner().invoke(["parse", *fixed]).result
            try:
                return dbtRunner(manifest=self._parsed).invoke([*arguments, *fixed])
            finally:
                DuckDBConnectionManager.close_all_connections()

    def must(self, *arguments: str, window: tuple[str, str] = ("", "")) -> dbtRunnerResult:
        """The same, and fail the test with dbt's own messages where dbt fails."""
        result = self(*arguments, window=window)
        nodes = getattr(result.result, "results", [])
        failed = [f"{n.node.name}: {n.status}: {n.message}" for n in nodes if n.status in ("error", "fail")]
        assert result.success, failed or result.exception
        return result

    def fresh_warehouse(self) -> Path:
        """The warehouse with the ingest's tables and no rows, in place of what was there."""
        self.warehouse.unlink(missing_ok=True)
        with duckdb.connect(str(self.warehouse)) as connection:
            for statement in create_statements():
                connection.execute(statement)
            events_as_a_table(connection)
        return self.warehouse


@dataclass(frozen=True)
class Model:
    """One model as dbt ran it: its place, its query in a rebuild and in a window, all that a window runs."""

    schema: str
    name: str
    kind: str
    whole: str
    window: str
    statements: str

    @property
    def table(self) -> str:
        return f"{self.schema}.{self.name}"


class Models:
    """The SQL that dbt ran for every model, to be run again on any database called `warehouse`."""

    def __init__(self, models: list[Model], create_touched: str, read_touched: str) -> None:
        self.models = models
        self._create_touched = create_touched
        self._read_touched = read_touched

    @property
    def tables(self) -> list[str]:
        """Every table and view but those of staging, in the order in which they are built."""
        return [model.table for model in self.models if model.schema != "staging"]

    def with_mutant(self, name: str, old: str, new: str) -> "Models":
        """The same models with another text in one of them. Fails where the old text is not there."""
        found = [m for m in self.models if m.name == name]
        assert found and any(old in text for m in found for text in (m.whole, m.statements)), name
        changed = [
            replace(
                m,
                whole=m.whole.replace(old, new),
                window=m.window.replace(old, new),
                statements=m.statements.replace(old, new),
            )
            if m.name == name
            else m
            for m in self.models
        ]
        return Models(changed, self._create_touched, self._read_touched)

    def database(self) -> duckdb.DuckDBPyConnection:
        """An in-memory warehouse with the ingest's tables, the seed and an empty staging layer."""
        connection = duckdb.connect()
        connection.execute(
            "set TimeZone = 'UTC'; set threads = 1; attach ':memory:' as warehouse; use warehouse"
        )
        for schema in ("staging", "intermediate"):
            connection.execute(f"create schema {schema}")
        for statement in create_statements():
            connection.execute(statement)
        events_as_a_table(connection)
        connection.execute(self._create_touched)
        seed = PROJECT / "seeds" / "referrer_hosts.csv"
        connection.execute(
            f"create table staging.referrer_hosts as from read_csv('{seed}', all_varchar = true)"
        )
        for model in self.models:
            if model.schema == "staging":
                connection.execute(f"create view {model.table} as {model.whole}")
        connection.register("told", _zone_days())
        connection.execute("insert into ingest.zone_days by name from told")
        connection.unregister("told")
        return connection

    def rebuild(self, connection: duckdb.DuckDBPyConnection) -> None:
        """All models from nothing, as a full refresh does."""
        for model in self.models:
            if model.schema != "staging":
                kind = "view" if model.kind == "view" else "table"
                connection.execute(f"create or replace {kind} {model.table} as {model.whole}")
        connection.execute(self._read_touched)

    def run_window(self, connection: duckdb.DuckDBPyConnection, start: datetime, end: datetime) -> None:
        """What a run for the hours from `start` up to `end` does."""
        self.sessionise(connection, start, end)
        self.follow(connection)

    def sessionise(self, connection: duckdb.DuckDBPyConnection, start: datetime, end: datetime) -> None:
        """The part of a run that reads its hours; what it touched waits for `follow`."""
        (model,) = (m for m in self.models if m.name == INT_EVENTS)
        text = model.statements
        for place, moment in zip(PLACE_OF_WINDOW, (start, end), strict=True):
            text = text.replace(place, hour_text(moment))
        connection.execute(text)

    def follow(self, connection: duckdb.DuckDBPyConnection, stop_before: str | None = None) -> None:
        """The part of a run that rebuilds what was touched; it fails before the model `stop_before`."""
        for model in self.models:
            if model.name == stop_before:
                return
            if model.kind == "table":
                connection.execute(f"create or replace table {model.table} as {model.whole}")
            elif model.kind == "rebuilt" and model.name != INT_EVENTS:
                connection.execute(model.statements)
        connection.execute(self._read_touched)


def compiled_models(dbt: Dbt, factory: pytest.TempPathFactory) -> Models:
    """The models as `dbt` ran them, which it does once in a session."""

    def keep(folder: Path) -> None:
        (folder / "models.pickle").write_bytes(pickle.dumps(_compiled(dbt)))

    made: Models = pickle.loads((once(factory, "models", keep) / "models.pickle").read_bytes())
    return made


def _compiled(dbt: Dbt) -> Models:
    """Let dbt run everything, on a warehouse of its own."""
    dbt.fresh_warehouse()
    first = dbt.must("build", "--exclude-resource-type", "unit_test", "test")
    nodes = [r.node for r in first.result.results if r.node.resource_type == "model"]
    compiled = dbt.target / "compiled" / "footfall"
    whole = {node.name: (compiled / node.original_file_path).read_text() for node in nodes}
    dbt.must("run", "--exclude", "config.materialized:view", window=PLACE_OF_WINDOW)
    found = []
    for node in nodes:
        kind, statements = node.config.materialized, ""
        if kind == "rebuilt":
            ran = (dbt.target / "run" / "footfall" / node.original_file_path).read_text()
            statements = re.sub(rf'"{node.name}__dbt_tmp\d+"', "temp.made", ran)
            assert "temp.made" in statements, "dbt names its temporary table differently now"
        window = (compiled / node.original_file_path).read_text() if kind == "rebuilt" else ""
        assert node.name == INT_EVENTS or PLACE_OF_WINDOW[0] not in statements, node.name
        found.append(Model(node.schema, node.name, kind, whole[node.name], window, statements))
    hooks = dbt.must("compile", "--inline", "{{ create_touched() }}-- and then --{{ read_touched() }}")
    create, read = hooks.result.results[0].node.compiled_code.split("-- and then --")
    return Models(found, create, read)
