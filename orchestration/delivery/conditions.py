"""A client's filter as SQL: names only of columns that the dataset has, values only as bound parameters."""

from footfall.failures import ConfigError
from footfall.filters import Both, Condition, Not, Test, Value

_TEXT = {
    "starts_with": "starts_with({column}, ?)",
    "ends_with": "ends_with({column}, ?)",
    "contains": "contains({column}, ?)",
}
_SIGNS = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def to_sql(condition: Condition, kinds: dict[str, str]) -> tuple[str, list[Value]]:
    """SQL and its values in order. `kinds`: column → DuckDB type, of the table `source`.

    Raises ConfigError for a column that is not there, or a value that its column cannot be compared with.
    """
    if isinstance(condition, Not):
        sql, values = to_sql(condition.part, kinds)
        return f"(NOT {sql})", values
    if isinstance(condition, Both):
        parts = [to_sql(part, kinds) for part in condition.parts]
        word = {"and": " AND ", "or": " OR "}[condition.word]
        return f"({word.join(sql for sql, _ in parts)})", [v for _, values in parts for v in values]
    return _test(condition, kinds)


def _test(test: Test, kinds: dict[str, str]) -> tuple[str, list[Value]]:
    kind = kinds.get(test.column)
    if kind is None:
        raise ConfigError(f"filter: there is no column {test.column}; there are {', '.join(kinds)}")
    column = f'source."{test.column}"'
    if test.operator == "is null":
        return f"({column} IS NULL)", []
    if test.operator == "is true":
        if kind != "BOOLEAN":
            raise ConfigError(f"filter: {test.column} is {kind}; compare it with something")
        return column, []
    if test.operator in _TEXT:
        if kind != "VARCHAR":
            raise ConfigError(f"filter: {test.operator} is for text, {test.column} is {kind}")
        return f"({_TEXT[test.operator].format(column=column)})", list(test.values)
    for value in test.values:
        _require_fitting(test.column, kind, value)
    bound = f"CAST(? AS {kind})"
    if test.operator == "in":
        return f"({column} IN ({', '.join(bound for _ in test.values)}))", list(test.values)
    return f"({column} {_SIGNS[test.operator]} {bound})", list(test.values)


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
