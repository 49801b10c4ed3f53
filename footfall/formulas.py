"""Texts that a spreadsheet would run as a formula, and how a CSV keeps it from doing so."""

import re

#: Characters with which a spreadsheet begins a formula, the full-width ones of Asian keyboards included.
#: A cell of text that begins with one, or with apostrophes and then one, gets an apostrophe in front.
STARTS = "\t\n\r+-=@＋－＝＠"
_RUN = re.compile("'*[" + re.escape(STARTS) + "]")


def guarded(cell: str) -> str:
    """A text that no spreadsheet runs; the text itself again by taking one apostrophe from `'=`, `''=` …"""
    return f"'{cell}" if _RUN.match(cell) else cell
