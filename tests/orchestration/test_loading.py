"""Loading the definitions reads, and works nothing out: no process is started, nothing is written for it."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from support.repository import ROOT

from footfall.settings import Settings
from orchestration.loading import build_defs
from orchestration.modelling.project import prepare

#: Loads what Dagster loads, in an interpreter that ends at the first process that anything wants to start.
LOAD = """
import sys
STARTS = {"subprocess.Popen", "os.posix_spawn", "os.spawn", "os.exec", "os.fork", "os.forkpty", "os.system"}
def refuse(event, arguments):
    # Python's `platform`, of which something that Dagster brings asks how wide the machine's words are.
    if event in STARTS and arguments[0] != "file":
        raise SystemExit(f"a process was started: {event} {arguments[:2]}")
sys.addaudithook(refuse)
if "--and-start" in sys.argv:
    import subprocess
    subprocess.run(["true"])
from orchestration.definitions import defs
print(len(defs().resolve_asset_graph().get_all_asset_keys()))
"""


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A state folder, with the models prepared."""
    home = tmp_path_factory.mktemp("state")
    prepare(home)
    return home


def loads(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("FOOTFALL_", "DAGSTER_"))}
    return subprocess.run(
        [sys.executable, "-c", LOAD, *arguments],
        env={
            **environment,
            "FOOTFALL_ENV_FILE": os.devnull,
            "FOOTFALL_HOME": str(home),
            "FOOTFALL_CLIENTS": str(ROOT / "clients"),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_loading_the_definitions_starts_no_process(ready):
    done = loads(ready)

    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) > 40


def test_a_process_that_loading_starts_would_be_seen(ready):
    done = loads(ready, "--and-start")

    assert done.returncode != 0
    assert "a process was started" in done.stderr


def test_definitions_of_two_installations_do_not_know_of_each_other(ready, tmp_path):
    given = [(ready, ROOT / "clients", "2026-11-20"), (tmp_path, tmp_path / "nowhere", "2026-11-21")]
    made = []
    for home, clients, day in given:
        (home / "first_hour").write_text(f"{day}T05\n")
        prepare(home)
        settings = Settings.from_environ({"FOOTFALL_HOME": str(home), "FOOTFALL_CLIENTS": str(clients)})
        made.append(build_defs(settings).resolve_asset_graph())

    for graph, (_, _, day) in zip(made, given, strict=True):
        hours = graph.get(dg.AssetKey(["ingest", "events"])).partitions_def
        assert hours.get_first_partition_key() == f"{day}-05:00"
    exports = [dg.AssetKey(["deliveries", "demo", "events"]) in graph.get_all_asset_keys() for graph in made]
    assert exports == [True, False]
