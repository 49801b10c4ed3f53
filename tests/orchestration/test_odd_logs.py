"""Log objects that strangers made odd: nothing of them is lost, and none of them stops its source."""

import json
from datetime import UTC, datetime

import pandas as pd
import pytest
import zstandard
from support.converted_logs import converted
from support.orchestration_builders import client

from footfall.clients import LogSource
from footfall.errors import FootfallError
from footfall.hours import HOUR
from footfall.keys import client_of_raw_object
from footfall.landing import count_stored
from footfall.raw_object import compress
from footfall.salts import Salts
from footfall.store import LocalStore
from sources.event_names import EventNames
from sources.import_events import EventReceiver, import_events
from sources.intake import convert_into, receiver_of, take_in
from sources.log_columns import LEGACY
from sources.log_import import import_log

AT = datetime(2026, 11, 20, 14, tzinfo=UTC)
VALUES = {
    "date": "2026-11-20",
    "time": "14:05:00",
    "c-ip": "198.51.100.7",
    "cs-method": "GET",
    "cs(Host)": "d1.cloudfront.net",
    "cs-uri-stem": "/page",
    "sc-status": "200",
    "cs(User-Agent)": "Mozilla/5.0%20(X11)",
    "x-host-header": "demo.example",
}
V2 = ["date", "time", "c-ip", "cs-method", "x-host-header", "cs-uri-stem", "sc-status", "cs(User-Agent)"]
NAMES = EventNames("k" * 32)
SOURCE = LogSource(name="cdn", site_id="shop", url="file:///", page_views=True)


def line(columns=LEGACY, **changes):
    values = {**VALUES, **{key.replace("__", "-"): value for key, value in changes.items()}}
    return "\t".join(values.get(name, "-") for name in columns)


def log(*lines, columns=LEGACY):
    return "\n".join(["#Version: 1.0", "#Fields: " + " ".join(columns), *lines, ""]).encode()


def requests(lines):
    return [each for each in lines if each.get("type") == "request"]


def paths(lines):
    return sorted(each["event"]["url"].partition("example")[2] for each in requests(lines))


def bodies(lines):
    return [each["body"] for each in lines if each["kind"] == "refused"]


@pytest.mark.parametrize("mark", [",", ";", "|", " "])
def test_version_two_with_another_delimiter_is_read(tmp_path, mark):
    values = {**VALUES, "cs-uri-stem": "/d"}
    text = f"#Version: 1.0\n#Fields: {' '.join(V2)}\n" + mark.join(values[name] for name in V2) + "\n"

    done, lines = converted(tmp_path, ("a.log", text.encode()))

    assert (done.counts.requests, done.counts.malformed, paths(lines)) == (1, 0, ["/d"])


def test_a_second_header_inside_an_object_is_obeyed(tmp_path):
    text = log(line(cs__uri__stem="/1")) + log(line(columns=V2, cs__uri__stem="/2"), "odd", columns=V2)

    done, lines = converted(tmp_path, ("a.log", text))

    assert (done.counts.requests, done.counts.malformed, paths(lines)) == (2, 1, ["/1", "/2"])
    (said,) = [each["detail"] for each in lines if each["kind"] == "refused"]
    assert said.startswith("a.log, line 7: expected 8 columns")


def test_fields_of_json_may_differ_from_line_to_line(tmp_path):
    first = {name: VALUES[name] for name in V2}
    second = {**first, "cs(Referer)": "https://www.google.com/", "cs-uri-stem": "/2"}
    text = "\n".join(map(json.dumps, (first, second))).encode()

    _, lines = converted(tmp_path, ("a.json", text))

    assert sorted(each["event"]["referrer"] or "" for each in requests(lines)) == [
        "",
        "https://www.google.com/",
    ]


def test_a_byte_order_mark_changes_nothing(tmp_path):
    text = log(line(cs__uri__stem="/a"))

    assert paths(converted(tmp_path, ("a.log", b"\xef\xbb\xbf" + text))[1]) == ["/a"]


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "1e400", "x"])
def test_a_time_that_is_no_number_makes_no_line_that_is_no_json(tmp_path, seconds):
    done, lines = converted(tmp_path, ("a.log", log(line(time__taken=seconds))))

    assert (done.counts.requests, requests(lines)[0]["event"]["time_taken"]) == (1, None)


@pytest.mark.parametrize("moment", ["9223372036854775807", "-9223372036854775808", "1e30", "infinity"])
def test_a_moment_that_is_none_is_a_bad_line_and_stops_nothing(tmp_path, moment):
    columns = ["timestamp", *V2[2:]]
    text = f"#Fields: {' '.join(columns)}\n" + "\n".join(
        "\t".join({**VALUES, "timestamp": at}[name] for name in columns) for at in (moment, "1763647500")
    )

    done, _ = converted(tmp_path, ("a.log", text.encode()))

    assert (done.counts.requests, done.counts.malformed, done.damaged) == (1, 1, {})


def test_a_line_that_is_too_long_is_set_aside_as_text(tmp_path):
    done, lines = converted(tmp_path, ("a.log", log(line(cs__uri__stem="/" + "a" * 300_000), line())))

    assert (done.counts.requests, done.counts.malformed) == (1, 1)
    assert "aaaa" in bodies(lines)[0]


def parquet(folder, **columns):
    path = folder / "made.parquet"
    pd.DataFrame({**{name: [VALUES[name]] for name in V2}, **columns}).to_parquet(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "name",
    ["filename", "object", 'a"b', "a'b", "x; DROP TABLE requests", "line", "$files"],
)
def test_a_parquet_file_may_have_columns_of_any_name(tmp_path, name):
    done, lines = converted(tmp_path, ("a.parquet", parquet(tmp_path, **{name: ["1"]})))

    assert (done.counts.requests, done.damaged, paths(lines)) == (1, {}, ["/page"])


def test_a_parquet_file_that_cannot_be_read_holds_up_no_other(tmp_path):
    torn = parquet(tmp_path)

    done, lines = converted(
        tmp_path,
        ("a.parquet", b"PAR1" + b"\xff" * 100 + b"PAR1"),
        ("b.parquet", torn),
        ("c.log", log(line())),
    )

    assert (done.counts.requests, list(done.damaged)) == (2, ["a.parquet"])
    assert len(bodies(lines)) == 1


@pytest.mark.parametrize("name", ["it's", 'a"b', "a;b", "{hour}", "a\nb"])
def test_a_log_object_of_an_odd_name_is_named_and_stops_nothing(tmp_path, name):
    folder = tmp_path / "bucket"
    folder.mkdir()
    for start in (name, "E2ABC"):
        (folder / f"{start}.{AT:%Y-%m-%d-%H}.abcd.log").write_bytes(log(line()))
    lake, owner = LocalStore(tmp_path / "lake"), client()

    taken = take_in(LocalStore(folder), lake, owner, owner.sites[0], SOURCE, NAMES, AT, AT + HOUR)

    assert (taken.requests, [key.partition(".2026")[0] for key in taken.damaged]) == (1, [name])


class Forgetful(LocalStore):
    """A lake that keeps the first line of what it is given, and says that all is well."""

    def put(self, key, data, *, create_only=False):
        if key.startswith("raw/"):
            content = zstandard.ZstdDecompressor().decompress(data)
            data = compress(content[: content.index(b"\n") + 1])
        super().put(key, data, create_only=create_only)


COMBINED = '198.51.100.7 - - [20/Nov/2026:14:00:0{n} +0000] "GET /{n} HTTP/1.1" 200 5 "-" "A"\n'
NDJSON = '{{"type": "page_view", "url": "https://demo.example/", "occurred_at": "2026-11-20T14:00:0{n}Z"}}\n'


def import_lines(path, owner, site, lake, salts, names):
    return import_events(path, EventReceiver(owner, site, lake, salts, names))


@pytest.mark.parametrize(("intake", "form"), [(import_log, COMBINED), (import_lines, NDJSON)])
def test_an_import_of_which_the_lake_keeps_less_fails_and_names_the_object(tmp_path, intake, form):
    path = tmp_path / "a.log"
    path.write_text("".join(form.format(n=n) for n in range(3)))
    owner, lake = client(), Forgetful(tmp_path / "lake")

    with pytest.raises(
        FootfallError, match=r"client=demo\.import-\w+-\w+\.ndjson\.zst holds 1 lines, and 3 "
    ):
        intake(path, owner, owner.sites[0], lake, Salts(lake), NAMES)


def test_a_source_of_which_the_lake_keeps_less_fails_and_names_the_object(tmp_path):
    owner, lake = client(), Forgetful(tmp_path / "lake")
    path = tmp_path / "a.log"
    path.write_bytes(log(line()))
    receiver = receiver_of(owner, owner.sites[0], SOURCE, Salts(lake), NAMES)

    with pytest.raises(
        FootfallError, match=r"client=demo\.cloudfront-demo-cdn-\w+-\w+\.ndjson\.zst holds 1 "
    ):
        convert_into(lake, [("a.log", path)], receiver, SOURCE)


def test_what_an_import_says_is_what_its_objects_hold_and_they_name_their_client(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("".join(COMBINED.format(n=n) for n in range(3)) + "odd\n")
    owner, lake = client(), LocalStore(tmp_path / "lake")

    report = import_log(path, owner, owner.sites[0], lake, Salts(lake), NAMES)

    (key,) = report.keys
    counted = count_stored(zstandard.ZstdDecompressor().decompress(lake.get(key)))
    assert (counted["page_view"], counted.total()) == (report.page_views, 4)
    assert client_of_raw_object(key) == "demo"
