"""Shapes in which exports hold an object: lists of pairs, two lists side by side, lists as text."""

import ast
from typing import Any

#: Characters of a list that is written as text. An event has 32 KiB.
_LONGEST = 32 * 1024


def listed_pairs(row: dict[str, Any], path: str) -> None:
    """`[{key: "k", value: {string_value: "v"}}]` becomes `{k: "v"}`. What is none stays as it is."""
    pairs = unwrapped(row.get(path))
    if not isinstance(pairs, list):
        return
    found: dict[str, Any] = {}
    for pair in pairs:
        if not isinstance(pair, dict) or not isinstance(pair.get("key"), str):
            return
        found.setdefault(pair["key"], _plain(pair.get("value")))
    row[path] = found


def side_by_side(row: dict[str, Any], name: str, names: str, values: str) -> None:
    """Two columns of lists become one object, where they are equally long."""
    keys, texts = _list(row.get(names)), _list(row.get(values))
    if keys is None or texts is None or len(keys) != len(texts) or not all(isinstance(k, str) for k in keys):
        return
    del row[names], row[values]
    row[name] = dict(zip(keys, texts, strict=True))


def folded(row: dict[str, Any], name: str, start: str, named_by: str) -> None:
    """`{unstruct_event_com_acme_buy_1: {…}}` becomes `{unstruct_event: {name: …, data: {…}}}`, with the name
    that another member says; `{contexts_com_acme_page_1: [{…}]}` becomes `{contexts: {com_acme_page_1:
    {…}}}`.
    """
    if name in row:
        return
    found = {key: row[key] for key in row if key.startswith(start) and len(key) > len(start)}
    lists = {key: value for key, value in found.items() if isinstance(value, list)}
    objects = [key for key, value in found.items() if isinstance(value, dict)]
    if lists:
        firsts = {
            key: value[0] for key, value in lists.items() if len(value) == 1 and isinstance(value[0], dict)
        }
        row[name] = {key.removeprefix(start): value for key, value in firsts.items()}
        for key in firsts:
            del row[key]
    elif len(objects) == 1 and isinstance(row.get(named_by), str):
        row[name] = {"name": row[named_by], "data": row.pop(objects[0])}


def unwrapped(value: Any) -> Any:
    """A list that Parquet of BigQuery wraps: `{list: [{element: …}]}`."""
    while isinstance(value, dict) and set(value) == {"list"} and isinstance(value["list"], list):
        value = [
            next(iter(each.values())) if isinstance(each, dict) and set(each) <= {"element", "item"} else each
            for each in value["list"]
        ]
    return value


def _plain(value: Any) -> Any:
    """The one member of `{string_value, int_value, …}` that says something."""
    if not isinstance(value, dict):
        return value
    for name, each in value.items():
        if each is None:
            continue
        if name == "int_value" and isinstance(each, str) and each.lstrip("-").isdigit():
            return int(each)
        return each
    return None


def _list(value: Any) -> list[Any] | None:
    """A list, or one as ClickHouse writes it into CSV: `['a','b']`."""
    if isinstance(value, str) and value.startswith("[") and len(value) <= _LONGEST:
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    return value if isinstance(value, list) else None
