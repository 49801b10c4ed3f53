"""A format string in nginx's or Apache's notation → a pattern that cuts a line, and what its groups are.

    $remote_addr - $remote_user [$time_local] "$request" $status        nginx's `log_format`
    %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"               Apache's `LogFormat`
    {"ip":"$remote_addr","at":"$time_iso8601","req":"$request"}          nginx's with `escape=json`

The pattern is one for RE2, which takes no longer than the line is long, whatever stands in it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from footfall.errors import FootfallError
from sources.log_formats import APACHE, NGINX, OWN

#: Fields of a line that its end may lack nothing of: a time, a request with its parts.
_TIMES = ("clf", "iso", "seconds", "millis", "micros", "spoken")
_PLACES = ("request", "request_of_url", "target", "path", "url")

_NGINX = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_APACHE = re.compile(r"%[<>!,0-9]*(\{[^}]*\})?(\^?[A-Za-z]{1,2}|%)")
_SPACE = r"[ \t]"
#: Before the line where a syslog daemon wrote it: RFC 3164 or 5424, or a time and the host.
SYSLOG = (
    r"(?:<\d{1,3}>)?(?:1 \S+ \S+ \S+ \S+ \S+ (?:-|\[[^\]]*\]) ?"
    r"|(?:[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}|\d{4}-\d{2}-\d{2}T\S+) \S+ [^ :]+: ?)"
)

_QUOTED = r'[^"\\]*(?:\\.[^"\\]*)*'
_CLF = r"\d{2}/[A-Za-z]{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-][01]\d[0-5]\d"
_HOP = r"[^\s,\"]+"
#: Fields whose text says where they end.
_OWN: Mapping[str, str] = {
    "clf": rf"({_CLF})",
    "spoken": r"(\d{2}/[A-Za-z]{3}/\d{4}:\d{2}:\d{2}:\d{2}\.\d{3})",
    "status": r"(-?\d{1,3}|-)",
    "bytes": r"(\+?\d+|-)",
    "address": rf"({_HOP}(?:, ?{_HOP})*)",
    "forwarded": rf"({_HOP}(?:, ?{_HOP})*)",
    "haproxy_timers": r"[-+/0-9]*/\+?(-?\d+)",
}
#: Words of ours that mean no field, and what they look like.
_PASSED: Mapping[str, str] = {
    # A user's name may hold anything, also nothing; a quoted one ends at its quote.
    "remote_user": rf'(?:"{_QUOTED}"|[^"\[]*?)',
    "%u": rf'(?:"{_QUOTED}"|[^"\[]*?)',
    # What HAProxy captures stands in braces, if at all.
    "captures": r"(?:\{[^\"]*\} )?",
    "is_args": r"\??",
}


@dataclass(frozen=True)
class Pattern:
    """What cuts a line. `line`: the whole of it, from `^` to `$`; `fields`: what its groups are."""

    line: str
    fields: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class JsonNames:
    """A notation that is JSON: name → field."""

    fields: Mapping[str, str]


def read(notation: str) -> Pattern | JsonNames:
    """What a format string means. Raises FootfallError, saying what of it cannot be understood."""
    text = notation.strip().strip("'")
    if text.startswith("{") and (named := _as_json(text)) is not None:
        return named
    is_nginx = _NGINX.search(text) is not None
    if not is_nginx and _APACHE.search(text) is None:
        raise FootfallError(
            f"--log-format {notation!r} names no field: write it as nginx's log_format has it "
            "($remote_addr …) or Apache's LogFormat (%h …)"
        )
    pattern = compiled(text if is_nginx else text.replace('\\"', '"'), NGINX if is_nginx else APACHE)
    _require(notation, pattern.fields)
    return pattern


def _require(notation: str, fields: tuple[str, ...]) -> None:
    lacking = [
        what
        for what, any_of in (
            ("a time ($time_local, %t)", _TIMES),
            ("what was asked for ($request, %r)", _PLACES),
            ("an address ($remote_addr, %h)", ("address", "forwarded")),
        )
        if not set(any_of) & set(fields)
    ]
    if lacking:
        raise FootfallError(f"--log-format {notation!r} lacks {' and '.join(lacking)}: no page view without")


def _as_json(text: str) -> JsonNames | None:
    try:
        pairs = json.loads(re.sub(r":\s*(\$\w+|\$\{\w+\})", r': "\1"', text))
    except ValueError:
        return None
    fields = {}
    for name, value in pairs.items():
        match = _NGINX.fullmatch(str(value))
        meaning = NGINX.get((match[1] or match[2]) if match else "", "")
        if meaning:
            fields[name] = meaning
    _require(text, tuple(fields.values()))
    return JsonNames(fields)


def compiled(notation: str, words: Mapping[str, str], tail: str = "") -> Pattern:
    """The pattern of a notation. `words`: variable or directive → field, "" for what is passed over; `tail`:
    what may follow. Further fields behind it are passed over. Raises FootfallError.
    """
    pieces = list(_pieces(notation, words))
    body, fields = _joined(pieces, notation)
    if tail:
        added, added_fields = _joined(list(_pieces(tail, words)), tail)
        body, fields = f"{body}(?:{added})?", fields + added_fields
    # What has no quotes is no torn line of a format that has more.
    more = ".*" if "agent" in fields else '[^"]*'
    return Pattern(rf"^{body}(?:{_SPACE}{more})?$", tuple(fields))


def behind_syslog(pattern: Pattern) -> Pattern:
    """The same behind what a syslog daemon writes before a line."""
    return Pattern(f"^{SYSLOG}{pattern.line[1:]}", pattern.fields)


def _pieces(notation: str, words: Mapping[str, str]) -> list[tuple[bool, str]]:
    """(is it a field, its word or the text between)."""
    found: list[tuple[bool, str]] = []
    done = 0
    is_nginx = words is not APACHE
    for match in (_NGINX if is_nginx else _APACHE).finditer(notation):
        if match.start() > done:
            found.append((False, notation[done : match.start()]))
        done = match.end()
        if is_nginx:
            found.append((True, match[1] or match[2]))
        elif match[2] == "%":
            found.append((False, "%"))
        else:
            found.append((True, _directive(match[1] or "", match[2])))
    if done < len(notation):
        found.append((False, notation[done:]))
    return found


def _directive(braces: str, letter: str) -> str:
    """One spelling of a directive: names of headers in small letters, those of times as they are."""
    return f"%{braces if letter == 't' else braces.lower()}{letter}"


def _joined(pieces: list[tuple[bool, str]], notation: str) -> tuple[str, list[str]]:
    words = {**APACHE, **OWN}
    parts, fields = [], []
    for at, (is_field, text) in enumerate(pieces):
        if not is_field:
            parts.append(
                "".join(rf"{_SPACE}+" if c in " \t" else re.escape(c) for c in re.sub(r"[ \t]+", " ", text))
            )
            continue
        before = pieces[at - 1][1][-1:] if at and not pieces[at - 1][0] else ""
        behind = pieces[at + 1] if at + 1 < len(pieces) else (False, "")
        meaning = words.get(text, "")
        if behind[0] and meaning != "path" and not {text, behind[1]} & _PASSED.keys():
            raise FootfallError(
                f"--log-format {notation!r}: nothing stands between {text} and {behind[1]}, so nobody can "
                "tell where the first ends"
            )
        piece, is_bracketed = _piece(text, meaning, before, "?" if behind[0] else behind[1][:1])
        parts.append(rf"\[{piece}\]" if is_bracketed else piece)
        fields += _meant(meaning)
    return "".join(parts), fields


def _meant(meaning: str) -> list[str]:
    if meaning in ("request", "request_of_url"):
        return ["method", "target" if meaning == "request" else "url"]
    if meaning == "haproxy_timers":
        return ["taken_millis"]
    return [meaning] if meaning else []


def _piece(word: str, meaning: str, before: str, behind: str) -> tuple[str, bool]:
    """The pattern of one field, and whether it writes brackets around itself, as Apache's time does."""
    if word in _PASSED:
        return _PASSED[word], False
    if before == behind == '"':
        text = _QUOTED
    elif before == "[" and behind == "]":
        text = r"[^\]]*"
    elif behind == "?":
        text = r'[^ ?"|]*'
    elif meaning == "query":
        text = r'(?:\?[^ "|]*)?' if word == "%q" else r'[^ "|]*'
    elif behind in (" ", "\t") or (not behind and before in ("", " ", "\t")):
        text = r"[^ \t]*"
    elif not behind:
        text = ".*"
    else:
        text = f"[^{re.escape(behind)}]*"
    if meaning in ("request", "request_of_url"):
        # A request that is none (a scanner's bytes, `-`) is a line all the same; method and target are empty.
        target = text.removesuffix("*") + "*?" if not text.startswith('[^"') else r'(?:[^"\\]|\\.)*?'
        if before != '"' and behind in ("", " ", "\t"):
            target = r"[^ ]+"
        return rf"(?:([A-Za-z]+) ({target})(?: HTTP/[0-9.]+)?|{text})", False
    if meaning in _OWN and not (
        before == behind == '"' and meaning in ("address", "forwarded", "bytes", "status")
    ):
        return _OWN[meaning], word == "%t" and before != "["
    return (f"({text})" if meaning else text), False
