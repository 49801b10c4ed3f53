"""The workflow of the platform with keys, from its HTTP requests to the delivered numbers."""

import csv
import json
from pathlib import Path

from support.told.programs import DAY

from footfall.keys import MANIFEST_NAME
from footfall.store import LocalStore


def delivered(home: Path, name: str) -> list[dict[str, str]]:
    """The rows of an export's file of that day."""
    bucket = LocalStore(home / "buckets" / "programs")
    keys = [i.key for i in bucket.list(f"{name}/dt={DAY:%Y-%m-%d}/") if i.key.endswith(f"/{MANIFEST_NAME}")]
    [file] = [file for key in keys for file in json.loads(bucket.get(key))["files"]]
    return list(csv.DictReader(bucket.get(file["key"]).decode("utf-8-sig").splitlines()))


def test_three_users_are_three_visitors_and_no_bots(told):
    [metrics] = delivered(told / "state", "daily-metrics")
    assert [metrics[name] for name in ("visitors", "sessions", "page_views")] == ["3", "3", "9"]
    assert float(metrics["revenue"]) == 149.97
    events = delivered(told / "state", "events")
    assert len(events) == 12
    assert {event["is_bot"] for event in events} == {"false"}
    assert {event["device"] for event in events if event["event_type"] == "page_view"} == {"desktop"}
