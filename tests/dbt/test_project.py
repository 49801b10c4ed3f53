"""What the dbt project promises about itself: documents, contracts, an empty start, its own unit tests."""

from collections import Counter
from pathlib import Path

import duckdb
import pytest
import yaml

from footfall.catalogue.columns import EVENT
from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.catalogue.tables import TABLES

PROJECT = Path(__file__).parents[2] / "dbt_project"
MODELS = sorted((PROJECT / "models").rglob("*.sql"))


def _document(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


#: All that a model makes.
CATALOGUE = [table for table in TABLES if not table.is_page]
#: Mart or report → what its YAML says.
REPORTED = {
    path.stem: _document(path.with_suffix(".yml"))["models"][0]
    for path in MODELS
    if path.parent.name in ("marts", "reports")
}


def test_the_sources_are_the_tables_that_ingest_writes():
    (source,) = _document(PROJECT / "models/staging/web/__sources.yml")["sources"]

    documented = {t["name"]: {c["name"]: c["data_type"] for c in t["columns"]} for t in source["tables"]}

    assert source["schema"] == "ingest"
    assert documented == COLUMN_TYPES
    assert all(c["description"] for t in source["tables"] for c in t["columns"])


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_model_says_what_a_row_is_and_what_each_column_means(path):
    (model,) = _document(path.with_suffix(".yml"))["models"]

    assert model["name"] == path.stem
    assert model["description"].startswith("One row per ")
    assert all(column["description"].strip() for column in model["columns"])


def test_a_text_that_three_models_have_is_written_once():
    """In models/_texts.md, or, where it is a column of the stored event, in the catalogue."""
    stored = {column.name: column.meaning for column in EVENT}
    said = Counter(
        (column["name"], column["description"])
        for path in MODELS
        for column in _document(path.with_suffix(".yml"))["models"][0]["columns"]
        if "doc(" not in column["description"]
    )

    assert [each for each, times in said.items() if times > 2 or stored.get(each[0]) == each[1]] == []


def test_every_mart_and_report_is_in_the_catalogue():
    assert sorted(table.name for table in CATALOGUE) == sorted(REPORTED)


@pytest.mark.parametrize("table", CATALOGUE, ids=lambda table: table.name)
def test_the_catalogue_names_columns_that_the_table_has(table):
    columns = {column["name"] for column in REPORTED[table.name]["columns"]}

    clocks = {table.column(cadence) for cadence in table.cadences}
    assert {*table.order, *table.published_order, *table.personal, *clocks} - columns == set()


@pytest.mark.parametrize("table", CATALOGUE, ids=lambda table: table.name)
def test_what_is_personal_in_one_table_is_so_in_each(table):
    anywhere = {column for each in CATALOGUE for column in each.personal}
    anywhere |= {column.name for column in EVENT if column.personal}
    columns = {column["name"] for column in REPORTED[table.name]["columns"]}

    assert anywhere & columns == set(table.personal)


# An id is given to two events only where their receipts lie more than a week apart.
@pytest.mark.parametrize(
    "table", [table for table in CATALOGUE if "event_id" not in table.order], ids=lambda table: table.name
)
def test_the_order_of_a_table_is_total(table):
    """By a key that dbt tests, so that the same rows lie in one order; a date follows from its time."""
    keys = [
        set(test["unique_together"]["arguments"]["columns"])
        for test in REPORTED[table.name]["data_tests"]
        if "unique_together" in test
    ]

    for order in filter(None, (table.order, table.published_order)):
        assert [key for key in keys if key <= {"client_id", "date", *order}], (order, keys)


def test_only_staging_reads_the_sources():
    readers = {path.stem for path in MODELS if "source(" in path.read_text()}

    assert readers == {path.stem for path in MODELS if path.parent.parent.name == "staging"}


def test_everything_builds_on_a_warehouse_without_rows_and_its_columns_are_the_documented_ones(
    dbt, warehouse
):
    dbt.must("build", "--exclude-resource-type", "unit_test")

    with duckdb.connect(str(warehouse)) as connection:
        built = {
            (schema, table)
            for schema, table in connection.execute(
                "select table_schema, table_name from information_schema.tables"
                " where table_schema <> 'ingest'"
            ).fetchall()
        }
        columns = {
            path.stem: [
                row[0] for row in connection.execute(f"describe {_schema(path)}.{path.stem}").fetchall()
            ]
            for path in MODELS
        }
    assert built == {(_schema(path), path.stem) for path in MODELS} | {
        ("staging", "referrer_hosts"),
        ("intermediate", "touched"),
        ("intermediate", "modelled_settings"),
        ("intermediate", "unpublished_days"),
        ("intermediate", "unpublished_visitors"),
        ("intermediate", "published_snapshots"),
        ("intermediate", "restored"),
    }
    documents = {path.stem: _document(path.with_suffix(".yml"))["models"][0] for path in MODELS}
    assert columns == {name: [c["name"] for c in model["columns"]] for name, model in documents.items()}


def _schema(path: Path) -> str:
    layer = path.relative_to(PROJECT / "models").parts[0]
    return layer if layer in ("staging", "intermediate") else "main"


@pytest.mark.usefixtures("warehouse")
def test_the_unit_tests_of_the_models_pass(dbt):
    """They read the columns of tables that exist, so an empty build comes first."""
    dbt.must("build", "--empty", "--exclude-resource-type", "unit_test", "test")

    result = dbt.must("test", "--select", "test_type:unit")

    assert len(result.result.results) >= 38
    # Hooks have a result as well, and say it in another word.
    assert {str(r.status) for r in result.result.results} <= {"pass", "success"}


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    "window",
    [
        ("2026-03-01T14:00:00Z", ""),
        ("2026-03-01T14:30:00Z", "2026-03-01T15:00:00Z"),
        ("2026-03-01T14:00:00", "2026-03-01T15:00:00"),
        ("2026-03-01T15:00:00Z", "2026-03-01T15:00:00Z"),
        ("yesterday' or true --", "2026-03-01T15:00:00Z"),
    ],
)
def test_a_window_that_is_none_is_refused_with_what_to_write(dbt, window):
    result = dbt("run", "--select", "int_events_sessionised", window=window)

    (model,) = [r for r in result.result.results if r.node.name == "int_events_sessionised"]
    assert model.status == "error"
    assert "expected two whole hours in UTC" in model.message
