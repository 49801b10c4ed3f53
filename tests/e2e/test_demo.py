"""`footfall demo`, as a new user meets it."""

import json
import re
from pathlib import Path

from footfall.catalogue.state import unknown
from footfall.store import LocalStore
from footfall.verify import verify_bucket

#: Lines that a slow machine has more of.
PROGRESS = re.compile(r"  \d+ of 48 hours, ")


def test_two_days_of_traffic_arrive_in_verified_files(installation):
    done = installation.run("demo", "--no-serve")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "every event that was acknowledged is in a verified file" in done.stdout
    said = [line for line in done.stdout.splitlines() if not PROGRESS.match(line)]
    assert len(said) < 75, "it fits on two screens; the list of files is in a file"
    listed = Path(re.search(r"^each with its sha256: (.+)$", done.stdout, re.MULTILINE)[1]).read_text()
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
