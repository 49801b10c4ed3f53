"""Markdown of values that others wrote: what they hold is shown, and never taken for a sign of Markdown."""

import re
from collections.abc import Iterable, Sequence

_SIGNS = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&$=^])")


def escaped(text: str) -> str:
    """A text as one line that Markdown shows as it is."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; cells are shown as they are, numbers included."""
    lines = [head, ["---"] * len(head), *([escaped(str(cell)) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
