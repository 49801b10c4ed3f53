"""Athena's tables are the lake's: columns as ingest writes them, partitions as the keys have them."""

import re
from datetime import UTC, datetime

import pytest

from footfall import keys
from footfall.catalogue.ingested import COLUMN_TYPES
from orchestration.modelling.athena import athena_ddl, main

TYPES = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "DOUBLE": "double",
    "TIMESTAMPTZ": "timestamp",
}


@pytest.mark.parametrize(
    ("table", "key_of"), [("events", keys.events_object), ("quarantine", keys.quarantine_object)]
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


def test_the_command_prints_both_tables_and_refuses_what_is_no_bucket(capsys):
    assert main(["s3://lake"]) == 0
    assert capsys.readouterr().out.count("CREATE EXTERNAL TABLE") == 2
    assert main(["/srv/lake"]) == 2
    assert "s3://" in capsys.readouterr().err
