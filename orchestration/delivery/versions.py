"""What made a delivery: versions for its manifest."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from footfall import zones
from footfall.installed import DBT_PROJECT


@cache
def software() -> dict[str, str]:
    """Name → version. `models` names the content of the models, and changes with any of them; `tzdata` is the
    release of the time zone database.
    """
    return {
        "footfall": version("footfall"),
        "duckdb": version("duckdb"),
        "models": models_version(DBT_PROJECT),
        "tzdata": zones.version(),
    }


def models_version(folder: Path) -> str:
    """Twelve hex digits over the models, macros and seeds below a dbt project."""
    digest = hashlib.sha256()
    for part in ("models", "macros", "seeds"):
        for path in sorted((folder / part).rglob("*")):
            if path.suffix in (".sql", ".csv"):
                digest.update(
                    path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0"
                )
    return digest.hexdigest()[:12]
