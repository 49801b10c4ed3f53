"""A fresh clone after `make setup`, with no variable set: Dagster's own commands work as in any project."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from support.repository import files, name_of
from support.waiting import wait_until

BINARIES = Path(sys.executable).parent
LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The files of the repository in a folder of their own, prepared as `make setup` does it."""
    folder = tmp_path_factory.mktemp("clone")
    for path in files():
        copy = folder / name_of(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    prepared = run(folder, sys.executable, "-m", "commands.prepare")
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Without a variable of ours or of Dagster's. The clone's packages come before those installed."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("FOOTFALL_", "DAGSTER_"))}
    return {**kept, "PYTHONPATH": str(folder), "PATH": f"{BINARIES}{os.pathsep}{os.environ['PATH']}"}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("dagster definitions validate", "All code locations passed validation"),
        ("dg check defs", "All definitions loaded successfully"),
        ("dg list defs", "every_line_is_accounted_for"),
    ],
)
def test_the_commands_that_look_at_definitions_work_in_a_fresh_clone(clone, command, says):
    name, *arguments = command.split()

    done = run(clone, str(BINARIES / name), *arguments)

    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert says in said


def test_dagster_dev_serves_the_definitions_in_a_fresh_clone(clone, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with (tmp_path / "dev.log").open("wb") as log:
        dev = subprocess.Popen(
            [str(BINARIES / "dagster"), "dev", "-p", str(port)],
            cwd=clone, env=environment(clone), stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:

        def loads() -> dict[str, str]:
            assert dev.poll() is None, (tmp_path / "dev.log").read_text()
            return _locations(port)

        loaded = wait_until(loads, lambda: (tmp_path / "dev.log").read_text(), seconds=600, every=0.5)
        assert loaded == {"footfall": "RepositoryLocation"}, (tmp_path / "dev.log").read_text()
    finally:
        try:
            os.killpg(dev.pid, signal.SIGKILL)  # its own end takes minutes on a busy machine
        except ProcessLookupError:
            pass
        dev.wait()


def test_models_that_were_changed_are_told_with_what_to_do_and_made_ready_by_it(clone, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(clone, changed, ignore=shutil.ignore_patterns(".footfall", ".tmp_*"))
    with (changed / "dbt_project" / "models" / "marts" / "events.sql").open("a") as model:
        model.write("-- changed\n")
    load = (
        "import sys, os\n"
        "from footfall.errors import FootfallError\n"
        "from footfall.settings import Settings\n"
        "from orchestration.loading import build_defs\n"
        "try: build_defs(Settings.from_environ({}))\n"
        "except FootfallError as error: sys.exit(str(error))\n"
    )

    stale = run(changed, sys.executable, "-c", load)
    ready = run(changed, sys.executable, "-m", "commands.prepare")
    after = run(changed, sys.executable, "-c", load)

    assert stale.returncode == 1
    [line] = stale.stderr.splitlines()
    assert "`make setup` makes it" in line and str(changed / "dbt_project") in line
    assert ready.stdout == "reading the models …\n"
    assert after.returncode == 0, after.stderr
    kept = [path.name for path in (changed / "dbt_project" / "target" / "prepared").glob("*/")]
    assert len(kept) == 1, "what was made of the models before is gone"


def _locations(port: int) -> dict[str, str]:
    """Code location → what came of loading it; empty as long as nobody answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": LOCATIONS}).encode(),
        {"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
        return {entry["name"]: entry["locationOrLoadError"]["__typename"] for entry in entries}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
