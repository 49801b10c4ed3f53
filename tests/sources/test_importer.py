"""Imports of access logs: what lands in the lake, what is refused, and what a second import changes."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from footfall.clients import Client, Site, load_registry
from footfall.errors import FootfallError
from footfall.salts import Salts
from footfall.store import AlreadyExists, LocalStore, StoreError
from sources.event_names import EventNames
from sources.importer import ImportReport
from sources.log_files import MAX_LINE_BYTES
from sources.log_import import import_log
from sources.torn_lines import without_address

ROOT = Path(__file__).resolve().parents[2]
REAL_LOG = ROOT.parent / "shared/data/access-log"
NAMES = EventNames("k" * 32)
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def line(
    path: str = "/bread",
    *,
    at: str = "20/Nov/2026:14:04:05 +0000",
    address: str = "192.0.2.7",
    referrer: str = "-",
) -> str:
    return f'{address} - - [{at}] "GET {path} HTTP/1.1" 200 512 "{referrer}" "Mozilla/5.0"\n'


def shop() -> tuple[Client, Site]:
    client = load_registry(ROOT / "clients").client("demo")
    assert client is not None
    return client, client.sites[0]


class Lake:
    """A lake in a folder, and imports into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = LocalStore(folder / "lake")
        self.salts = Salts(self.store)

    def import_file(self, path: Path, **options: Any) -> ImportReport:
        client, site = shop()
        return import_log(path, client, site, self.store, self.salts, NAMES, **{"now": NOW, **options})

    def import_text(self, *lines: str, **options: Any) -> ImportReport:
        path = self.folder / "access.log"
        path.write_text("".join(lines), encoding="latin-1")
        return self.import_file(path, **options)

    def raw_keys(self) -> list[str]:
        return [info.key for info in self.store.list("raw/")]

    def stored(self) -> list[dict[str, Any]]:
        """Every stored line with the hour of its object, ordered by object and line."""
        found = []
        for key in self.raw_keys():
            content = zstandard.ZstdDecompressor().decompress(self.store.get(key))
            found += [{"hour": key.split("/")[1:3], **json.loads(text)} for text in content.splitlines()]
        return found


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def test_a_page_request_becomes_a_page_view_received_at_its_own_time(lake: Lake) -> None:
    report = lake.import_text(line("/bread?x=1", referrer="https://search.example/"), line("/logo.png"))

    assert (report.lines, report.hits, report.page_views, report.other_hits) == (2, 2, 1, 1)
    assert (report.malformed, report.refused, report.objects) == (0, 0, 1)
    (stored,) = lake.stored()
    assert stored["hour"] == ["dt=2026-11-20", "hour=14"]
    assert (stored["client_id"], stored["site_id"], stored["kind"]) == ("demo", "shop", "event")
    assert stored["received_at"] == stored["occurred_at"] == "2026-11-20T14:04:05.000Z"
    assert (stored["host"], stored["is_declared_host"]) == ("shop.example", True)
    assert stored["event"]["type"] == "page_view"
    assert stored["event"]["url"] == "https://shop.example/bread?x=1"
    assert stored["event"]["referrer"] == "https://search.example/"
    assert stored["event"]["occurred_at"] == 1795183445000


def test_no_referrer_is_no_field(lake: Lake) -> None:
    lake.import_text(line())

    assert "referrer" not in lake.stored()[0]["event"]


def test_the_address_is_stored_nowhere_but_tells_visitors_apart(lake: Lake) -> None:
    lake.import_text(line(), line("/rolls"), line(address="198.51.100.9"))

    first, second, third = (stored["visitor_id"] for stored in lake.stored())
    assert first == second != third
    assert "192.0.2.7" not in json.dumps(lake.stored())


def test_lines_of_one_hour_share_an_object_in_whatever_order_they_come(lake: Lake) -> None:
    report = lake.import_text(
        line("/3", at="20/Nov/2026:16:00:00 +0000"),
        line("/1", at="20/Nov/2026:14:59:59 +0000"),
        line("/4", at="20/Nov/2026:17:30:00 +0100"),  # 16:30 UTC
    )

    fourteen, sixteen = (datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in (14, 16))
    assert report.by_hour == {fourteen: 1, sixteen: 2}
    assert (report.first_hour, report.last_hour) == (fourteen, sixteen)
    assert list(report.keys) == lake.raw_keys()
    assert [stored["event"]["url"][-1] for stored in lake.stored()] == ["1", "3", "4"]


def test_a_second_import_changes_nothing(lake: Lake) -> None:
    first = lake.import_text(line(), line("/rolls"), "garbage\n")
    before = {key: lake.store.get(key) for key in lake.raw_keys()}

    lake.salts = Salts(lake.store)  # another process
    second = lake.import_text(line(), line("/rolls"), "garbage\n")

    assert second == first
    assert {key: lake.store.get(key) for key in lake.raw_keys()} == before


def test_after_the_salts_are_gone_a_second_import_brings_the_same_events_again(lake: Lake) -> None:
    """Then the visitor hashes differ, but the ids do not: ingest counts the second ones as duplicates."""
    lake.import_text(line(), line("/rolls"))
    lake.salts.destroy_old(datetime(2100, 1, 1, tzinfo=UTC))
    lake.import_text(line(), line("/rolls"))

    ids = Counter(stored["event_id"] for stored in lake.stored())
    assert sorted(ids.values()) == [2, 2]


@pytest.mark.parametrize("suffix", [".gz", ".zst", ""])
def test_compressed_or_not_the_same_content_is_the_same_import(lake: Lake, suffix: str) -> None:
    plain = lake.import_text(*(line(f"/{n}") for n in range(500)))
    content = (lake.folder / "access.log").read_bytes()
    packed = lake.folder / f"other.log{suffix}"
    packed.write_bytes(
        {
            ".gz": gzip.compress(content[:999])
            + gzip.compress(content[999:]),  # two members, as logrotate makes
            ".zst": zstandard.compress(content[:999]) + zstandard.compress(content[999:]),
            "": zstandard.compress(content),  # told by its content, whatever its name
        }[suffix]
    )

    assert lake.import_file(packed) == plain
    assert len(lake.raw_keys()) == 1


def test_a_malformed_line_is_refused_at_the_last_good_lines_time_without_its_address(lake: Lake) -> None:
    torn = line(address="203.0.113.77")[:-3] + "\n"
    report = lake.import_text(
        torn, line(at="20/Nov/2026:14:00:00 +0000"), line(at="20/Nov/2026:15:00:00 +0000"), torn
    )

    assert (report.lines, report.hits, report.malformed) == (4, 2, 2)
    refused = [stored for stored in lake.stored() if stored["kind"] == "refused"]
    assert [stored["received_at"] for stored in refused] == [
        "2026-11-20T14:00:00.000Z",  # the first good line's: there was none before
        "2026-11-20T15:00:00.000Z",
    ]
    assert {stored["reason"] for stored in refused} == {"malformed_log_line"}
    assert refused[0]["body"].startswith("- - [20/Nov/2026")
    assert "cut" in refused[0]["detail"]
    assert "203.0.113.77" not in json.dumps(lake.stored())


@pytest.mark.parametrize(
    ("malformed", "kept"),
    [
        (b"192.0.2.7 - - [x] GET", b"- - [x] GET"),
        (b"torn 192.0.2.7:443, x=2001:db8::1; [2001:db8::2]:80 10:05:03", b"-:443, x=-; [-]:80 10:05:03"),
        (b"torn 2001:db8::3. ::ffff:192.0.2.1", b"- ::ffff:-"),
        (b"torn \xff\xfe 10:05 a:b Chrome/131.0.0.0", b"\xff\xfe 10:05 a:b Chrome/-"),
        (b"192.0.2.7", b""),
    ],
)
def test_no_address_is_left_in_a_malformed_line(malformed: bytes, kept: bytes) -> None:
    assert without_address(malformed) == kept


def test_a_line_that_the_contract_refuses_is_kept_as_refused(lake: Lake) -> None:
    report = lake.import_text(line(), line("/" + "x" * 40_000))

    assert (report.hits, report.page_views, report.refused, report.malformed) == (2, 1, 1, 0)
    assert [stored.get("reason") for stored in lake.stored()] == [None, "event_too_large"]


@pytest.mark.parametrize("at", ["01/Jan/1970:00:00:00 +0000", "22/Nov/2026:00:00:00 +0000"])
def test_a_time_that_cannot_be_asks_for_no_partition(lake: Lake, at: str) -> None:
    report = lake.import_text(line(), line(at=at))

    assert (report.page_views, report.malformed, report.objects) == (1, 1, 1)
    assert "line 2: a time before 1991" in lake.stored()[1]["detail"]


def test_a_log_of_many_years_is_taken_each_line_in_its_own_hour(lake: Lake) -> None:
    times = ("01/Jul/1995:00:00:01 -0400", "29/Feb/2000:23:59:59 +0000", "20/Nov/2026:14:00:00 +0000")

    report = lake.import_text(*(line(at=at) for at in times))

    assert (report.page_views, report.malformed) == (3, 0)
    hours = [f"{hour:%Y-%m-%dT%H}" for hour in sorted(report.by_hour)]
    assert hours == ["1995-07-01T04", "2000-02-29T23", "2026-11-20T14"]


def test_a_line_without_end_is_one_malformed_line(lake: Lake) -> None:
    report = lake.import_text(line(), "x" * (MAX_LINE_BYTES * 5), "\n", line("/after"))

    assert (report.lines, report.page_views, report.malformed) == (3, 2, 1)


def test_blank_lines_count_for_nothing_but_the_numbering(lake: Lake) -> None:
    report = lake.import_text("\n", line(), "\r\n", line("/rolls"), "\n", "torn\n")

    assert report.lines == 3
    assert [stored["event"]["url"][-6:] for stored in lake.stored()[:2]] == ["/bread", "/rolls"]
    assert "line 6: " in lake.stored()[2]["detail"]


def test_bytes_that_are_no_utf8_are_stored_as_latin_1(lake: Lake) -> None:
    lake.import_text(line("/caf\xe9"))

    assert lake.stored()[0]["event"]["url"] == "https://shop.example/café"


def test_the_host_is_the_sites_first_domain_that_is_no_wildcard(lake: Lake) -> None:
    client, _ = shop()
    path = lake.folder / "access.log"
    path.write_text(line())
    sites = {
        name: Site(site_id="shop", key="pk_shop_Hn40rBy6", domains=domains)
        for name, domains in {
            "mixed": ["*.shop.example", "www.shop.example"],
            "wild": ["*.shop.example"],
        }.items()
    }

    import_log(path, client, sites["mixed"], lake.store, lake.salts, NAMES, now=NOW)
    assert lake.stored()[0]["host"] == "www.shop.example"

    with pytest.raises(FootfallError, match=r"site shop of client demo has wildcard domains only"):
        import_log(path, client, sites["wild"], lake.store, lake.salts, NAMES, now=NOW)


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


LINES = "".join(line(f"/{n}") for n in range(5000)).encode()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.log", b"", "is empty"),
        ("a.log", b"\n\n", "is empty"),
        ("a.log.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.log.gz", b"\x7fELF" + bytes(2000), "named .gz but is not compressed"),
        ("a.log.zst", LINES[:500], "named .zst but is not compressed"),
        ("a.log.gz", cut(gzip.compress(LINES, mtime=0)), "damaged or cut short"),
        ("a.log.gz", gzip.compress(LINES, mtime=0) + b"junk", "damaged or cut short"),
        ("a.log.gz", b"\x1f\x8b\x08\x00" + bytes(30), "damaged or cut short"),
        ("a.log.zst", cut(zstandard.compress(LINES)), "damaged or cut short"),
        ("a.log.zst", zstandard.compress(LINES) + b"junk", "damaged or cut short"),
        ("a.log", bytes(range(256)) * 50, "none of the .* lines .* follows the combined format"),
        ("a.log", b'{"remote_addr":"192.0.2.7"}\n' * 3, "is json .* which combined .* merely resembles"),
        (
            "a.log",
            b'192.0.2.7 - - [20/Nov/2026:14:04:05 +0000] "GET / HTTP/1.1" 200 5\n',
            "is common .* which combined .* merely resembles",
        ),
    ],
)
def test_a_file_that_cannot_be_read_to_its_end_imports_nothing(
    lake: Lake, name: str, content: bytes, message: str
) -> None:
    path = lake.folder / name
    path.write_bytes(content)

    with pytest.raises(FootfallError, match=message) as raised:
        lake.import_file(path)

    assert str(path) in str(raised.value)
    assert lake.raw_keys() == []


def test_a_missing_file_or_a_folder_is_said_in_one_line(lake: Lake) -> None:
    with pytest.raises(FootfallError, match=r"missing\.log does not exist"):
        lake.import_file(lake.folder / "missing.log")
    with pytest.raises(FootfallError, match=r"cannot be read: Is a directory"):
        lake.import_file(lake.folder)


def test_an_unknown_format_is_refused_with_those_that_are_known(lake: Lake) -> None:
    with pytest.raises(FootfallError, match="'iis': use vhost_combined or lighttpd or combined or"):
        lake.import_text(line(), log_format="iis")


class GrowingSalts(Salts):
    """Salts whose first use lets a web server write one more line to the log that is being imported."""

    def __init__(self, store: LocalStore, path: Path) -> None:
        super().__init__(store)
        self.path = path

    def of(self, client_id: str, clock: str, moment: datetime) -> bytes:
        if not self._known:
            with self.path.open("a") as file:
                file.write(line("/late"))
        return super().of(client_id, clock, moment)


def test_a_log_that_grows_meanwhile_is_refused_whole(lake: Lake) -> None:
    lake.salts = GrowingSalts(lake.store, lake.folder / "access.log")

    with pytest.raises(FootfallError, match="changed while it was read"):
        # More than is converted at once, so that the end is still to come when the first line is.
        lake.import_text(*(line(f"/{'x' * 5000}{n}") for n in range(2000)), line("/end"))

    assert lake.raw_keys() == []


class StoreThatFailsAfter(LocalStore):
    """A lake that takes so many raw objects and then fails, until it is mended."""

    def __init__(self, root: Path, raw_objects: int) -> None:
        super().__init__(root)
        self.left = raw_objects

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        if key.startswith("raw/"):
            if self.left == 0:
                raise StoreError("the disk is full", retryable=True)
            self.left -= 1
        try:
            super().put(key, data, create_only=create_only)
        except AlreadyExists:
            self.left += key.startswith("raw/")
            raise


def test_an_import_that_was_cut_short_is_completed_by_the_next(lake: Lake) -> None:
    lines = [line(at=f"20/Nov/2026:{hour}:00:00 +0000") for hour in (10, 11, 12)]
    lake.store = StoreThatFailsAfter(lake.folder / "lake", raw_objects=1)
    lake.salts = Salts(lake.store)

    with pytest.raises(StoreError, match="the disk is full"):
        lake.import_text(*lines)
    lake.store.left = 99
    report = lake.import_text(*lines)

    assert list(report.keys) == lake.raw_keys()
    assert len(lake.stored()) == 3


@pytest.mark.skipif(
    not REAL_LOG.is_dir(), reason="../shared/data/access-log is not there: no real log to import"
)
def test_a_real_log_of_ten_thousand_requests_is_imported_whole(lake: Lake) -> None:
    expected = json.loads((REAL_LOG / "expected.json").read_text())

    report = lake.import_file(REAL_LOG / "apache_10k.log.gz")

    stored = lake.stored()
    events = [s for s in stored if s["kind"] == "event"]
    assert (report.lines, report.hits, report.malformed) == (10_000, expected["hits"], expected["malformed"])
    assert report.page_views == len(events) == expected["page_views"]
    assert report.refused == 0
    assert sum(report.by_hour.values()) == len(stored) == len(events) + expected["malformed"]
    assert (report.first_hour, report.last_hour) == (
        datetime(2015, 5, 17, 10, tzinfo=UTC),
        datetime(2015, 5, 20, 21, tzinfo=UTC),
    )
    assert len({s["event_id"] for s in events}) == len(events)
    for day in expected["daily"]:
        of_day = [s for s in events if s["received_at"].startswith(day["date"])]
        # Salts are daily, so visitors can be told apart within a day and in no longer span.
        assert len({s["visitor_id"] for s in of_day}) == day["page_visitors"], day["date"]
