"""No raw address in any file or log: a real collector, addresses in everything that a request can carry."""

import http.client
import json
from pathlib import Path
from urllib.parse import quote

import pytest
import zstandard
from support.collectors import SITE, CollectorProcess, wire_event

FILES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "geoip"

#: Headers in which some proxy somewhere writes an address.
HEADERS = (
    "Forwarded",
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "Client-IP",
    "CF-Connecting-IP",
    "CF-Connecting-IPv6",
    "True-Client-IP",
    "Fastly-Client-IP",
    "CloudFront-Viewer-Address",
    "Via",
    "From",
    "Host",
    "Cookie",
    "X-Original-Forwarded-For",
    "X-Forwarded-Host",
    "User-Agent",
    "Sec-CH-UA",
    "X-Request-Id",
)
#: The senders, and what each of them claims besides; all must stay unknown.
SENDERS = {"198.51.100.77": "203.0.113.99", "2001:db8:77::abcd": "2001:db8:99::dcba"}


def requests(address):
    """Method, path, body: all that may come, with the sender's own address in it."""
    url = f"https://shop.example/?ip={address}&x={quote(address, safe='')}#{address}"
    event = wire_event(
        "event-0001", url=url, title=f"from {address}", referrer=url, props={"note": address.upper()}
    )
    batch = json.dumps({"site": SITE, "events": [event, {**event, "id": "short"}]}).encode()
    yield "POST", "/collect", batch
    yield "POST", "/collect", json.dumps({**event, "site": SITE, "client_ip": address}).encode()
    yield "POST", f"/collect?site={SITE}", f"{{broken {address}".encode()
    yield "POST", "/collect", f'{{"site":"pk_unknown_1","from":"{address}"}}'.encode()
    yield "POST", "/track", json.dumps({"eventType": "x", "url": url, "ip": address}).encode()
    yield "GET", f"/pixel.gif?site={SITE}&url={quote(url, safe='')}&ip={address}", None
    yield "GET", f"/pixel.gif?site={SITE}&url={address}", None
    yield "GET", f"/{address}", None
    yield "PUT", f"/collect?{address}", b"x"


def everything(home):
    """The bytes of every file of an installation, decompressed."""
    for path in sorted(home.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield path, zstandard.decompress(data) if path.suffix == ".zst" else data


@pytest.mark.parametrize("ship", [False, True], ids=["in the spool", "in the lake"])
def test_no_raw_address_is_in_any_file_or_log(tmp_path, ship):
    settings = {"FOOTFALL_SEGMENT_SECONDS": "3600", "FOOTFALL_LOG": "json"}
    if FILES.is_dir():
        settings["FOOTFALL_GEOIP"] = str(FILES / "GeoIP2-City-Test-Broken-Double-Format.mmdb")
    collector = CollectorProcess(tmp_path, settings=settings).start()
    statuses = set()
    for address, claimed in SENDERS.items():
        for method, path, body in requests(address):
            connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=20)
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name in HEADERS:
                connection.putheader(name, f"{claimed}")
            connection.putheader("X-Forwarded-For", f"{claimed}, {address}")
            connection.putheader("Referer", f"https://shop.example/?from={address}")
            connection.putheader("Content-Length", str(len(body or b"")))
            connection.endheaders(body)
            answer = connection.getresponse()
            statuses.add(answer.status)
            told = answer.read() + str(answer.getheaders()).encode()
            assert address.encode() not in told
            connection.close()
    health = collector.ask("GET", "/health").body
    if not ship:
        kept = b"".join(collector.spool_lines())
        assert kept.count(b'"kind":"event"') >= 2 * 3
        assert kept.count(b'"kind":"refused"') >= 2 * 3
        spool = {path: path.read_bytes() for path in (tmp_path / "spool").rglob("*") if path.is_file()}
    errors = collector.end()
    files = dict(everything(tmp_path)) if ship else spool

    assert {200, 204, 400} <= statuses
    assert len(files) >= 1
    texts = {**files, "log": errors.encode(), "health": health}
    for where, text in texts.items():
        for address in (*SENDERS, *SENDERS.values()):
            for spelling in (address, quote(address, safe="")):
                assert spelling.lower().encode() not in text.lower(), (where, spelling)


def test_the_search_finds_an_address_that_is_there(tmp_path):
    (tmp_path / "a.ndjson.zst").write_bytes(zstandard.compress(b"x 198.51.100.77 y"))

    assert [b"198.51.100.77" in data for _, data in everything(tmp_path)] == [True]
