"""Filters of a question, in the grammar of Plausible's Stats API v2, as conditions with parameters."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from api.measures import Source, dimension_of, dimensions, expression, is_dimension
from api.near import near
from api.problems import Problem
from footfall.sql import Sql, joined, sql

#: How deep filters may lie in one another, how many there may be, and values in one.
DEPTH, MOST, VALUES = 6, 50, 200
_OPERATORS = ("is", "is_not", "contains", "contains_not", "matches", "matches_not")


@dataclass(frozen=True)
class Condition:
    """One comparison: a dimension (our name), an operator without its `_not`, values."""

    dimension: str
    operator: str
    is_not: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class Both:
    """`and`, `or` or `not` of others."""

    word: str
    parts: tuple["Condition | Both", ...]


Filter = Condition | Both


def filters_of(written: list[Any]) -> Both:
    """All filters of a question. Raises Problem."""
    found = Both("and", tuple(_filter(each, f"filters.{n}", 1) for n, each in enumerate(written)))
    if sum(1 for _ in conditions(found)) > MOST:
        raise Problem("too_large", f"at most {MOST} filters", field="filters")
    return found


def conditions(found: Filter) -> Iterator[Condition]:
    """Every comparison in a filter."""
    if isinstance(found, Condition):
        yield found
    else:
        for part in found.parts:
            yield from conditions(part)


def pinned(found: Both) -> set[str]:
    """Dimensions that can have one value only."""
    return {
        part.dimension
        for part in found.parts
        if isinstance(part, Condition) and part.operator == "is" and not part.is_not and len(part.values) == 1
    }


def where(source: Source, found: Filter) -> tuple[Sql, list[str]]:
    """A filter over a row of a source, and the values of its parameters in order."""
    if isinstance(found, Condition):
        return _compared(source, found)
    parts = [where(source, part) for part in found.parts]
    values = [value for _, each in parts for value in each]
    if not parts:
        return sql("true"), []
    if found.word == "not":
        return sql("NOT coalesce({part}, false)", part=parts[0][0]), values
    pieces = [piece for piece, _ in parts]
    inside = joined(" AND ", pieces) if found.word == "and" else joined(" OR ", pieces)
    return sql("({inside})", inside=inside), values


def _compared(source: Source, found: Condition) -> tuple[Sql, list[str]]:
    column = expression(source, found.dimension)
    if found.operator == "is":
        one = sql("{c} = ?", c=column)
    elif found.operator == "contains":
        one = sql("contains({c}, ?)", c=column)
    else:
        one = sql("regexp_matches({c}, ?)", c=column)
    inside = joined(" OR ", [one for _ in found.values])
    if found.is_not:
        return sql("NOT coalesce(({inside}), false)", inside=inside), list(found.values)
    return sql("({inside})", inside=inside), list(found.values)


def _filter(written: Any, field: str, depth: int) -> Filter:
    if depth > DEPTH:
        raise Problem("too_large", f"filters lie at most {DEPTH} deep in one another", field=field)
    if not isinstance(written, list) or not written or not isinstance(written[0], str):
        raise _wrong(field)
    word = written[0]
    if word in ("and", "or"):
        if len(written) != 2 or not isinstance(written[1], list) or not written[1]:
            raise _wrong(field)
        if len(written[1]) > MOST:
            raise Problem("too_large", f"at most {MOST} filters", field=field)
        return Both(
            word, tuple(_filter(each, f"{field}.{n}", depth + 1) for n, each in enumerate(written[1]))
        )
    if word == "not":
        if len(written) != 2:
            raise _wrong(field)
        return Both(word, (_filter(written[1], f"{field}.1", depth + 1),))
    if word not in _OPERATORS:
        raise Problem(
            "invalid", f"{word[:40]!r} is no filter", field=field, possible=[*_OPERATORS, "and", "or", "not"]
        )
    if len(written) != 3 or not isinstance(written[1], str) or not isinstance(written[2], list):
        raise _wrong(field)
    dimension = dimension_of(written[1])
    if not is_dimension(dimension) or dimension.startswith("time:"):
        raise Problem(
            "unknown_dimension",
            f"there is no dimension {written[1][:80]!r} to filter by",
            field=field,
            possible=near(written[1], [each for each in dimensions() if not each.startswith("time:")]),
        )
    values = written[2]
    if (
        not values
        or len(values) > VALUES
        or not all(isinstance(each, str) and len(each) <= 2000 for each in values)
    ):
        raise Problem("invalid", f"1 to {VALUES} texts", field=f"{field}.2")
    return Condition(dimension, word.removesuffix("_not"), word.endswith("_not"), tuple(values))


def _wrong(field: str) -> Problem:
    return Problem("invalid", 'write a filter as ["is", "visit:country", ["DE"]]', field=field)
