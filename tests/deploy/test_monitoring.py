"""Rules, dashboard and scrapes name metrics that there are, and the rules fire when they should."""

import asyncio
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from support.frozen_state import unpack
from support.monitored import FOLDER, used_metrics
from support.repository import ROOT
from support.small_installation import Place as Installation

from api.request_counts import RequestCounts
from collector import metrics
from commands.state_metrics import StateFamilies
from footfall.settings import Settings
from orchestration.delivery.states import DELIVERY, PLANNED, RENDERED


def promtool(*arguments):
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    return subprocess.run(
        [program, *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
    )


def of_collector() -> set[str]:
    """Names of the collector's metrics, as its source has them."""
    source = (ROOT / "collector" / "metrics.py").read_text()
    counters = re.findall(r"_counter\(\s*\"(\w+)\"", source)
    gauges = re.findall(r"_gauge\(\s*\"(\w+)\"", source)
    names = {f"{metrics.PREFIX}_{name}_total" for name in counters} | {
        f"{metrics.PREFIX}_{name}" for name in gauges
    }
    return names | {f"{metrics.PREFIX}_ack_duration_seconds_bucket"}


def of_state(tmp_path) -> set[str]:
    """Names of an installation's metrics; those that its few files do not show are in the module's text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StateFamilies(Installation(tmp_path).settings))
    shown = set(re.findall(r"^# TYPE (\w+)", generate_latest(registry).decode(), re.MULTILINE))
    source = (ROOT / "commands" / "state_metrics.py").read_text()
    written = {f"footfall_{name}" for name in re.findall(r"\{PREFIX\}_(\w+)", source)}
    return shown | written | {f"footfall_{name}" for name in re.findall(r"_gauge\(\s*\"(\w+)\"", source)}


def of_requests(part: str) -> set[str]:
    """Names of what a process that answers people counts, as Prometheus keeps them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RequestCounts(part))
    shown = generate_latest(registry).decode()
    return set(re.findall(r"^# TYPE (\w+)", shown, re.MULTILINE)) | set(
        re.findall(r"^(\w+)", shown, re.MULTILINE)
    )


def test_rules_and_dashboard_name_metrics_that_there_are(tmp_path):
    known = of_collector() | of_state(tmp_path) | of_requests("api") | of_requests("dashboard")
    used = used_metrics()

    assert used - known == set()
    assert of_state(tmp_path / "again") <= known
    assert {
        f"footfall_{name}" for name in ("runs", "deliveries", "ingest_lag_seconds", "state_bytes")
    } <= used


def test_every_rule_says_how_bad_it_is_and_where_it_is_explained():
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            document, _, section = rule["annotations"]["runbook"].partition("#")
            headings = re.findall(r"^#+ (.+)$", (ROOT / document).read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
            assert section in anchors, rule["alert"]
            assert rule["labels"]["severity"] in ("error", "warning")


def test_the_collector_of_opentelemetry_asks_what_prometheus_asks():
    prometheus = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    other = yaml.safe_load((FOLDER / "otel-collector.yaml").read_text())
    config = other["receivers"]["prometheus"]["config"]

    assert config["scrape_configs"] == prometheus["scrape_configs"]
    assert config["global"] == prometheus["global"]
    parts = {kind: set(other[kind]) for kind in ("receivers", "processors", "exporters")}
    for pipeline in other["service"]["pipelines"].values():
        assert {kind: set(pipeline[kind]) for kind in parts} == parts, "what is there is used"


def test_what_is_scraped_is_where_compose_serves_it():
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    served = {
        f"{name}:{value}"
        for name, service in services.items()
        for key, value in (service.get("environment") or {}).items()
        if key.endswith("METRICS_PORT")
    }
    jobs = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    asked = {target for job in jobs for each in job["static_configs"] for target in each["targets"]}

    assert served <= asked
    assert {each.split(":")[0] for each in asked} == {each.split(":")[0] for each in served}


def test_prometheus_takes_the_files_and_the_rules_fire_when_they_should():
    for arguments in (("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_answer_counts_by_its_route_and_status_and_a_page_while_it_is_open():
    counts = RequestCounts("api")

    def sample(name, **labels):
        families = {each.name: each for family in counts.collect() for each in family.samples}
        every = [each for family in counts.collect() for each in family.samples]
        assert name in families
        return [each.value for each in every if each.name == name and labels.items() <= each.labels.items()]

    async def app(scope, _receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            assert sample("footfall_api_open_sockets") == [1]
        elif scope["path"] == "/broken":
            raise RuntimeError("broken")
        else:
            await send({"type": "http.response.start", "status": 404, "headers": []})

    counted = counts.around(app, lambda scope: scope["path"])

    async def ask(kind, path):
        async def send(_message):
            pass

        await counted({"type": kind, "path": path}, None, send)

    async def story():
        await ask("http", "/x")
        await ask("http", "/x")
        await ask("websocket", "/stream")
        with pytest.raises(RuntimeError):
            await ask("http", "/broken")

    asyncio.run(story())

    assert sample("footfall_api_requests_total", route="/x", status="404") == [2]
    assert sample("footfall_api_requests_total", route="/broken", status="500") == [1]
    assert sample("footfall_api_requests_total", route="/stream", status="101") == [1]
    assert sample("footfall_api_request_duration_seconds_count") == [3], "an open page is no answer"
    assert sample("footfall_api_open_sockets") == [0]


def test_metrics_of_an_installation_tell_what_has_arrived_what_waits_and_how_far_ingest_is(tmp_path):
    state = unpack(tmp_path)
    settings = Settings.from_environ(
        {"FOOTFALL_HOME": str(state.home), "FOOTFALL_CLIENTS": str(tmp_path / "clients")}
    )

    def families():
        return {
            family.name: {tuple(each.labels.values()): each.value for each in family.samples}
            for family in StateFamilies(settings).collect()
        }

    whole = families()
    assert whole["footfall_ingest_lag_seconds"][()] > 0
    assert whole["footfall_oldest_open_delivery_seconds"] == {}, "all of them have arrived"
    last = whole["footfall_newest_delivered_period_timestamp_seconds"]["demo", "events"]
    assert datetime.fromtimestamp(last, UTC) == datetime(2026, 11, 29, 12, tzinfo=UTC)
    arrived = whole["footfall_deliveries"]["demo", "events", "committed"]

    with closing(sqlite3.connect(state.home / "ledger.sqlite")) as ledger, ledger:
        changed = ledger.execute(
            "UPDATE revisions SET state = 'rendered' WHERE client_id = 'demo' AND export = 'events' "
            "AND period_start = (SELECT max(period_start) FROM revisions WHERE export = 'events')"
        ).rowcount
    waiting = families()
    assert waiting["footfall_deliveries"]["demo", "events", "committed"] == arrived - changed
    assert waiting["footfall_deliveries"]["demo", "events", "rendered"] == changed > 0
    assert list(waiting["footfall_oldest_open_delivery_seconds"]) == [("demo",)]
    assert waiting["footfall_newest_delivered_period_timestamp_seconds"]["demo", "events"] == last - 3600


def test_states_that_rules_and_dashboard_name_are_states():
    text = (FOLDER / "dashboard.json").read_text() + (FOLDER / "alerts.yml").read_text()
    named = re.findall(r"footfall_deliveries\{state=~\\?\"([a-z|]+)", text)

    assert {state for each in named for state in each.split("|")} == {PLANNED, RENDERED}
    assert set(DELIVERY) == {PLANNED, RENDERED, "committed", "notified", "superseded"}


def test_metrics_of_a_small_installation_are_read_without_dagster(tmp_path):
    settings = Installation(tmp_path).settings
    families = {family.name: family for family in StateFamilies(settings).collect()}

    (up,) = families["footfall_dagster_up"].samples
    assert up.value == 0
    assert "footfall_runs" not in families, "what nobody knows is not said"
    sizes = {each.labels["place"]: each.value for each in families["footfall_state_bytes"].samples}
    assert sizes["keys"] > 0 and sizes["outbox"] > 0
