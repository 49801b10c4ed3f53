"""Each benchmark runs at a tiny size and says what it measured. Nothing here looks at how fast it was."""

import inspect
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import api, collector, delivery, hour, ingest, models, published, ui, verify
from bench.measure import Aim, Row, alternate, rate, table, timed_row, times_aim
from bench.run import BEGIN, BENCHMARKS, END, PAGE, QUICK, with_table
from bench.traffic import EVENT_BYTES, SITE_KEY, body
from footfall.event import check_event, parse_batch

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.proof  # minutes, where all that it is compared with is installed
def test_the_collector_is_measured_beside_whatever_is_installed():
    rows = collector.run(seconds=1)

    assert rows
    for row in rows:
        assert re.search(r"[\d,]+ events/s", row.ours)


def test_an_hour_is_ingested_beside_a_query_of_its_own():
    rows = ingest.run(events=500, objects=3, repeats=1, hours=2)

    assert [row.what.split()[-2] for row in rows[:3]] == ["zstd", "gzip", "zstd"]
    assert [row.what for row in rows[3:]] == [
        "2 hours of 250 events in one run",
        "ingest of an hour, 250 events, over 25,000 of the week before",
        "ingest of an hour with nothing in it",
    ]
    assert [len(row.ratios) for row in rows] == [1] * 6


def test_a_delivery_is_measured_by_format_with_many_clients_and_with_nothing_new():
    rows = delivery.run(rows=500, repeats=2, clients=5)

    assert [row.what.split()[0] for row in rows] == [
        *["rendering"] * 3,
        *["delivering"] * 3,
        "5",
        "nothing",
    ]
    assert [len(row.ratios) for row in rows] == [2, 2, 2, 2, 2, 2, 1, 1]


def test_a_bucket_of_many_periods_is_verified_beside_a_program_that_hashes_it():
    [row] = verify.run(periods=12, rows=3, repeats=1)

    assert row.what.startswith("verify of 12 periods")
    assert row.what.endswith("4 runs in the log")


@pytest.mark.proof
def test_an_empty_hour_is_measured_beside_dbt_alone():
    [row] = hour.run(repeats=1)

    assert re.search(r"^[\d.]+ s: start-up and end [\d.]+, ingest [\d.]+, models [\d.]+", row.ours)


@pytest.mark.proof
def test_what_an_operator_waits_for_is_measured_beside_one_client():
    rows = ui.run(clients=2, days=2, repeats=1)

    assert [row.what.split(": ")[1] for row in rows][:3] == [ui.LOAD, ui.TICK, ui.ALERTS]


@pytest.mark.proof
def test_publishing_an_hour_is_measured_over_a_longer_history_and_a_visitor_out_of_it():
    rows = published.run(events=1000, histories=(1000, 2000))

    assert [row.what for row in rows] == [
        "publishing an hour of 1,000 page views over 2,000",
        "page views of one visitor out of 2,000, files at hand",
    ]
    assert all(len(row.ratios) for row in rows)


@pytest.mark.proof
def test_the_models_are_measured_beside_a_script_and_over_a_longer_history():
    rows = models.run(events=1000, histories=(1000, 2000), repeats=1)

    assert [row.what for row in rows] == [
        "models of an hour, 1,000 events to all marts and reports",
        "models of an hour, 100 events, over a history of 2,000",
    ]
    assert "a full refresh of the longer one takes" in rows[1].remark


def test_the_steps_of_an_hour_are_read_from_its_narration():
    said = "hourly: 2026-11-20-12:00\n  ingest …\n  ingest done in 1.5 s\n  models done in 4.0 s\n"
    said += "  deliveries done in 0.5 s\n  marts__published done in 0.25 s\nall done in 8.0 s\n"

    assert hour.split_of(said, 10.0) == {
        "start-up and end": 3.75,
        "ingest": 1.5,
        "models": 4.0,
        "deliveries": 0.5,
        "other steps": 0.25,
    }


def test_delivered_rows_have_columns_of_the_mart():
    contract = (ROOT / "dbt_project" / "models" / "marts" / "events.yml").read_text()

    assert set(delivery.COLUMNS) <= set(re.findall(r"- \{?name: (\w+)", contract))


@pytest.mark.parametrize("number", [0, 1, 999])
def test_an_event_has_the_size_that_is_reported_and_is_taken(number):
    single = body(number, 1)
    _, sent_at, events = parse_batch(body(number, 10))

    assert check_event(single).event_id
    assert parse_batch(single)[0] == SITE_KEY
    assert sent_at
    assert {len(event) for event in events} == {EVENT_BYTES} == {len(single)}
    assert len({check_event(event).event_id for event in events}) == 10


@pytest.fixture
def refusing_port():
    """A server that answers each request with 503."""

    class Refuse(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(503)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_refusal_ends_the_load_and_is_not_counted(refusing_port):
    command = [sys.executable, "-m", "bench.load", "--port", str(refusing_port), "--connections", "2"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("load: the server answered 'HTTP/1.1 503")
    assert done.stdout == ""


def test_repetitions_begin_with_either_side_in_turn():
    order = []

    pairs = alternate(2, lambda: order.append("ours") or 1, lambda: order.append("reference") or 2)

    assert order == ["ours", "reference", "reference", "ours"]
    assert pairs == [(1, 2), (1, 2)]


def test_a_ratio_is_our_speed_by_the_reference_s():
    row = timed_row("copying", [(2.0, 1.0), (4.0, 1.0), (1.0, 1.0)], 1000, "rows", "half of it")

    assert row.ratios == [0.5, 0.25, 1.0]
    assert table([row]).splitlines()[2] == (
        "| copying | 500 rows/s (2.00 s) |  |  | 1,000 rows/s (1.00 s) (1) | **0.50** (0.25, 1.00) |"
    )
    assert table([row]).splitlines()[-1] == "1. half of it"


@pytest.mark.parametrize(
    ("aim", "shown", "verdict"),
    [
        (Aim(20_000, 20_000, "events/s"), "≥ 20,000 events/s", "reached"),
        (Aim(15_000, 20_000, "events/s"), "≥ 20,000 events/s", "**missed by 25%**"),
        (Aim(9.9, 10, "ms p99", is_most=True), "≤ 10 ms p99", "reached"),
        (Aim(2.5, 2, "s", is_most=True), "≤ 2 s", "**missed by 25%**"),
        (times_aim([(1.0, 1.0), (2.0, 1.0), (9.0, 1.0)], 1.6), "≤ 1.6 × the reference", "**missed by 25%**"),
    ],
)
def test_a_verdict_says_whether_an_aim_was_reached_and_how_far_it_is(aim, shown, verdict):
    assert (aim.shown, aim.verdict) == (shown, verdict)


def test_a_table_that_was_measured_replaces_the_one_of_the_page_and_nothing_else():
    page = PAGE.read_text()

    once = with_table(page, "one\n")

    assert once.count("one\n" + END) == 1
    assert with_table(with_table(page, "two\n"), "one\n") == once
    assert once.partition(BEGIN)[0] == page.partition(BEGIN)[0]
    assert once.partition(END)[2] == page.partition(END)[2]


def test_a_quick_run_measures_less_of_what_a_whole_one_measures():
    assert set(BENCHMARKS) - set(QUICK) == {"ui"}
    for name, sizes in QUICK.items():
        assert set(sizes) <= set(inspect.signature(BENCHMARKS[name]).parameters), name


@pytest.mark.parametrize(("value", "text"), [(27_449.2, "27,400"), (999.4, "999"), (12.6, "13")])
def test_a_rate_shows_three_digits(value, text):
    assert rate(value) == text


def test_a_table_has_a_line_for_each_row():
    lines = table([Row("a", "1", "2", [0.5], "x"), Row("b", "1", "2", [0.5], "x")]).splitlines()

    assert [line[:3] for line in lines] == ["| B", "|--", "| a", "| b", "", "The", "", "1. "]


@pytest.mark.proof  # a process of the API, and a history that is published
def test_the_api_is_measured_by_kind_of_question_with_callers_at_once():
    rows = api.run(history=2000)

    alone = [row for row in rows if " beside " not in row.what]
    assert [row.what.split(" over ")[0] for row in alone] == [
        "start of `footfall api`",
        "an overview",
        *api.GOALS,
    ]
    for row in alone[2:]:
        assert re.search(r"^p95 [\d,]+ ms$", row.ours)
    for row in rows:
        if " beside " in row.what:  # where a server of Postgres, or chdb, is installed
            assert row.what.split(" beside ")[0] in api.GOALS
            assert re.search(r"^p95 [\d,]+ ms, p50 [\d,]+ ms$", row.reference)
