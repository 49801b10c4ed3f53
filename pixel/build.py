"""Builds pixel/dist/pixel.js from pixel/src/pixel.js: comments and layout go, local names become short.

    python pixel/build.py            writes the file and says how large it is
    python pixel/build.py --check    writes nothing; exit 1 where the file is not what the source gives

Only the standard library, so that the pixel builds wherever the project runs: no node, no network, the same
bytes every time. It is no general minifier. It reads the subset that the pixel is written in and stops with
the line where the source leaves it:

* no template literals; a division stands between spaces, on one line; code goes on in the next line only
  after an operator or an opening bracket, or before a dot;
* one name for each `const` or `let`, no destructuring and no `{shorthand}`: names are renamed by text, and
  a shorthand would rename a property with its variable;
* no local name that the browser also has as a global.
"""

import argparse
import gzip
import itertools
import re
import string
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "src" / "pixel.js"
BUILT = HERE / "dist" / "pixel.js"
BANNER = "/* Footfall pixel, MIT licence. Readable source: pixel/src/pixel.js */\n"

_GAP = re.compile(r"(?:[ \t\r\n]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_TOKEN = re.compile(
    r"""
      (?P<number> \d [\w.]* )
    | (?P<word>   [A-Za-z_$] [\w$]* )
    | (?P<text>   '(?:[^'\\\n]|\\.)*' | "(?:[^"\\\n]|\\.)*" )
    | (?P<sign>   => | \.\.\. | \+\+ | -- | [{}()\[\];,<>=!+\-*%&|^~?:.] )
    """,
    re.VERBOSE,
)
_REGEX = re.compile(r"/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
#: Words after which a value begins, so that a slash opens a regular expression.
_BEFORE_VALUE = {"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do"}
#: A statement cannot end after these signs, nor does one need a line end before those.
_NO_END_AFTER = set("{([;,<>=!&|^~?:.*%") | {"=>", "..."}
_NO_END_BEFORE = set("});],.?:=&|*%<>") | {"=>"}
#: Globals of the browser that are tempting as names. Renamed in one place, they would be renamed in all.
_BROWSER_NAMES = frozenset(
    {"window", "document", "navigator", "location", "history", "screen", "performance", "crypto", "fetch"}
    | {
        "name",
        "status",
        "length",
        "origin",
        "parent",
        "top",
        "self",
        "close",
        "open",
        "stop",
        "find",
        "print",
    }
    | {"focus", "blur", "scroll", "frames", "external", "closed", "opener"}
)
_RESERVED = frozenset({"do", "if", "in", "is", "of", "as", "on"})


class BuildError(Exception):
    """The source holds something that this build does not handle; the message names the line."""


@dataclass(frozen=True, slots=True)
class Token:
    kind: str  # number, word, text, sign or regex
    text: str
    gap: str  # what stood ahead of it: white space and comments
    line: int


def minify(source: str) -> str:
    """`source` as small as this build can make it, ending in a line end. Raises BuildError."""
    tokens = list(_tokens(source))
    names = _short_names(tokens)
    out: list[str] = []
    before: Token | None = None
    for index, token in enumerate(tokens):
        out.append(_between(before, token))
        out.append(names[token.text] if token.text in names and _is_name(tokens, index) else token.text)
        before = token
    return "".join(out) + "\n"


def _tokens(source: str) -> Iterator[Token]:
    before: Token | None = None
    at = 0
    while True:
        gap = _GAP.match(source, at)
        assert gap is not None  # it matches the empty text
        at = gap.end()
        if at == len(source):
            return
        line = source.count("\n", 0, at) + 1
        if source[at] == "/":
            kind, text = _slash(source, at, before, line)
        elif found := _TOKEN.match(source, at):
            kind, text = found.lastgroup or "", found.group()
        else:
            raise BuildError(f"{SOURCE.name}:{line}: not handled: {source[at : at + 12]!r}")
        before = Token(kind, text, gap.group(), line)
        yield before
        at += len(text)


def _slash(source: str, at: int, before: Token | None, line: int) -> tuple[str, str]:
    """A regular expression where a value may begin, else a division, which must stand between spaces."""
    after_value = before is not None and (
        before.text in ")]" or (before.kind != "sign" and before.text not in _BEFORE_VALUE)
    )
    if after_value and source[at - 1 : at + 2] == " / ":
        return "sign", "/"
    if not after_value and (literal := _REGEX.match(source, at)):
        return "regex", literal.group()
    raise BuildError(f"{SOURCE.name}:{line}: neither a regular expression nor a division between spaces")


def _is_name(tokens: list[Token], index: int) -> bool:
    """Whether the word there names a variable, and neither a property nor the key of an object."""
    before = tokens[index - 1].text if index else ""
    after = tokens[index + 1].text if index + 1 < len(tokens) else ""
    return tokens[index].kind == "word" and before != "." and not (before in ("{", ",") and after == ":")


def _short_names(tokens: list[Token]) -> dict[str, str]:
    """A short name for each declared one, the shortest for those used most. Raises BuildError."""
    declared = set(_declared(tokens))
    for index, token in enumerate(tokens):
        if token.text in declared & _BROWSER_NAMES and _is_name(tokens, index):
            raise BuildError(f"{SOURCE.name}:{token.line}: {token.text!r} is also a global of the browser")
    words = [token.text for index, token in enumerate(tokens) if _is_name(tokens, index)]
    uses = Counter(word for word in words if word in declared)
    taken = (set(words) - declared) | _RESERVED
    short = (name for name in _names() if name not in taken)
    return dict(zip(sorted(uses, key=lambda name: (-uses[name], name)), short, strict=False))


def _declared(tokens: list[Token]) -> Iterator[str]:
    """Every name that const, let, function, catch or a list of parameters introduces."""
    texts = [token.text for token in tokens]
    for index, text in enumerate(texts):
        if text in ("const", "let"):
            yield texts[index + 1]
        elif text == "function" and texts[index + 1] != "(":
            yield texts[index + 1]
            yield from _parameters(texts, index + 2)
        elif text in ("function", "catch"):
            yield from _parameters(texts, index + 1)
        elif text == "=>":
            if texts[index - 1] != ")":
                raise BuildError(f"{SOURCE.name}:{tokens[index].line}: parameters stand in brackets")
            opening = max(place for place in range(index) if texts[place] == "(")
            yield from _parameters(texts, opening)


def _parameters(texts: list[str], opening: int) -> list[str]:
    inside = itertools.takewhile(lambda text: text != ")", texts[opening + 1 :])
    return [text for text in inside if text not in (",", "...")]


def _names() -> Iterator[str]:
    yield from string.ascii_lowercase + string.ascii_uppercase
    for first, second in itertools.product(string.ascii_lowercase, repeat=2):
        yield first + second


def _between(before: Token | None, token: Token) -> str:
    """What must stand between two tokens: a line end, a space or nothing."""
    if before is None or not token.gap:
        return ""
    if "\n" in token.gap and before.text not in _NO_END_AFTER and token.text not in _NO_END_BEFORE:
        return "\n"
    words = (_ends_in_word(before), token.kind in ("word", "number"))
    # `a + +b` would become another operator, `/` beside a regular expression a comment.
    grow = before.text[-1] == token.text[0] and token.text[0] in "+-/"
    return " " if all(words) or grow else ""


def _ends_in_word(token: Token) -> bool:
    return token.kind in ("word", "number", "regex")


def build() -> bytes:
    """The bytes of dist/pixel.js. Raises BuildError, OSError."""
    return (BANNER + minify(SOURCE.read_text(encoding="utf-8"))).encode()


def gzip_size(content: bytes) -> int:
    """Bytes on the wire, as a server compresses them; without a file name and time, so always the same."""
    return len(gzip.compress(content, compresslevel=9, mtime=0))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="pixel/build.py", description="Builds pixel/dist/pixel.js.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the file is out of date")
    options = parser.parse_args(arguments)
    try:
        built = build()
        if options.check and (not BUILT.exists() or BUILT.read_bytes() != built):
            raise BuildError("dist/pixel.js is not what src/pixel.js gives; run `make pixel`")
        if not options.check:
            BUILT.parent.mkdir(exist_ok=True)
            BUILT.write_bytes(built)
    except (BuildError, OSError) as error:
        sys.stderr.write(f"pixel/build.py: {error}\n")
        return 1
    sys.stdout.write(f"pixel/dist/pixel.js: {len(built)} bytes, {gzip_size(built)} gzip\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
