"""Frozen figures are taken up by the months whose file is another one, and by no others."""

from datetime import UTC, date, datetime

import duckdb
import pytest
from support.delivering import signer

from footfall.retention.records import State, decide
from footfall.store import LocalStore
from orchestration.ingest.schema import make_schema
from orchestration.modelling.frozen import freeze, take_up

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Counting(LocalStore):
    """A lake that notes which objects are fetched."""

    def __init__(self, root):
        super().__init__(root)
        self.fetched = []

    def fetch(self, key, path):
        self.fetched.append(key.rsplit("-", 1)[0].rpartition("/")[2])
        super().fetch(key, path)


@pytest.fixture
def warehouse():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        make_schema(connection)
        connection.execute(
            "CREATE TABLE daily_metrics AS SELECT 'acme' AS client_id, 'shop' AS site_id, "
            "CAST(day AS DATE) AS date, 1 AS visits FROM range(DATE '2026-01-01', DATE '2026-06-01', "
            "INTERVAL 1 DAY) AS days(day)"
        )
        yield connection


def frozen_rows(warehouse):
    return warehouse.execute("SELECT date, visits FROM frozen.daily_metrics ORDER BY ALL").fetchall()


def test_a_later_decision_fetches_the_months_that_it_changed_and_a_new_machine_all(warehouse, tmp_path):
    lake, key = Counting(tmp_path / "lake"), signer()
    trusted = {key.key_id: key.public_pem}
    state = State("acme")
    fetched = []
    for until in (date(2026, 3, 10), date(2026, 3, 20), date(2026, 4, 2)):
        frozen = freeze(warehouse, lake, state, until, tmp_path)
        after = State("acme", state.number, {}, until, frozen)
        state = decide(lake, key, after, {"events": "60d"}, NOW, "test")
        lake.fetched.clear()
        take_up(warehouse, lake, trusted, tmp_path)
        fetched.append(sorted(lake.fetched))
        days = "SELECT date, 1 FROM daily_metrics WHERE date < ? ORDER BY 1"
        assert frozen_rows(warehouse) == warehouse.execute(days, [until]).fetchall()

    assert fetched == [["2026-01", "2026-02", "2026-03"], ["2026-03"], ["2026-03", "2026-04"]]
    known = frozen_rows(warehouse)
    # as a warehouse of an earlier version has it: rows, and no word of which files they are of
    warehouse.execute("DELETE FROM frozen.files; DELETE FROM ingest.horizons")
    take_up(warehouse, lake, trusted, tmp_path)
    assert frozen_rows(warehouse) == known
