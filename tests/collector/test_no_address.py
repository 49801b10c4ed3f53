"""No raw address in any file or log: a real collector, addresses in everything that a request can carry."""

import http.client
import json
import re
import unicodedata
from pathlib import Path
from urllib.parse import quote, unquote

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
            connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=120)
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


#: One address in the spellings that pages, proxies and providers write.
SPELLINGS = {
    "198.51.100.7": (
        "198.51.100.7",
        "198.51.100.7:4711",
        "::ffff:198.51.100.7",
        "::FFFF:c633:6407",
        "0:0:0:0:0:ffff:c633:6407",
        "2002:c633:6407::1",
        "[64:ff9b::c633:6407]:80",
        "ip_198.51.100.7",
        "ip_198_51_100_7",
        "u198.51.100.7x",
        "198%2E51%2e100%2E7",
        "198%252E51%252E100%252E7",
        "%31%39%38.%35%31.100.7",
        "198\\u002e51\\u002e100\\u002e7",
        "198-51-100-7.isp.example",
        "ec2-198-51-100-7.compute-1.amazonaws.example",
        "7.100.51.198.in-addr.arpa",
        "198.051.100.007",
        "0306.063.0144.07",
        "0xc6.0x33.0x64.0x07",
        "0xC6336407",
        "3325256711",
        "198.51.25607",
        "１９８．５１．１００．７",
        "198[.]51[.]100[.]7",
        "198&#46;51&#x2E;100&period;7",
        "198, 51, 100, 7",
        "198 51 100 7",
        "198/51/100/7",
        "198\u200b.51\u200b.100\u200b.7",
        "¹⁹⁸.⁵¹.¹⁰⁰.⁷",
        "𝟏𝟗𝟖․𝟓𝟏․𝟏𝟎𝟎․𝟕",
        "198\\x2e51\\x2e100\\x2e7",
        "c6:33:64:07",
        "00000000-0000-0000-0000-0000c6336407",
        "3325256711.0",
        "-969710585",
        "3325256711.000",
        "3.325256711e9",
        "3.325256711E+09",
        "3,325,256,711",
        "MTk4LjUxLjEwMC43",
        "eyJpcCI6IjE5OC41MS4xMDAuNyJ9",
        "OjpmZmZmOjE5OC41MS4xMDAuNw==",
        "MzMyNTI1NjcxMQ==",
        "xjNkBw==",
        "AAAAAAAAAAAAAP//xjNkBw==",
        "AAAAAAAAAAAAAP__xjNkBw",
        "%252533%252533%252532%252535%252532%252535%252536%252537%252531%252531",
        "%254D%2554%256B%2534%254C%256A%2555%2578%254C%256A%2545%2577%254D%2543%2534%2533",
        "\\u004d\\u0054k4LjUxLjEwMC43",
        "\\u00253198.51.100.7",
    ),
    "2001:db8:77::abcd": (
        "2001:db8:77::abcd",
        "2001:DB8:77::ABCD",
        "[2001:db8:77::abcd]:443",
        "2001:db8:77::abcd:44300",
        "2001:db8:77::abcd%eth0",
        "2001:0db8:0077:0000:0000:0000:0000:abcd",
        "2001:db8:77:0:0:0:0:abcd",
        "2001:db8:77::0.0.171.205",
        "2001%3Adb8%3A77%3A%3Aabcd",
        "2001-db8-77--abcd.ipv6-literal.net",
        "d.c.b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        "20010db800770000000000000000abcd",
        "MjAwMTpkYjg6Nzc6OmFiY2Q=",
        "WzIwMDE6ZGI4Ojc3OjphYmNkXTo0NDM=",
        "IAENuAB3AAAAAAAAAACrzQ==",
    ),
}
#: The same length and look, and nobody's address.
OTHERS = (
    *("198.51.100.8", "198.51.100.70", "1.2.3.4", "v10.0.19045.3693", "2001:db8:78::abcd", "120.0.0.0"),
    # 198.51.100.70 and .8 in base64, numbers beside the own one
    *("MTk4LjUxLjEwMC43MA==", "eyJpcCI6IjE5OC41MS4xMDAuOCJ9", "3325256712", "3.325256712e9", "13325256711"),
)


def carrying(text, number):
    """Events with a text in everything that an event can carry."""
    encoded = quote(text, safe="")
    yield wire_event(
        f"e-{number:08d}", url=f"https://shop.example/{encoded}?{encoded}=1&q={encoded}#{encoded}"
    )
    yield wire_event(f"f-{number:08d}", title=f"from {text}.", referrer=f"https://x.example/a?q={text}")
    yield wire_event(f"g-{number:08d}", props={text: 1, "a": {"id": [text]}, "b": json.dumps({"c": text})})
    yield wire_event(f"h-{number:08d}", user=text, session=text, view_id=text, lang=text, consent=2)


def sent(collector, address, events):
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=120)
    body = json.dumps({"site": SITE, "events": events}).encode()
    connection.request(
        "POST", "/collect", body, {"X-Forwarded-For": address, "Sec-CH-UA": '"x"', "User-Agent": "Test/1"}
    )
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    return answer.status, told


def texts_of(line):
    """A stored line with its encodings undone, digits of other scripts in ours."""
    text = unicodedata.normalize("NFKC", json.dumps(json.loads(line), ensure_ascii=False))
    for _ in range(5):
        text = unquote(re.sub(r"\\+u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text))
    return text.lower()


@pytest.mark.parametrize("address", SPELLINGS)
def test_the_senders_address_is_hidden_in_every_spelling_and_place(tmp_path, address):
    collector = CollectorProcess(tmp_path, settings={"FOOTFALL_SEGMENT_SECONDS": "3600"}).start()
    events = [event for n, text in enumerate(SPELLINGS[address]) for event in carrying(text, n)]

    assert sent(collector, address, events)[0] == 204

    lines = b"".join(collector.spool_lines()).splitlines()
    collector.end()
    assert len(lines) == len(events)
    kept = []
    for line, event in zip(lines, events, strict=True):
        assert b"redacted-address" in line, event
        text = texts_of(line)
        for spelling in SPELLINGS[address]:
            if texts_of(json.dumps(spelling)).strip('"') in text:
                kept.append((spelling, line))
    assert kept == []


def test_other_addresses_and_versions_are_left_as_they_are(tmp_path):
    collector = CollectorProcess(tmp_path, settings={"FOOTFALL_SEGMENT_SECONDS": "3600"}).start()
    events = [event for n, text in enumerate(OTHERS) for event in carrying(text, n)]

    assert sent(collector, "198.51.100.7", events)[0] == 204

    lines = [json.loads(line) for line in b"".join(collector.spool_lines()).splitlines()]
    collector.end()
    assert [line["event"] for line in lines] == events


def test_the_search_finds_an_address_that_is_there(tmp_path):
    (tmp_path / "a.ndjson.zst").write_bytes(zstandard.compress(b"x 198.51.100.77 y"))

    assert [b"198.51.100.77" in data for _, data in everything(tmp_path)] == [True]
