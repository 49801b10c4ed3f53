"""`footfall import` of every format: found out by itself, and counted as an independent reader counts."""

import csv
import gzip
import io
import json
import lzma
import re
from bz2 import compress as bzip2
from pathlib import Path

import pytest
import zstandard
from support.imported_logs import Imports

from sources.log_formats import FORMATS

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "tests" / "fixtures" / "access_logs"
CASES = ROOT.parent / "shared" / "cases" / "logs"


@pytest.fixture
def imports(footfall, tmp_path):
    return Imports(footfall, tmp_path)


def _of_json(text, method, path, status, address):
    def at(record, places):
        for place in places.split("."):
            record = record[place]
        return str(record)

    records = [json.loads(line) for line in text.splitlines()]
    return [tuple(at(record, place) for place in (method, path, status, address)) for record in records]


def _of_columns(text, delimiter):
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    header = next(line for line in text.splitlines() if line.startswith("#Fields:")).split()[1:]
    for row in csv.DictReader(
        io.StringIO("\n".join(lines)), header, delimiter=delimiter, quoting=csv.QUOTE_NONE
    ):
        yield row["cs-method"], row["cs-uri-stem"], row["sc-status"], row["c-ip"]


def _of_text(text, address):
    for line in text.splitlines():
        method, target, status = re.search(r'"([A-Z]+) (\S+) HTTP/[0-9.]+" (\d{3})', line).groups()
        yield method, target, status, line.split()[address]


def _requests(name, text):
    """(method, path, status, address) of each request, read without anything of ours."""
    if name == "json":
        found = _of_json(text, "request", "request", "status", "remote_addr")
        return [(each[0].split()[0], each[1].split()[1], *each[2:]) for each in found]
    if name == "caddy":
        return _of_json(text, "request.method", "request.uri", "status", "request.remote_ip")
    if name == "logpush":
        return _of_json(text, "ClientRequestMethod", "ClientRequestURI", "EdgeResponseStatus", "ClientIP")
    if name in ("cloudfront", "w3c"):
        return list(_of_columns(text, "\t" if name == "cloudfront" else " "))
    if name in ("alb", "elb"):
        rows = [(line.split('"')[1].split(), line.split()) for line in text.splitlines()]
        status, address = (8, 3) if name == "alb" else (7, 2)
        return [
            (request[0], request[1].partition("443")[2], row[status], row[address]) for request, row in rows
        ]
    if name == "envoy":
        rows = [(line.split('"')[1].split(), line.split('"')) for line in text.splitlines()]
        return [(request[0], request[1], row[2].split()[0], row[5]) for request, row in rows]
    if name == "haproxy":
        rows = [(line.split('"')[1].split(), line.split()) for line in text.splitlines()]
        return [(request[0], request[1], row[10], row[5]) for request, row in rows]
    return list(_of_text(text, {"s3": 4, "vhost_combined": 1, "vhost_common": 1}.get(name, 0)))


@pytest.mark.parametrize("name", [form.name for form in FORMATS])
def test_a_format_is_found_out_and_gives_the_page_views_that_another_reader_counts(imports, name):
    text = (SAMPLES / f"{name}.log").read_text()
    assert text.splitlines()[-1] in (ROOT / "docs" / "sources.md").read_text(), "the sample of the document"
    expected = [
        path.partition("?")[0]
        for method, path, status, _ in _requests(name, text)
        if method == "GET" and status in ("200", "304") and not path.endswith(".css")
    ]

    done = imports(SAMPLES / f"{name}.log")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"{name}.log is {name}" in done.stdout.replace(" behind syslog", "")
    views = imports.views()
    assert [view["event"]["url"].partition(".example")[2].partition("?")[0] for view in views] == expected
    assert len(expected) == 4
    assert len({view["visitor_id"] for view in views}) == 3
    has_host = name not in ("combined", "common", "haproxy")
    assert {view["host"] for view in views} == {"www.shop.example" if has_host else "shop.example"}
    has_agent = name not in ("common", "vhost_common", "haproxy")
    assert {view["user_agent"][:11] for view in views} == {"Mozilla/5.0" if has_agent else ""}
    assert {view["event"]["bytes_sent"] for view in views} == {512}
    assert {view["event"].get("time_taken") for view in views} <= {None, 0.004}
    stored = json.dumps(imports.lines())
    assert not [address for *_, address in _requests(name, text) if address.strip("[]") in stored]


def test_countries_and_request_ids_that_a_log_says_are_used(imports):
    imports(SAMPLES / "logpush.log")
    imports(SAMPLES / "logpush.log", "--requests")

    lines = imports.lines()
    assert {line["country"] for line in lines} == {"DE"}
    # Seven requests of seven ids, each whatever else is stored of it.
    assert len({line["event_id"] for line in lines if line["type"] == "request"}) == 7
    assert len({line["event_id"] for line in lines if line["type"] == "page_view"}) == 4


LINE = '198.51.100.{n} - - [20/Nov/2026:10:0{n}:00 +0000] "GET /g{n} HTTP/1.1" 200 512 "-" "Mozilla/5.0 X"\n'
GROWN = [LINE.format(n=n) for n in range(5)]


def test_a_log_that_grew_was_rotated_and_compressed_brings_each_line_once(imports, tmp_path):
    """In any order, all ways at once: what is stored twice has one id, and ingest counts it once."""
    same = GROWN[4]
    folder = tmp_path / "logs"
    folder.mkdir()
    whole = "".join([*GROWN, same])  # two requests that nothing tells apart are two
    (folder / "access.log").write_text("".join(GROWN[:3]))
    (folder / "access.log.1.gz").write_bytes(gzip.compress(whole.encode()))
    (folder / "access.log.2.bz2").write_bytes(bzip2("".join(GROWN[1:]).encode()))
    (folder / "access.log.3.xz").write_bytes(lzma.compress(whole.encode()))
    (folder / "access.log.4.zst").write_bytes(zstandard.compress(whole.encode()))

    done = imports(folder)

    assert (done.returncode, done.stderr) == (0, "")
    ids = [view["event_id"] for view in imports.views()]
    assert (len(ids), len(set(ids))) == (3 + 6 + 4 + 6 + 6, 6)


def test_several_files_and_the_standard_input_are_taken(imports, tmp_path):
    for n in range(2):
        (tmp_path / f"{n}.log").write_text(GROWN[n])

    done = imports(tmp_path / "0.log", tmp_path / "1.log", tmp_path / "gone.log")

    assert done.returncode == 1
    assert "gone.log does not exist" in done.stderr
    assert sorted(view["event"]["url"][-3:] for view in imports.views()) == ["/g0", "/g1"]


@pytest.mark.parametrize(
    ("log_format", "text", "found"),
    [
        ("combined", "vhost_combined", "vhost_combined"),
        ("common", "combined", "combined"),
        ("combined", "w3c", "w3c"),
        ("cloudfront", "w3c", "w3c"),
        ("w3c", "cloudfront", "cloudfront"),
        ("cloudfront", "combined", "combined"),
        ("caddy", "logpush", "logpush"),
        ("alb", "elb", "elb"),
        ("combined", "lighttpd", "lighttpd"),
        ("combined", "json", "json"),
    ],
)
def test_a_format_that_merely_resembles_is_refused_with_both_names(imports, log_format, text, found):
    done = imports(SAMPLES / f"{text}.log", "--format", log_format)

    assert done.returncode == 1
    assert f"is {found} (" in done.stderr
    assert f"which {log_format} (" in done.stderr
    assert imports.lines() == []


def test_what_imports_nothing_fails(imports):
    done = imports.text(GROWN[0].replace("/g0", "/a.png"))

    assert (done.returncode, "nothing to store" in done.stdout) == (1, True)


def test_lines_of_no_format_are_refused_with_the_option_that_helps(imports):
    done = imports.text("a b c\n" * 9)

    assert done.returncode == 1
    assert "is of no format that is known" in done.stderr
    assert "--log-format" in done.stderr


def test_a_virtual_host_is_the_host_of_its_events_and_one_of_nobody_is_told_of(imports):
    text = (SAMPLES / "vhost_combined.log").read_text()

    done = imports.text(text + text.splitlines()[0].replace("www.shop.example", "foreign.example") + "\n")

    assert (
        "not declared for this site, stored under its own name: foreign.example (1 requests)" in done.stdout
    )
    assert [view["is_declared_host"] for view in imports.views()].count(False) == 1


EXPECTED_CASES = {
    "vhost.log": (4, 4), "vhost_two_people_one_visitor.log": (2, 2), "ipport.log": (5, 1),
    "spellings.log": (8, 2), "spellings_cloudfront.log": (8, 2), "bom.log": (3, 1), "grow.log": (5, 1),
    "cf_v2_comma.log": (1, 1),
    "cf_twoheaders.log": (3, 1), "cf_v2vary.json": (2, 1), "iis.log": (3, 3), "alb.log": (2, 2),
    "caddy.log": (3, 3), "nginxjson.log": (2, 2), "logpush.ndjson": (2, 2),
}  # fmt: skip


@pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is absent")
def test_the_cases_from_the_field_give_their_page_views_and_visitors(imports):
    seen = {}
    for name in EXPECTED_CASES:
        before = {view["event_id"] for view in imports.views()}
        assert imports(CASES / name).returncode == 0, name
        views = [view for view in imports.views() if view["event_id"] not in before]
        seen[name] = (len(views), len({view["visitor_id"] for view in views}))

    assert seen == EXPECTED_CASES


def test_events_under_do_not_track_are_counted_and_not_stored_where_the_site_keeps_nothing_of_them(imports):
    path = imports.folder / "clients" / "shop.yaml"
    path.write_text(path.read_text().replace("site_id: shop,", "site_id: shop, dnt_policy: tier0,"))
    event = {"type": "page_view", "url": "https://shop.example/", "occurred_at": "2026-11-20T10:00:00Z"}
    lines = [json.dumps(event | more) for more in ({}, {"dnt": True}, {"dnt": False}, {"dnt": True})]

    done = imports.text("\n".join(lines), "--format", "ndjson", name="a.ndjson")
    none = imports.text(lines[1], "--format", "ndjson", name="b.ndjson")

    assert done.returncode == 0
    assert "4 lines = 2 events + 2 other hits (counted, not stored) + 0 to quarantine" in done.stdout
    assert len(imports.lines()) == 2
    assert (none.returncode, "nothing to store" in none.stdout) == (1, True)
