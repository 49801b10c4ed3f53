"""A format string in nginx's or Apache's notation → a pattern that cuts a line, and what its groups are.

    $remote_addr - $remote_user [$time_local] "$request" $status        nginx's `log_format`
    %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"               Apache's `LogFormat`
    {"ip":"$remote_addr","at":"$time_iso8601","req":"$request"}          nginx's with `escape=json`

The pattern is one for RE2, which takes no longer than the line is long, whatever stands in it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from footfall.errors import FootfallError
from sources.log_formats import APACHE, NGINX, OWN

#: Fields of a line that its end may lack nothing of: a time, a request with its parts.
_TIMES = ("clf", "iso", "seconds", "millis", "micros", "spoken", "clock")
_PLACES = ("request", "request_of_url", "target", "path", "url")

_NGINX = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_APACHE = re.compile(r"%[<>!,0-9]*(\{[^}]*\})?(\^?[A-Za-z]{1,2}|%)")
_SPACE = r"[ \t]"
#: A whole directive of a configuration, of which a person needs the string alone.
_NGINX_DIRECTIVE = re.compile(r"log_format\s+\S+\s+(?:escape=\w+\s+)?(['\"].*['\"])\s*;?", re.DOTALL)
_APACHE_DIRECTIVE = re.compile(r"(?:LogFormat|CustomLog\s+\S+)\s+(\".*\")(?:\s+[^\"]*)?", re.DOTALL)
#: Strings one after another, which nginx puts together.
_STRINGS = re.compile(r"(?:\s*(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"))")
#: Apache's time in words of strftime, with the fractions and zones that directives behind it add.
_BRACES = r"%[<>!,0-9]*\{(?:begin:|end:)?"
_CLOCK = re.compile(
    rf"{_BRACES}[^}}]*%[^}}]*\}}t(?:[^%\"\]]{{0,3}}{_BRACES}(?:[mu]sec_frac|[^}}]*%[^}}]*)\}}t)*"
)
_CLOCK_PART = re.compile(rf"{_BRACES}([^}}]*)\}}t|(.)", re.DOTALL)
_LONG = {"%T": "%H:%M:%S", "%F": "%Y-%m-%d", "%R": "%H:%M", "%D": "%m/%d/%y", "%h": "%b"}
#: What the words of strftime look like that are read.
_WORDS = {
    "Y": r"\d{4}", "b": "[A-Za-z]{3}", "B": "[A-Za-z]+", "a": "[A-Za-z]{3}", "A": "[A-Za-z]+",
    "p": "[AaPp][Mm]", "z": r"[+-]\d{4}", "f": r"\d{1,6}", "j": r"\d{3}",
    **dict.fromkeys("mdHMSIy", r"\d{2}"),
}  # fmt: skip
#: Before the line where a syslog daemon wrote it: RFC 3164 or 5424, or a time and the host; or a runner of
#: containers: Kubernetes' time and stream, compose's name.
SYSLOG = (
    r"(?:<\d{1,3}>)?(?:1 \S+ \S+ \S+ \S+ \S+ (?:-|\[[^\]]*\]) ?"
    r"|(?:[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}|\d{4}-\d{2}-\d{2}T\S+) \S+ [^ :]+: ?"
    r"|\d{4}-\d{2}-\d{2}T\S+ std(?:out|err) [FP] |[A-Za-z0-9][\w.-]* +\| )"
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
    # Istio has more of what became of a request.
    "envoy_flags": r'\S+ (?:\S+ \S+ "[^"]*" )?',
    "is_args": r"\??",
    # Hardly anybody's name has been here for decades; an address is what another format has here.
    "ident": r'(?:[0-9]*|[0-9.]*[^\s0-9.:,"][^\s:,"]*)',
}
#: Words that mean a field and are written narrower than others of their meaning.
_NARROW: Mapping[str, str] = {"virtual_host": r'([^\s,"]+)'}


@dataclass(frozen=True)
class Stretch:
    """What stands between two quotes of a usual line: a pattern of the whole of it with `groups` groups.

    `pattern` empty: all of it is one field.
    """

    pattern: str
    groups: int = 1


@dataclass(frozen=True)
class Pattern:
    """What cuts a line. `line`: the whole of it, from `^` to `$`; `fields`: what its groups are.

    `clock`: how the field of that name is written, in words of strftime.
    `usual`: the same for lines in which nothing is odd, stretch by stretch, which RE2 reads in a third of the
    time; empty where the notation is no row of words and quoted texts. What fits it has the same fields by
    `line`, and no backslash. `may_have_more`: whether other fields may stand behind it.
    """

    line: str
    fields: tuple[str, ...]
    clock: str = ""
    usual: tuple[Stretch, ...] = ()
    may_have_more: bool = False


@dataclass(frozen=True, eq=False)
class JsonNames:
    """A notation that is JSON: name → field."""

    fields: Mapping[str, str]


def read(notation: str) -> Pattern | JsonNames:
    """What a format string means. Raises FootfallError, saying what of it cannot be understood."""
    text = _string_of(notation.strip())
    if text.startswith("{") and (named := _as_json(text)) is not None:
        return named
    is_nginx = _NGINX.search(text) is not None
    if not is_nginx and _APACHE.search(text) is None:
        raise FootfallError(
            f"--log-format {notation!r} names no field: write it as nginx's log_format has it "
            "($remote_addr …) or Apache's LogFormat (%h …)"
        )
    text = text.replace("\\t", "\t")
    pattern = compiled(text if is_nginx else text.replace('\\"', '"'), NGINX if is_nginx else APACHE)
    _require(notation, pattern.fields)
    return pattern


def _string_of(text: str) -> str:
    """The format string of a directive, or of strings that nginx would put together; else the text itself."""
    for directive in (_NGINX_DIRECTIVE, _APACHE_DIRECTIVE):
        found = directive.fullmatch(text)
        if found is not None:
            text = found[1]
    if text[:1] in ("'", '"') and re.fullmatch(rf"(?:{_STRINGS.pattern})+", text):
        marks = {text[:1], text[-1:]}
        parts = [single or double for single, double in _STRINGS.findall(text)]
        if len(parts) > 1 or marks == {"'"} or '\\"' in text:
            return "".join(re.sub(r"\\(['\"\\])", r"\1", part) for part in parts)
    return text.strip("'")


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
    fields = dict(_named(pairs, "$"))
    _require(text, tuple(fields.values()))
    return JsonNames(fields)


def _named(pairs: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """(JSON path, field) of each variable, also in objects that are in it."""
    for name, value in pairs.items():
        here = f'{path}."{name}"'
        if isinstance(value, dict):
            yield from _named(value, here)
        match = _NGINX.fullmatch(str(value))
        meaning = NGINX.get((match[1] or match[2]) if match else "", "")
        if meaning and '"' not in name:
            yield here, meaning


def compiled(notation: str, words: Mapping[str, str], tail: str = "") -> Pattern:
    """The pattern of a notation. `words`: variable or directive → field, "" for what is passed over; `tail`:
    what may follow. Further fields behind it are passed over. Raises FootfallError.
    """
    pieces = list(_pieces(notation, words))
    body, fields = _joined(pieces, notation)
    clock = next((word.removeprefix(_CLOCK_WORD) for _, word in pieces if word.startswith(_CLOCK_WORD)), "")
    if tail:
        added, added_fields = _joined(list(_pieces(tail, words)), tail)
        body, fields = f"{body}(?:{added})?", fields + added_fields
    # What has no quotes is no torn line of a format that has more.
    has_agent = "agent" in fields
    more = ".*" if has_agent else '[^"]*'
    usual = () if tail or clock else _usual(notation, words)
    return Pattern(rf"^{body}(?:{_SPACE}{more})?$", tuple(fields), clock, usual, has_agent)


#: Words of usual lines by what they mean, and what may stand between two. No word has a blank or a quote.
_USUAL_WORDS: Mapping[str, str] = {
    "address": r"([^\s,\"]+)", "status": r"(\d{1,3}|-)", "bytes": r"(\d+|-)", "clf": rf"\[({_CLF})\]",
    "host": r"([^ \t]+)", "": r"[^ \t\[]+",
}  # fmt: skip
#: The same by the word itself.
_USUAL_NARROW: Mapping[str, str] = {**_NARROW, "ident": r"[^ \t\[.:,]+"}
_USUAL_BETWEEN = (" ", " - ")
_USUAL_REQUEST = r"^([A-Za-z]+) ([^ ]*) HTTP/[0-9.]+$"


def _usual(notation: str, words: Mapping[str, str]) -> tuple[Stretch, ...]:
    """The stretches of a notation like `$word - $word [$time] "$text" $word "$text"`; else none."""
    meanings = {**APACHE, **OWN}
    found = []
    for number, between in enumerate(notation.split('"')):
        pieces = _pieces(between.replace("[$time_local]", "$time_local"), words)
        meant = [meanings.get(text, "") for is_field, text in pieces if is_field]
        if number % 2:
            if len(pieces) != 1 or not meant or meant[0] in ("", "clf", "spoken"):
                return ()
            is_request = meant[0] in ("request", "request_of_url")
            found.append(Stretch(_USUAL_REQUEST, 2) if is_request else Stretch(""))
            continue
        if any(text not in _USUAL_BETWEEN for is_field, text in pieces if not is_field):
            return ()
        if any(each not in _USUAL_WORDS for each in meant):
            return ()
        parts = (
            _USUAL_NARROW.get(text) or _USUAL_WORDS[meanings.get(text, "")] if is_field else text
            for is_field, text in pieces
        )
        found.append(Stretch(f"^{''.join(parts)}$", sum(each != "" for each in meant)))
    return tuple(found) if len(found) > 1 else ()


def behind_syslog(pattern: Pattern) -> Pattern:
    """The same behind what a syslog daemon writes before a line."""
    return Pattern(f"^{SYSLOG}{pattern.line[1:]}", pattern.fields, pattern.clock)


def _pieces(notation: str, words: Mapping[str, str]) -> list[tuple[bool, str]]:
    """(is it a field, its word or the text between)."""
    found: list[tuple[bool, str]] = []
    done = 0
    is_nginx = words is not APACHE
    clock = None if is_nginx else _CLOCK.search(notation)
    if clock is not None and _directives(clock[0]) - APACHE.keys():
        before, behind = notation[: clock.start()], notation[clock.end() :]
        return [*_pieces(before, words), (True, _CLOCK_WORD + _clock(clock[0])), *_pieces(behind, words)]
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


#: How a word begins that is a time as strftime writes it; its format is behind.
_CLOCK_WORD = "clock:"


def _directives(notation: str) -> set[str]:
    return {_directive(match[1] or "", match[2]) for match in _APACHE.finditer(notation)}


def _clock(directives: str) -> str:
    """Directives of one time as one format of strftime."""
    fractions = {"msec_frac": "%f", "usec_frac": "%f"}
    parts = (between or fractions.get(said, said) for said, between in _CLOCK_PART.findall(directives))
    return re.sub("%[TFRDh]", lambda found: _LONG[found[0]], "".join(parts))


def _clock_pattern(clock: str, notation: str) -> str:
    def of(found: re.Match[str]) -> str:
        if found[2] is not None:
            return re.escape(found[2])
        if found[1] not in _WORDS:
            raise FootfallError(f"--log-format {notation!r}: %{found[1]} of a time is not read")
        return _WORDS[found[1]]

    return re.sub(r"%(.)|(.)", of, clock, flags=re.DOTALL)


def _directive(braces: str, letter: str) -> str:
    """One spelling of a directive: names of headers in small letters, those of times as they are."""
    return f"%{braces if letter == 't' else braces.lower()}{letter}"


def _joined(pieces: list[tuple[bool, str]], notation: str) -> tuple[str, list[str]]:
    words = {**APACHE, **OWN}
    parts, fields = [], []
    for at, (is_field, text) in enumerate(pieces):
        if not is_field:
            parts.append(
                "".join(rf"{_SPACE}+" if c == " " else re.escape(c) for c in re.sub(" +", " ", text))
            )
            continue
        if text.startswith(_CLOCK_WORD):
            piece = _clock_pattern(text.removeprefix(_CLOCK_WORD), notation)
            parts.append(f"(?:{piece})" if "clock" in fields else f"({piece})")
            fields += [] if "clock" in fields else ["clock"]
            continue
        before = pieces[at - 1][1][-1:] if at and not pieces[at - 1][0] else ""
        behind = pieces[at + 1] if at + 1 < len(pieces) else (False, "")
        meaning = words.get(text, "")
        # A path begins with a slash, which no host has.
        is_host = behind[0] and meaning == "host" and words.get(behind[1]) in ("target", "path")
        if behind[0] and meaning != "path" and not is_host and not {text, behind[1]} & _PASSED.keys():
            raise FootfallError(
                f"--log-format {notation!r}: nothing stands between {text} and {behind[1]}, so nobody can "
                "tell where the first ends"
            )
        piece, is_bracketed = (
            (r'([^/\s"]*)', False)
            if is_host
            else _piece(text, meaning, before, "?" if behind[0] else behind[1][:1])
        )
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
    if word in _NARROW:
        return _NARROW[word], False
    if before == behind == '"':
        text = _QUOTED
    elif before == "[" and behind == "]":
        text = r"[^\]]*"
    elif behind == "?":
        text = r'[^ ?"|]*'
    elif meaning == "query":
        text = r'(?:\?[^ "|]*)?' if word == "%q" else r'[^ "|]*'
    elif behind == "\t" or (not behind and before == "\t"):
        text = r"[^\t]*"  # who separates by tabs may have blanks in a field, and nothing
    elif behind == " " or (not behind and before in ("", " ")):
        text = r"[^ \t]*"
    elif not behind:
        text = ".*"
    else:
        text = f"[^{re.escape(behind)}]*"
    if meaning in ("request", "request_of_url"):
        # A request that is none (a scanner's bytes, `-`) is a line all the same; method and target are empty.
        target = text.removesuffix("*") + "*?" if not text.startswith('[^"') else r'(?:[^"\\]|\\.)*?'
        if before != '"' and behind in ("", " ", "\t"):
            target = r"[^ \t]+"
        return rf"(?:([A-Za-z]+) ({target})(?: HTTP/[0-9.]+)?|{text})", False
    if meaning in _OWN and not (
        before == behind == '"' and meaning in ("address", "forwarded", "bytes", "status")
    ):
        return _OWN[meaning], word == "%t" and before != "["
    return (f"({text})" if meaning else text), False
