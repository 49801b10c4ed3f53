"""A client's filter as SQL: names only of columns that the dataset has, values only as bound parameters."""

from footfall.failures import ConfigError
from footfall.filters import Both, Condition, Not, Test, Value
from footfall.sql import Sql, joined, name, sql, text
from footfall.sql import kind as kind_of

_TEXT = {"starts_with": sql("starts_with"), "ends_with": sql("ends_with"), "contains": sql("contains")}
_SIGNS = {
    "=": sql("="),
    "!=": sql("<>"),
    "<": sql("<"),
    "<=": sql("<="),
    ">": sql(">"),
    ">=": sql(">="),
}


def to_sql(condition: Condition, kinds: dict[str, str]) -> tuple[Sql, list[Value]]:
    """SQL and its values in order. `kinds`: column → DuckDB type, of the table `source`.

    Raises ConfigError for a column that is not there, or a value that its column cannot be compared with.
    """
    if isinstance(condition, Not):
        part, values = to_sql(condition.part, kinds)
        return sql("(NOT {part})", part=part), values
    if isinstance(condition, Both):
        parts = [to_sql(part, kinds) for part in condition.parts]
        pieces = [piece for piece, _ in parts]
        all_of = joined(" AND ", pieces) if condition.word == "and" else joined(" OR ", pieces)
        return sql("({all_of})", all_of=all_of), [v for _, values in parts for v in values]
    return _test(condition, kinds)


def _test(test: Test, kinds: dict[str, str]) -> tuple[Sql, list[Value]]:
    kind = kinds.get(test.column)
    if kind is None:
        raise ConfigError(f"filter: there is no column {test.column}; there are {', '.join(kinds)}")
    column = sql("source.{name}", name=name(test.column))
    if test.member:
        if kind != "VARCHAR":
            raise ConfigError(f"filter: {test.column} is {kind} and has no members")
        column, kind = _member(column, test)
    if test.operator == "is null":
        return sql("({column} IS NULL)", column=column), []
    if test.operator == "is true":
        if kind != "BOOLEAN":
            raise ConfigError(f"filter: {test.column} is {kind}; compare it with something")
        return column, []
    if test.operator in _TEXT:
        if kind != "VARCHAR":
            raise ConfigError(f"filter: {test.operator} is for text, {test.column} is {kind}")
        return sql("({word}({column}, ?))", word=_TEXT[test.operator], column=column), list(test.values)
    for value in test.values:
        _require_fitting(test.column, kind, value)
    bound = sql("CAST(? AS {kind})", kind=kind_of(kind))
    if test.operator == "in":
        listed = joined(", ", (bound for _ in test.values))
        return sql("({column} IN ({listed}))", column=column, listed=listed), list(test.values)
    sign = _SIGNS[test.operator]
    return sql("({column} {sign} {bound})", column=column, sign=sign, bound=bound), list(test.values)


def _member(column: Sql, test: Test) -> tuple[Sql, str]:
    """SQL for a member of the JSON in a column, and its type: that of the values it is compared with."""
    # A JSON pointer, so that a name may hold what it likes.
    place = text("/" + test.member.replace("~", "~0").replace("/", "~1"))
    said = sql(
        "CASE WHEN json_valid({column}) THEN json_extract_string({column}, {place}) END",
        column=column,
        place=place,
    )
    kinds = {
        "BOOLEAN" if isinstance(value, bool) else "VARCHAR" if isinstance(value, str) else "DOUBLE"
        for value in test.values
    }
    if test.operator == "is true":
        return sql("({said} = 'true')", said=said), "BOOLEAN"
    if len(kinds) > 1:
        raise ConfigError(f"filter: {test.column}.{test.member}: compare it with values of one kind")
    kind = kinds.pop() if kinds else "VARCHAR"
    if kind == "VARCHAR":
        return said, kind
    return sql("try_cast({said} AS {kind})", said=said, kind=kind_of(kind)), kind


def _require_fitting(column: str, kind: str, value: Value) -> None:
    """Numbers with numbers, text with text, dates and times; anything else is a mistake, not no rows."""
    is_number = kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or kind.endswith("INT") or kind == "INTEGER"
    fits = (
        isinstance(value, bool)
        if kind == "BOOLEAN"
        else isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number
        else isinstance(value, str)
    )
    if not fits:
        raise ConfigError(f"filter: {column} is {kind} and cannot be compared with {value!r}")
