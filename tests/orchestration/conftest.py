"""What tests of the orchestration share: a lake and a warehouse of their own."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from support.delivering import Setting
from support.orchestration_builders import add_event, warehouse
from support.services import ROOT

from footfall.store import LocalStore


@pytest.fixture
def lake(tmp_path: Path) -> LocalStore:
    """An empty lake."""
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse in memory: small marts, and whatever ingest makes."""
    with warehouse() as made:
        yield made


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Setting]:
    """A client with one event to deliver."""
    setting = Setting(tmp_path)
    add_event(setting.connection, "event-0001")
    yield setting
    setting.connection.close()


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in `tmp_path` with the settings that an installation has."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.get() as made:
        yield made
