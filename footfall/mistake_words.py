"""What a person is told who breaks a rule of a file: pydantic's errors in our words, counted from 1."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

#: Kind of pydantic's error → what to write instead. `{}` are fields of its context.
_WORDS = {
    "missing": "is missing",
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "list_type": "expected a list",
    "dict_type": "expected fields with values",
    "model_type": "expected fields with values",
    "date_type": "expected a day such as 2026-11-20",
    "date_parsing": "expected a day such as 2026-11-20",
    "date_from_datetime_parsing": "expected a day such as 2026-11-20",
    "string_too_short": "expected at least {min_length} characters",
    "string_too_long": "expected at most {max_length} characters",
    "too_short": "expected at least {min_length} of them",
    "too_long": "expected at most {max_length} of them",
    "greater_than_equal": "expected {ge} or more",
    "less_than_equal": "expected {le} or less",
    "greater_than": "expected more than {gt}",
    "less_than": "expected less than {lt}",
}
_CHOICES = re.compile(r"'([^']*)'")


def field_of(error: "ErrorDetails") -> str:
    """Where: `sites.1.key`, the key of the first site; `-` for the whole file."""
    return ".".join(str(part + 1 if isinstance(part, int) else part) for part in error["loc"]) or "-"


def reason_of(error: "ErrorDetails", patterns: Mapping[str, str], fields: Iterable[str]) -> str:
    """What is wrong and what is expected. `patterns`: regular expression → our words. `fields`: names that a
    file may have, to find the one that was meant.
    """
    context: dict[str, Any] = error.get("ctx", {})
    kind = error["type"]
    if kind == "extra_forbidden":
        said = str(error["loc"][-1])  # a field of another part of the file says nothing of this one
        near = difflib.get_close_matches(said, [name for name in fields if name != said], 1)
        return f"is no field here; {near[0]} is one" if near else "is no field here"
    if kind == "literal_error":
        # Nothing else is quoted: it could be a secret in a wrong place.
        given = str(error.get("input"))
        is_near = difflib.get_close_matches(given, _CHOICES.findall(context["expected"]), 1)
        return f"expected {context['expected']}" + (f", not {given}" if is_near else "")
    if kind in _WORDS:
        return _WORDS[kind].format(**context)
    return patterns.get(context.get("pattern", "")) or error["msg"].removeprefix("Value error, ")
