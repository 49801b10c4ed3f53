"""The API that the demo serves: its answers are the delivered files, and what it is asked to do is done."""

import csv
import json
import urllib.request
from datetime import UTC, datetime, timedelta

from support.collectors import request
from support.waiting import wait_until

from footfall.described import table_columns


def test_the_demo_prints_an_answer_whose_numbers_are_those_of_the_delivered_files(installation):
    now = datetime.now(UTC)
    # Two hours around the last midnight that is an hour ago: a whole day was delivered of them.
    end = (now - timedelta(hours=1)).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=1)
    installation.environment["FOOTFALL_API_QUERY_SECONDS"] = "300"  # however busy the machine is
    demo = installation.start("demo", "--hours", "2", "--end", f"{end:%Y-%m-%dT%H}")
    demo.wait_until_it_says("Ctrl-C ends all of it", 900)
    api = demo.wait_until_it_says(r"API\s+(http\S+)/docs")
    key = demo.wait_until_it_says(r"(ffk_\S+)")
    port = int(api.rpartition(":")[2])

    def ask(path, body=None, key=key):
        sent = {"x-api-key": key, "content-type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        reply = request(port, "POST" if body is not None else "GET", path, data, sent)
        return reply.status, reply.body.decode()

    assert "GET /v1/sites?client=demo →" in demo.said
    rows = [
        row
        for path in sorted((installation.home / "buckets" / "demo" / "daily-metrics").rglob("*.csv"))
        for row in csv.DictReader(path.read_text().splitlines())
    ]
    columns = table_columns("daily_metrics").values()
    names = [c.name for c in columns if c.kind.startswith(("BIGINT", "DOUBLE", "DECIMAL"))]
    assert len(names) > 20
    for row in rows:
        for some in (names[:20], names[20:40], names[40:]):
            status, text = ask(
                "/v1/query?client=demo",
                {"metrics": some, "date_range": [row["date"]] * 2, "dimensions": ["time:day"]},
            )
            assert status == 200, text
            [found] = json.loads(text, parse_float=str, parse_int=str)["results"]
            told = dict(zip(some, ("" if each is None else each for each in found["metrics"]), strict=True))
            assert told == {name: row[name] for name in some}

    admin = installation.run("keys", "new", "--operator", "--permission", "admin", "--label", "ops").stdout
    ops = next(word for word in admin.split() if word.startswith("ffk_"))
    span = {"from": f"{end - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", "to": f"{end:%Y-%m-%dT%H:%M:%SZ}"}

    def taken() -> str:
        status, text = ask("/v1/exports/events/run?client=demo", span, ops)
        assert status in (202, 401), text  # a new key is known within a second or two
        return text if status == 202 else ""

    follow = json.loads(wait_until(taken, every=0.2))["follow"]

    def ended() -> str:
        status, text = ask(f"{follow}?client=demo", key=ops)
        assert status == 200, text
        state = json.loads(text)["state"]
        return "" if state == "running" else state

    state = wait_until(ended, seconds=600, every=2)  # a key may ask 60 times a minute
    assert state == "done"
    with urllib.request.urlopen(f"{api}/docs", timeout=120) as page:
        assert b"/v1/query" in page.read()
