"""Filters of a question, in the grammar of Plausible's Stats API v2, as conditions with parameters."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

from api.measures import Source, dimension_of, dimensions, expression, is_dimension
from api.near import near
from api.problems import Problem
from footfall.sql import Sql, joined, sql

#: How deep filters may lie in one another, how many there may be, and values in one.
DEPTH, MOST, VALUES = 6, 50, 200
#: What may be asked of an act, in our names.
ACTS = ("event_type", "page", "page_group", "host")
_WORDS = ("and", "or", "not", "has_done", "has_not_done")
_OPERATORS = ("is", "is_not", "contains", "contains_not", "matches", "matches_not")


@dataclass(frozen=True)
class Condition:
    """One comparison: a dimension (our name), an operator without its `_not`, values."""

    dimension: str
    operator: str
    is_not: bool
    values: tuple[str, ...]
    #: Whether capital and small letters are one.
    is_any_case: bool = False


@dataclass(frozen=True)
class Both:
    """`and`, `or` or `not` of others."""

    word: str
    parts: tuple["Condition | Both | Done", ...]


@dataclass(frozen=True)
class Done:
    """Sessions in which something was done, or not: a filter over what is done."""

    inside: "Condition | Both"
    is_not: bool


Filter = Condition | Both | Done
#: Name → the filters of a segment, as the client file has them.
Segments = Mapping[str, list[Any]]


def filters_of(written: list[Any], segments: Segments = MappingProxyType({})) -> Both:
    """All filters of a question, segments as what they stand for. Raises Problem."""
    found = Both(
        "and",
        tuple(_filter(each, f"filters.{n}", 1, _Place(segments)) for n, each in enumerate(written)),
    )
    every = chain(conditions(found), *(conditions(each.inside) for each in dones(found)))
    if sum(1 for _ in every) > MOST:
        raise Problem("too_large", f"at most {MOST} filters", field="filters")
    return found


def conditions(found: Filter) -> Iterator[Condition]:
    """Every comparison in a filter, but for those of what was done."""
    return (each for each in _parts(found) if isinstance(each, Condition))


def dones(found: Filter) -> Iterator[Done]:
    """Every `has_done` and `has_not_done` in a filter."""
    return (each for each in _parts(found) if isinstance(each, Done))


def _parts(found: Filter) -> Iterator[Condition | Done]:
    if isinstance(found, Both):
        for part in found.parts:
            yield from _parts(part)
    else:
        yield found


def pinned(found: Both) -> set[str]:
    """Dimensions that can have one value only."""
    return {
        part.dimension
        for part in found.parts
        if isinstance(part, Condition)
        and (part.operator, part.is_not, part.is_any_case, len(part.values)) == ("is", False, False, 1)
    }


#: Makes of `has_done` a condition, with the values of its parameters.
OfDone = Callable[[Done], tuple[Sql, list[object]]]


def where(source: Source, found: Filter, done: OfDone | None = None) -> tuple[Sql, list[object]]:
    """A filter over a row of a source, and the values of its parameters in order."""
    if isinstance(found, Condition):
        return _compared(source, found)
    if isinstance(found, Done):
        assert done is not None, "has_done does not stand in itself"
        return done(found)
    parts = [where(source, part, done) for part in found.parts]
    values = [value for _, each in parts for value in each]
    if not parts:
        return sql("true"), []
    if found.word == "not":
        return sql("NOT coalesce({part}, false)", part=parts[0][0]), values
    pieces = [piece for piece, _ in parts]
    inside = joined(" AND ", pieces) if found.word == "and" else joined(" OR ", pieces)
    return sql("({inside})", inside=inside), values


def _compared(source: Source, found: Condition) -> tuple[Sql, list[object]]:
    column = expression(source, found.dimension)
    value = sql("?")
    if found.operator == "matches":
        one = sql(
            "regexp_matches({c}, ?, {how})", c=column, how=sql("'i'") if found.is_any_case else sql("'c'")
        )
    else:
        if found.is_any_case:
            column, value = sql("lower({c})", c=column), sql("lower(?)")
        is_same = found.operator == "is"
        one = sql("{c} = {v}", c=column, v=value) if is_same else sql("contains({c}, {v})", c=column, v=value)
    inside = joined(" OR ", [one for _ in found.values])
    if found.is_not:
        return sql("NOT coalesce(({inside}), false)", inside=inside), list(found.values)
    return sql("({inside})", inside=inside), list(found.values)


class _Place(NamedTuple):
    """Where a filter stands: which segments it may name, and whether in one of them, or in `has_done`."""

    segments: Segments
    is_in_segment: bool = False
    is_in_done: bool = False


def _filter(written: Any, field: str, depth: int, at: _Place) -> Filter:
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
            word, tuple(_filter(each, f"{field}.1.{n}", depth + 1, at) for n, each in enumerate(written[1]))
        )
    if word == "not":
        if len(written) != 2:
            raise _wrong(field)
        return Both(word, (_filter(written[1], f"{field}.1", depth + 1, at),))
    if word in ("has_done", "has_not_done"):
        if len(written) != 2:
            raise _wrong(field)
        if at.is_in_done:
            raise Problem("invalid", f"{word} does not stand in another", field=field)
        inside = _filter(written[1], f"{field}.1", depth + 1, at._replace(is_in_done=True))
        assert not isinstance(inside, Done)
        return Done(inside, is_not=word == "has_not_done")
    if word not in _OPERATORS:
        raise Problem("invalid", f"{word[:40]!r} is no filter", field=field, possible=[*_OPERATORS, *_WORDS])
    if len(written) not in (3, 4) or not isinstance(written[1], str) or not isinstance(written[2], list):
        raise _wrong(field)
    case = _case(written[3], f"{field}.3") if len(written) == 4 else True
    if written[1] == "segment":
        return _segment(written, field, depth, at)
    dimension = dimension_of(written[1])
    if at.is_in_done and (dimension not in ACTS or written[1].startswith("visit:")):
        raise Problem(
            "unknown_dimension",
            f"{written[1][:80]!r} is nothing that is done",
            field=field,
            possible=["event:name", "event:goal", "event:page", "event:page_group", "event:host"],
        )
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
    return Condition(dimension, word.removesuffix("_not"), word.endswith("_not"), tuple(values), not case)


def _case(written: Any, field: str) -> bool:
    """Whether capital and small letters differ, of what stands behind the values of a filter."""
    match written:
        case {"case_sensitive": bool(case), **rest} if not rest:
            return case
    raise Problem("invalid", 'write {"case_sensitive": false}', field=field)


def _segment(written: list[Any], field: str, depth: int, at: _Place) -> Filter:
    """`["is", "segment", ["germans"]]`, of several any."""
    if at.is_in_segment or at.is_in_done:
        raise Problem("invalid", "a segment does not stand in another, nor in has_done", field=field)
    if written[0] not in ("is", "is_not") or not written[2]:
        raise Problem("invalid", "a segment is asked for by `is` or `is_not` and its name", field=field)
    if len(written[2]) > VALUES:
        raise Problem("too_large", f"at most {VALUES} segments", field=f"{field}.2")
    parts = []
    for each in written[2]:
        if not isinstance(each, str) or each not in at.segments:
            raise Problem(
                "invalid",
                f"there is no segment {str(each)[:80]!r} in the client file",
                field=f"{field}.2",
                possible=near(str(each), at.segments) if at.segments else [],
            )
        inside = at._replace(is_in_segment=True)
        name = f"segments.{each}.filters"
        parts.append(
            Both(
                "and",
                tuple(
                    _filter(one, f"{name}.{n}", depth + 1, inside) for n, one in enumerate(at.segments[each])
                ),
            )
        )
    either = Both("or", tuple(parts))
    return Both("not", (either,)) if written[0] == "is_not" else either


def _wrong(field: str) -> Problem:
    return Problem("invalid", 'write a filter as ["is", "visit:country", ["DE"]]', field=field)
