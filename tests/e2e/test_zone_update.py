"""A newer database of time zones, through the whole path: days that it tells otherwise are delivered anew, of
whatever age, and as a new machine makes them.
"""

import csv
import io
import json
import os
import shutil
from collections import Counter
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
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
#: One day that can still change by late events, and one that is final.
OLD, NEW = (TODAY - timedelta(days=n) for n in (14, 4))
#: Eight in the evening UTC is evening in Berlin, and the next day in Kolkata.
HOURS = (12, 20, 36)
PATH = "buckets/days"


def hour(day, hours):
    """As `footfall run` takes it."""
    return f"{day + timedelta(hours=hours):%Y-%m-%dT%H}"


def manifests(home, export):
    """Day → (reason, release, rows, checksums) of each revision, in their order."""
    root = home / PATH
    found = {}
    for path in sorted(root.glob(f"{export}/*/*/_manifest.json")):
        document = json.loads(path.read_text())
        rows = [
            row
            for file in document["files"]
            for row in csv.DictReader(io.StringIO((root / file["key"]).read_text()))
        ]
        checksums = [file["sha256"] for file in document["files"]]
        said = document["reason"], document["software"]["tzdata"], rows, checksums
        found.setdefault(path.parts[-3].removeprefix("dt="), []).append(said)
    return found


def ids(revisions):
    return [[row["event_id"] for row in rows] for _, _, rows, _ in revisions]


def newest_bytes(found):
    return {day: revisions[-1][3] for day, revisions in found.items()}


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
            "occurred_at": (day + timedelta(hours=hours)).isoformat(),
            "type": "page_view",
            "url": "https://days.example/",
            "id": f"event-{age}-{hours}",
        }
        for age, day in (("old", OLD), ("new", NEW))
        for hours in HOURS
    ]
    log.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    paths = installation.environment.get("PYTHONPATH", "")

    def done(*arguments):
        found = installation.run(*arguments)
        assert found.returncode == 0, found.stdout + found.stderr

    installation.environment["PYTHONPATH"] = os.pathsep.join([str(old.parent), paths])
    done("import", str(log), "--client", "days", "--format", "ndjson")
    done("run", "--from", hour(OLD, -6), "--to", hour(NEW, 50))
    before = manifests(installation.home, "views")
    installation.environment["PYTHONPATH"] = paths
    done("run", "--from", hour(NEW, 50), "--to", hour(NEW, 72))  # to the end of a day in Berlin

    after = manifests(installation.home, "views")
    for age, day in (("old", OLD), ("new", NEW)):
        noon, evening, next_noon = (f"event-{age}-{hours}" for hours in HOURS)
        first, second = f"{day:%Y-%m-%d}", f"{day + timedelta(days=1):%Y-%m-%d}"
        assert ids(before[first]) == [[noon]]
        assert ids(before[second]) == [[evening, next_noon]]
        assert ids(after[first]) == [[noon], [noon, evening]]
        assert ids(after[second]) == [[evening, next_noon], [next_noon]]
    newest = Counter(event for revisions in after.values() for event in ids(revisions)[-1])
    assert newest == Counter(event["id"] for event in events)
    figures = manifests(installation.home, "figures")
    for found in (after, figures):
        made = {day: [said[:2] for said in revisions] for day, revisions in found.items()}
        again = [("initial", "2026e"), ("zone", "2026f")]
        assert made == {day: again if day in before else [("initial", "2026f")] for day in made}
        assert len(made) == len(before) + 1 == 14
    done("verify", str(installation.home / PATH), "--at", hour(NEW, 72))

    anew = tmp_path / "anew"
    for name in ("lake/raw", "lake/identities", "keys"):
        shutil.copytree(installation.home / name, anew / name)
    shutil.copy(installation.home / "first_hour", anew)
    installation.environment["FOOTFALL_HOME"] = str(anew)
    done("run", "--from", hour(OLD, -6), "--to", hour(NEW, 72))
    for export, found in (("views", after), ("figures", figures)):
        assert newest_bytes(manifests(anew, export)) == newest_bytes(found)
