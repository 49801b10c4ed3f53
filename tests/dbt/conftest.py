"""A warehouse with the ingest's tables, dbt on it, and the models' SQL without dbt."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.compiled_models import PROJECT, Dbt, Models, compiled_models, hour_text

from footfall.catalogue.ingested import COLUMN_TYPES

SHARED = PROJECT.parents[1] / "shared"


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("dbt"))


@pytest.fixture
def warehouse(dbt: Dbt) -> Path:
    """An empty warehouse for `dbt`, with the ingest's tables."""
    return dbt.fresh_warehouse()


@pytest.fixture(scope="session")
def models(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Models:
    return compiled_models(dbt, tmp_path_factory)


@pytest.fixture(scope="session")
def analyses(dbt: Dbt) -> dict[str, str]:
    """Saved question → its query, as dbt compiles it."""
    done = dbt.must("compile", "--select", "path:analyses")
    return {result.node.name: result.node.compiled_code for result in done.result.results}


@pytest.fixture
def database(models: Models) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory warehouse for `models`."""
    connection = models.database()
    yield connection
    connection.close()


AddEvents = Callable[..., None]


@pytest.fixture(scope="session")
def add_events() -> AddEvents:
    """add_events(connection, {...}, {...}): rows of ingest.events; what is not given is boring."""

    def add(connection: duckdb.DuckDBPyConnection, *events: dict[str, Any]) -> None:
        known = connection.execute("select count(*) from ingest.events").fetchone()[0]
        rows = []
        for number, given in enumerate(events, start=known + 1):
            received = given.get("received_at", given["occurred_at"])
            row = {
                "client_id": "demo",
                "site_id": "shop",
                "event_id": f"event-{number:06d}",
                "event_type": "page_view",
                "received_at": received,
                "received_hour": received.replace(minute=0, second=0, microsecond=0),
                "visitor_id": "visitor",
                "url": "https://shop.example/",
                "host": "shop.example",
                "is_declared_host": True,
                "user_agent": "Mozilla/5.0 Firefox/140.0",
                "gpc": False,
                "dnt": False,
                "is_duplicate": False,
                "object_key": "raw/object",
                "line_number": number,
            } | given
            rows.append([row.get(column) for column in COLUMN_TYPES["events"]])
        places = ", ".join("?" * len(COLUMN_TYPES["events"]))
        connection.executemany(f"insert into ingest.events values ({places})", rows)

    return add


@pytest.fixture(scope="session", name="hour_text")
def hour_text_fixture() -> Callable[[datetime], str]:
    return hour_text


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the shared data in {SHARED}")
    return SHARED
