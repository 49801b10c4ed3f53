"""A newer database of time zones, through the whole path: days that it tells otherwise are delivered anew."""

import csv
import io
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

CLIENT = """\
client_id: days
name: Days
timezone: Europe/Berlin
sites:
  - {site_id: days, key: pk_days_Kd83hDs2, domains: [days.example]}
destination: {url: "file://${FOOTFALL_HOME}/buckets/days"}
exports:
  - {name: views, dataset: page_views, cadence: daily}
  - {name: figures, dataset: daily_metrics, cadence: daily}
"""
#: Days that can still change. What is older follows `footfall deliveries restate`.
DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=4)
#: Eight in the evening UTC is evening in Berlin, and the next day in Kolkata.
TIMES = (DAY + timedelta(hours=12), DAY + timedelta(hours=20), DAY + timedelta(hours=36))
FIRST, SECOND = (f"{DAY + timedelta(days=n):%Y-%m-%d}" for n in (0, 1))


def hour(days, hours):
    """As `footfall run` takes it."""
    return f"{DAY + timedelta(days=days, hours=hours):%Y-%m-%dT%H}"


def manifests(installation, export):
    """Day → (reason, release, event ids) of each revision, in their order."""
    root = installation.home / "buckets" / "days"
    found = {}
    for path in sorted(root.glob(f"{export}/*/*/_manifest.json")):
        document = json.loads(path.read_text())
        rows = [
            row
            for file in document["files"]
            for row in csv.DictReader(io.StringIO((root / file["key"]).read_text()))
        ]
        said = document["reason"], document["software"]["tzdata"], [row.get("event_id") for row in rows]
        found.setdefault(path.parts[-3].removeprefix("dt="), []).append(said)
    return found


def test_the_next_days_run_with_a_newer_database_delivers_what_it_tells_otherwise_with_reason_zone(
    installation, tmp_path
):
    clients = tmp_path / "only"
    clients.mkdir()
    (clients / "days.yaml").write_text(CLIENT)
    installation.environment["FOOTFALL_CLIENTS"] = str(clients)
    package = Path(str(resources.files("tzdata")))
    old = tmp_path / "packages" / "tzdata"
    shutil.copytree(package, old)
    (old / "zoneinfo/Europe/Berlin").write_bytes((package / "zoneinfo/Asia/Kolkata").read_bytes())
    (old / "__init__.py").write_text((old / "__init__.py").read_text().replace("2026f", "2026e"))
    log = tmp_path / "events.ndjson"
    events = [
        {
            "occurred_at": at.isoformat(),
            "type": "page_view",
            "url": "https://days.example/",
            "id": f"event-{n}-00",
        }
        for n, at in enumerate(TIMES)
    ]
    log.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    paths = installation.environment.get("PYTHONPATH", "")

    def done(*arguments):
        found = installation.run(*arguments)
        assert found.returncode == 0, found.stdout + found.stderr

    installation.environment["PYTHONPATH"] = os.pathsep.join([str(old.parent), paths])
    done("import", str(log), "--client", "days", "--format", "ndjson")
    done("run", "--from", hour(-1, 18), "--to", hour(2, 2))
    before = manifests(installation, "views")
    installation.environment["PYTHONPATH"] = paths
    done("run", "--from", hour(2, 2), "--to", hour(3, 0))  # to the end of a day in Berlin

    first, second, third = (f"event-{n}-00" for n in range(3))
    assert before[FIRST] == [("initial", "2026e", [first])]
    assert before[SECOND] == [("initial", "2026e", [second, third])]
    after = manifests(installation, "views")
    assert after[FIRST] == [*before[FIRST], ("zone", "2026f", [first, second])]
    assert after[SECOND] == [*before[SECOND], ("zone", "2026f", [third])]
    assert {found[-1][:2] for found in manifests(installation, "figures").values()} >= {("zone", "2026f")}
    done("verify", str(installation.home / "buckets" / "days"), "--at", hour(3, 0))
