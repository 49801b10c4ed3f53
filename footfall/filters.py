"""The condition on rows in a client file: parsed here, turned into SQL with bound values elsewhere.

    condition  = and-part { "or" and-part }
    and-part   = part { "and" part }
    part       = "not" part | "(" condition ")" | test
    column     = name | ( "props" | "payload" | "learnt" ) "." ( key | 'key' )
    test       = column ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | column [ "not" ] "in" "(" value { "," value } ")"
               | column "is" [ "not" ] "null"
               | column ( "starts_with" | "ends_with" | "contains" ) text
               | column                                            (a true-or-false column that is true)
    value      = 'text' ('' inside is one ') | number | true | false

A key names a member of what a column holds as JSON, in the case it was sent in: `props.plan = 'team'`,
`learnt.'lead score' >= 85`. Of a member that is no number a comparison with a number is never true.

As in SQL, a comparison with a missing value is neither true nor false, and a row is delivered only where the
condition is true.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from footfall.fields import COLUMN

Value = str | int | float | bool
#: Deeper nesting is a mistake; lists longer than this belong into the models.
MAX_DEPTH = 20
MAX_VALUES = 500

_TOKEN = re.compile(
    r"\s*(?:(?P<member>(?i:props|payload|learnt)\.(?:\w[\w.$-]*|'(?:[^']|'')*'))"
    r"|(?P<text>'(?:[^']|'')*')|(?P<number>-?[0-9]+(?:\.[0-9]+)?)(?![\w.])|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<sign><=|>=|!=|=|<|>|\(|\)|,))"
)
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_TEXT_TESTS = ("starts_with", "ends_with", "contains")
_RESERVED = {"and", "or", "not", "in", "is", "null", "true", "false", *_TEXT_TESTS}


@dataclass(frozen=True)
class Test:
    """One column against values. `operator`: a comparison, `in`, `is null`, `is true` or a test of text.

    `member`: the name of a member of the column's JSON, where that is meant.
    """

    column: str
    operator: str
    values: tuple[Value, ...] = ()
    member: str = ""


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    part: "Condition"


@dataclass(frozen=True)
class Both:
    """`and` or `or` of conditions."""

    word: str
    parts: tuple["Condition", ...]


Condition = Test | Not | Both


def parse_filter(text: str) -> Condition:
    """The condition that `text` states. Raises ValueError saying where it is wrong."""
    return _Parser(text).parse()


#: A day, and of a moment the time and its zone, as DuckDB reads them.
_DAY = re.compile(r"\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})(.*)", re.DOTALL)
_TIME = re.compile(
    r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d*)?)?\s*(?:Z|UTC|[+-]\d{1,2}(?::?\d{2})?|[A-Z]\w+(?:/\w+)+)?)?\s*"
)


def require_times(condition: Condition) -> None:
    """Raise ValueError where a column that is a time or a day is compared with what is none.

    The names say it: times end in `_at` or `_hour`, days in `date` or `_week`. All else about a column is
    known where its table is.
    """
    if isinstance(condition, Not):
        require_times(condition.part)
    elif isinstance(condition, Both):
        for part in condition.parts:
            require_times(part)
    elif is_time(condition.column) and condition.operator not in ("is null", "is true", *_TEXT_TESTS):
        for value in condition.values:
            if not _says_when(value):
                raise ValueError(
                    f"{condition.column} is a time and cannot be compared with {value!r}: write "
                    "'2026-11-20' or '2026-11-20 14:00:00+00'"
                )


def is_time(column: str) -> bool:
    """Whether a column holds times or days, by its name."""
    return column.endswith(("_at", "_hour", "_date", "_week")) or column == "date"


def _says_when(value: Value) -> bool:
    if not isinstance(value, str):
        return False
    found = _DAY.fullmatch(value)
    if found is None:
        return value.strip().lower() in ("epoch", "infinity", "-infinity")
    try:
        date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return False
    return _TIME.fullmatch(found[4]) is not None


def columns_of(condition: Condition) -> set[str]:
    """Every column that a condition names."""
    if isinstance(condition, Test):
        return {condition.column}
    if isinstance(condition, Not):
        return columns_of(condition.part)
    return set().union(*(columns_of(part) for part in condition.parts))


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        position = 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if found is None:
                start = position + len(text[position:]) - len(text[position:].lstrip())
                raise ValueError(f"character {start + 1}: {text[start]!r} is not understood here")
            kind = str(found.lastgroup)
            self._tokens.append((kind, found.group(kind), found.start(kind)))
            position = found.end()
        self._next = 0
        self._depth = 0

    def parse(self) -> Condition:
        condition = self._any_of()
        if self._next < len(self._tokens):
            raise self._unexpected("the end")
        return condition

    def _any_of(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        condition = self._joined("or", lambda: self._joined("and", self._part))
        self._depth -= 1
        return condition

    def _joined(self, word: str, read: Callable[[], Condition]) -> Condition:
        parts = [read()]
        while self._takes(word):
            parts.append(read())
        return parts[0] if len(parts) == 1 else Both(word, tuple(parts))

    def _part(self) -> Condition:
        turns = 0
        while self._takes("not"):
            turns += 1
        if self._takes("("):
            part = self._any_of()
            self._needs(")")
        else:
            part = self._test()
        return Not(part) if turns % 2 else part

    def _test(self) -> Condition:
        column, member = self._column()
        word = self._word()
        if word in _COMPARISONS:
            self._next += 1
            return Test(column, word, (self._value(),), member)
        if word in _TEXT_TESTS:
            self._next += 1
            value = self._value()
            if not isinstance(value, str):
                raise ValueError(f"{column} {word}: expected 'text'")
            return Test(column, word, (value,), member)
        if self._takes("is"):
            is_not = self._takes("not")
            self._needs("null")
            test = Test(column, "is null", (), member)
            return Not(test) if is_not else test
        if word == "not":
            self._next += 1
            self._needs("in")
            return Not(self._list(column, member))
        if self._takes("in"):
            return self._list(column, member)
        return Test(column, "is true", (), member)

    def _list(self, column: str, member: str) -> Test:
        self._needs("(")
        values = [self._value()]
        while self._takes(","):
            values.append(self._value())
        self._needs(")")
        if len(values) > MAX_VALUES:
            raise ValueError(f"{column} in: more than {MAX_VALUES} values")
        return Test(column, "in", tuple(values), member)

    def _word(self) -> str:
        """The next token, as a word in lower case or a sign; empty at the end and before a value."""
        if self._next >= len(self._tokens):
            return ""
        kind, text, _ = self._tokens[self._next]
        return text.lower() if kind in ("word", "sign") else ""

    def _takes(self, word: str) -> bool:
        if self._word() != word:
            return False
        self._next += 1
        return True

    def _needs(self, word: str) -> None:
        if not self._takes(word):
            raise self._unexpected(word)

    def _column(self) -> tuple[str, str]:
        """A column, and the member of its JSON that is meant; empty where the column is."""
        if self._next < len(self._tokens) and self._tokens[self._next][0] == "member":
            column, _, member = self._tokens[self._next][1].partition(".")
            if member.startswith("'"):
                member = member[1:-1].replace("''", "'")
            if not member or "\0" in member:
                raise self._unexpected("the name of a member")
            self._next += 1
            return column.lower(), member
        word = self._word()
        if not re.fullmatch(COLUMN, word) or word in _RESERVED:
            raise self._unexpected("a column")
        self._next += 1
        return word, ""

    def _value(self) -> Value:
        if self._next < len(self._tokens):
            kind, text, _ = self._tokens[self._next]
            self._next += 1
            if kind == "text":
                return text[1:-1].replace("''", "'")
            if kind == "number":
                return float(text) if "." in text else int(text)
            if text.lower() in ("true", "false"):
                return text.lower() == "true"
            self._next -= 1
        raise self._unexpected("'text', a number, true or false")

    def _unexpected(self, wanted: str) -> ValueError:
        if self._next >= len(self._tokens):
            return ValueError(f"ends where {wanted} is expected")
        _, text, position = self._tokens[self._next]
        return ValueError(f"character {position + 1}: {text!r} where {wanted} is expected")
