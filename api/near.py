"""What somebody may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def near(written: str, known: Iterable[str]) -> list[str]:
    """The names that are like one that nobody knows; all of them where none is."""
    names = sorted(known)
    return get_close_matches(written[:100].rpartition(":")[2], names, 5, 0.5) or names
