"""The page of all fields of a client file: their meaning and limits from the models, examples from a file."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from footfall.clients import PATTERNS, Client

EXAMPLE = Path("docs/client-file.yaml")

_HEAD = """\
# All fields of a client file

Made by `make generate` from the models of `footfall/clients.py` and the example `docs/client-file.yaml`,
which is valid as it stands. How a client comes to be, and what its file may name:
[client-onboarding.md](client-onboarding.md). `[]` is an item of a list. Fields in **bold** are needed where
their part is there. An editor takes all of this from `clients/client.schema.json`.
"""
#: A part → one that has all its fields too, and its examples for those that cannot stand together.
_ALIKE = {"further_destinations[].": "destination."}
#: Values that a cell names; more are told by number, the file's schema has them.
_CHOICES = 12


@dataclass(frozen=True)
class FieldLine:
    """One field: where it stands, as `sites[].key`, and what its schema says."""

    path: str
    schema: Mapping[str, Any]
    is_needed: bool


def page(example: str) -> str:
    """The whole page. `example`: the text of the example file."""
    document = yaml.safe_load(example)
    schema = Client.model_json_schema()
    text = _HEAD
    for name, part, at in _parts(schema):
        text += f"\n## {name}\n\n{part['description'].splitlines()[0]}"
        text += f" With the fields of `{_ALIKE[at][:-1]}`, and:\n\n" if at in _ALIKE else "\n\n"
        text += "| Field | Meaning | Values | Without it | Example |\n|---|---|---|---|---|\n"
        for line in _fields(part, at, schema):
            meaning, values = str(line.schema.get("description", "")), _values(line.schema, schema)
            example = "" if _part_of(line.schema, schema) else _example(document, line.path)
            cells = [_bold(line), meaning, values, _default(line), example]
            text += f"| {' | '.join(map(_cell, cells))} |\n"
    return text


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Title, schema and path of each part of the file, as they come in it."""
    yield "The client", schema, ""
    waiting = [("", schema)]
    while waiting:
        at, part = waiting.pop(0)
        for name, each in part["properties"].items():
            inner = _part_of(each, schema)
            if inner is not None:
                path = f"{at}{name}[]." if _is_list(each) else f"{at}{name}."
                yield f"`{path.rstrip('.')}`", inner, path
                waiting.append((path, inner))


def _fields(part: Mapping[str, Any], at: str, schema: Mapping[str, Any]) -> Iterator[FieldLine]:
    told = schema["properties"][_ALIKE[at][:-1]] if at in _ALIKE else {}
    before = _part_of(told, schema) if told else None
    for name, each in part["properties"].items():
        if before and name in before["properties"]:
            continue
        yield FieldLine(f"{at}{name}", each, name in part.get("required", ()))


def _resolved(each: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = each.get("$ref")
    return schema["$defs"][reference.rpartition("/")[2]] if reference else each


def _is_list(each: Mapping[str, Any]) -> bool:
    return each.get("type") == "array"


def _part_of(each: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The part of the file that a field is, or a list of which it is."""
    inner = _resolved(each["items"] if _is_list(each) else each, schema)
    return inner if "properties" in inner else None


def _values(each: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "anyOf" in each:
        return " or ".join(_values(one, schema) for one in each["anyOf"] if one.get("type") != "null")
    if _part_of(each, schema) is not None:
        return ("a list, see below" if _is_list(each) else "see below") + _count(each)
    if _is_list(each):
        return f"a list of {_values(each['items'], schema)}{_count(each)}"
    if "enum" in each or "const" in each:
        choices = each.get("enum", [each.get("const")])
        if len(choices) > _CHOICES:
            return f"one of {len(choices)}"
        return ", ".join(f"`{json.dumps(one).strip(chr(34))}`" for one in choices)
    if "pattern" in each:
        return PATTERNS.get(each["pattern"], f"`{each['pattern']}`").removeprefix("expected ")
    if each.get("type") == "object":
        return "names and values"
    return _plain(each)


def _plain(each: Mapping[str, Any]) -> str:
    kinds = {"integer": "a number", "boolean": "`true`, `false`", "string": "text", "number": "a number"}
    if "type" not in each:
        return "values"
    said = "a day" if each.get("format") == "date" else kinds[each["type"]]
    low, high = each.get("minimum", each.get("minLength")), each.get("maximum", each.get("maxLength"))
    if low is None and high is None:
        return said
    unit = " characters" if each["type"] == "string" else ""
    return f"{said}, {f'{low:,} to ' if low is not None else 'up to '}{high:,}{unit}"


def _count(each: Mapping[str, Any]) -> str:
    least, most = each.get("minItems"), each.get("maxItems")
    said = [f"{least} at least"] * bool(least) + [f"{most} at most"] * bool(most)
    return "; " + ", ".join(said) if said else ""


def _bold(line: FieldLine) -> str:
    name = f"`{line.path}`"
    return f"**{name}**" if line.is_needed else name


def _default(line: FieldLine) -> str:
    if line.is_needed or "default" not in line.schema or line.schema["default"] in (None, [], {}):
        return ""
    value = line.schema["default"]
    return "as below" if isinstance(value, dict) else f"`{_written(value)}`"


def _example(document: Any, path: str) -> str:
    """The first value in the example file."""
    alike = [path.replace(other, at, 1) for at, other in _ALIKE.items() if path.startswith(other)]
    for value in (each for one in (path, *alike) for each in _found(document, one.split("."))):
        return f"`{_written(value)}`"
    raise ValueError(f"{EXAMPLE} has no {path}")


def _found(document: Any, steps: list[str]) -> Iterator[Any]:
    if not steps:
        yield document
        return
    name, rest = steps[0], steps[1:]
    inner = document.get(name.removesuffix("[]")) if isinstance(document, dict) else None
    for each in (inner or []) if name.endswith("[]") else ([] if inner is None else [inner]):
        yield from _found(each, rest)


def _written(value: Any) -> str:
    """As YAML has it in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")
