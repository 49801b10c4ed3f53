"""Rules, dashboard and scrapes name metrics that there are, and the rules fire when they should."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from support.repository import ROOT
from support.small_installation import Place as Installation

from collector import metrics
from commands.state_metrics import StateFamilies

FOLDER = ROOT / "deploy" / "monitoring"
METRIC = re.compile(r"\bfootfall_\w+\b")


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


def test_rules_and_dashboard_name_metrics_that_there_are(tmp_path):
    known = of_collector() | of_state(tmp_path)
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = [
        rule["expr"]
        for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]

    used = {name for text in (*shown, *rules) for name in METRIC.findall(text)}

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


def test_prometheus_takes_the_files_and_the_rules_fire_when_they_should():
    for arguments in (("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_metrics_of_a_small_installation_are_read_without_dagster(tmp_path):
    settings = Installation(tmp_path).settings
    families = {family.name: family for family in StateFamilies(settings).collect()}

    (up,) = families["footfall_dagster_up"].samples
    assert up.value == 0
    assert "footfall_runs" not in families, "what nobody knows is not said"
    sizes = {each.labels["place"]: each.value for each in families["footfall_state_bytes"].samples}
    assert sizes["keys"] > 0 and sizes["outbox"] > 0
