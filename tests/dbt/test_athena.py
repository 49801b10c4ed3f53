"""Athena's tables are the lake's: columns as ingest writes them, partitions as the keys have them."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pytest

from footfall import keys
from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.catalogue.tables import PUBLISHED
from orchestration.modelling.athena import athena_ddl, athena_mart, main, marts

TYPES = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "DOUBLE": "double",
    "TIMESTAMPTZ": "timestamp",
}


@pytest.mark.parametrize(
    ("table", "key_of"),
    [("events", lambda hour: keys.events_object(hour, "a" * 64)), ("quarantine", keys.quarantine_object)],
)
def test_a_table_has_the_columns_that_ingest_writes_and_lies_where_the_keys_say(table, key_of):
    ddl = athena_ddl(table, "s3://lake/prefix/")

    listing = ddl[: ddl.index("PARTITIONED BY")]
    assert re.findall(r"`(\w+)` (\w+)", listing) == [
        (name, TYPES[kind]) for name, kind in COLUMN_TYPES[table].items()
    ]
    (template,) = re.findall(r"'storage.location.template' = '(.*)'", ddl)
    place = template.replace("${dt}", "2026-03-01").replace("${hour}", "04")
    assert "s3://lake/prefix/" + key_of(datetime(2026, 3, 1, 4, tzinfo=UTC)).rpartition("/")[0] + "/" == place


@pytest.mark.parametrize("table", PUBLISHED, ids=lambda table: table.name)
def test_a_mart_has_a_table_where_the_list_of_its_files_lies(table):
    text = athena_mart(table, marts()[table.name], "s3://lake/prefix/")

    (template,) = re.findall(r"'storage.location.template' = '(.*)'", text)
    key = keys.published_links("demo", table.name)
    assert template.replace("${client}", "demo") == "s3://lake/prefix/" + key.rpartition("/")[0] + "/"
    assert {*table.order} <= {*re.findall(r"  `(\w+)` [a-z]", text)}
    assert ("CREATE OR REPLACE VIEW" in text) == table.is_by_row


def test_of_a_table_by_row_the_newest_row_of_each_key_is_shown_unless_it_is_gone():
    visitors = next(table for table in PUBLISHED if table.name == "visitors")
    columns = {"site_id": "VARCHAR", "visitor_id": "VARCHAR", "revenue": "DECIMAL(38,4)"}
    text = athena_mart(visitors, columns, "s3://lake")
    table, view = text.split(";\n")[:2]
    places = [
        keys.published_file("demo", "visitors", what, "0" * 64)
        for what in ("base", "newer-000009", "newer-000010")
    ]
    with duckdb.connect() as connection:
        assert "`revenue` decimal(38,4)" in table
        connection.execute(
            "CREATE TABLE visitors_rows (site_id VARCHAR, visitor_id VARCHAR, revenue DECIMAL(38,4), "
            'is_gone BOOLEAN, client VARCHAR, "$path" VARCHAR)'
        )
        connection.executemany(
            "INSERT INTO visitors_rows VALUES ('shop', ?, ?, ?, 'demo', ?)",
            [
                ["ann", 1, None, places[0]],
                ["bob", 1, None, places[0]],
                ["cid", 1, None, places[0]],
                ["ann", 2, False, places[1]],
                ["ann", 3, False, places[2]],
                ["bob", None, True, places[2]],
            ],
        )
        connection.execute(view)
        assert connection.execute("SELECT * FROM visitors ORDER BY 2").fetchall() == [
            ("shop", "ann", Decimal("3.0000"), "demo"),
            ("shop", "cid", Decimal("1.0000"), "demo"),
        ]


def test_the_command_prints_every_table_and_refuses_what_is_no_bucket(capsys):
    assert main(["s3://lake"]) == 0
    assert capsys.readouterr().out.count("CREATE EXTERNAL TABLE") == 2 + len(PUBLISHED)
    assert main(["/srv/lake"]) == 2
    assert "s3://" in capsys.readouterr().err
