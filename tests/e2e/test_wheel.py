"""The wheel alone, in an environment without the checkout and a folder without a file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.repository import ROOT, files, name_of

from footfall.store import LocalStore
from footfall.verify import verify_bucket

#: What `make setup` installs; a machine without it has no lock to install from.
UV = ROOT / ".uv" / "bin" / "uv"
#: Every package of ours, and where each was imported from.
WHENCE = """
import collector.worker, commands.cli, footfall.installed, json, orchestration, sources
print(json.dumps([m.__file__ for m in (collector, commands, footfall, orchestration, sources)]))
"""


def _uv(*arguments: str, **variables: str) -> None:
    done = subprocess.run(
        [str(UV), *arguments, "--offline"],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """A new environment with the wheel and the locked packages, from uv's cache."""
    if not UV.exists():
        pytest.skip("no uv in this folder: `make setup` installs it")
    folder = tmp_path_factory.mktemp("wheel")
    _uv("build", "--out-dir", str(folder / "dist"))
    environment = folder / "env"
    # The locked packages by their addresses in the lock file: the cache need not know an index of them.
    locked = ("--frozen", "--no-dev", "--no-install-project", "--python", sys.executable)
    _uv("sync", "--quiet", *locked, UV_PROJECT_ENVIRONMENT=str(environment))
    [wheel] = (folder / "dist").glob("*.whl")
    _uv("pip", "install", "--no-deps", "--python", str(environment / "bin" / "python"), str(wheel))
    return environment


def _data_files(environment: Path) -> dict[str, bytes]:
    [data] = environment.glob("lib/python*/site-packages/footfall/data")
    return {str(path): path.read_bytes() for path in data.rglob("*") if path.is_file()}


def test_the_wheel_holds_what_the_code_reads(environment):
    [data] = environment.glob("lib/python*/site-packages/footfall/data")
    read = ("dbt_project/", "pixel/dist/", "pixel/demo-site/", "pixel/serve.py", "docs/runbook.md",
            "dagster.yaml", "workspace.yaml", "clients/demo.yaml")  # fmt: skip
    ours = [path for path in files() if name_of(path).startswith(read)]

    assert {n for n in read if not any(name_of(path).startswith(n) for path in ours)} == set()
    for path in ours:
        assert (data / name_of(path)).read_bytes() == path.read_bytes(), name_of(path)


def test_an_empty_environment_and_an_empty_folder_are_enough_for_the_demo(
    environment, installation, tmp_path, processes_of
):
    before = _data_files(environment)
    folder = tmp_path / "empty"
    folder.mkdir()
    installation.command, installation.folder = (str(environment / "bin" / "footfall"),), folder
    for name in ("FOOTFALL_HOME", "FOOTFALL_CLIENTS", "PYTHONPATH"):
        installation.environment.pop(name, None)
    whence = subprocess.run(
        [str(environment / "bin" / "python"), "-P", "-c", WHENCE],
        cwd=folder, env=installation.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(Path(each).is_relative_to(environment) for each in json.loads(whence.stdout))

    demo = installation.run("demo", "--no-serve", "--hours", "2", seconds=1800)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "every event that was acknowledged is in a verified file" in demo.stdout
    for client in ("agency", "demo"):
        seen = verify_bucket(LocalStore(folder / ".footfall" / "buckets" / client))
        assert (seen.problems, seen.manifests >= 4) == ([], True)
    assert sorted(path.name for path in folder.iterdir()) == [".footfall", "clients"]
    assert _data_files(environment) == before, "what is installed is not written to"

    assert processes_of(folder / ".footfall") == []
