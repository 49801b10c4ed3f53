"""Access logs: what a line says, what is no line of the format, and which hits are page views."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard
from support.orchestration_builders import client

from footfall.errors import FootfallError
from footfall.salts import Salts
from footfall.store import LocalStore
from sources.conversion import Receiver
from sources.event_names import EventNames
from sources.import_files import LocalFile
from sources.log_import import import_logs
from sources.request_lines import NOT_PAGES

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def line(
    *,
    address: str = "192.0.2.7",
    time: str = "20/Nov/2026:15:04:05 +0100",
    request: str = "GET /bread?x=1 HTTP/1.1",
    status: int = 200,
    referrer: str = "https://search.example/",
    agent: str = "Mozilla/5.0",
    user: str = "-",
    tail: str = "",
) -> bytes:
    text = f'{address} - {user} [{time}] "{request}" {status} 512 "{referrer}" "{agent}"{tail}'
    return text.encode("latin-1")


class Log:
    """A log of these lines, and what is stored of it: by line, in their order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(
        self, *lines: bytes, log_format: str | None = "combined", notation: str | None = None, **more: Any
    ) -> list[dict[str, Any]]:
        path = self.folder / "a.log"
        path.write_bytes(b"\n".join(lines) + b"\n")
        lake, owner = LocalStore(self.folder / "lake"), client()
        receiver = Receiver(
            owner,
            owner.sites[0],
            Salts(lake),
            EventNames("k" * 32),
            **{"now": NOW, "keeps_requests": True, **more},
        )
        (self.done,) = import_logs(
            [LocalFile("a.log", path)], receiver, lake, log_format, notation, is_only=True
        )
        texts = [
            text for key in self.done.landed.keys for text in zstandard.decompress(lake.get(key)).splitlines()
        ]
        return [json.loads(text) for text in texts]

    def requests(self, *lines: bytes, **more: Any) -> list[dict[str, Any]]:
        return [each for each in self.read(*lines, **more) if each.get("type") == "request"]

    def views(self, *lines: bytes, **more: Any) -> list[str]:
        """Path and query of each page view."""
        found = self.read(*lines, **{"keeps_requests": None, **more})
        return [each["event"]["url"].partition(".example")[2] for each in found if each["kind"] == "event"]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_a_line_of_the_combined_format_is_read_whole(log: Log) -> None:
    (found,) = log.requests(line())

    assert found["received_at"] == found["occurred_at"] == "2026-11-20T14:04:05.000Z"
    assert found["user_agent"] == "Mozilla/5.0"
    assert {k: v for k, v in found["event"].items() if k not in ("id", "occurred_at", "type")} == {
        "url": f"https://{found['host']}/bread?x=1",
        "referrer": "https://search.example/",
        "method": "GET",
        "status": 200,
        "bytes_sent": 512,
    }


def test_line_ends_of_windows_do_not_matter(log: Log) -> None:
    assert log.views(line() + b"\r", line(request="GET /2 HTTP/1.1")) == ["/bread?x=1", "/2"]


def test_a_dash_is_no_referrer_and_no_user_agent(log: Log) -> None:
    (found,) = log.requests(line(referrer="-", agent="-"))

    assert ("referrer" in found["event"], found["user_agent"]) == (False, "")


def test_times_of_any_zone_become_utc(log: Log) -> None:
    written = ("20/Nov/2026:00:30:00 +0530", "31/Dec/2025:23:30:00 -0800", "30/Jun/2015:23:59:60 +0000")

    found = log.requests(*(line(time=each) for each in written))

    assert sorted(each["received_at"] for each in found) == [
        "2015-06-30T23:59:59.000Z",  # a leap second
        "2026-01-01T07:30:00.000Z",
        "2026-11-19T19:00:00.000Z",
    ]


AGENTS = {
    r"say \"hello\" \\o/": 'say "hello" \\o/',
    r"nginx \x22quotes\x22 and \xc3\xa4": 'nginx "quotes" and ä',
    r"control \x00 stays": r"control \x00 stays",
    "caf\xe9": "café",  # no UTF-8: read as Latin-1
    "tea \xc3\xa9": "tea é",
}


def test_quotes_escapes_and_odd_bytes_are_read_as_meant(log: Log) -> None:
    found = log.requests(*(line(agent=agent) for agent in AGENTS))

    assert [each["user_agent"] for each in found] == list(AGENTS.values())


TARGETS = {
    "GET / HTTP/1.1": "/",
    "GET /old": "/old",
    "GET /a file.html HTTP/1.1": "/a%20file.html",
    "GET http://proxied.example/page?a=b HTTP/1.1": "/page?a=b",
    "GET https://proxied.example HTTP/1.1": "/",
    "GET //two/slashes HTTP/1.1": "//two/slashes",
    "GET no-slash.evil.example/ HTTP/1.1": "/no-slash.evil.example/",
    "GET /go?to=http://other.example/ HTTP/1.1": "/go?to=http://other.example/",
}


def test_a_target_becomes_a_path_whatever_it_is(log: Log) -> None:
    assert log.views(*(line(request=each) for each in TARGETS)) == list(TARGETS.values())


def test_a_request_that_is_no_http_is_a_hit_and_no_page_view(log: Log) -> None:
    views = log.views(line(), *(line(request=each) for each in ("-", r"\x16\x03\x01\x02", "")))

    assert views == ["/bread?x=1"]
    assert (log.done.counts.others, log.done.counts.malformed) == (3, 0)


def test_users_may_have_blanks_quotes_or_nothing_and_fields_behind_the_format_are_passed_over(
    log: Log,
) -> None:
    users = ("Jane Doe", '"jane doe"', '""', "", "j-d", '"a \\" b"')
    lines = [line(user=user, tail=' "203.0.113.9" 0.012') for user in users]

    assert log.views(*lines) == ["/bread?x=1"] * len(users)


BROKEN = [
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
    line(address="-"),
    line(address="localhost"),
    line(address="crawler.search.example"),
    line(address="unix:"),
    line(address="1.2.3"),
]


def test_what_does_not_follow_the_format_or_has_no_address_is_no_hit(log: Log) -> None:
    found = log.read(*[line()] * 20, *BROKEN)

    assert log.done.counts.malformed == len(BROKEN)
    assert [each["reason"] for each in found if each["kind"] == "refused"] == ["malformed_log_line"] * len(
        BROKEN
    )


PAGES = (
    "/", "/bread", "/bread/", "/a.html", "/a.PHP?x=y.png", "/v1.2/notes", "/x.xhtml", "/build.log", "/t.py",
    "/p.deb", "/d.doc", "/g.gem", "/c.pcap", "/t.pyc", "/s.xsl", "/css",
)  # fmt: skip


def test_a_page_is_whatever_is_not_known_to_be_none(log: Log) -> None:
    assert log.views(*(line(request=f"GET {each} HTTP/1.1") for each in PAGES)) == list(PAGES)


def test_assets_downloads_errors_redirects_and_other_methods_are_no_page_views(log: Log) -> None:
    assets = [line(request=f"GET /folder/File.{each.upper()}?v=1 HTTP/1.1") for each in sorted(NOT_PAGES)]
    answers = [line(status=each) for each in (206, 301, 404)]
    methods = [line(request=f"{each} / HTTP/1.1") for each in ("HEAD", "POST", "OPTIONS")]

    assert log.views(line(status=304), *assets, *answers, *methods) == ["/bread?x=1"]


AGENT = b"Mozilla/5.0 (X11)"
CLF_TIME = b"[20/Nov/2026:10:00:00 +0100]"
#: What a server is told to write, and a line of it.
NOTATIONS = {
    "$remote_addr|$time_iso8601|$request_method|$host|$request_uri|$status|$request_id|$http_user_agent": (
        b"198.51.100.7|2026-11-20T10:00:00+01:00|GET|shop.demo.example|/a?b=c|200|9f3a|" + AGENT
    ),
    '$http_x_forwarded_for - $remote_addr [$time_local] "$request" $status "$http_user_agent"': (
        b"198.51.100.7, 10.1.1.1 - 10.2.2.2 " + CLF_TIME + b' "GET /a?b=c HTTP/2.0" 200 "' + AGENT + b'"'
    ),
    '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D': (
        b"198.51.100.7 - - " + CLF_TIME + b' "GET /a?b=c HTTP/1.1" 200 5 "-" "' + AGENT + b'" 12000'
    ),
    r"%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"": (
        b"www.demo.example:443 198.51.100.7 - - "
        + CLF_TIME
        + b' "GET /a?b=c HTTP/1.1" 200 5 "-" "'
        + AGENT
        + b'"'
    ),
    '%{%Y-%m-%dT%H:%M:%S%z}t %a %m %U%q %s "%{User-agent}i"': (
        b'2026-11-20T10:00:00+0100 198.51.100.7 GET /a?b=c 200 "' + AGENT + b'"'
    ),
    '$msec $remote_addr $scheme $request_method $uri$is_args$args $status "$http_user_agent"': (
        b'1795165200.123 198.51.100.7 https GET /a?b=c 200 "' + AGENT + b'"'
    ),
    '{"at":"$time_iso8601","who":"$remote_addr","what":"$request","code":$status,"ua":"$http_user_agent"}': (
        b'{"at":"2026-11-20T10:00:00+01:00","who":"198.51.100.7","what":"GET /a?b=c HTTP/2.0","code":200,'
        b'"ua":"' + AGENT + b'"}'
    ),
    # Whole directives, as they stand in the server's configuration.
    """log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent"';""": (
        b"198.51.100.7 - - " + CLF_TIME + b' "GET /a?b=c HTTP/1.1" 200 5 "-" "' + AGENT + b'"'
    ),
    """log_format json escape=json '{"at":"$time_iso8601","who":"$remote_addr",'
       '"what":"$request","code":$status,"ua":"$http_user_agent"}';""": (
        b'{"at":"2026-11-20T10:00:00+01:00","who":"198.51.100.7","what":"GET /a?b=c HTTP/2.0","code":200,'
        b'"ua":"' + AGENT + b'"}'
    ),
    r'LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combinedio': (
        b"198.51.100.7 - - " + CLF_TIME + b' "GET /a?b=c HTTP/1.1" 200 5 "-" "' + AGENT + b'"'
    ),
    r'CustomLog logs/access.log "%h %t \"%r\" %>s \"%{User-Agent}i\"" env=!dontlog': (
        b"198.51.100.7 " + CLF_TIME + b' "GET /a?b=c HTTP/1.1" 200 "' + AGENT + b'"'
    ),
    # Tabs between fields, of which some are empty and some have blanks.
    r"$remote_addr\t$time_local\t$request\t$status\t$http_referer\t$http_user_agent": (
        b"198.51.100.7\t20/Nov/2026:10:00:00 +0100\tGET /a?b=c HTTP/1.1\t200\t\t" + AGENT
    ),
    r"%a\t%{%s}t\t%m\t%U%q\t%s\t%{User-agent}i": (b"198.51.100.7\t1795165200\tGET\t/a?b=c\t200\t" + AGENT),
    # Times in words of strftime.
    '%a [%{%d/%b/%Y:%T}t.%{msec_frac}t %{%z}t] "%r" %s "%{User-agent}i"': (
        b'198.51.100.7 [20/Nov/2026:10:00:00.123 +0100] "GET /a?b=c HTTP/1.1" 200 "' + AGENT + b'"'
    ),
    '%{%Y-%m-%d %H:%M:%S}t.%{usec_frac}t %{%z}t %v %a %m %U %q %H %s "%{User-agent}i"': (
        b"2026-11-20 10:00:00.123456 +0100 shop.demo.example 198.51.100.7 GET /a ?b=c HTTP/1.1 200 "
        b'"' + AGENT + b'"'
    ),
    '%{begin:%d.%m.%Y %R:%S}t %a "%r" %s "%{User-agent}i"': (
        b'20.11.2026 09:00:00 198.51.100.7 "GET /a?b=c HTTP/1.1" 200 "' + AGENT + b'"'
    ),
}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_line_is_what_the_server_s_own_notation_says(log: Log, notation: str) -> None:
    (found,) = log.requests(NOTATIONS[notation], log_format=None, notation=notation)

    assert found["received_at"].startswith("2026-11-20T09:00:00.")
    assert found["event"]["url"].endswith("/a?b=c")
    assert found["user_agent"] == "Mozilla/5.0 (X11)"
    assert found["event"]["status"] == 200
    assert (
        found["visitor_id"]
        == log.requests(line(agent="Mozilla/5.0 (X11)", address="198.51.100.7"))[0]["visitor_id"]
    )


@pytest.mark.parametrize(
    ("notation", "said"),
    [
        ("what people see", "names no field"),
        ('%a [%{%d/%b %Z}t] "%r"', "%Z of a time is not read"),
        ("$remote_addr $status", "lacks a time .* and what was asked for"),
        ('[$time_local] "$request"', "lacks an address"),
        ("$remote_addr$status [$time_local] $request", "nothing stands between remote_addr and status"),
    ],
)
def test_a_notation_that_says_too_little_is_refused_with_what_it_lacks(
    log: Log, notation: str, said: str
) -> None:
    with pytest.raises(FootfallError, match=said):
        log.read(line(), log_format=None, notation=notation)


@pytest.mark.parametrize("size", [1, 4096, 3 << 20])
def test_zero_bytes_before_a_line_are_no_part_of_it(log: Log, size: int) -> None:
    hole = b"\0" * size

    assert log.views(hole + line(), hole, hole + line(request="GET /2 HTTP/1.1"), log_format=None) == [
        "/bread?x=1",
        "/2",
    ]
    assert log.done.counts.malformed == 0


def test_a_file_of_zero_bytes_is_empty(log: Log) -> None:
    with pytest.raises(FootfallError, match=r"^a\.log is empty"):
        log.read(b"\0" * 100_000, log_format=None)


SYSLOG = (
    b"Nov 20 10:00:00 web1 nginx: ",
    b"<190>Nov  2 10:00:00 web1 nginx[12]: ",
    b"<134>1 2026-11-20T10:00:00.000Z web1 nginx 12 - - ",
    b"2026-11-20T10:00:00.123456+00:00 web1 nginx: ",
)


@pytest.mark.parametrize("before", SYSLOG)
def test_what_a_syslog_daemon_writes_before_a_line_is_no_address(log: Log, before: bytes) -> None:
    bare = log.requests(line(), log_format=None)[0]
    (found,) = log.requests(before + line(), log_format=None)

    assert (found["visitor_id"], found["event"]["url"]) == (bare["visitor_id"], bare["event"]["url"])
    assert b"web1" not in json.dumps(found).encode()
