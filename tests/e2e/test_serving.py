"""What `footfall demo` serves: a browser's visit ends as a row of a delivered file; UI and API show it."""

import csv
import json
import re
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.browser import chromium
from support.collectors import request
from support.dagster_ui import (
    approves_a_domain,
    delivers_all_periods_again,
    looks_into_a_bucket,
    sees_the_checks_pass,
    sees_the_groups,
    sees_what_an_asset_is,
    sees_which_hours_a_run_by_hand_took,
)
from support.waiting import PATIENCE, wait_until

from footfall.clients import load_registry
from footfall.hours import HOUR, floor
from footfall.store import LocalStore
from footfall.verify import verify_bucket
from orchestration.discovery import domains
from orchestration.discovery.database import registry

ROOT = Path(__file__).resolve().parents[2]
NEW_CLIENT = """\
client_id: {name}
name: {name}
sites: [{{site_id: {name}-shop, key: pk_{name}_0000, domains: [{name}.example]}}]
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/{name}"}}
exports: [{{name: events, dataset: events, cadence: hourly}}]
"""


@pytest.mark.browser
def test_a_visit_is_in_a_delivered_file_after_the_hour_is_run_and_ui_and_api_show_and_repeat_it(
    installation, processes_of
):
    hour = floor(datetime.now(UTC))
    demo = installation.start("demo", "--hours", "1", "--end", _text(hour))
    demo.wait_until_it_says("Ctrl-C ends all of it")
    site = demo.wait_until_it_says(r"demo site\s+(\S+)")
    api = demo.wait_until_it_says(r"API\s+(http\S+)/docs")
    interface = demo.wait_until_it_says(r"Dagster UI\s+(http\S+)")
    collector = demo.wait_until_it_says(r"collector\s+(http://[^/]+)")

    with chromium() as browser:
        page = browser.new_page()
        with page.expect_request(lambda request: request.url.startswith(f"{collector}/collect")):
            page.goto(f"{site}about.html?utm_source=e2e-test")
        page.wait_for_timeout(500)
        page.close()
    _wait_until_shipped(installation.environment["FOOTFALL_METRICS_PORT"])
    through = floor(datetime.now(UTC)) + HOUR  # the hour may have turned meanwhile
    done = installation.run("run", "--from", _text(hour), "--to", _text(through), "--open")
    assert done.returncode == 0, done.stdout + done.stderr

    rows = [
        row
        for path in (installation.home / "buckets" / "demo" / "events").rglob("*.csv")
        for row in csv.DictReader(path.read_text().splitlines())
        if row["utm_source"] == "e2e-test"
    ]
    assert [(row["event_type"], row["site_id"], row["is_bot"]) for row in rows] != []
    assert rows[0]["event_type"] == "page_view"
    assert rows[0]["path"].endswith("about.html")
    # The test's browser says of itself that it is headless, and is counted apart from people.
    assert rows[0]["visitor_id"]

    answers_the_question_that_is_printed(demo.said, api)
    delivers_a_period_again(installation, api, hour - HOUR)
    _seen_long_enough_to_ask(installation.home, "new-shop.example", hour)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        sees_the_groups(page, interface)
        sees_what_an_asset_is(page, interface)
        sees_the_checks_pass(page, interface)
        sees_which_hours_a_run_by_hand_took(page, interface, f"{hour - HOUR:%Y-%m-%d-%H:%M}")
        ended = f"{hour - HOUR:%Y-%m-%d-%H:%M}"
        delivers_all_periods_again(page, interface, "deliveries/demo/events", [ended])
        looks_into_a_bucket(page, interface, "deliveries/demo/events")
        approves_a_domain(page, interface, "demo/new-shop.example")
    listed = installation.run("domains", "list")
    assert re.search(r"demo +new-shop\.example +verified +approved by anna", listed.stdout), listed.stdout
    assert verify_bucket(LocalStore(installation.home / "buckets" / "demo")).problems == []
    assert demo.press_control_c() == 0
    assert "Traceback" not in demo.said
    assert processes_of(installation.home) == []


def answers_the_question_that_is_printed(said: str, api: str) -> None:
    """With the key that stands beside it; the documentation is open to anybody."""
    assert "GET /v1/sites?client=demo →" in said
    key = re.search(r"ffk_\S+", said)[0]
    assert _asked(api, key, "GET", "/v1/sites?client=demo")[0] == 200
    with urllib.request.urlopen(f"{api}/docs", timeout=PATIENCE) as page:
        assert b"/v1/query" in page.read()


def delivers_a_period_again(installation, api: str, hour: datetime) -> None:
    """By an operator's key, and is followed to its end."""
    made = installation.run("keys", "new", "--operator", "--permission", "admin", "--label", "ops").stdout
    key = next(word for word in made.split() if word.startswith("ffk_"))
    span = {"from": f"{hour:%Y-%m-%dT%H:%M:%SZ}", "to": f"{hour + HOUR:%Y-%m-%dT%H:%M:%SZ}"}

    def taken() -> str:
        status, text = _asked(api, key, "POST", "/v1/exports/events/run?client=demo", span)
        assert status in (202, 401), text  # a new key is known within a second or two
        return text if status == 202 else ""

    follow = json.loads(wait_until(taken, every=0.2))["follow"]

    def ended() -> str:
        status, text = _asked(api, key, "GET", f"{follow}?client=demo")
        assert status == 200, text
        state: str = json.loads(text)["state"]
        return "" if state == "running" else state

    # A key may ask 60 times a minute.
    assert wait_until(ended, seconds=600, every=2) == "done"


def _asked(api: str, key: str, method: str, path: str, body: object = None) -> tuple[int, str]:
    sent = {"x-api-key": key, "content-type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    reply = request(int(api.rpartition(":")[2]), method, path, data, sent)
    return reply.status, reply.body.decode()


def _text(hour: datetime) -> str:
    return hour.strftime("%Y-%m-%dT%H")


def _seen_long_enough_to_ask(home: Path, host: str, hour: datetime) -> None:
    """As two hours with so many events make it: hours before all others, whose hosts are counted already."""
    (client,) = (c for c in load_registry(ROOT / "clients").clients if c.client_id == "demo")
    with registry(home / "registry.sqlite") as database:
        for at in (hour - 12 * HOUR, hour - 11 * HOUR):
            seen = [domains.Sighting("shop", host, domains.PENDING_EVENTS)]
            domains.observe(database, client, at, seen, now=datetime.now(UTC))


def _wait_until_shipped(metrics_port: str) -> None:
    def holds_nothing() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=PATIENCE) as answer:
            segments = re.findall(rb"spool_(?:open|sealed)_segments (\d+)", answer.read())
        assert len(segments) == 2
        return set(segments) == {b"0"}

    wait_until(holds_nothing, every=0.2)


def _exports_in(interface: str) -> set[str]:
    """The exports that the Dagster UI shows, as `client/export`."""
    query = "{assetNodes {groupName assetKey {path}}}"
    request = urllib.request.Request(
        f"{interface.rstrip('/')}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        nodes = json.load(answer)["data"]["assetNodes"]
    return {
        "/".join(node["assetKey"]["path"][1:])
        for node in nodes
        if node["groupName"].startswith("deliveries_")
    }


def test_up_serves_the_existing_state_and_new_clients_until_control_c(installation, processes_of, tmp_path):
    clients = tmp_path / "clients"
    clients.mkdir()
    demo = (ROOT / "clients" / "demo.yaml").read_text()
    (clients / "demo.yaml").write_text(demo)
    installation.environment["FOOTFALL_CLIENTS"] = str(clients)
    up = installation.start("up")
    up.wait_until_it_says("Ctrl-C ends all of it")
    collector = up.wait_until_it_says(r"collector\s+(http\S+)")
    interface = up.wait_until_it_says(r"Dagster UI\s+(http\S+)")
    for url in (f"{collector}/health", f"{interface}/server_info"):
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            assert answer.status == 200
    reloaded = installation.run("reload")
    assert reloaded.returncode == 0, "the code location loads as a whole: " + reloaded.stderr

    # A client file that comes is seen by itself, one that goes at once by the command.
    new = NEW_CLIENT.format(name="latecomer")
    (clients / "latecomer.yaml").write_text(new)
    wait_until(lambda: "latecomer/events" in _exports_in(interface))
    (clients / "latecomer.yaml").unlink()
    assert installation.run("reload").returncode == 0
    assert "latecomer/events" not in _exports_in(interface)

    second = installation.run("up")

    assert second.returncode == 1
    assert "is in use by process" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert up.press_control_c() == 0
    assert "Traceback" not in up.said
    assert processes_of(installation.home) == []
