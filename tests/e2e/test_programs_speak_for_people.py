"""The workflow of the platform with keys, from its HTTP requests to the delivered numbers."""

import csv
import json
from datetime import UTC, datetime, timedelta

import pytest
from support.collectors import KEYS, CollectorProcess

from footfall.access.api_keys import key_hash
from footfall.keys import MANIFEST_NAME
from footfall.store import LocalStore

CLIENT = f"""\
client_id: acme
name: Acme
sites:
  - {{site_id: acme-shop, key: pk_shop_acmeacme1, domains: [shop.example]}}
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/acme"}}
exports:
  - {{name: daily-metrics, dataset: daily_metrics, cadence: daily}}
  - {{name: sessions, dataset: sessions, cadence: daily}}
  - {{name: events, dataset: events, cadence: daily}}
api_keys:
  - {{name: backend, sha256: {key_hash(KEYS["write"])}, permissions: [write]}}
"""


@pytest.fixture
def acme(installation, tmp_path):
    """An installation with one client, of one site and one key."""
    folder = tmp_path / "clients"
    folder.mkdir()
    (folder / "acme.yaml").write_text(CLIENT)
    installation.environment["FOOTFALL_CLIENTS"] = str(folder)
    return installation


def workflow(collector: CollectorProcess, day: datetime) -> None:
    """Three users view three pages each and buy once, all told by one program."""
    for n, user in enumerate(("user_12345", "user_67890", "user_24680")):
        steps = [
            ("page_view", {"page_url": page, "device_type": "desktop"}) for page in ("/", "/plans", "/buy")
        ]
        steps.append(("purchase_completed", {"revenue": 49.99, "product_name": "Pro Plan"}))
        for m, (event_type, properties) in enumerate(steps):
            moment = day + timedelta(hours=10, minutes=n, seconds=20 * m)
            body = {"event_type": event_type, "user_id": user, "properties": properties}
            headers = {
                "Authorization": f"Bearer {KEYS['write']}",
                "User-Agent": "python-requests/2.32",
                "x-footfall-import-key": "import-secret",
                "x-footfall-received-at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            }
            assert collector.ask("POST", "/events/", json.dumps(body).encode(), headers).status == 201


def delivered(installation, name: str) -> list[dict[str, str]]:
    """The rows of an export's only file."""
    bucket = LocalStore(installation.home / "buckets" / "acme")
    keys = [i.key for i in bucket.list(f"{name}/") if i.key.endswith(f"/{MANIFEST_NAME}")]
    [file] = [file for key in keys for file in json.loads(bucket.get(key))["files"]]
    return list(csv.DictReader(bucket.get(file["key"]).decode("utf-8-sig").splitlines()))


def test_three_users_are_three_visitors_and_no_bots(acme):
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    collector = CollectorProcess(
        acme.home, settings={"FOOTFALL_CLIENTS": acme.environment["FOOTFALL_CLIENTS"]}
    ).start()
    workflow(collector, day)
    assert "Traceback" not in collector.end()

    (acme.home / "first_hour").write_text(f"{day:%Y-%m-%dT%H}\n")
    done = acme.run("run", "--from", f"{day:%Y-%m-%dT%H}", "--to", f"{day + timedelta(days=1):%Y-%m-%dT%H}")

    assert done.returncode == 0, done.stdout + done.stderr
    [metrics] = delivered(acme, "daily-metrics")
    assert [metrics[name] for name in ("visitors", "sessions", "page_views")] == ["3", "3", "9"]
    assert float(metrics["revenue"]) == 149.97
    events = delivered(acme, "events")
    assert len(events) == 12
    assert {event["is_bot"] for event in events} == {"false"}
    assert {event["device"] for event in events if event["event_type"] == "page_view"} == {"desktop"}
