"""What the clients of one file of tests tell: files that are imported, and what is sent to the collector."""

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.collectors import CollectorProcess

from footfall.store import LocalStore

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "make_models.py"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
Rows = Callable[[str], list[tuple[object, ...]]]


@dataclass(frozen=True)
class Story:
    """Several clients, of this story alone, and what came of them."""

    clients: Mapping[str, str]
    """Client → its file."""
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Client → format and text of what is imported."""
    send: Callable[[CollectorProcess], None] | None = None
    """What is told over HTTP, each event at the time that it says."""
    before: Callable[[LocalStore], None] | None = None
    """What lies in the lake before anything came."""


_CLIENT = """\
client_id: {client}
name: Visits
timezone: UTC
sites:
  - site_id: {client}
    key: pk_{client}_Kd83hDs2
    domains: [{client}.example]
{more}funnels:
  - name: buy
    steps:
      - {{name: cart, page: /cart}}
      - {{name: checkout, page: /checkout}}
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/{client}"}}
exports:
  - {{name: days, dataset: daily_metrics, cadence: daily}}
"""


def client_of_one_site(client: str, more: str = "") -> str:
    """Its file. `more`: lines of its site and of its file."""
    return _CLIENT.format(client=client, more=more)


def told_event(
    at: str, visitor: str, kind: str = "page_view", page: str = "/", site: str = "visits", **more: object
) -> str:
    """A line of an import, of 2026-11-10."""
    event = {
        "occurred_at": f"2026-11-10T{at}Z",
        "type": kind,
        "url": f"https://{site}.example{page}",
        "visitor": visitor,
        "user_agent": AGENT,
    }
    return json.dumps(event | more)


def shared_cases(*names: str) -> str:
    """These cases, one after the other; empty where the folder is absent."""
    if not CASES.exists():
        return ""
    spec = importlib.util.spec_from_file_location("make_models", CASES)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return "".join(json.dumps(row) + "\n" for name in names for row in getattr(made, name)())


def with_shared_cases(rows: Rows) -> Rows:
    """The same, or the test is skipped where there are no shared cases."""
    if not CASES.exists():
        pytest.skip(f"needs the shared cases: {CASES}")
    return rows
