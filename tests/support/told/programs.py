"""What tests/e2e/test_programs_speak_for_people.py tells: three users, all told by one program with a key."""

import json
from datetime import UTC, datetime, timedelta

from support.collectors import KEYS, CollectorProcess
from support.told.story import Story

from footfall.access.api_keys import key_hash

DAY = datetime(2026, 11, 10, tzinfo=UTC)
CLIENT = f"""\
client_id: programs
name: Acme
sites:
  - {{site_id: programs, key: pk_programs_Kd83hDs2, domains: [programs.example]}}
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/programs"}}
exports:
  - {{name: daily-metrics, dataset: daily_metrics, cadence: daily}}
  - {{name: sessions, dataset: sessions, cadence: daily}}
  - {{name: events, dataset: events, cadence: daily}}
api_keys:
  - {{name: backend, sha256: {key_hash(KEYS["write"])}, permissions: [write]}}
"""


def _workflow(collector: CollectorProcess) -> None:
    """Three users view three pages each and buy once, all told by one program."""
    for n, user in enumerate(("user_12345", "user_67890", "user_24680")):
        steps = [
            ("page_view", {"page_url": page, "device_type": "desktop"}) for page in ("/", "/plans", "/buy")
        ]
        steps.append(("purchase_completed", {"revenue": 49.99, "product_name": "Pro Plan"}))
        for m, (event_type, properties) in enumerate(steps):
            moment = DAY + timedelta(hours=10, minutes=n, seconds=20 * m)
            body = {"event_type": event_type, "user_id": user, "properties": properties}
            headers = {
                "Authorization": f"Bearer {KEYS['write']}",
                "User-Agent": "python-requests/2.32",
                "x-footfall-import-key": "import-secret",
                "x-footfall-received-at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            }
            assert collector.ask("POST", "/events/", json.dumps(body).encode(), headers).status == 201


STORY = Story(clients={"programs": CLIENT}, send=_workflow)
