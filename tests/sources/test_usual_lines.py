"""A line that is cut stretch by stretch says the same as one that its whole pattern cuts."""

import random
from dataclasses import replace

import pyarrow as pa
import pytest

from footfall.sql import open_database, run
from sources import log_notation
from sources.layouts import of_pattern
from sources.log_formats import BY_NAME, OWN

NGINX_MAIN = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent" "$http_x_forwarded_for"'
)
PATTERNS = {
    **{
        name: log_notation.compiled(BY_NAME[name].notation, OWN, BY_NAME[name].tail)
        for name in ("vhost_combined", "combined", "vhost_common", "common")
    },
    "nginx's main": log_notation.read(NGINX_MAIN),
    "Apache's": log_notation.read('%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'),
}
#: Pieces of lines, usual ones and odd ones.
WORDS = (
    "192.0.2.7", "192.0.2.7, 10.0.0.1", "[2001:db8::1]:80", "::1", "-", "-", "-", "shop.example",
    "x.example:80", "jane", "jane doe", '"jane"',
    '""', "[x]", "", "a,b", "\t", "caf\u00e9", "x\\y", '\\"', "'",
)  # fmt: skip
TIMES = (
    "[20/Nov/2026:14:04:05 +0000]",
    "[20/Nov/2026:14:04:05 +0000]",
    "[20/Nov/2026]",
    "[-]",
    "20/Nov/2026",
)
REQUESTS = (
    "GET / HTTP/1.1", "GET /a?b=c HTTP/2.0", "HEAD /x", "GET  HTTP/1.1", "GET HTTP/1.1", "GET /a b HTTP/1.1",
    "-", "", "GET / HTTP/1.1 HTTP/1.1", "get /%22 HTTP/1", "GET /\u00fc HTTP/1.1", "GET /\\x22 HTTP/1.1",
    "\\x16\\x03", "G3T / HTTP/1.1",
    " GET / HTTP/1.1", "GET /\t HTTP/1.1", "GET / HTTP/", "POST /caf\u00e9?\u6f22 HTTP/1.0",
)  # fmt: skip
NUMBERS = ("200", "200", "304", "-", "-1", "+7", "2000", "512", "0", "", "x")
TEXTS = (
    "-",
    "https://search.example/?q=a b",
    "",
    'say \\"hello\\"',
    "Mozilla/5.0 (X11)",
    "\u6f22",
    " ",
    'a"b',
    "\\x22",
)


def odd_line(chance: random.Random, words_before: int) -> str:
    """A line of one of the formats, or nearly. `words_before`: before its time."""
    words = [chance.choice(WORDS) for _ in range(words_before + chance.choice((0, 0, 0, 0, 1, -1)))]
    words[:-2] = chance.choice((words[:-2], ["shop.example", "192.0.2.7"][4 - words_before :]))
    if chance.random() < 0.6:
        words[-2:] = chance.choice((["-", "-"], ["-", "jane"]))
    parts = [
        *words,
        chance.choice(TIMES),
        f'"{chance.choice(REQUESTS)}"',
        chance.choice(NUMBERS),
        chance.choice(NUMBERS),
    ]
    parts += [f'"{chance.choice(TEXTS)}"' for _ in range(chance.choice((0, 1, 2, 2, 3, 3, 3)))]
    blanks = (" ", " ", " ", " ", " ", " ", " ", " ", " ", "  ", "\t", "")
    line = "".join(part + (" " if chance.random() < 0.8 else chance.choice(blanks)) for part in parts)
    line = line if chance.random() < 0.1 else line.removesuffix(" ")
    if chance.random() < 0.2:
        at = chance.randrange(len(line))
        line = (
            line[:at]
            + chance.choice(('"', " ", "\\", "[", "]", "-", ",", ""))
            + line[at + chance.randrange(2) :]
        )
    return line


@pytest.mark.parametrize("name", PATTERNS)
def test_stretches_and_the_whole_pattern_cut_every_line_alike(name: str) -> None:
    pattern, chance = PATTERNS[name], random.Random(name)
    assert isinstance(pattern, log_notation.Pattern)
    assert pattern.usual
    lines = [odd_line(chance, 4 if "vhost" in name else 3) for _ in range(20_000)]
    with open_database() as connection:
        connection.register("chunk", pa.table({"line": pa.array(lines, pa.string())}))

        def cut(given: log_notation.Pattern) -> list[tuple[object, ...]]:
            layout = of_pattern(BY_NAME["combined"], given)
            return run(connection, "SELECT line, cut FROM {source}", source=layout.source).fetchall()

        by_stretches, as_whole = cut(pattern), cut(replace(pattern, usual=()))

    assert by_stretches == as_whole
    read = sum(1 for _, found in as_whole if found["g1"])
    assert 100 < read < 19_900
