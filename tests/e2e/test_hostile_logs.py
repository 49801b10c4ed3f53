"""Logs whose lines are not what they should be, from `footfall import` to the client's receipt."""

import json
import os
from pathlib import Path

import duckdb
import pytest

from footfall.raw_object import compress

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "logs"
FIELDS = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query"
)
CANARY = "canary-4f1d8a"


def line(time: str, path: str, host: str = "www.example.test", referrer: str = "-", agent: str = "A") -> str:
    cells = ["2025-06-19", time, "FRA2", "100", "203.0.113.9", "GET", host, path, "200", referrer, agent, "-"]
    return "\t".join(cells)


def log(*lines: str) -> str:
    return "\n".join(["#Version: 1.0", f"#Fields: {FIELDS}", *lines, ""])


def hostile(secret: Path) -> list[str]:
    """Texts that become something else wherever they are not held as text."""
    read = f"(SELECT content FROM read_text('{secret}'))"
    return [
        f"x' || {read} FROM ( --",
        f"x' || {read.replace(chr(39), '$$')} FROM ( --",
        f"'; COPY (SELECT 1) TO '{secret.parent}/written.csv'; --",
        f"'; ATTACH '{secret.parent}/written.db'; --",
        "it's",
        '"; DROP TABLE ingest.events; --',
        "{} {0} {line} {hour}",
        "$hour $1 ? %s %(a)s",
        "\\' \\n '' \"\" `",
    ]


@pytest.fixture
def odd_home(installation, tmp_path):
    """A state folder whose name holds an apostrophe."""
    installation.home = tmp_path / "o'brien"
    installation.environment["FOOTFALL_HOME"] = str(installation.home)
    return installation


def receipts(bucket: Path) -> dict[str, dict[str, object]]:
    """Hour → the receipt in the manifest of its events."""
    found = {}
    for path in sorted(bucket.glob("events/**/_manifest.json")):
        manifest = json.loads(path.read_bytes())
        found[manifest["period"]["start"][11:13]] = manifest["receipt"]
    return found


def rows(home: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        return warehouse.execute(sql).fetchall()


def test_what_a_log_says_is_stored_as_text_and_each_hour_keeps_its_own_lines(odd_home, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text(CANARY)
    odd = hostile(secret)
    logs = tmp_path / "logs ' ; {}"
    logs.mkdir()
    written = logs / "E2A.2025-06-19-10.it's {line} \"; --.log"
    written.write_text(
        log(
            line("10:00:01", "/a"),
            *(line("10:00:02", text) for text in odd),  # no path: set aside
            *(line("10:00:03", f"/{text}", text, f"https://x.example/{text}", text) for text in odd),
            line("11:00:01", "/b"),
            line("12:00:01", "/c"),
            line("12:00:05", "/d"),
        )
    )

    # By a path as seen from the person's own folder.
    done = odd_home.run("import", os.path.relpath(written), "--client", "demo", "--format", "cloudfront")
    # More than a tenth of the lines are odd, and that is said.
    assert (done.returncode, "went to quarantine, more than a tenth" in done.stderr) == (1, True), done.stderr
    assert f"{len(odd) + 4} requests ({len(odd) + 4} page views) + {len(odd)} to quarantine" in done.stdout
    # A line of the import that was damaged in the lake is the client's loss, and it is told.
    hour_11 = odd_home.home / "lake" / "raw" / "dt=2025-06-19" / "hour=11"
    (hour_11 / f"client=demo.import-0-{16 * 'a'}.ndjson.zst").write_bytes(compress(b'{"v":2,"kind":"ev\n'))
    ran = odd_home.run("run", "--from", "2025-06-19T10", "--to", "2025-06-19T13")
    assert ran.returncode == 0, ran.stdout + ran.stderr

    n = len(odd)
    assert rows(odd_home.home, "SELECT hour(received_hour), lines FROM ingest.hours ORDER BY 1") == [
        (10, 2 * (n + 1) + n),
        (11, 3),
        (12, 4),
    ]
    kept = rows(odd_home.home, "SELECT DISTINCT page FROM page_views ORDER BY 1")
    assert {"/a", "/b", "/c", "/d"} <= {page for (page,) in kept}
    bodies = rows(odd_home.home, "SELECT body FROM ingest.quarantine WHERE client_id = 'demo'")
    for text in odd:
        assert any(text in body for (body,) in bodies), text
    bucket = odd_home.home / "buckets" / "demo"
    told = {hour: (r["received"], r["kept"], r["quarantined"]) for hour, r in receipts(bucket).items()}
    assert told == {
        "10": (3 * n + 2, 2 * (n + 1), {"malformed_log_line": n}),
        "11": (3, 2, {"damaged_line": 1}),
        "12": (4, 4, {}),
    }
    verified = odd_home.run("verify", str(bucket), "--at", "2025-06-19T13")
    assert verified.returncode == 0, verified.stdout
    assert sorted(path.name for path in tmp_path.glob("written*")) == []
    for path in odd_home.home.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path


@pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is absent")
def test_the_cases_from_the_field_give_what_was_right(installation):
    for name in ("then_next_hours", "with_quote", "sql"):
        source = CASES / f"cf_refused_line_{name}.log"
        done = installation.run("import", str(source), "--client", "demo", "--format", "cloudfront")
        assert (done.returncode, "more than a tenth" in done.stderr) == (1, True), done.stderr
        assert "+ 1 to quarantine" in done.stdout
    ran = installation.run("run", "--from", "2025-06-19T10", "--to", "2025-06-19T13")
    assert ran.returncode == 0, ran.stdout + ran.stderr

    assert rows(
        installation.home,
        "SELECT hour(received_hour), split_part(object_key, '/', 4)[:1] <> '', event_type, count(*) "
        "FROM ingest.event_index GROUP BY ALL ORDER BY ALL",
    ) == [
        (hour, True, kind, n) for hour, n in ((10, 3), (11, 3), (12, 2)) for kind in ("page_view", "request")
    ]
    assert sorted(
        body.split("\t")[6] for (body,) in rows(installation.home, "SELECT body FROM ingest.quarantine")
    ) == sorted(
        [
            "it's",
            "stager64",
            "x' || (SELECT content FROM read_text(chr(47)||$$etc/hostname$$)) FROM ( --",
        ]
    )
