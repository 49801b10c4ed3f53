"""Rules of models, through the door: files are imported, hours are run, and the models are read."""

import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "make_models.py"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CLIENT = """\
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
Rows = Callable[[str], list[tuple[object, ...]]]


def told_event(at: str, visitor: str, kind: str = "page_view", page: str = "/", **more: object) -> str:
    event = {
        "occurred_at": f"2026-11-10T{at}Z",
        "type": kind,
        "url": f"https://visits.example{page}",
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


def rows_of(installation: Any) -> Rows:
    """What the models of an installation say to a query, in UTC."""

    def read(query: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(installation.home / "warehouse.duckdb"), read_only=True) as warehouse:
            warehouse.execute("SET TimeZone = 'UTC'")
            return warehouse.execute(query).fetchall()

    return read


def read_after(installation: Any, clients: Mapping[str, str], files: Mapping[str, tuple[str, str]]) -> Rows:
    """Rows of the models after one run over what was imported on 2026-11-10.

    `clients`: client → more lines of its only site and of its file. `files`: client → format and text.
    """
    folder = installation.home.parent
    written = folder / "clients"
    written.mkdir()
    for client, more in clients.items():
        (written / f"{client}.yaml").write_text(CLIENT.format(client=client, more=more))
    installation.environment["FOOTFALL_CLIENTS"] = str(written)
    for client, (form, text) in files.items():
        if text:
            path = folder / f"{client}.log"
            path.write_text(text)
            done = installation.run("import", str(path), "--client", client, "--format", form)
            assert done.returncode == 0, done.stdout + done.stderr
    done = installation.run("run", "--from", "2026-11-10", "--to", "2026-11-11T10")
    assert done.returncode == 0, done.stdout + done.stderr

    return rows_of(installation)


def with_shared_cases(rows: Rows) -> Rows:
    """The same, or the test is skipped where there are no shared cases."""
    if not CASES.exists():
        pytest.skip(f"needs the shared cases: {CASES}")
    return rows
