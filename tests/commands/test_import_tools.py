"""`footfall import --format TOOL`: each export becomes events of its own times, pages and people."""

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.imported_logs import Imports

from sources.tools.export import tools

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "tests" / "fixtures" / "tool_exports"
CASES = ROOT.parent / "shared" / "cases" / "events"
FILES = {path.stem: path for path in SAMPLES.iterdir()}

#: Of each sample: (type, address of the page, second of the day) of its events, as a person reads the file.
EVENTS = {
    "segment": [
        ("page_view", "https://shop.example/bread?utm_source=letter", 36007),
        ("Order Completed", "https://shop.example/thanks", 36300),
    ],
    "posthog": [
        ("page_view", "https://shop.example/bread", 36007),
        ("signed up", "https://shop.example/thanks", 36300),
    ],
    "umami": [
        ("page_view", "https://shop.example/bread?utm_source=letter", 36007),
        ("basket", "https://shop.example/bread", 36300),
    ],
    "plausible": [
        ("page_view", "https://shop.example/bread?utm_source=letter", 36007),
        ("Purchase", "https://shop.example/thanks", 36300),
    ],
    "ga4": [
        ("page_view", "https://shop.example/bread?utm_source=letter&utm_medium=email", 36007),
        ("purchase", "https://shop.example/thanks", 36300),
    ],
    "matomo": [
        ("page_view", "https://shop.example/bread?pk_campaign=letter", 36007),
        ("purchase", "https://shop.example/thanks", 36300),
    ],
    "snowplow": [
        ("page_view", "https://shop.example/bread", 36007),
        ("add_to_cart", "https://shop.example/bread", 36300),
    ],
}


@pytest.fixture
def imports(footfall, tmp_path):
    return Imports(footfall, tmp_path)


def facts(lines):
    found = []
    for line in lines:
        hours, minutes, seconds = line["occurred_at"][11:19].split(":")
        second = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
        found.append((line["type"], line["event"]["url"], second))
    return found


def events(imports):
    return [line for line in imports.lines() if line["kind"] == "event"]


def test_each_tool_has_a_sample():
    assert set(FILES) == set(EVENTS) == set(tools())


@pytest.mark.parametrize("name", EVENTS)
def test_an_export_becomes_events_of_their_own_time_and_page_by_one_visitor(imports, name):
    done = imports(FILES[name], "--format", name)

    assert done.returncode == 0, done.stdout + done.stderr
    lines = events(imports)
    assert facts(lines) == EVENTS[name]
    assert {line["occurred_at"][:10] for line in lines} == {"2026-11-20"}
    assert {line["source"] for line in lines} == {"import"}
    assert len({line["visitor_id"] for line in lines}) == 1
    assert lines[0]["visitor_id"]
    assert "2 lines = 2 events" in done.stdout or (name == "matomo" and "1 other" in done.stdout)


@pytest.mark.parametrize("name", EVENTS)
def test_an_export_that_is_imported_again_even_compressed_brings_the_same_ids(imports, tmp_path, name):
    imports(FILES[name], "--format", name)
    first = [line["event_id"] for line in events(imports)]
    packed = tmp_path / f"{FILES[name].name}.gz"
    packed.write_bytes(gzip.compress(FILES[name].read_bytes(), mtime=0))

    done = imports(packed, "--format", name)

    assert done.returncode == 0, done.stderr
    assert {line["event_id"] for line in events(imports)} == set(first)
    assert len(set(first)) == 2


@pytest.mark.parametrize("name", ["ga4", "matomo", "plausible"])
def test_rows_without_an_id_are_the_same_events_in_a_longer_export(imports, name):
    imports(FILES[name], "--format", name)
    first = {line["event_id"] for line in events(imports)}
    text = FILES[name].read_text()
    if name == "matomo":
        visits = json.loads(text)
        more = {**visits[0], "idVisit": "93", "visitorId": "0011223344556677"}
        longer = json.dumps([more, *visits])
    else:
        changed = text.splitlines()[0].replace("/bread", "/rolls")
        longer = f"{changed}\n{text}"

    done = imports.text(longer, "--format", name, name="longer.json")

    assert done.returncode == 0, done.stderr
    assert first < {line["event_id"] for line in events(imports)}


def test_revenue_orders_places_and_people_are_kept(imports):
    for name in ("segment", "ga4", "matomo", "plausible", "posthog", "umami"):
        assert imports(FILES[name], "--format", name).returncode == 0

    lines = {line["event"]["form"]: [] for line in events(imports)}
    for line in events(imports):
        lines[line["event"]["form"]].append(line)

    assert lines["ga4"][1]["event"]["props"] == {"revenue": 49.9, "currency": "EUR", "order": "o-1"}
    assert lines["matomo"][1]["event"]["props"]["order"] == "o-1"
    assert lines["plausible"][1]["event"]["props"] == {"revenue": "49.9", "currency": "EUR"}
    assert lines["plausible"][0]["event"]["props"] == {"author": "jane"}
    assert lines["posthog"][1]["event"]["props"] == {"plan": "silver"}
    assert [lines[name][0]["country"] for name in ("posthog", "umami", "plausible", "matomo")] == ["DE"] * 4
    assert lines["umami"][0]["city"] == "Berlin"
    assert lines["segment"][0]["user_agent"].endswith("Firefox/140.0")
    assert lines["umami"][0]["event"]["title"] == "Bread, and\nrolls"
    # Only the first page of a visit came from elsewhere.
    assert [line["event"].get("referrer") for line in lines["matomo"]] == ["https://search.example/", None]


def test_no_address_of_a_person_is_stored(imports):
    for name, path in FILES.items():
        imports(path, "--format", name)

    assert "203.0.113" not in json.dumps(imports.lines())


def test_what_a_tool_says_and_no_field_of_ours_holds_stays_below_its_name(imports):
    imports(FILES["umami"], "--format", "umami")

    assert events(imports)[0]["event"]["umami"] == {"browser": "firefox", "os": "Linux"}


def test_the_enricher_s_tsv_gives_what_its_json_gives(imports):
    rows = []
    for line in FILES["snowplow"].read_text().splitlines():
        row = json.loads(line)
        cells = [row.get(name, "") for name in tools()["snowplow"].export.columns]
        rows.append("\t".join(json.dumps(c) if isinstance(c, dict) else str(c) for c in cells))

    done = imports.text("\n".join(rows) + "\n", "--format", "snowplow", name="part-0.tsv")

    assert done.returncode == 0, done.stderr
    assert facts(events(imports)) == EVENTS["snowplow"]
    assert events(imports)[1]["event"]["props"] == {"sku": "b-1", "quantity": 2}


@pytest.mark.parametrize("name", ["ga4", "plausible"])
def test_parquet_gives_what_json_gives(imports, tmp_path, name):
    path = tmp_path / "export.parquet"
    rows = [json.loads(line) for line in FILES[name].read_text().splitlines()]
    pq.write_table(pa.Table.from_pylist(rows), path)

    done = imports(path, "--format", name)

    assert done.returncode == 0, done.stdout + done.stderr
    assert facts(events(imports)) == EVENTS[name]


def test_a_row_with_too_many_cells_goes_to_quarantine_and_the_others_are_taken(imports):
    text = FILES["umami"].read_text() + "one,two\n"

    done = imports.text(text, "--format", "umami", name="e.csv")

    assert len(events(imports)) == 2
    refused = [line for line in imports.lines() if line["kind"] == "refused"]
    assert len(refused) == 1
    assert "columns" in refused[0]["detail"]
    assert done.returncode == 1  # a third of it


def test_the_export_of_another_tool_is_refused_and_named(imports):
    done = imports(FILES["posthog"], "--format", "umami")

    assert done.returncode == 1
    assert "is no export of Umami" in done.stderr
    assert "looks like posthog" in done.stderr
    assert imports.lines() == []


def test_sums_by_day_are_no_events(imports):
    text = "date,visitors,pageviews,bounces,visits,visit_duration\n2026-11-20,3,9,1,4,200\n"

    done = imports.text(text, "--format", "plausible", name="imported_visitors.csv")

    assert done.returncode == 1
    assert "holds sums by day" in done.stderr
    assert "--compare" in done.stderr


@pytest.mark.parametrize("text", ["", "[", "[1, 2]", "{}\n", "a,b\n1,2\n", "PAR1", "\x00\x01"])
@pytest.mark.parametrize("name", ["ga4", "snowplow"])
def test_what_is_no_export_is_refused_in_one_line(imports, name, text):
    done = imports.text(text, "--format", name, name="x.dat")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert imports.lines() == []


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not beside this repository")
@pytest.mark.parametrize("name", [name for name in EVENTS if name != "plausible"])
def test_the_cases_from_the_field(imports, name):
    rows = [json.loads(line) for line in (CASES / f"{name}.ndjson").read_text().splitlines()]

    done = imports(CASES / f"{name}.ndjson", "--format", name)

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(events(imports)) == len(rows)
    assert all(line["type"] == "page_view" and line["visitor_id"] for line in events(imports))
    assert all(line["event"]["url"].startswith("https://shop.example/") for line in events(imports))
    assert {line["occurred_at"][:16] for line in events(imports)} == {"2026-11-20T10:00"}


def test_lines_of_ours_take_what_the_collector_takes(imports):
    older = {"timestamp": "2026-11-20T10:00:07Z", "page": "/a", "event_type": "page_view", "session_id": "s"}
    ours = {
        "occurred_at": 1795168807000,
        "type": "page_view",
        "url": "https://shop.example/b",
        "visitor": 17,
        "id": "x",
    }
    server = {
        **ours,
        "url": "https://shop.example/c",
        "ip": "203.0.113.9",
        "user_agent": "Mozilla/5.0",
        "id": None,
        "visitor": None,
    }

    done = imports.text(
        "".join(f"{json.dumps(each)}\n" for each in (older, ours, server)), "--format", "ndjson"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    lines = events(imports)
    assert [line["event"]["url"] for line in lines] == [f"https://shop.example/{c}" for c in "abc"]
    assert lines[1]["event"]["id_as_sent"] == "x"
    assert lines[1]["visitor_id"]
    assert lines[2]["visitor_id"]
    assert len({line["event_id"] for line in lines}) == 3


def test_a_table_of_one_tool_may_come_as_csv_as_well(imports):
    rows = [json.loads(line) for line in FILES["plausible"].read_text().splitlines()]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(
        {name: str(value) if isinstance(value, list) else value for name, value in row.items()}
        for row in rows
    )

    done = imports.text(text.getvalue(), "--format", "plausible", name="events_v2.csv")

    assert done.returncode == 0, done.stderr
    assert facts(events(imports)) == EVENTS["plausible"]
    assert events(imports)[0]["event"]["props"] == {"author": "jane"}
