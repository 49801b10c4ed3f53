"""`footfall demo`, as a new user meets it."""

import csv
import json
import re
from pathlib import Path

import pytest
from support.collectors import request
from support.waiting import wait_until_it_works

from footfall.catalogue.state import unknown
from footfall.described import table_columns
from footfall.store import LocalStore
from footfall.verify import verify_bucket

#: Lines that a slow machine has more of.
PROGRESS = re.compile(r"  \d+ of 48 hours, ")


@pytest.fixture(scope="module")
def demo(installation_of_module):
    """An installation after two days of traffic, and what was said."""
    done = installation_of_module.run("demo", "--no-serve")
    assert done.returncode == 0, done.stdout + done.stderr
    return installation_of_module, done.stdout


def test_two_days_of_traffic_arrive_in_verified_files(demo):
    installation, told = demo

    assert "every event that was acknowledged is in a verified file" in told
    said = [line for line in told.splitlines() if not PROGRESS.match(line)]
    assert len(said) < 75, "it fits on two screens; the list of files is in a file"
    listed = Path(re.search(r"^each with its sha256: (.+)$", told, re.MULTILINE)[1]).read_text()
    for client in ("agency", "demo"):
        seen = verify_bucket(LocalStore(installation.home / "buckets" / client))
        assert seen.problems == []
        assert seen.uncommitted == []
        # 48 hours of two hourly exports, and at least one local day that ended.
        assert seen.manifests >= 97
        sums = re.findall(r"^\s+\d+\s+\d+\s+[0-9a-f]{64}\s+" + client + "/", listed, re.MULTILINE)
        assert len(sums) == seen.files
    backup = verify_bucket(LocalStore(installation.home / "buckets" / "backup"))
    assert (backup.problems, backup.uncommitted) == ([], [])

    again = installation.run("verify", str(installation.home / "buckets" / "agency"))
    assert again.returncode == 0, again.stdout
    assert "all as promised" in again.stdout


def test_figures_of_another_tool_are_compared_with_those_of_the_days(demo):
    installation, _ = demo
    figures = installation.run("published", "read", "demo", "daily_metrics", "--format", "json").stdout
    rows = [json.loads(line) for line in figures.splitlines()]
    old = installation.home.parent / "old.csv"
    old.write_text("Date,Unique visitors,Visits,Pageviews\n")
    with old.open("a") as file:
        for row in rows:
            file.write(f"{row['date']},{row['visitors']},{row['sessions']},{2 * row['page_views']}\n")
    compared = installation.run("import", "--client", "demo", "--compare", str(old))
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert len(rows) >= 2
    views, sessions = (sum(row[name] for row in rows) for name in ("page_views", "sessions"))
    sums = next(line for line in compared.stdout.splitlines() if line.startswith("in all"))
    assert f"{2 * views:,} → {views:,} (-50.0%)" in sums
    assert f"{sessions:,} → {sessions:,} (+0.0%)" in sums


def test_the_numbers_of_the_api_are_those_of_the_delivered_files(demo):
    installation, _ = demo
    installation.environment["FOOTFALL_API_QUERY_SECONDS"] = "300"  # however busy the machine is
    made = installation.run("keys", "new", "--operator", "--permission", "read", "--label", "test").stdout
    key = next(word for word in made.split() if word.startswith("ffk_"))
    api, port = installation.start("api"), int(installation.environment["FOOTFALL_API_PORT"])
    wait_until_it_works(lambda: request(port, "GET", "/health"), OSError)
    rows = [
        row
        for path in sorted((installation.home / "buckets" / "demo" / "daily-metrics").rglob("*.csv"))
        for row in csv.DictReader(path.read_text().splitlines())
    ]
    columns = table_columns("daily_metrics").values()
    names = [c.name for c in columns if c.kind.startswith(("BIGINT", "DOUBLE", "DECIMAL"))]

    assert rows
    assert len(names) > 20
    for row in rows:
        for some in (names[:20], names[20:40], names[40:]):
            asked = {"metrics": some, "date_range": [row["date"]] * 2, "dimensions": ["time:day"]}
            headers = {"x-api-key": key, "content-type": "application/json"}
            reply = request(port, "POST", "/v1/query?client=demo", json.dumps(asked).encode(), headers)
            assert reply.status == 200, reply.body
            [found] = json.loads(reply.body, parse_float=str, parse_int=str)["results"]
            told = dict(zip(some, ("" if each is None else each for each in found["metrics"]), strict=True))
            assert told == {name: row[name] for name in some}
    assert api.press_control_c() == 0
    assert "Traceback" not in api.said


def test_every_file_that_a_demo_leaves_is_known(demo):
    installation, _ = demo

    left = [path.relative_to(installation.home).as_posix() for path in installation.home.rglob("*")]
    assert unknown(path for path in left if (installation.home / path).is_file()) == []


def test_a_demo_stopped_at_any_step_is_completed_by_the_next(installation, processes_of):
    for step in (r"sending \d+ hours", r"  ingest …", r"  models …", r"  deliveries …"):
        stopped = installation.start("demo", "--hours", "3", "--no-serve")
        stopped.wait_until_it_says(step)

        code = stopped.press_control_c()

        assert code != 0
        assert "Traceback" not in stopped.said
        assert processes_of(installation.home) == []

    done = installation.run("demo", "--hours", "3", "--no-serve")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "every event that was acknowledged is in a verified file" in done.stdout
