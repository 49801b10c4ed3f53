"""The hour that has not ended: delivered to nobody by mistake, and marked incomplete where it is wanted."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.orchestration_builders import event, land

from footfall.catalogue.periods import HOUR_FORMAT
from footfall.hours import HOUR, floor
from footfall.keys import MANIFEST_NAME
from footfall.store import LocalStore

ROOT = Path(__file__).resolve().parents[2]
CLIENT = """
client_id: demo
name: Demo
timezone: UTC
sites:
  - {site_id: shop, key: pk_shop_Hn40rBy6, domains: [shop.example]}
destination: {url: "file://${FOOTFALL_HOME}/buckets/demo"}
exports:
  - {name: events, dataset: events, cadence: hourly}
"""


@pytest.fixture
def running(installation):
    """An installation with one event of the hour that runs, and that hour."""
    hour = floor(datetime.now(UTC))
    clients = installation.home.parent / "clients"
    clients.mkdir()
    (clients / "demo.yaml").write_text(CLIENT)
    installation.environment["FOOTFALL_CLIENTS"] = str(clients)
    land(LocalStore(installation.home / "lake"), hour, event("event-0001", hour))
    return installation, hour


def _manifests(installation):
    bucket = LocalStore(installation.home / "buckets" / "demo")
    return [json.loads(bucket.get(i.key)) for i in bucket.list("") if i.key.endswith(f"/{MANIFEST_NAME}")]


def _clicked(installation, hour):
    """What *Materialize* in the UI runs for the partition of the hour."""
    command = "asset materialize --select deliveries/demo/events -m orchestration.definitions --partition"
    return subprocess.run(
        [str(Path(sys.executable).parent / "dagster"), *command.split(), hour.strftime(HOUR_FORMAT)],
        cwd=ROOT,
        env={**installation.environment, "DAGSTER_HOME": str(installation.home / "dagster")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_an_hour_that_has_not_ended_is_delivered_only_where_it_is_wanted_and_says_so(running):
    installation, hour = running
    window = ("--from", f"{hour:%Y-%m-%dT%H}", "--to", f"{hour + HOUR:%Y-%m-%dT%H}")
    refused = installation.run("run", *window)
    opened = installation.run("run", "--open", *window)
    clicked = _clicked(installation, hour)
    if floor(datetime.now(UTC)) != hour:
        pytest.skip("the hour ended meanwhile")

    assert refused.returncode == 1
    assert re.search(r"has not ended: run it after \d\d:00 UTC, or add --open", refused.stderr)
    assert len(refused.stderr.splitlines()) == 1
    assert opened.returncode == 0, opened.stdout + opened.stderr
    [manifest] = _manifests(installation)
    assert (manifest["status"], manifest["reason"]) == ("incomplete", "initial")
    verified = installation.run("verify", str(installation.home / "buckets" / "demo"))
    assert verified.returncode == 0
    assert f"INCOMPLETE  {manifest['key']}: its period had not ended" in verified.stdout
    assert clicked.returncode != 0
    assert "wait for that, or run it with the tag footfall/open" in clicked.stdout + clicked.stderr
