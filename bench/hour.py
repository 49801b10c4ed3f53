"""An empty hour from command to end: what an hour costs before there is any traffic in it.

The reference is the one part of it that cannot be left out: dbt, by its own command line, over the same
models and the same kind of warehouse.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import duckdb

from bench.measure import Row, alternate, say, seconds, times_aim
from commands import installation
from footfall.installed import DATA
from footfall.settings import Settings
from orchestration.ingest.schema import create_statements
from orchestration.modelling.command import BUILD, window_environment
from orchestration.modelling.project import DBT, PROJECT_FOLDER, dbt_environment, prepare

#: Steps that are told apart, by the names in which a run narrates them. What is left is start-up.
STEPS = ("ingest", "models", "deliveries")
_DONE = re.compile(r"^ +(\S+) done in ([0-9.]+) s$", re.MULTILINE)


def run(*, repeats: int = 3) -> list[Row]:
    """Hours at noon, which end no client's day. Raises RuntimeError with what a failed run said."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    # Made once after a change of the models, not in every hour.
    prepare(Settings.from_environ(os.environ).home)
    parts: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        settings, environment = _installed(folder)
        warehouse = folder / "reference.duckdb"
        with duckdb.connect(str(warehouse)) as connection:
            for statement in create_statements():
                connection.execute(statement)
        # Both keep what dbt has parsed, as an installation does after its first hour.
        _dbt(folder / "target", warehouse, noon)
        numbers = count()

        def ours() -> float:
            hour = noon + timedelta(days=-next(numbers))
            say(f"hour: {hour:%Y-%m-%dT%H}")
            wall, split = _hour(environment, hour)
            parts.append(split)
            return wall

        settings.first_hour_file.write_text(f"{noon - timedelta(days=repeats):%Y-%m-%dT%H}\n")
        pairs = alternate(repeats, ours, lambda: seconds(lambda: _dbt(folder / "target", warehouse, noon)))
    walls, references = (statistics.median(side) for side in zip(*pairs, strict=True))
    split = ", ".join(f"{name} {statistics.median(p[name] for p in parts):.1f}" for name in parts[0])
    return [
        Row(
            "an empty hour by `footfall run`",
            f"{walls:.1f} s: {split}",
            f"{references:.1f} s",
            [theirs / mine for mine, theirs in pairs],
            "`dbt build` of the same models by the command line, parsed before; "
            "no Dagster, no ingest, no deliveries",
            times_aim(pairs, 0.7),
        )
    ]


def split_of(narration: str, wall: float) -> dict[str, float]:
    """Seconds of start-up and of each step, from what a run says. Their sum is `wall`."""
    took = {name: float(text) for name, text in _DONE.findall(narration)}
    named = {name: took.pop(name) for name in STEPS}
    others = {"other steps": sum(took.values())} if took else {}
    return {"start-up and end": wall - sum(named.values()) - sum(others.values()), **named, **others}


def _installed(folder: Path) -> tuple[Settings, dict[str, str]]:
    """A state folder with the clients of this repository and nothing in the lake."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("FOOTFALL_", "DAGSTER_"))}
    inherited |= {
        "FOOTFALL_HOME": str(folder / "home"),
        "FOOTFALL_CLIENTS": str(DATA / "clients"),
    }
    settings = Settings.from_environ(inherited)
    installation.prepare(settings)
    return settings, installation.environment(settings, inherited)


def _hour(environment: dict[str, str], hour: datetime) -> tuple[float, dict[str, float]]:
    window = (f"{hour:%Y-%m-%dT%H}", f"{hour + timedelta(hours=1):%Y-%m-%dT%H}")
    said = ""

    def materialise() -> None:
        nonlocal said
        said = _said(
            [sys.executable, "-m", "commands.entry", "run", "--from", window[0], "--to", window[1]],
            Path.cwd(),
            environment,
        )

    wall = seconds(materialise)
    return wall, split_of(said, wall)


def _dbt(target: Path, warehouse: Path, hour: datetime) -> None:
    window = window_environment(warehouse, hour, hour + timedelta(hours=1))
    _said([str(DBT), *BUILD, "--target-path", str(target)], PROJECT_FOLDER, {**dbt_environment(), **window})


def _said(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
