"""Characters that nobody sees, or that change what stands around them: in a terminal they forge and hide."""

import unicodedata

#: Control characters, marks of direction, halves of characters, what is of no script, ends of lines.
_KINDS = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def has_unseen(text: str) -> bool:
    """Whether one of them is in it."""
    return any(unicodedata.category(c) in _KINDS for c in text)


def escaped(text: str) -> str:
    """A stranger's text for a terminal: each of them as Python writes it, `\\n` for the end of a line."""
    return "".join(ascii(c)[1:-1] if unicodedata.category(c) in _KINDS else c for c in text)
