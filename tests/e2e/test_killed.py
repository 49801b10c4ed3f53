"""Everything that runs, killed at random while it works: what was taken arrives once, and is told once."""

import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter, defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest
from support.services import Services
from support.waiting import wait_until

from commands.demo.delivered import files
from footfall.hours import HOUR, floor
from footfall.store import LocalStore
from footfall.verify import verify_bucket
from orchestration.alerting.alert import NEWS
from orchestration.alerting.life import CALM

KILLS = 50
VICTIMS = ("run worker", "daemon", "code server", "collector")
#: Hours that events are sent to, and how many a round.
HOURS, EVENTS = 6, 20
SEED = 20261121
#: Seconds after the last kill until all is delivered: a sensor looks for late objects every five minutes.
CONVERGED = 1800

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


@contextmanager
def alert_receiver():
    """A webhook that keeps (event, key) of every message."""
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            heard.extend((said["event"], alert["key"]) for alert in said["alerts"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(services, hour, ids):
    """Hand events of an hour to the collector until it takes them, as the pixel would."""
    at = hour + timedelta(minutes=5)
    for event_id in ids:
        body = {
            "site": "pk_shop_Hn40rBy6",
            "events": [{"id": event_id, "type": "page_view", "url": "https://shop.example/"}],
        }
        give_up = time.monotonic() + 120
        while True:
            assert time.monotonic() < give_up, "the collector takes nothing"
            services.tend()
            connection = http.client.HTTPConnection("127.0.0.1", services.collector_port, timeout=60)
            try:
                connection.request(
                    "POST",
                    "/collect",
                    json.dumps(body),
                    {
                        "content-type": "text/plain",
                        "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Firefox/145.0",
                        "x-footfall-import-key": "import-key",
                        "x-footfall-received-at": at.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
                    },
                )
                answer = connection.getresponse()
                answer.read()
                if answer.status < 300:
                    break
                assert answer.status >= 500, answer.headers.items()
            except (OSError, http.client.HTTPException):
                time.sleep(0.2)
            finally:
                connection.close()


def wait_until_shipped(services):
    def is_shipped() -> bool:
        services.tend()
        spool = services.home / "spool"
        return not [*spool.glob("*/*.open"), *spool.glob("*/*.sealed")]

    wait_until(is_shipped, "not shipped", every=0.3)


def key(hour):
    return hour.strftime("%Y-%m-%d-%H:%M")


@pytest.mark.proof
def test_fifty_kills_lose_nothing_deliver_nothing_twice_and_tell_each_incident_once(
    installation, tmp_path, record_property
):
    rng = random.Random(SEED)
    now = floor(datetime.now(UTC))
    hours = [now - n * HOUR for n in range(HOURS + 1, 1, -1)]
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "demo.yaml").write_text(CLIENT)
    installation.home.mkdir(parents=True)
    (installation.home / "first_hour").write_text(f"{hours[0]:%Y-%m-%dT%H}\n")
    sent = defaultdict(list)
    killed = Counter()
    with alert_receiver() as (address, heard):
        environment = {
            **installation.environment,
            "FOOTFALL_CLIENTS": str(tmp_path / "clients"),
            "FOOTFALL_SEGMENT_SECONDS": "1",
            "FOOTFALL_IMPORT_KEY": "import-key",
            "FOOTFALL_TRUSTED_PROXIES": "127.0.0.1/32",
            "FOOTFALL_ALERT_WEBHOOK": address,
            "FOOTFALL_ALERT_SECONDS": "5",
        }
        with Services(environment) as services:
            services.wait_until_up()
            for n in range(KILLS):
                hour = hours[n % len(hours)]
                victim = VICTIMS[n % len(VICTIMS)]
                ids = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(EVENTS)]
                if victim == "collector":
                    threading.Timer(rng.uniform(0, 0.5), services.kill, ["collector"]).start()
                send(services, hour, ids)
                sent[hour] += ids
                wait_until_shipped(services)
                if key(hour) not in {run[1] for run in services.waiting()}:
                    services.launch("hourly", key(hour))
                time.sleep(rng.uniform(0, 12))
                give_up = time.monotonic() + 300
                while victim != "collector" and not services.kill(victim):
                    assert time.monotonic() < give_up, f"no {victim} to kill"
                    services.tend()
                    time.sleep(0.2)
                killed[victim] += 1
                services.tend()
            services.wait_until_up()

            # No hand is lent: sensors ask for what died, and for hours that got more events.
            begun = time.monotonic()
            while (seen := delivered(installation.home)) != Counter(
                event_id for ids in sent.values() for event_id in ids
            ):
                assert time.monotonic() - begun < CONVERGED, (
                    f"{seen.total()} delivered: {services.runs()[:9]}"
                )
                services.tend()
                time.sleep(5)
            record_property("seconds until all was delivered", round(time.monotonic() - begun))
            services.wait_until_quiet(900)

            give_up = time.monotonic() + CALM.total_seconds() + 240
            while still_firing(heard) and time.monotonic() < give_up:
                services.tend()
                time.sleep(5)
            record_property("killed", dict(killed))
            record_property("services started again", services.restarts)
            record_property("alerts", dict(Counter(heard)))
            told = list(heard)  # what follows, a collector that stops, is this test's own doing

    assert verify_bucket(LocalStore(installation.home / "buckets" / "demo")).problems == []
    everything = Counter(event_id for ids in sent.values() for event_id in ids)
    assert delivered(installation.home) == everything, "all of it, and each once"
    assert no_revision_repeats(installation.home / "buckets" / "demo")
    for incident, events in by_incident(told).items():
        if incident.partition(":")[0] in NEWS:
            assert events == ["firing"], incident
            continue
        assert events == ["firing", "resolved"] * (len(events) // 2), (incident, events)


def delivered(home):
    """Event id → how often it is in the newest revisions in the client's bucket."""
    store = LocalStore(home / "buckets" / "demo")
    return Counter(row["event_id"] for file in files(store) for row in file.rows)


def by_incident(heard):
    events = defaultdict(list)
    for event, incident in heard:
        if event != "reminder":
            events[incident].append(event)
    return events


def still_firing(heard):
    return [
        incident
        for incident, events in by_incident(heard).items()
        if events[-1] == "firing" and incident.partition(":")[0] not in NEWS
    ]


def no_revision_repeats(bucket):
    """Whether every revision of a period holds other data than the one before it."""
    contents = defaultdict(list)
    for path in sorted(bucket.rglob("_manifest.json")):
        manifest = json.loads(path.read_text())
        name = (manifest["export"], manifest["period"]["start"])
        contents[name].append([file["sha256"] for file in manifest["files"]])
    return all(before != after for all_ in contents.values() for before, after in pairwise(all_))
