"""Models read the lake's Parquet, of the hours that they need: in any order the tables of a rebuild."""

from datetime import timedelta

import duckdb
import pytest
from support.orchestration_builders import HOUR, event, land
from support.stored_events import events_object, show

from footfall.hour_files import HourFiles
from footfall.store import LocalStore
from orchestration.ingest.hour import ingest_hours
from orchestration.modelling.build import build
from orchestration.modelling.command import build_windowed
from orchestration.modelling.invoke import failures
from orchestration.modelling.rebuild import rebuild

ONE = timedelta(hours=1)
HOURS = [HOUR + n * ONE for n in range(4)]


@pytest.fixture
def at(models, tmp_path):
    return Installation(models, tmp_path)


class Installation:
    """A lake of four hours, ingested one after the other, and the models over it."""

    def __init__(self, models, folder):
        self.models = models
        self.path, self.target = folder / "warehouse.duckdb", folder / "target"
        self.lake = LocalStore(folder / "lake")
        self.files = HourFiles(self.lake, folder / "cache", 0)

    def ingest(self, *hours):
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            ingest_hours(connection, self.lake, hours, files=self.files)

    def execute(self, statement):
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(statement).fetchall()

    def run(self, hour):
        window = (hour, hour + ONE)
        results = build(build_windowed(), self.path, window, self.target, self.files)
        assert failures(results) == []

    def tables(self):
        whole = ("identity_map", "url_metadata", "daily_metrics", "retention_weekly")
        return {
            table: self.execute(f"FROM {table} ORDER BY ALL")
            for table in self.models.tables
            if table.rpartition(".")[2] not in whole
        }


def test_hours_in_any_order_flips_and_changed_rules_give_the_tables_of_a_rebuild(at):
    at.ingest(HOUR)
    at.execute("INSERT INTO ingest.sites VALUES ('demo', 'shop', 'UTC', 30, false, false, 'purchase', null)")
    first = ""
    for n, hour in enumerate(HOURS):
        moments = [hour + timedelta(minutes=m) for m in (25, 55)]
        land(at.lake, hour, *map(event, [f"event-{n:04d}", f"other-{n:04d}"], moments))
        key = land(at.lake, hour, event("every-hour", hour), origin="again")
        first = key if n == 0 else first
    for hour in reversed(HOURS):
        # The event of every hour moves, hour by hour, out of one that was modelled.
        at.ingest(hour)
        at.run(hour)
        assert at.execute("SELECT count(DISTINCT received_hour) FROM ingest.events") == [(1,)]
    at.lake.delete(first)
    at.ingest(HOUR)
    at.run(HOUR)
    assert at.execute("SELECT count(DISTINCT received_hour) FROM ingest.events") == [(2,)]

    at.execute("UPDATE ingest.sites SET timeout_minutes = 5")
    at.run(HOURS[1])
    assert at.execute("SELECT count(*) FROM main.sessions") == [(8,)]
    made = at.tables()
    assert len(made["main.events"]) == 9

    # What staging says of the rules is of another program: what will be made anew cannot be foreseen.
    at.execute(
        "CREATE OR REPLACE VIEW staging.stg_web__sites AS "
        "SELECT client_id, site_id, 'same' AS settings FROM ingest.sites; "
        "UPDATE intermediate.modelled_settings SET settings = 'same'"
    )
    at.run(HOURS[2])
    assert at.tables() == made

    rebuild(at.path, at.target, lambda _: None, most=6, files=at.files)
    assert at.tables() == made


def test_dbt_reads_no_file_but_hours_of_the_lake(at):
    land(at.lake, HOUR, event("event-0001"))
    at.ingest(HOUR)
    strange = at.lake.root.parent / "strange.parquet"
    strange.write_bytes((at.lake.root / events_object(at.lake, HOUR)).read_bytes())
    at.run(HOUR)
    with duckdb.connect(str(at.path)) as connection:
        listed = show(connection, at.lake).execute(
            "SELECT sql FROM duckdb_views() WHERE view_name = 'events' AND schema_name = 'ingest'"
        )
        [(text,)] = listed.fetchall()
        text = text.replace(str(at.lake.root / events_object(at.lake, HOUR)), str(strange))
        connection.execute(text.replace("CREATE VIEW", "CREATE OR REPLACE VIEW"))

    results = build(build_windowed(), at.path, (HOUR, HOUR + ONE), at.target, None)

    assert any("Permission Error" in said for said in failures(results))
