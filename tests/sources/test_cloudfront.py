"""CloudFront logs: every version, every damage; requests and page views in the hour of their request."""

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import duckdb
import pytest
import zstandard
from support.converted_logs import converted
from support.orchestration_builders import client

from footfall.catalogue.periods import HOUR_FORMAT
from footfall.clients import LogSource, Site
from footfall.errors import FootfallError
from footfall.hours import HOUR, floor
from footfall.keys import raw_prefix
from footfall.privacy import visitor_id
from footfall.salts import Salts
from footfall.store import LocalStore, StoreError, open_store
from orchestration.defs.sources.assets import access_logs
from orchestration.ingest.hour import ingest_hours
from orchestration.partitions import each_hour
from orchestration.resources.clients import Clients
from orchestration.resources.lake import Lake
from orchestration.resources.state import State
from sources.event_names import EventNames
from sources.intake import LATENESS, take_in
from sources.log_columns import LEGACY, from_header, from_width
from sources.log_visitors import user_agent

AT = datetime(2026, 11, 20, 14, tzinfo=UTC)
NAMES = EventNames("k" * 32)
SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "cloudfront"
VALUES = {
    "date": "2026-11-20",
    "time": "14:05:00",
    "x-edge-location": "FRA2-C1",
    "sc-bytes": "392",
    "c-ip": "198.51.100.7",
    "cs-method": "GET",
    "cs(Host)": "d1.cloudfront.net",
    "cs-uri-stem": "/page",
    "sc-status": "200",
    "cs(Referer)": "https://www.google.com/",
    "cs(User-Agent)": "Mozilla/5.0%20(X11)",
    "x-edge-result-type": "Hit",
    "x-edge-request-id": "one==",
    "x-host-header": "demo.example",
    "cs-protocol": "https",
    "time-taken": "0.004",
}


def line(columns=LEGACY, **changes):
    values = {**VALUES, **{key.replace("__", "-"): value for key, value in changes.items()}}
    return "\t".join(values.get(name, "-") for name in columns)


def log(*lines, columns=LEGACY):
    return "\n".join(["#Version: 1.0", "#Fields: " + " ".join(columns), *lines, ""]).encode()


def requests(lines):
    return [each for each in lines if each.get("type") == "request"]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="../shared/data/cloudfront is absent")
def test_every_sample_record_gives_what_is_expected_of_it(tmp_path):
    with (SAMPLES / "expected_records.csv").open(newline="") as file:
        expected = list(csv.DictReader(file))
    assert expected
    for name in {row["file"] for row in expected}:
        done, lines = converted(tmp_path, (name, (SAMPLES / name).read_bytes()))
        wanted = [row for row in expected if row["file"] == name]
        found = requests(lines)
        assert done.counts.malformed == 0
        assert len(found) == len(wanted)
        seen = sorted(
            (
                each["received_at"].replace(".000Z", "Z"),
                each["event"]["method"],
                urlsplit(each["event"]["url"]).path,
                urlsplit(each["event"]["url"]).query,
                str(each["event"]["status"]),
                each["event"]["referrer"] or "",
                each["user_agent"],
                str(each["event"]["bytes_sent"]),
                each["host"],
            )
            for each in found
        )
        rows = sorted(
            (
                row["utc"],
                row["method"],
                row["path"],
                row["query"],
                str(int(row["status"])),
                row["referrer"],
                row["user_agent"],
                row["bytes"],
                row["host"],
            )
            for row in wanted
        )
        assert seen == rows


@pytest.mark.parametrize("width", [12, 15, 18, 19, 24, 26, 33])
def test_every_width_of_the_legacy_format_is_read_with_and_without_its_header(tmp_path, width):
    columns = LEGACY[:width]
    for data in (log(line(columns), columns=columns), line(columns).encode()):
        _, lines = converted(tmp_path, (f"w{width}.gz", gzip.compress(data)))
        assert [each["event"]["url"] for each in requests(lines)] == [
            "https://demo.example/page" if width >= 16 else "https://d1.cloudfront.net/page"
        ]


def test_version_two_reads_by_its_header_whatever_the_order_of_columns(tmp_path):
    columns = ["timestamp(ms)", "cs-uri-stem", "c-ip", "sc-status", "cs-method", "x-host-header"]
    moment = str(int(datetime(2026, 11, 20, 14, 5, tzinfo=UTC).timestamp() * 1000))
    _, lines = converted(
        tmp_path, ("v2.log", log(line(columns, **{"timestamp(ms)": moment}), columns=columns))
    )
    assert [each["received_at"] for each in requests(lines)] == ["2026-11-20T14:05:00.000Z"]


def test_version_two_as_json_lines(tmp_path):
    record = {name: VALUES.get(name, "-") for name in LEGACY}
    text = f"{json.dumps(record)}\n{json.dumps(record | {'x-edge-request-id': 'two=='})}\nnot json\n"
    done, lines = converted(tmp_path, ("v2.json", text.encode()))
    assert (done.counts.requests, done.counts.malformed) == (2, 1)
    assert len({each["event_id"] for each in requests(lines)}) == 2


def test_version_two_as_parquet(tmp_path):
    names = ", ".join(
        f"'{VALUES[name]}' AS \"{name.replace('-', '_').replace('(', '_').replace(')', '')}\""
        for name in VALUES
    )
    duckdb.sql(f"COPY (SELECT {names}) TO '{tmp_path / 'v2.parquet'}' (FORMAT parquet)")
    _, lines = converted(tmp_path, ("v2.parquet", (tmp_path / "v2.parquet").read_bytes()))
    assert [each["event"]["url"] for each in requests(lines)] == ["https://demo.example/page"]


@pytest.mark.parametrize("written", ["A%20(b;%20c)/1.0", "A%2520(b;%2520c)/1.0"])
def test_a_user_agent_is_decoded_once_or_twice(written):
    assert user_agent(written) == "A (b; c)/1.0"


def test_a_status_of_three_zeros_is_a_request_that_was_cut_off_and_no_page_view(tmp_path):
    done, lines = converted(tmp_path, ("a.log", log(line(**{"sc-status": "000"}))))
    assert [each["event"]["status"] for each in requests(lines)] == [0]
    assert done.counts.page_views == 0


def test_addresses_of_both_families_leave_no_trace_in_any_line(tmp_path):
    bad = "2026-11-20\t14:05:00\tFRA2\t1\t2001:db8::7\tGET"
    _, lines = converted(
        tmp_path, ("a.log", log(line(), line(**{"c-ip": "2001:db8::1", "x-edge-request-id": "two"}), bad))
    )
    text = json.dumps(lines)
    assert "198.51.100.7" not in text
    assert "2001:db8" not in text
    assert len({each["visitor_id"] for each in requests(lines)}) == 2


#: The address 198.51.100.7 as a request may say it, in a path, a query, a referrer, an agent or a host.
OWN = (
    "198.51.100.7",
    "ip_198_51_100_7",
    "198-51-100-7.dsl.example",
    "::ffff:c633:6407",
    "0xc6336407",
    "3325256711",
)
HIDDEN = ("198%2E51%2E100%2E7", "%3198.51.100.7", "198%252E51%252E100%252E7")


@pytest.mark.parametrize("own", [*OWN, *HIDDEN])
def test_a_request_s_own_address_is_in_no_part_of_its_lines(world, own):
    plain = "demo.example" if "%" in own or ":" in own else f"x-{own.replace('_', '-')}.example"
    world.put(
        AT,
        line(
            **{
                "cs-uri-stem": f"/p/{own}",
                "cs-uri-query": f"a={own}&b=1",
                "cs(Referer)": f"https://a.example/{own}",
                "cs(User-Agent)": f"Agent%20{own}",
                "x-host-header": plain,
            }
        ),
        line(**{"x-edge-request-id": "two", "c-ip": "198.51.100.9", "cs-uri-stem": "/of/198.51.100.7"}),
        # A line that is torn says the address twice.
        f"2026-11-20\t14:05:00\tFRA2\t1\t198.51.100.7\tGET\t/{own}",
    )
    world.take()
    (key,) = [item.key for item in world.lake.list(raw_prefix(AT))]
    stored = zstandard.decompress(world.lake.get(key)).decode()
    assert stored.count("\n") == 5
    others = [text for text in stored.splitlines() if "/of/198.51.100.7" in text]
    assert len(others) == 2
    for text in stored.splitlines():
        if text not in others:
            assert own.strip("/").lower() not in text.lower()
    assert stored.count("redacted-address") >= 2 * 4


def test_one_visitor_is_the_same_to_the_log_and_to_the_pixel(tmp_path):
    _, lines = converted(tmp_path, ("a.log", log(line())))
    salt = Salts(LocalStore(tmp_path / "lake")).of("demo", "UTC", AT)
    assert requests(lines)[0]["visitor_id"] == visitor_id(salt, "shop", "198.51.100.7", "Mozilla/5.0 (X11)")


@pytest.mark.parametrize(
    ("changes", "is_page"),
    [
        ({}, True),
        ({"cs-uri-stem": "/style.css"}, False),
        ({"cs-uri-stem": "/a.b/page"}, True),
        ({"cs-method": "POST"}, False),
        ({"sc-status": "404"}, False),
        ({"sc-status": "304"}, True),
    ],
)
def test_a_page_request_is_a_page_view_as_well(tmp_path, changes, is_page):
    _, lines = converted(tmp_path, ("a.log", log(line(**changes))))
    assert [each["type"] for each in lines] == (["request", "page_view"] if is_page else ["request"])


def test_without_a_page_rule_a_log_makes_no_page_views(tmp_path):
    done, lines = converted(tmp_path, ("a.log", log(line())), page_rule=None)
    assert (done.counts.page_views, len(lines)) == (0, 1)


@pytest.mark.parametrize(
    ("key", "data", "said"),
    [
        ("a.gz", b"\x00\x01\x02 not gzip", "named .gz but is not compressed"),
        ("a.gz", gzip.compress(log(line()), mtime=0)[:-20], "cut short"),
        ("a.gz", gzip.compress(b"\x00\xff" * 100, mtime=0), "binary"),
        ("a.log", log("x", columns=["date", "time", "s-ip", "cs-uri"]), "a foreign header: no column c_ip"),
        ("a.log", b"one\ttwo\n", "2 columns and no #Fields line"),
        ("a.log", b"#Version: 1.0\n", "none of them names the columns"),
        ("a.parquet", b"PAR1 and no more", "cut short"),
    ],
)
def test_a_log_object_that_is_none_is_set_aside_whole_with_its_reason(tmp_path, key, data, said):
    done, lines = converted(tmp_path, (key, data), ("good.log", log(line())))
    assert said in done.damaged[key]
    assert done.counts.requests == 1
    assert [each["reason"] for each in lines if each["kind"] == "refused"] == ["unreadable_log"]
    assert key in next(each["detail"] for each in lines if each["kind"] == "refused")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("too\tfew", "line 4: expected 33 columns, found 2"),
        (line(date="2026-13-40"), "line 4: no date and time"),
        (line(**{"c-ip": "-"}), "line 4: no address"),
        (line(**{"sc-status": "abc"}), "line 4: no status"),
        (line(date="1970-01-01"), "before 1991"),
        (line(**{"cs-uri-stem": "-"}), "no path"),
    ],
)
def test_a_malformed_line_is_quarantined_with_its_object_and_number(tmp_path, bad, said):
    done, lines = converted(tmp_path, ("a.log", log(line(), bad)))
    assert (done.counts.lines, done.counts.requests, done.counts.malformed) == (2, 1, 1)
    refused = [each for each in lines if each["kind"] == "refused"]
    assert [each["reason"] for each in refused] == ["malformed_log_line"]
    assert said in refused[0]["detail"]
    assert refused[0]["received_at"].startswith("2026-11-20T14")


def test_sound_lines_are_read_the_same_alone_and_beside_a_malformed_one(tmp_path):
    """Alone DuckDB splits them; one that it cannot split sends all of them the careful way."""
    sound = [
        line(),
        line(**{"x-edge-request-id": "-", "cs-uri-stem": "/ä%22'", "cs-uri-query": "a=b&c=%2525"}),
        line(
            **{
                "x-edge-request-id": "-",
                "cs(Referer)": " ",
                "sc-bytes": "x",
                "time-taken": "",
                "cs-method": "PUT",
            }
        ),
    ]
    for n, last in enumerate(("a\tb", "# a comment", " ", line(**{"cs-uri-stem": "no-slash"}))):
        folder = tmp_path / str(n)
        folder.mkdir()
        _, alone = converted(folder, ("E2.2026-11-20-14.a.txt", log(*sound)))

        _, beside = converted(folder, ("E2.2026-11-20-14.a.txt", log(*sound, last)))

        assert [each for each in beside if each["kind"] == "event"] == alone
        assert len(alone) == 5


def test_blank_lines_and_windows_line_ends_do_not_shift_the_numbers(tmp_path):
    text = log(line(), "", "bad").replace(b"\n", b"\r\n")
    _, lines = converted(tmp_path, ("a.log", text))
    assert "line 5:" in next(each["detail"] for each in lines if each["kind"] == "refused")


def test_a_header_without_a_time_is_foreign():
    with pytest.raises(FootfallError, match="date and time, or timestamp"):
        from_header("#Fields: c-ip cs-method cs-uri-stem sc-status")


def test_a_width_that_never_was_is_refused():
    with pytest.raises(FootfallError, match="34 columns"):
        from_width(34)


# From a bucket into the lake


class Bucket(LocalStore):
    """A log bucket that can lose an object between listing and reading, or fail at one."""

    lost: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()

    def get(self, key):
        if key in self.lost:
            self.delete(key)
        if key in self.failing:
            raise StoreError("500 from the store", retryable=True)
        return super().get(key)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


class World:
    def __init__(self, folder):
        self.bucket = Bucket(folder / "logs")
        self.lake = LocalStore(folder / "lake")
        self.client = client()
        self.source = LogSource(
            name="cdn", site_id="shop", url=(folder / "logs").as_uri(), distribution="E2ABCDEF"
        )

    def put(self, hour, *lines, name="aa11"):
        self.bucket.put(f"E2ABCDEF.{hour:%Y-%m-%d-%H}.{name}.gz", gzip.compress(log(*lines)))

    def take(self, hour=AT, source=None):
        site: Site = self.client.sites[0]
        return take_in(
            self.bucket, self.lake, self.client, site, source or self.source, NAMES, hour, hour + HOUR
        )

    def kept(self, hour=AT):
        with duckdb.connect() as connection:
            (counts,) = ingest_hours(connection, self.lake, [hour])
        return counts


def test_a_log_object_is_taken_in_once(world):
    world.put(AT, line())
    assert world.take().objects == 1
    assert world.take().objects == 0
    assert (world.kept().kept, world.kept().duplicates) == (2, 0)


def test_a_log_object_that_comes_a_day_late_lands_in_the_hour_of_its_requests(world):
    late = AT - LATENESS + HOUR
    world.put(late, line(date=f"{late:%Y-%m-%d}", time=f"{late:%H}:10:00"))
    taken = world.take()
    assert taken.hours == {late}
    assert list(world.lake.list(raw_prefix(late)))


def test_an_object_put_in_part_and_again_whole_brings_no_event_twice(world):
    world.put(AT, line())
    world.take()
    world.put(AT, line(), line(**{"x-edge-request-id": "two=="}))
    world.take()
    assert world.kept().kept == 4
    assert world.kept().duplicates == 2


def test_without_request_ids_alike_lines_are_two_requests_and_one_object_read_twice_is_not(world):
    nameless = line(**{"x-edge-request-id": "-"})
    world.put(AT, nameless, nameless)
    world.take()
    world.put(AT, nameless, nameless, nameless)
    world.take()
    assert world.kept().kept == 6


BOMBS = {
    "zeros": gzip.compress(b"\0" * (300 << 20)),
    "newlines": gzip.compress(b"\n" * (200 << 20)),
    "more lines than a log has": b"\n" * 11_000_000,
    "compressed twice": gzip.compress(b"PK\x03\x04" + b"x" * 100),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_set_aside_with_its_reason_and_the_next_object_is_taken(tmp_path, name):
    done, _ = converted(tmp_path, ("a", BOMBS[name]), ("b", log(line())))

    assert (list(done.damaged), done.counts.requests) == (["a"], 1)
    assert "\n" not in done.damaged["a"]


def test_an_object_deleted_between_listing_and_reading_is_named_and_the_rest_goes_on(world):
    world.put(AT, line())
    world.put(AT, line(**{"x-edge-request-id": "two"}), name="bb22")
    [lost] = world.bucket.lost = frozenset({f"E2ABCDEF.{AT:%Y-%m-%d-%H}.aa11.gz"})

    taken = world.take()

    assert (taken.objects, taken.damaged) == (1, {lost: "deleted between listing and reading"})


def test_a_store_that_fails_half_way_leaves_nothing_half_written_and_a_re_run_repairs(world):
    world.put(AT, line())
    world.put(AT, line(**{"x-edge-request-id": "two"}), name="bb22")
    world.bucket.failing = frozenset({f"E2ABCDEF.{AT:%Y-%m-%d-%H}.bb22.gz"})
    with pytest.raises(StoreError, match="500"):
        world.take()
    assert not list(world.lake.list(raw_prefix(AT)))
    world.bucket.failing = frozenset()
    assert world.take().requests == 2
    assert world.kept().kept == 4


def test_a_prefix_may_hold_the_hour(world):
    world.bucket.put(f"cf/2026/11/20/14/E2ABCDEF.{AT:%Y-%m-%d-%H}.aa11.gz", gzip.compress(log(line())))
    source = world.source.model_copy(update={"url": world.source.url + "/cf/{yyyy}/{MM}/{dd}/{HH}"})
    assert source.bucket_url() == world.source.url + "/cf"
    bucket = open_store(source.bucket_url())
    taken = take_in(bucket, world.lake, world.client, world.client.sites[0], source, NAMES, AT, AT + HOUR)
    assert taken.objects == 1


def test_the_run_of_an_hour_reads_every_source_and_one_that_fails_holds_up_no_other(world, tmp_path):
    hour = floor(datetime.now(UTC))  # has a partition whatever the first hour is
    world.put(hour, line(date=f"{hour:%Y-%m-%d}", time=f"{hour:%H}:00:00"))
    folder = tmp_path / "clients"
    folder.mkdir()
    for name, url in (("bad", "s3://no-such-bucket-anywhere"), ("good", world.source.url)):
        (folder / f"{name}.yaml").write_text(
            f"""
client_id: {name}
name: {name}
sites: [{{site_id: {name}, key: pk_{name}_000000, domains: [{name}.example]}}]
destination: {{url: "file:///buckets/{name}"}}
exports: [{{name: events, dataset: events, cadence: hourly}}]
sources: [{{name: cdn, site_id: {name}, url: "{url}", endpoint: "http://127.0.0.1:9"}}]
"""
        )
    lake = Lake(url=(tmp_path / "lake").as_uri())
    rules = {"home": str(tmp_path / "home"), "hosts": ["127.0.0.1"]}
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [each_hour(access_logs, hour)],
            instance=instance,
            partition_key=hour.strftime(HOUR_FORMAT),
            resources={
                "lake": lake,
                "clients": Clients(folder=str(folder), rules=rules),
                "state": State(home=str(tmp_path), ledger_path="", dbt_folder=""),
            },
            raise_on_error=False,
        )
    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert "not read: bad/cdn" in failure.step_failure_data.user_failure_data.description
    with duckdb.connect() as connection:
        (counts,) = ingest_hours(connection, lake.store(), [hour])
    assert counts.kept == 2


def test_personal_data_and_click_ids_in_addresses_are_not_stored(tmp_path):
    query = "mail=anna%40mail.example&gclid=Cj0secret&page=2"
    referrer = "https://portal.example/?email=bert@mail.example"
    _, lines = converted(tmp_path, ("a.log", log(line(**{"cs-uri-query": query, "cs(Referer)": referrer}))))
    text = json.dumps(lines)
    for secret in ("anna", "bert", "Cj0secret"):
        assert secret not in text
    assert "gclid=1&page=2" in text


def test_a_site_of_tier_0_gets_no_visitors_from_its_log(tmp_path):
    owner = client()
    site = owner.sites[0].model_copy(update={"consent_default": 0})
    _, lines = converted(tmp_path, ("a.log", log(line())), owner=owner, site=site)
    assert {(each["visitor_id"], each["consent_tier"]) for each in lines} == {(None, 0)}
