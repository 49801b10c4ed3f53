"""The materialisation of our own: an hour makes anew what it touched, and nothing else."""

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

BEGAN = datetime(2026, 3, 1, 10, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def two_days(dbt, warehouse, add_events):
    """A warehouse with one visitor on each of two days, modelled whole."""
    with duckdb.connect(str(warehouse)) as connection:
        add_events(
            connection,
            {"occurred_at": BEGAN, "visitor_id": "first"},
            {"occurred_at": BEGAN + 24 * HOUR, "visitor_id": "second"},
        )
    dbt.must("build", "--exclude-resource-type", "unit_test", "test")
    return warehouse


def execute(warehouse, *statements):
    with duckdb.connect(str(warehouse)) as connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows


def kinds(dbt):
    """Every model that is `rebuilt`, as schema and table."""
    found = dbt.must(
        "list", "--select", "config.materialized:rebuilt", "--resource-type", "model", "--output", "name"
    ).result
    return {name: "intermediate" if name.startswith("int_") else "main" for name in found}


def test_an_hour_leaves_the_rows_of_other_days_as_they_lie(dbt, two_days):
    tables = {name: schema for name, schema in kinds(dbt).items() if name != "int_received_hours"}
    assert len(tables) > 15
    marked = {
        f"{schema}.{name}"
        for name, schema in tables.items()
        if execute(two_days, f"select count(*) from {schema}.{name} where client_id = 'demo'")[0][0]
    }
    assert {"intermediate.int_events_sessionised", "main.sessions", "main.sources_daily"} <= marked
    # A rebuild would make these rows those of `demo` again.
    execute(two_days, *(f"update {table} set client_id = 'kept' where {day(table)}" for table in marked))

    day_after = (BEGAN + 24 * HOUR).replace(minute=0)
    dbt.must(
        "run",
        "--exclude",
        "tag:whole",
        window=tuple(f"{at:%Y-%m-%dT%H}:00:00Z" for at in (day_after, day_after + HOUR)),
    )

    for table in sorted(marked):
        found = execute(two_days, f"select count(*) from {table} where client_id = 'kept'")[0][0]
        assert found, f"{table} was made anew whole"


def day(table):
    return "visitor_id = 'first'" if table == "main.visitors" else "date = '2026-03-01'"


def test_a_changed_column_is_told_of_with_what_to_run(dbt, two_days):
    execute(two_days, "alter table main.devices_daily rename column sessions to visits")

    result = dbt("run", "--select", "devices_daily", window=("2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"))

    (model,) = [each for each in result.result.results if each.node.name == "devices_daily"]
    assert model.status == "error"
    assert "the columns of devices_daily have changed" in model.message
    assert "footfall rebuild" in model.message


def test_a_run_that_fails_half_way_leaves_a_table_as_it_was(dbt, two_days):
    # What the model makes does not fit into the stored type: the insert fails after the delete.
    execute(
        two_days,
        "insert into intermediate.touched (client_id, site_id, date)"
        " select client_id, site_id, date from main.sources_daily",
        "alter table main.sources_daily alter source type integer using 7",
    )
    before = execute(two_days, "from main.sources_daily order by all")

    result = dbt("run", "--select", "sources_daily", window=("2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"))

    assert not result.success
    assert execute(two_days, "from main.sources_daily order by all") == before != []


def test_an_hour_of_the_same_project_leaves_out_views_and_seeds_and_no_test(dbt):
    def named(*choice):
        kinds = [word for kind in ("model", "seed", "test") for word in ("--resource-type", kind)]
        return set(dbt.must("list", *choice, *kinds, "--output", "name").result)

    lasting = named(
        *("--select", "config.materialized:view", "config.materialized:seed"),
        *("--indirect-selection", "empty"),
    )

    assert {"stg_web__events", "events", "referrer_hosts"} < lasting
    assert named("--selector", "follows_hours") == named("--exclude", "tag:whole") - lasting


def test_no_model_names_a_strategy_that_other_adapters_refuse(dbt):
    manifest = dbt.must("parse").result

    strategies = {
        node.name: node.config.get("incremental_strategy")
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.config.get("incremental_strategy")
    }
    assert strategies == {}
