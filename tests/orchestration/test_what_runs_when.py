"""The table "What runs when" of docs/operations.md is what Dagster's definitions say."""

import json
import os
import re
import subprocess
import sys

import pytest
from support.services import ROOT

from orchestration.modelling.project import prepare

CLIENT = """\
client_id: demo
name: Demo
timezone: Europe/Berlin
sites: [{site_id: shop, key: pk_shop_Hn40rBy6, domains: [shop.example]}]
destination: {url: "file://${FOOTFALL_HOME}/buckets/demo"}
exports:
  - {name: events, dataset: events, cadence: live}
  - {name: metrics, dataset: daily_metrics, cadence: daily}
"""
#: Everything that runs by a clock, as a fresh process loads it.
SCHEDULED = """\
import json
from orchestration.definitions import defs
found = defs()
schedules = {each.name: [each.cron_schedule, each.execution_timezone] for each in found.schedules}
sensors = {each.name: each.minimum_interval_seconds for each in found.sensors}
print(json.dumps([schedules, sensors]))
"""


@pytest.fixture(scope="module")
def clocks(tmp_path_factory):
    """Name → when it runs, as the document has to say it."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "demo.yaml").write_text(CLIENT)
    home = tmp_path_factory.mktemp("home")
    prepare(home)
    done = subprocess.run(
        [sys.executable, "-c", SCHEDULED],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")},
            "FOOTFALL_ENV_FILE": os.devnull,
            "FOOTFALL_CLIENTS": str(folder),
            "FOOTFALL_HOME": str(home),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    schedules, sensors = json.loads(done.stdout.splitlines()[-1])
    days = schedules.pop("daily_europe_berlin")
    assert days[1] == "Europe/Berlin"
    sensors["missed_days_<zone>"] = sensors.pop("missed_days_europe_berlin")
    return {
        **{name: f"`{cron}` {zone}" for name, (cron, zone) in schedules.items()},
        "daily_<zone>": f"`{days[0]}` in that time zone",
        **{name: f"sensor, every {seconds} s" for name, seconds in sensors.items()},
    }


def _told():
    text = (ROOT / "docs" / "operations.md").read_text().partition("## What runs when")[2]
    rows = re.findall(r"^\| `([a-z_<>]+)` \| ([^|]+) \| [^|]+ \|$", text.partition("\n## ")[0], re.MULTILINE)
    assert len(rows) == len(dict(rows))
    return dict(rows)


def test_the_document_says_when_each_schedule_and_sensor_runs(clocks):
    told = _told()

    assert {name: told.get(name) for name in clocks} == clocks


def test_what_else_the_document_names_is_started_by_hand(clocks):
    assert {when for name, when in _told().items() if name not in clocks} == {"by hand"}
