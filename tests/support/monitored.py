"""What deploy/monitoring asks for."""

import json
import re

import yaml
from support.repository import ROOT

FOLDER = ROOT / "deploy" / "monitoring"
_METRIC = re.compile(r"\bfootfall_\w+\b")


def used_metrics() -> set[str]:
    """Names of metrics in the dashboard and in the rules."""
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = [
        rule["expr"]
        for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    return {name for text in (*shown, *rules) for name in _METRIC.findall(text)}
