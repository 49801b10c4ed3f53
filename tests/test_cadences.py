"""A cadence is looked at in the catalogue, and nowhere else."""

import ast
import re

import pytest
from support.repository import CODE, name_of, python_files

CADENCES = ("hourly", "daily", "weekly", "monthly", "live")
#: Who looks at a cadence beside the catalogue, how often, and why.
LOOKS = {
    # A client file's own field, against what its dataset offers.
    "footfall/exports.py": 1,
}


def _is_cadence(node: ast.AST) -> bool:
    named = getattr(node, "attr", getattr(node, "id", None))
    if isinstance(node, ast.Subscript):
        named = getattr(node.slice, "value", None)
    return isinstance(named, str) and named.lower().endswith("cadence")


def _is_mark(node: ast.AST) -> bool:
    """What the name of an hour has, or of a part of one, and the name of a day has not."""
    return isinstance(node, ast.Constant) and node.value in ("T", ":")


def _is_label(node: ast.AST) -> bool:
    named = str(getattr(node, "attr", getattr(node, "id", "")))
    return re.search(r"period|partition|label", named) is not None


def _looks_at_cadence(tree: ast.AST) -> int:
    """How often a file compares a cadence, asks for its ending, or chooses by it."""
    found = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            found += any(map(_is_cadence, sides)) or (_is_mark(node.left) and any(map(_is_label, sides)))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found += node.func.attr in ("endswith", "startswith", "removesuffix") and _is_cadence(
                node.func.value
            )
        elif isinstance(node, ast.IfExp):
            found += any(getattr(each, "value", None) in CADENCES for each in (node.body, node.orelse))
        elif isinstance(node, ast.Match):
            found += _is_cadence(node.subject)
        elif isinstance(node, ast.Subscript):
            found += _is_cadence(node.slice)
    return found


def test_a_cadence_is_looked_at_in_the_catalogue_and_nowhere_else():
    """Everybody else asks the period, or the kind of period, what it is called and how long it is."""
    looks = {
        name_of(path): count
        for path, tree in python_files(*CODE)
        if not name_of(path).startswith("footfall/catalogue/") and (count := _looks_at_cadence(tree))
    }

    assert {name: count for name, count in looks.items() if count > LOOKS.get(name, 0)} == {}


@pytest.mark.parametrize(
    "line",
    [
        'if export.cadence == "daily": pass',
        'is_hour = cadence in ("hourly", "live")',
        'if "daily" != document["cadence"]: pass',
        'is_part = self._export.cadence.endswith("min")',
        "template = {'daily': 1}[cadence]",
        "match export.cadence:\n case 'daily': pass",
        'is_hour = "T" in each.period',
        'cadence = "hourly" if is_short(each) else "daily"',
    ],
)
def test_a_look_at_a_cadence_would_be_seen(line):
    assert _looks_at_cadence(ast.parse(line)) == 1
