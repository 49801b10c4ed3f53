"""Access logs: what a line says, what is no line of the format, and which hits are page views."""

import gzip
import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from sources.access_log import NOT_PAGES, Hit, is_page_view, parse_line

REAL_LOG = Path(__file__).resolve().parents[2].parent / "shared/data/access-log"


def line(
    *,
    time: str = "20/Nov/2026:15:04:05 +0100",
    request: str = "GET /bread?x=1 HTTP/1.1",
    status: int = 200,
    referrer: str = "https://search.example/",
    agent: str = "Mozilla/5.0",
    user: str = "-",
    tail: str = "",
) -> bytes:
    text = f'192.0.2.7 - {user} [{time}] "{request}" {status} 512 "{referrer}" "{agent}"{tail}'
    return text.encode("latin-1")


def hit(**fields: object) -> Hit:
    found = parse_line(line(**fields))  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_line_of_the_combined_format_is_read_whole() -> None:
    assert parse_line(line()) == Hit(
        address="192.0.2.7",
        at=datetime(2026, 11, 20, 14, 4, 5, tzinfo=UTC),
        method="GET",
        target="/bread?x=1",
        status=200,
        referrer="https://search.example/",
        user_agent="Mozilla/5.0",
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_the_line_end_does_not_matter(end: bytes) -> None:
    assert parse_line(line() + end) == parse_line(line())


def test_a_dash_is_no_referrer_and_no_user_agent() -> None:
    found = hit(referrer="-", agent="-")

    assert (found.referrer, found.user_agent) == (None, "")


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("20/Nov/2026:00:30:00 +0530", datetime(2026, 11, 19, 19, 0, tzinfo=UTC)),
        ("31/Dec/2026:23:30:00 -0800", datetime(2027, 1, 1, 7, 30, tzinfo=UTC)),
        ("30/Jun/2015:23:59:60 +0000", datetime(2015, 6, 30, 23, 59, 59, tzinfo=UTC)),  # leap second
    ],
)
def test_times_of_any_zone_become_utc(written: str, utc: datetime) -> None:
    assert hit(time=written).at == utc


@pytest.mark.parametrize(
    ("agent", "read"),
    [
        (r"say \"hello\" \\o/", 'say "hello" \\o/'),
        (r"nginx \x22quotes\x22 and \xc3\xa4", 'nginx "quotes" and ä'),
        (r"control \x00 stays", r"control \x00 stays"),
        ("caf\xe9", "café"),  # no UTF-8: read as Latin-1
        ("caf\xc3\xa9", "café"),
    ],
)
def test_quotes_escapes_and_odd_bytes_are_read_as_meant(agent: str, read: str) -> None:
    assert hit(agent=agent).user_agent == read


@pytest.mark.parametrize(
    ("request_line", "method", "target"),
    [
        ("GET / HTTP/1.1", "GET", "/"),
        ("GET /old", "GET", "/old"),
        ("GET /a file.html HTTP/1.1", "GET", "/a%20file.html"),
        ("-", "", ""),
        (r"\x16\x03\x01\x02", "", ""),
        ("", "", ""),
    ],
)
def test_any_request_line_is_a_hit(request_line: str, method: str, target: str) -> None:
    found = hit(request=request_line)

    assert (found.method, found.target) == (method, target)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("http://proxied.example/page?a=b", "/page?a=b"),
        ("https://proxied.example", "/"),
        ("//two/slashes", "//two/slashes"),
        ("no-slash.evil.example/", "/no-slash.evil.example/"),
        ("/go?to=http://other.example/", "/go?to=http://other.example/"),
    ],
)
def test_a_target_in_absolute_form_keeps_its_path(target: str, path: str) -> None:
    assert hit(request=f"GET {target} HTTP/1.1").path_and_query == path


def test_users_with_blanks_and_fields_after_the_format_are_passed_over() -> None:
    assert hit(user="Jane Doe", tail=' "203.0.113.9" 0.012') == hit()


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"nonsense",
        line()[:-1],  # the closing quote is missing
        line()[:60],
        line(time="31/Feb/2026:10:00:00 +0000"),
        line(time="20/Foo/2026:10:00:00 +0000"),
        line(time="20/Nov/2026:24:00:00 +0000"),
        line(time="20/Nov/2026:10:00:61 +0000"),
        line(time="20/Nov/2026:10:00:00 +9900"),
        line(time="01/Jan/0001:00:00:00 +0100"),
        b'192.0.2.7 - - [20/Nov/2026:15:04:05 +0100] "GET / HTTP/1.1" 200 512',  # common format
        b'{"remote_addr":"192.0.2.7"}',
        b'192.0.2.7 - - [20/Nov/2026:15:04:05 +0100] "' + b'\\"' * 30_000,
    ],
)
def test_what_does_not_follow_the_format_is_no_hit(broken: bytes) -> None:
    assert parse_line(broken) is None


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/bread",
        "/bread/",
        "/a.html",
        "/a.PHP?x=y.png",
        "/v1.2/notes",
        "/x.xhtml",
        "/build.log",
        "/t.py",
        "/p.deb",
        "/d.doc",
        "/g.gem",
        "/c.pcap",
        "/t.pyc",
        "/s.xsl",
        "/css",
    ],
)
def test_a_page_is_whatever_is_not_known_to_be_none(target: str) -> None:
    assert is_page_view(hit(request=f"GET {target} HTTP/1.1"))


@pytest.mark.parametrize("extension", sorted(NOT_PAGES))
def test_assets_and_downloads_are_no_page_views(extension: str) -> None:
    assert not is_page_view(hit(request=f"GET /folder/File.{extension.upper()}?v=1 HTTP/1.1"))


@pytest.mark.parametrize(
    ("status", "counts"), [(200, True), (304, True), (206, False), (301, False), (404, False)]
)
def test_only_an_answered_page_is_a_view(status: int, counts: bool) -> None:
    assert is_page_view(hit(status=status)) is counts


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS"])
def test_only_get_is_a_view(method: str) -> None:
    assert not is_page_view(hit(request=f"{method} / HTTP/1.1"))


@pytest.mark.skipif(
    not REAL_LOG.is_dir(), reason="../shared/data/access-log is not there: no real log to read"
)
def test_a_real_log_gives_the_numbers_that_others_counted() -> None:
    expected = json.loads((REAL_LOG / "expected.json").read_text())

    with gzip.open(REAL_LOG / "apache_10k.log.gz") as file:
        lines = file.read().splitlines()
    parsed = [parse_line(text) for text in lines]
    views = [h for h in parsed if h is not None and is_page_view(h)]

    assert len(lines) == expected["lines"]
    assert [n for n, h in enumerate(parsed, 1) if h is None] == expected["malformed_line_numbers"]
    assert len(views) == expected["page_views"]
    for day in expected["daily"]:
        assert sum(v.at.date().isoformat() == day["date"] for v in views) == day["page_views"], day["date"]
    visitors: dict[tuple[str, str], list[float]] = {}
    for view in views:
        visitors.setdefault((view.address, view.user_agent), []).append(view.at.timestamp())
    gaps = [after - before for times in visitors.values() for before, after in pairwise(sorted(times))]
    assert len(visitors) == expected["sessions_over_page_views"]["visitors"]
    assert (
        len(visitors) + sum(gap > 1800 for gap in gaps)
        == (expected["sessions_over_page_views"]["sessions_gap_gt_1800"])
    )
