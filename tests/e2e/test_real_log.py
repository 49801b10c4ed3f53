"""A real access log of 10,000 requests, against counts made independently of Footfall."""

import csv
import gzip
import json
import re
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "access-log"
LOG = DATA / "apache_10k.log.gz"


@pytest.mark.skipif(not LOG.exists(), reason=f"the public test log is not here: {LOG}")
def test_a_real_access_log_gives_the_known_page_views_visitors_and_sessions(installation):
    expected = json.loads((DATA / "expected.json").read_text())

    imported = installation.run("import", str(LOG), "--client", "demo", "--format", "combined")
    assert imported.returncode == 0, imported.stderr
    run = installation.run("run", "--from", "2015-05-17", "--to", "2015-05-21")
    assert run.returncode == 0, run.stdout + run.stderr

    # What the command says: every line is accounted for.
    numbers = [
        int(n) for n in re.findall(r"(\d+) (?:lines|page views|other hits|to quarantine)", imported.stdout)
    ]
    assert numbers == [
        expected["lines"],
        expected["page_views"],
        expected["hits"] - expected["page_views"],
        expected["malformed"],
    ]

    with duckdb.connect(str(installation.home / "warehouse.duckdb"), read_only=True) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")

        def rows(sql: str) -> list[tuple[object, ...]]:
            return warehouse.execute(sql).fetchall()

        assert rows("SELECT count(*) FROM page_views") == [(expected["page_views"],)]
        assert rows("SELECT count(*) FROM ingest.quarantine") == [(expected["malformed"],)]
        daily = rows(
            "SELECT CAST(occurred_at AS DATE), count(*), count(DISTINCT visitor_id) "
            "FROM page_views GROUP BY 1 ORDER BY 1"
        )
        assert [(str(day), views, visitors) for day, views, visitors in daily] == [
            (day["date"], day["page_views"], day["page_visitors"]) for day in expected["daily"]
        ]
        # Visitors: the expectation tells people apart by address and user agent over all four days. A
        # visitor id of ours is a hash with a key of the day (docs/privacy.md), so the same person on two
        # days is two visitors: the sum of the days.
        visitor_days = sum(day["page_visitors"] for day in expected["daily"])
        assert rows("SELECT count(*) FROM visitors") == [(visitor_days,)]
        # Sessions: equal but for one rule. A session that crosses midnight UTC is cut where the visitor's
        # daily hash changes; counted here from the log itself.
        known = expected["sessions_over_page_views"]
        cut = _sessions_that_cross_midnight(expected)
        sessions, bounces, seconds = rows(
            "SELECT count(*), count(*) FILTER (WHERE is_bounce), CAST(sum(duration_seconds) AS BIGINT) "
            "FROM sessions"
        )[0]
        assert sessions == known["sessions_gap_gt_1800"] + len(cut)
        if not cut:
            assert (bounces, seconds) == (known["bounces"], known["total_duration_s"])
        top = rows("SELECT page, count(*) AS n FROM page_views GROUP BY 1 ORDER BY n DESC, page LIMIT 8")
        assert sorted(top, key=lambda row: (-row[1], row[0])) == [
            tuple(row) for row in sorted(expected["top_pages"][:8], key=lambda row: (-row[1], row[0]))
        ]

    # And what the client gets: each page view is in exactly one delivered file.
    delivered = Counter(
        row["event_id"]
        for path in (installation.home / "buckets" / "demo" / "events").rglob("*.csv")
        for row in csv.DictReader(path.read_text().splitlines())
    )
    assert len(delivered) == expected["page_views"]
    assert set(delivered.values()) == {1}
    verified = installation.run("verify", str(installation.home / "buckets" / "demo"), "--at", "2015-05-21")
    assert verified.returncode == 0, verified.stdout


def _sessions_that_cross_midnight(expected: dict[str, object]) -> list[tuple[str, datetime]]:
    """Page views within 1800 s of a visitor's last one, but on the next UTC day: from the log alone."""
    line = re.compile(
        r'^(\S+) \S+ \S+ \[([^\]]+)\] "GET (\S+) [^"]*" (200|304) \S+ '
        r'"(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)*)"\s*$'
    )
    assets = {
        "css", "js", "png", "jpg", "jpeg", "gif", "ico", "svg", "ttf", "woff",
        "swf", "pdf", "txt", "xml", "gz", "exe", "jar",
    }  # fmt: skip
    times = defaultdict(list)
    for text in gzip.decompress(LOG.read_bytes()).decode("latin-1").splitlines():
        found = line.match(text)
        if not found:
            continue
        name = found[3].split("?")[0].rpartition("/")[2]
        if "." in name and name.rpartition(".")[2].lower() in assets:
            continue
        times[found[1], found[5]].append(datetime.strptime(found[2], "%d/%b/%Y:%H:%M:%S %z"))
    assert sum(map(len, times.values())) == expected["page_views"]
    return [
        (visitor[0], later)
        for visitor, moments in times.items()
        for earlier, later in zip(sorted(moments), sorted(moments)[1:], strict=False)
        if (later - earlier).total_seconds() <= 1800 and later.date() != earlier.date()
    ]
