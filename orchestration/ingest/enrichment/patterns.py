"""Many regular expressions searched at once, in Rust, by what ua-parser brings for its own.

A list of 1,500 costs five microseconds a user agent, where Python's `re` takes two hundred, and no text makes
it slow: Rust's expressions take time in proportion to it.
"""

import re
from collections.abc import Sequence

import ua_parser_rs

#: What Rust's expressions do not know: they look neither ahead nor behind.
_LOOKS_AROUND = re.compile(r"\(\?<?[=!]")


class Patterns:
    """Patterns of which the first that fits is found; those that look around come last, by Python's `re`."""

    def __init__(self, patterns: Sequence[str]) -> None:
        rows = []
        self._others: list[tuple[int, re.Pattern[str]]] = []
        for number, pattern in enumerate(patterns):
            if _LOOKS_AROUND.search(pattern):
                self._others.append((number, re.compile(pattern)))
            else:
                # The second group is given back as it fitted.
                rows.append((f"()({pattern})", str(number), None, None, None, None))
        self._found = ua_parser_rs.UserAgentExtractor(rows)

    def search(self, text: str) -> tuple[int, str] | None:
        """The number of the first pattern that fits somewhere in `text`, and what fitted."""
        found = self._found.extract(text)
        if found is not None:
            return int(found.family), found.major or ""
        return next(((n, fits[0]) for n, p in self._others if (fits := p.search(text))), None)

    def fits(self, text: str) -> bool:
        """Whether any of them fits somewhere in `text`."""
        return self.search(text) is not None
