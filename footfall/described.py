"""What the YAML of the models says of columns: names, types and meanings, without a warehouse."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from footfall.installed import DBT_PROJECT
from footfall.strict_yaml import read_yaml

_MODELS = DBT_PROJECT / "models"
#: A text of dbt_project/models/*.md, as YAML asks for it, and as it stands there.
_BLOCK = re.compile(r"\{\{ doc\('(\w+)'\) \}\}")
_BLOCKS = re.compile(r"\{% docs (\w+) %\}(.*?)\{% enddocs %\}", re.DOTALL)


@dataclass(frozen=True)
class Described:
    """A column: its name, its type as its YAML says it, what it means."""

    name: str
    kind: str
    meaning: str


@cache
def table_columns(table: str) -> Mapping[str, Described]:
    """Name → column of a mart or report, in the order of its contract; none of a table that nobody knows."""
    for folder in ("marts", "reports"):
        path = _MODELS / folder / f"{table}.yml"
        if path.exists():
            return _columns(read_yaml(path.read_text())["models"], table)
    return {}


@cache
def source_columns(table: str) -> Mapping[str, Described]:
    """Name → column of a table that ingest writes, in order."""
    [source] = read_yaml((_MODELS / "staging" / "web" / "__sources.yml").read_text())["sources"]
    return _columns(source["tables"], table)


def _columns(tables: Iterable[Mapping[str, Any]], name: str) -> dict[str, Described]:
    [table] = [each for each in tables if each["name"] == name]
    return {
        column["name"]: Described(
            column["name"],
            str(column.get("data_type", "")).upper(),
            " ".join(_BLOCK.sub(_text, str(column.get("description", ""))).split()),
        )
        for column in table["columns"]
    }


def _text(asked: re.Match[str]) -> str:
    return _texts()[asked[1]]


@cache
def _texts() -> Mapping[str, str]:
    files = _MODELS.glob("*.md")
    return {name: text for path in files for name, text in _BLOCKS.findall(path.read_text())}
