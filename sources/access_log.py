"""Access logs of Apache and NGINX in the combined format: a line → a hit, and which hits are page views.

    address identity user [day/Mon/year:h:m:s zone] "METHOD target HTTP/x" status bytes "referrer" "agent"

Further fields after the user agent, which many NGINX set-ups add, are passed over.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

#: The formats that can be read, by the name a user gives.
FORMATS = ("combined",)

# Inside quotes both servers write a quote as \" (Apache) or \x22 (NGINX), so the first bare quote ends
# the field. No part can match in two ways, so that a hostile line costs no more than its length.
_QUOTED = rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LINE = re.compile(
    rb"(?P<address>\S+) \S+ [^\[\]\"]+ "
    rb"\[(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})\] "
    + _QUOTED
    + rb" (\d{3}) (?:\d+|-) "
    + _QUOTED
    + rb" "
    + _QUOTED
    + rb"(?: .*)?",
    re.DOTALL,
)

# Month names by hand: strptime reads them in the language of the process.
_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1
    )
}

#: Extensions of what a page loads or a person downloads: a request for one is not a view of a page.
#: Everything else counts as a page, unknown extensions included (`.html`, `.php`, `.xhtml`, but also a
#: listing such as `/notes/build.log` or `/src/tool.py`, which servers show as a page): to drop a page
#: loses data, while a download too many is seen in the report of pages and can be filtered.
NOT_PAGES = frozenset(
    extension
    for group in (
        # scripts, styles and what describes them
        "css js mjs map json xml wasm webmanifest",
        # images and icons
        "png jpg jpeg gif ico svg webp avif bmp tif tiff",
        # fonts
        "ttf otf woff woff2 eot",
        # sound, film and plugins
        "mp3 mp4 m4a m4v webm ogg ogv wav flac mov avi mkv swf",
        # documents and archives that browsers save or show without the site around them; robots.txt too
        "pdf txt csv gz tgz zip tar bz2 xz 7z rar exe msi dmg jar iso",
    )
    for extension in group.split()
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One request of an access log. `at` is aware and in UTC; `target` is as requested, query included.

    `method` and `target` are empty where the request line was no HTTP. `referrer` is None and
    `user_agent` empty where the log says `-`.
    """

    address: str
    at: datetime
    method: str
    target: str
    status: int
    referrer: str | None
    user_agent: str

    @property
    def path_and_query(self) -> str:
        """The target without scheme and host, which proxies' requests carry; begins with a slash."""
        target = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", "", self.target)
        return target if target.startswith("/") else f"/{target}"


def parse_line(line: bytes) -> Hit | None:
    """The hit of one line, with or without its line end; None where it does not follow the format."""
    match = _LINE.fullmatch(line.rstrip(b"\r\n"))
    if match is None:
        return None
    address, day, month, year, hour, minute, second, sign, off_hours, off_minutes, *rest = match.groups()
    request, status, referrer, user_agent = rest
    offset = timedelta(hours=int(off_hours), minutes=int(off_minutes))
    try:
        at = datetime(
            int(year),
            _MONTHS[month],
            int(day),
            int(hour),
            int(minute),
            59 if second == b"60" else int(second),  # a leap second, which datetime does not know
            tzinfo=timezone(-offset if sign == b"-" else offset),
        ).astimezone(UTC)
    except (ValueError, KeyError, OverflowError):  # no such day, month, offset; or before the year 1
        return None
    method, target = _request(_text(request))
    return Hit(
        address=address.decode("latin-1"),
        at=at,
        method=method,
        target=target,
        status=int(status),
        referrer=None if referrer in (b"-", b"") else _text(referrer),
        user_agent="" if user_agent == b"-" else _text(user_agent),
    )


def is_page_view(hit: Hit) -> bool:
    """Whether a person would call this hit a view of a page.

    A GET that was answered with the page (200) or with "you have it already" (304), whose path does not
    end in an extension of NOT_PAGES. Redirects and errors are no views; neither are HEAD and POST.
    """
    if hit.method != "GET" or hit.status not in (200, 304):
        return False
    last_segment = hit.path_and_query.partition("?")[0].rpartition("/")[2]
    return last_segment.rpartition(".")[2].lower() not in NOT_PAGES if "." in last_segment else True


def _request(request: str) -> tuple[str, str]:
    """Method and target of a request line; empty where it is none (a scanner's bytes, a timeout's `-`)."""
    method, _, rest = request.partition(" ")
    target, _, version = rest.rpartition(" ")
    if not version.startswith("HTTP/"):
        target = rest  # HTTP/0.9 has no version
    if not method.isalpha() or not target:
        return "", ""
    return method.upper(), target.replace(" ", "%20")


_ESCAPE = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|(["\\]))')


def _text(field: bytes) -> str:
    """A quoted field with its escapes undone: UTF-8 where it is, else Latin-1, which reads every byte.

    Escaped control characters stay escaped: JSON and Parquet readers stumble over a NUL.
    """

    def plain(match: re.Match[bytes]) -> bytes:
        if match[2] is not None:
            return match[2]
        byte = int(match[1], 16)
        return match[0] if byte < 0x20 or byte == 0x7F else bytes([byte])

    undone = _ESCAPE.sub(plain, field) if b"\\" in field else field
    try:
        return undone.decode("utf-8")
    except UnicodeDecodeError:
        return undone.decode("latin-1")
