"""YAML as people mean it: a field given twice is a mistake. Errors quote nothing that could be a secret."""

import re
from collections.abc import Sequence
from typing import Any

import yaml


class NotYaml(Exception):
    """What is wrong; `where` is a line and column, or `-`."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(problem)
        self.where = where


def read_yaml(text: str) -> Any:
    """The document that a text holds. Raises NotYaml."""
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "-"
        # An unknown tag or alias is quoted in the parser's words, and could be a secret.
        raise NotYaml(where, re.sub(r"'([^']*)'", _without_value, error.problem or "unreadable")) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        where = f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
        raise NotYaml(where, str(error.reason)) from None
    # PyYAML passes on whatever its conversions raise: for a date of month 13, for deep nesting.
    except Exception as error:
        raise NotYaml("-", f"{type(error).__name__} in one of its values") from None


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line, from 1, of a readable document in which a value stands, or what lacks it; None at the top."""
    node: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
    line = None
    for step in path:
        found: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            at, found = next(((k, v) for k, v in node.value if k.value == step), (None, None))
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            at = found = node.value[step]
        if found is None or at is None:
            return line
        node, line = found, at.start_mark.line + 1
    return line


def _without_value(quoted: re.Match[str]) -> str:
    """A quoted word of the parser: a sign, or a name of its own such as `<stream end>`; no other is shown."""
    is_its_own = len(quoted[1]) < 2 or re.fullmatch("<[a-z ]+>", quoted[1])
    return quoted[0] if is_its_own else "…"


class _Loader(yaml.SafeLoader):
    """Plain YAML, but a field given twice is a mistake: PyYAML would silently take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem="a field is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)
