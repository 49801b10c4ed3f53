"""deploy/Dockerfile without an engine: lint, what its final stages have, and what they are made of."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from support.image_stages import image_environment, stages
from support.repository import ROOT, files, name_of

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: What the collector and the function load, and what they load when it is wanted.
PROGRAM = """
import sys
import collector.__main__, collector.worker, collector.supervisor, collector.lambda_handler
import boto3, botocore.config, boto3.exceptions, obstore.store, uvloop, prometheus_client
from importlib.metadata import packages_distributions
names = packages_distributions()
loaded = {each for module in sys.modules for each in names.get(module.partition(".")[0], [])}
print("\\n".join(sorted(loaded)))
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(names: list[str]) -> set[str]:
    """These packages and all that they need here."""
    found: set[str] = set()
    waiting = [normal(re.split(r"[^\w.-]", name)[0]) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            requires = distribution(name).requires or []
            waiting += [normal(re.split(r"[^\w.-]", each)[0]) for each in requires if "extra ==" not in each]
    return found


@pytest.mark.parametrize("name", ["Dockerfile", "collector.Dockerfile"])
def test_it_is_well_written(name):
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("hadolint is not installed here")

    done = subprocess.run(
        [program, "--config", ROOT / "deploy" / ".hadolint.yaml", ROOT / "deploy" / name],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ["collector", "footfall"])
def test_a_final_stage_runs_as_nobody_in_particular_is_watched_and_builds_nothing(name):
    stage = stages()[name]

    assert stage[0] == f"FROM base AS {name}"
    assert "USER 10001:10001" in stage
    assert any(line.startswith("HEALTHCHECK") for line in stage)
    assert any("FOOTFALL_ENVIRONMENT=prod" in line for line in stage)
    both = " ".join([*stages()["base"], *stage])
    assert not re.search(r"\b(uv|pip|gcc|build-essential|python3-dev)\b", both)
    copied = [line.split()[2] for line in stage if line.startswith("COPY")]
    assert copied == ["/opt/footfall"], "nothing but the packages"


def test_packages_come_from_the_lock_file_and_are_listed():
    for name in ("build", "build-collector"):
        steps = " ".join(stages()[name])
        assert "uv sync --quiet --frozen" in steps
        assert "cyclonedx1.5" in steps
        assert "--no-deps" in steps, "what the wheel names is there by then"


def test_the_group_of_the_collector_has_all_that_it_loads():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    loaded = {normal(name) for name in done.stdout.split()}

    group = needed(PROJECT["dependency-groups"]["collector"])
    # Loaded by others of the environment, where they are there.
    elsewhere = {"footfall", "setuptools", "brotli"}
    assert loaded - group - elsewhere == set()


@pytest.fixture
def rehearsal(monkeypatch):
    """deploy/rehearse_image.py, which the system's Python runs by its path."""
    monkeypatch.syspath_prepend(str(ROOT / "deploy"))
    import rehearse_image

    return rehearse_image


def test_the_context_holds_what_the_wheel_is_made_of_and_no_more(rehearsal):
    ignored = rehearsal.ignored
    rules = [
        line.strip()
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    sent = {name_of(path) for path in files() if not ignored(name_of(path), rules)}
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    needs = {
        name_of(path)
        for path in files()
        if any(name_of(path) == each or name_of(path).startswith(f"{each}/") for each in wheel)
    } | {
        "pyproject.toml",
        "uv.lock",
        "README.md",
        "LICENSE",
        "hatch_build.py",
        "dagster.yaml",
        "workspace.yaml",
    }

    assert sent == needs


def test_what_is_rehearsed_starts_as_the_dockerfile_says(rehearsal, tmp_path):
    found = rehearsal.rehearse(tmp_path, tmp_path, is_made=False)

    assert not list(tmp_path.iterdir()), "nothing was done"
    for name in rehearsal.BOUNDS:
        stage, said = found[name], " ".join(stages()[name])
        assert (stage.user, stage.workdir) == ("10001:10001", "/var/lib/footfall")
        assert f"CMD {json.dumps(stage.command)}" in said and f"CMD {json.dumps(stage.health)}" in said
        assert stage.environment == image_environment(name)


def test_a_bare_debian_is_made_as_slim_as_the_base_image(rehearsal, tmp_path):
    gone = ("usr/share/doc/x/README", "usr/share/man/man1/x.1", "var/lib/apt/lists/a", "var/cache/apt/a.bin")
    stay = ("usr/share/doc/x/copyright", "usr/bin/x")
    for name in (*gone, *stay, "etc/dpkg/dpkg.cfg.d/x", "etc/apt/apt.conf.d/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    rehearsal.slim(tmp_path)

    assert not [name for name in gone if (tmp_path / name).exists()]
    assert all((tmp_path / name).exists() for name in stay)
    assert "path-exclude /usr/share/man/*" in (tmp_path / "etc/dpkg/dpkg.cfg.d/slim").read_text()
