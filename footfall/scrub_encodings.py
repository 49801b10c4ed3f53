"""Texts inside texts: what percent-encoding and JSON escapes hide is looked at decoded, and written anew only
where something was found in it."""

import re
from collections.abc import Callable
from urllib.parse import quote, unquote

#: Encodings inside one another that are undone. A redirect in a redirect needs two.
MAX_DECODINGS = 3
#: A run of an address or a text that holds a percent sign, from its start.
_PERCENT = re.compile(r"(?<![^\s?&#\"'])[^\s?&#\"'%]*+%[^\s?&#\"']*+")
#: A run of JSON inside a string that holds an escape: `anna\u0040example.org`.
_ESCAPED = re.compile(r"(?:[^\s\"'\\]|\\{1,16}+u[0-9a-fA-F]{4})*+")
_ESCAPE = re.compile(r"\\{1,16}+u([0-9a-fA-F]{4})")


def rewrite_decoded(text: str, change: Callable[[str], str]) -> str:
    """`text`, in which each encoded run is what `change` makes of it decoded once. What it leaves, stays."""

    def percent(part: re.Match[str]) -> str:
        decoded = unquote(part[0])
        new = decoded if decoded == part[0] else change(decoded)
        return part[0] if new == decoded else quote(new, safe="/:=,;@!$'()*+~")

    def escaped(part: re.Match[str]) -> str:
        if "\\u" not in part[0]:
            return part[0]
        decoded = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), part[0])
        new = change(decoded)
        # Half of a pair of surrogates is no text; the other half stands beside it or nowhere.
        return (
            part[0] if new == decoded else new.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )

    if "%" in text:
        text = _PERCENT.sub(percent, text)
    if "\\u" in text:
        text = _ESCAPED.sub(escaped, text)
    return text
