"""The statements in `_schema/`: they load what lies in a bucket, each period once, in each dialect.

DuckDB runs its own. The views of engines that cannot be had are put into its dialect and run on small tables.
"""

import warnings
from contextlib import chdir
from datetime import timedelta

import duckdb
import pytest
from support.delivering import Setting
from support.loading import as_folder, statements
from support.orchestration_builders import DAILY_METRICS, EVENTS, HOUR, add_event, client, warehouse

from footfall.catalogue.formats import OF_TABLES
from orchestration.delivery import ddl
from orchestration.delivery.ddl_names import type_in
from orchestration.delivery.selection import select

with warnings.catch_warnings():
    # It says of its own faster half that there is a newer one.
    warnings.simplefilter("ignore", DeprecationWarning)
    import sqlglot
    from sqlglot import exp

ONE = timedelta(hours=1)
ENGINES = ("athena", "bigquery", "redshift", "snowflake")
BUCKET = "s3://acme-analytics/footfall"
COMPRESSIONS = ("none", "gzip", "zstd")


@pytest.fixture
def at(tmp_path):
    made = Setting(tmp_path / "state")
    made.hours = [HOUR, HOUR + ONE]
    yield made
    made.ledger.close()
    made.connection.close()


@pytest.fixture(scope="module")
def marts():
    with warehouse() as connection:
        yield connection


def export(**changes):
    return EVENTS.model_copy(update=changes)


def texts(marts, url=BUCKET, **changes):
    ordered = export(**changes)
    return ddl.ddl(select(marts, client(exports=[ordered]), ordered, "key"), url)


def query(at, schema, sql="SELECT * FROM events ORDER BY event_id"):
    """What a query gives after duckdb.sql has run in the folder of the bucket."""
    bucket = as_folder(at.destination, at.folder.parent / "bucket")
    with chdir(bucket), duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        connection.execute(statements(bucket, schema, "duckdb.sql"))
        return connection.execute(sql).fetchall()


IDS = "SELECT event_id FROM events ORDER BY 1"


def test_duckdb_counts_no_row_of_a_superseded_revision(at):
    add_event(at.connection, "event-0001")
    at.deliver()
    add_event(at.connection, "event-0002")
    at.deliver()

    assert query(at, at.manifest(1)["schema"], IDS) == [("event-0001",), ("event-0002",)]


def test_duckdb_takes_of_each_list_of_columns_the_periods_that_have_it_last(at):
    add_event(at.connection, "event-0001")
    add_event(at.connection, "event-0002", hour=HOUR + ONE)
    at.deliver()
    at.deliver(HOUR + ONE)
    at.deliver(HOUR, export(columns=["title", "event_id"]))

    assert query(at, at.manifest(1)["schema"], IDS) == [("event-0002",)]
    assert query(at, at.manifest(2)["schema"]) == [("Home", "event-0001")]


def test_duckdb_makes_an_empty_table_where_all_periods_have_other_columns_by_now(at):
    add_event(at.connection, "event-0001")
    at.deliver()
    at.deliver(HOUR, export(columns=["title", "event_id"]))

    assert query(at, at.manifest(1)["schema"]) == []


@pytest.mark.parametrize("form", OF_TABLES)
@pytest.mark.parametrize("how", COMPRESSIONS)
def test_duckdb_takes_an_hour_that_became_empty(at, form, how):
    ordered = export(format=form, compression=how)
    add_event(at.connection, "event-0001")
    at.deliver(HOUR, ordered)
    at.connection.execute("DELETE FROM main.events")
    assert at.deliver(HOUR, ordered).revision == 2

    assert query(at, at.manifest(2)["schema"]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "data/{date}/{export}/{hour}/r{revision}"},
        {"key": "{client}/{export}/day={date}/h={hour}/v={revision}"},
        {"split": "site"},
        {"max_file_bytes": 1024 * 1024},
    ],
)
def test_duckdb_finds_files_in_folders_of_the_clients_own(at, changes):
    for site in ("shop", "blog"):
        add_event(at.connection, f"event-{site}", site_id=site, title="=1")
    at.deliver(HOUR, export(**changes))
    [schema] = {key.rpartition("/")[0] for key in at.destination.objects if key.endswith("columns.md")}

    assert query(at, schema, "SELECT event_id, title FROM events ORDER BY 1") == [
        ("event-blog", "=1"),
        ("event-shop", "=1"),
    ]


def test_better_statements_lie_beside_those_that_a_bucket_has_and_restate_nothing(at):
    add_event(at.connection, "event-0001")
    at.deliver()
    schema = at.manifest(1)["schema"]
    page = at.destination.objects[f"{schema}columns.md"].decode()
    [folder] = {word for word in page.split("`") if "/load-" in word}
    earlier = f"{schema}athena.sql"
    at.destination.objects[earlier] = b"-- of an earlier version"
    at.destination.objects.pop(f"{folder}athena.sql")
    at.ledger.forget_written(at.destination.url(folder))
    at.now += ONE

    at.deliver(HOUR + ONE)

    assert at.destination.objects[earlier] == b"-- of an earlier version"
    assert f"{folder}athena.sql" in at.destination.objects
    assert at.restated() == []


def test_a_bucket_that_is_a_folder_has_the_same_statements_wherever_it_lies(marts):
    assert texts(marts, "file:///one/place") == texts(marts, "file://${FOOTFALL_HOME}/buckets/demo")


# What can be told of engines that cannot be had.


def _parsed(engine, text):
    """Statements one by one: Athena has a dialect for tables and another one for queries."""
    found = [sqlglot.parse(each, read=engine) for each in text.split(";\n")]
    return [each for several in found for each in several if each is not None]


#: A statement that sqlglot takes as it is, and its engine.
_UNKNOWN = {"MSCK REPAIR": "athena"}


@pytest.mark.parametrize("form", OF_TABLES)
@pytest.mark.parametrize("how", COMPRESSIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_statement_is_of_its_engines_dialect(marts, engine, form, how):
    text = texts(marts, format=form, compression=how)[f"{engine}.sql"]

    found = _parsed(engine, text)

    assert sum(isinstance(each, exp.Create) for each in found) == {"athena": 2}.get(engine, 4)
    for each in found:
        if isinstance(each, exp.Command):
            assert _UNKNOWN.get(str(each.this).upper()) == engine, each.sql()


@pytest.mark.parametrize("engine", ["bigquery", "redshift", "snowflake"])
def test_the_view_of_a_warehouse_shows_the_newest_revision_of_each_period(marts, engine):
    text = texts(marts, columns=["event_id", "title"])[f"{engine}.sql"]
    once, mark, block = text.partition("-- 2. ")
    with duckdb.connect() as connection:
        for statement in _parsed(engine, once):
            connection.execute(statement.sql("duckdb"))
        tables = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
        [loaded] = [name for name in tables if name.lower().endswith("_load")]

        def load(period, revision, *rows):
            """Part 2 for a manifest; None: of other columns."""
            filled = (mark + block).replace("<period.start>", period).replace("<revision>", str(revision))
            steps = [each for each in _parsed(engine, filled) if isinstance(each, exp.Delete | exp.Insert)]
            if rows == (None,):
                steps = steps[-2:]
            else:
                # In place of COPY, which comes before all that is run here.
                steps = steps[-4:]
                connection.execute(f'DELETE FROM "{loaded}"')
                connection.executemany(f'INSERT INTO "{loaded}" VALUES (?, ?)', rows)
            for step in steps:
                connection.execute(step.sql("duckdb"))

        def shown():
            return connection.execute("SELECT * FROM events ORDER BY ALL").fetchall()

        load("2026-11-20T14:00:00.000Z", 1, ("a", "first"))
        load("2026-11-20T15:00:00.000Z", 1, ("b", None))
        load("2026-11-20T14:00:00.000Z", 2, ("a", "second"), ("c", ""))
        assert shown() == [("a", "second"), ("b", None), ("c", "")]
        load("2026-11-20T14:00:00.000Z", 2, ("a", "second"), ("c", ""))
        assert len(shown()) == 3, "the same manifest again changes nothing"
        load("2026-11-20T15:00:00.000Z", 2, None)
        assert shown() == [("a", "second"), ("c", "")]


def _athena_view(text):
    [view] = [
        each for each in _parsed("athena", text) if isinstance(each, exp.Create) and each.kind == "VIEW"
    ]
    return view.sql("duckdb")


def test_athenas_view_of_csv_gives_types_and_leaves_out_other_columns_and_revisions(marts):
    text = texts(marts, columns=["event_id", "amount", "received_at"])["athena.sql"]
    [table] = [each.this.this.name for each in _parsed("athena", text) if each.args.get("kind") == "TABLE"]
    header = ("event_id", "amount", "received_at", None)
    #: Hour, revision, lines as OpenCSVSerDe reads them.
    files = [
        ("14", "0001", header, ("a", "1.5", "2026-11-20T14:00:01.123Z", None), ("gone", "", "", None)),
        ("14", "0002", header, ("a", "", "2026-11-20T14:00:01.123Z", None)),
        ("15", "0001", ("title", "event_id", "amount", None), ("Home", "b", "2", None)),
        ("16", "0001", ("event_id", "amount", "received_at", "more"), ("c", "2", "", "x")),
        ("17", "0001", header, ("d", "2", "2026-11-20T17:00:00.000Z", None)),
        ("17", "0002", header),
    ]
    with duckdb.connect() as connection:
        connection.execute(
            f'CREATE TABLE "{table}" (event_id VARCHAR, amount VARCHAR, received_at VARCHAR, '
            'footfall_more VARCHAR, dt VARCHAR, hour VARCHAR, rev VARCHAR, "$path" VARCHAR)'
        )
        connection.execute(f'CREATE TABLE "{table}$partitions" (dt VARCHAR, hour VARCHAR, rev VARCHAR)')
        connection.execute("CREATE MACRO from_iso8601_timestamp(t) AS CAST(t AS TIMESTAMPTZ)")
        connection.execute("SET TimeZone = 'UTC'")
        for hour, revision, *lines in files:
            where = ("2026-11-20", hour, revision)
            connection.execute(f'INSERT INTO "{table}$partitions" VALUES (?, ?, ?)', where)
            for line in lines:
                connection.execute(
                    f'INSERT INTO "{table}" VALUES (?, ?, ?, ?, ?, ?, ?, ?)', (*line, *where, f"s3://{where}")
                )
        connection.execute(_athena_view(text))
        rows = connection.execute("SELECT * FROM events").fetchall()
        kinds = [row[1] for row in connection.execute("DESCRIBE events").fetchall()]

    assert [(row[0], row[1], f"{row[2]:%T.%f}", *row[3:]) for row in rows] == [
        ("a", None, "14:00:01.123000", "2026-11-20", "14")
    ]
    assert kinds[:2] == ["VARCHAR", "DOUBLE"] and kinds[2].startswith("TIMESTAMP")


def test_athena_reads_csv_as_text_alone(marts):
    text = texts(marts)["athena.sql"]
    [table] = [each for each in _parsed("athena", text) if each.args.get("kind") == "TABLE"]

    assert {column.args["kind"].this for column in table.find_all(exp.ColumnDef)} == {exp.DType.TEXT}


@pytest.mark.parametrize(
    ("key", "location", "partitions"),
    [
        (None, "events/", "(`dt` string, `hour` string, `rev` string)"),
        (
            "{client}/{export}/day={date}/h={hour}/v={revision}",
            "demo/events/",
            "(`day` string, `h` string, `v` string)",
        ),
        (
            "data/{export}/{date}/{hour}/r{revision}",
            "data/events/",
            "(`footfall_period_start` string, `footfall_revision` string)",
        ),
        (
            "{date}/{export}/{hour}/{revision}",
            "",
            "(`footfall_period_start` string, `footfall_revision` string)",
        ),
        # A column has the name that a partition would have.
        (
            "{export}/title={date}/h={hour}/v={revision}",
            "events/",
            "(`footfall_period_start` string, `footfall_revision` string)",
        ),
    ],
)
def test_athenas_table_lies_where_the_files_do(marts, key, location, partitions):
    text = texts(marts, key=key, format="parquet")["athena.sql"]

    assert f"LOCATION '{BUCKET}/{location}'" in text
    assert f"PARTITIONED BY {partitions}" in text
    assert ("\nMSCK REPAIR TABLE" in text) == ("`footfall_" not in text)


@pytest.mark.parametrize(
    ("kind", "bigquery"),
    [
        ("DECIMAL(18,3)", "NUMERIC(18,3)"),
        ("DECIMAL(38,9)", "NUMERIC(38,9)"),
        ("DECIMAL(38,4)", "BIGNUMERIC(38,4)"),
        ("DECIMAL(20,10)", "BIGNUMERIC(20,10)"),
        ("DECIMAL(38,38)", "BIGNUMERIC"),
        ("DECIMAL(4,4)", "BIGNUMERIC"),
        ("HUGEINT", "BIGNUMERIC"),
    ],
)
def test_a_decimal_is_one_that_bigquery_has(kind, bigquery):
    assert type_in("bigquery", kind) == bigquery


def test_null_stays_apart_from_empty_where_a_reader_can_tell(marts):
    made = texts(marts)

    assert " EMPTYASNULL " in made["redshift.sql"]
    assert "EMPTY_FIELD_AS_NULL = TRUE" in made["snowflake.sql"]
    assert (
        "NULL_IF = ()" in made["snowflake.sql"] and "ESCAPE_UNENCLOSED_FIELD = NONE" in made["snowflake.sql"]
    )
    assert "null_marker" not in made["bigquery.sql"]
    assert "allow_quoted_nulls = false" in made["duckdb.sql"]


def test_a_warehouse_is_told_how_a_file_is_packed(marts):
    packed = texts(marts, format="jsonl", compression="gzip")

    assert "compression = 'GZIP'" in packed["bigquery.sql"]
    assert packed["redshift.sql"].count(" GZIP;") == 1
    assert "COMPRESSION = GZIP" in packed["snowflake.sql"]
    assert "zstd" in texts(marts, compression="zstd")["bigquery.sql"], "which it cannot read"
    inside = texts(marts, format="parquet", compression="gzip")
    assert not [name for name, text in inside.items() if "GZIP" in text]


def test_redshift_takes_times_of_parquet_as_utc(marts):
    text = texts(marts, format="parquet", columns=["received_at"])["redshift.sql"]

    assert '"received_at" TIMESTAMP\n' in text and '"received_at" TIMESTAMPTZ,' in text
    assert "\"received_at\" AT TIME ZONE 'UTC'" in text


@pytest.mark.parametrize(
    ("url", "bigquery", "snowflake", "redshift"),
    [
        (BUCKET, "gs://BUCKET", BUCKET, BUCKET),
        ("file:///srv/acme", "gs://BUCKET", "s3://BUCKET", "s3://BUCKET"),
        ("gs://acme-data/in", "gs://acme-data/in", "gcs://acme-data/in", "s3://BUCKET"),
        (
            "az://acme/data/in",
            "gs://BUCKET",
            "azure://acme.blob.core.windows.net/data/in",
            "s3://BUCKET",
        ),
    ],
)
def test_each_engine_reads_the_bucket_where_it_can_and_else_a_copy(marts, url, bigquery, snowflake, redshift):
    made = texts(marts, url)

    assert f"uris = ['{bigquery}/<files[].key>']" in made["bigquery.sql"]
    assert f" FROM '{snowflake}/'\n" in made["snowflake.sql"]
    assert f" FROM '{redshift}/<files[].key>'\n" in made["redshift.sql"]
    assert ("copy them there" in made["bigquery.sql"]) is (not url.startswith("gs:"))
    is_in_cloud = url.startswith(("gs:", "az:"))
    assert ("copy them there" in made["redshift.sql"]) is is_in_cloud
    assert ("copy the bucket there" in made["athena.sql"]) is is_in_cloud


def test_reports_have_statements_too(marts):
    ordered = DAILY_METRICS
    made = ddl.ddl(select(marts, client(exports=[ordered]), ordered, "key"), BUCKET)

    assert f"LOCATION '{BUCKET}/daily-metrics/'" in made["athena.sql"]
    assert "PARTITIONED BY (`dt` string, `rev` string)" in made["athena.sql"]
    assert "/daily-metrics/dt=*/rev=*/_manifest.json" in made["duckdb.sql"]


@pytest.mark.parametrize(
    ("url", "read", "needs"),
    [
        ("gs://acme-data/in/", "'gs://acme-data/in'", "TYPE gcs"),
        ("az://acme/data/in", "'az://acme.blob.core.windows.net/data/in'", "TYPE azure"),
    ],
)
def test_duckdb_is_told_where_a_bucket_of_google_or_azure_lies(marts, url, read, needs):
    text = texts(marts, url=url)["duckdb.sql"]

    assert read in text and needs in text
