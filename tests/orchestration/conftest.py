"""What tests of the orchestration share: a lake and a warehouse of their own."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from support.delivering import Setting
from support.orchestration_builders import add_event, warehouse

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
