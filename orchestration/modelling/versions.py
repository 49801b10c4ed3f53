"""What decides the rows of a model beside those that it reads."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from footfall.installed import DBT_PROJECT
from footfall.strict_yaml import read_yaml

_VAR = re.compile(r"""\bvar\(\s*['"](\w+)['"]""")


@cache
def variables() -> Mapping[str, Any]:
    """The variables of dbt_project.yml."""
    found: Mapping[str, Any] = read_yaml((DBT_PROJECT / "dbt_project.yml").read_text())["vars"]
    return found


def model_version(manifest: Mapping[str, Any], unique_id: str, known: Mapping[str, Any]) -> str:
    """Twelve hex digits over a node's SQL, columns and configuration, its macros, and variables they read.

    `manifest`: dbt's, as JSON. `known`: variable → value. A description is no part of it; a seed is its file.
    """
    node = manifest["nodes"][unique_id]
    config = node.get("config", {})
    macros = dict(_macros(manifest, unique_id))
    texts = [node.get("raw_code") or node["checksum"]["checksum"], *(macros[name] for name in sorted(macros))]
    read = sorted({name for text in texts for name in _VAR.findall(text)})
    facts = [
        texts,
        [[name, column.get("data_type")] for name, column in node.get("columns", {}).items()],
        [config.get(name) for name in ("materialized", "meta", "unique_key", "column_types")],
        [[name, known.get(name)] for name in read],
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def _macros(manifest: Mapping[str, Any], unique_id: str) -> Iterator[tuple[str, str]]:
    """(id, text) of the project's macros that a node uses, those of its materialisation included."""
    node, macros = manifest["nodes"][unique_id], manifest["macros"]
    project = node["package_name"]
    made = f"materialization_{node.get('config', {}).get('materialized')}_"
    waiting = [*node.get("depends_on", {}).get("macros", ())]
    waiting += [name for name, macro in macros.items() if macro["name"].startswith(made)]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        macro = macros.get(name)
        if name in seen or macro is None or macro["package_name"] != project:
            continue
        seen.add(name)
        waiting += macro["depends_on"]["macros"]
        yield name, macro["macro_sql"]
