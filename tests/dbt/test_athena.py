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
def test_a_mart_has_a_table_where_its_copies_lie(table):
    text = athena_mart(table.name, marts()[table.name], "s3://lake/prefix/")

    (template,) = re.findall(r"'storage.location.template' = '(.*)'", text)
    key = keys.published_mart("demo", table.name, "0" * 64)
    assert template.replace("${client}", "demo") == "s3://lake/prefix/" + key.rpartition("/")[0] + "/"
    assert {*table.order} <= {*re.findall(r"  `(\w+)` [a-z]", text)}


def test_of_a_marts_copies_the_one_that_was_put_last_is_shown():
    text = athena_mart("visitors", {"visitor_id": "VARCHAR", "revenue": "DECIMAL(38,4)"}, "s3://lake")
    table, view = text.split(";\n")[:2]
    with duckdb.connect() as connection:
        assert "`revenue` decimal(38,4)" in table
        connection.execute(
            "CREATE TABLE visitors_copies (visitor_id VARCHAR, revenue DECIMAL(38,4), client VARCHAR, "
            '"$file_modified_time" TIMESTAMP)'
        )
        connection.execute(
            "INSERT INTO visitors_copies VALUES ('old', 1, 'demo', '2026-11-20'), ('new', 2, 'demo', "
            "'2026-11-21'), ('other', 3, 'agency', '2026-11-19')"
        )
        connection.execute(view)
        assert connection.execute("SELECT * FROM visitors ORDER BY 1").fetchall() == [
            ("new", Decimal("2.0000"), "demo"),
            ("other", Decimal("3.0000"), "agency"),
        ]


def test_the_command_prints_every_table_and_refuses_what_is_no_bucket(capsys):
    assert main(["s3://lake"]) == 0
    assert capsys.readouterr().out.count("CREATE EXTERNAL TABLE") == 2 + len(PUBLISHED)
    assert main(["/srv/lake"]) == 2
    assert "s3://" in capsys.readouterr().err
