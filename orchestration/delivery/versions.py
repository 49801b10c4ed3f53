"""What made a delivery: versions for its manifest."""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path

from footfall.catalogue.formats import FORMATS
from footfall.exports import Export
from footfall.installed import DBT_PROJECT
from footfall.manifest import MANIFEST_VERSION
from orchestration.delivery.described import export_columns


@cache
def software() -> dict[str, str]:
    """Name → version. `models` names the content of the models, and changes with any of them."""
    return {
        "footfall": version("footfall"),
        "duckdb": version("duckdb"),
        "models": models_version(DBT_PROJECT),
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


def export_version(export: Export) -> str:
    """Twelve hex digits over what decides the bytes of a delivery beside its rows: manifest, columns, order.

    Where a file goes, and who is told, is no part of it.
    """
    facts = [
        MANIFEST_VERSION,
        export.model_dump(exclude={"name", "destinations", "notify"}, mode="json"),
        [[each.name, each.kind] for each in export_columns(export)],
        dict(FORMATS[export.format].said(guard=export.formula_guard)),
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
