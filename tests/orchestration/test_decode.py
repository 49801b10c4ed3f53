"""What may lie in the lake where a raw object should: nothing of it is lost, read wrongly or fatal."""

import gzip
import json
from functools import cache

import duckdb
import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from support.orchestration_builders import HOUR, event, packed, refused

from footfall.event import Refused, check_event
from footfall.raw_object import compress
from orchestration.ingest.decode import LinesFile, mend_lines
from orchestration.ingest.lines import LINE_COLUMNS, read_lines

LINES = [event("event-0001"), refused(), event("event-0002")]


def _decoded(data, tmp_path, **limits):
    with LinesFile(tmp_path / "lines.ndjson", HOUR) as file:
        return file.add(7, "key", data, **limits)


def _verdict(decoded):
    """The reason why an object was set aside whole, or its lines."""
    numbered = decoded.path.read_bytes().splitlines()
    assert decoded.lines == len(numbered)
    lines = []
    for n, line in enumerate(numbered, 1):
        place = b'{"#":%d,"@":7,' % n
        assert line.startswith(place)
        lines.append(b"{" + line.removeprefix(place))
    first = json.loads(lines[0]) if lines else {}
    return first["detail"] if first.get("reason") == "unreadable_object" else lines


def _mended(lines, tmp_path):
    """The object of these lines after each was looked at."""
    path = _decoded(packed(lines), tmp_path).path
    mend_lines(path, HOUR, ["key"] * 8)
    return path


def test_a_sound_object_gives_its_lines_byte_for_byte(tmp_path):
    assert _verdict(_decoded(packed(LINES), tmp_path)) == LINES


def test_gzip_is_read_like_zstd(tmp_path):
    assert _verdict(_decoded(gzip.compress(b"".join(line + b"\n" for line in LINES)), tmp_path)) == LINES


def test_lines_keep_their_numbers_across_the_pieces_of_a_large_object(tmp_path):
    lines = [event(f"event-{n:06d}", title="x" * 3000) for n in range(12_000)]

    assert _verdict(_decoded(packed(lines), tmp_path)) == lines


def test_an_object_without_lines_is_sound(tmp_path):
    decoded = _decoded(packed([]), tmp_path)

    assert (decoded.lines, decoded.path.read_bytes()) == (0, b"")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("nothing at all", b""),
        ("no zstd", b"hello\n"),
        ("the beginning of gzip", bytes.fromhex("1f8b0800000000000003")),
        ("half of a gzip", gzip.compress(b"\n".join(LINES) + b"\n")[:-20]),
        ("gzip with bytes behind it", gzip.compress(b"\n".join(LINES) + b"\n") + b"more"),
        ("plain lines", b"\n".join(LINES) + b"\n"),
        ("the first half", packed(LINES)[: len(packed(LINES)) // 2]),
        ("all but the last byte", packed(LINES)[:-1]),
        ("a second frame behind the first", packed(LINES[:1]) + packed(LINES[1:])),
        ("bytes behind the frame", packed(LINES) + b"\0"),
        ("a last line without an end", compress(LINES[0] + b"\n" + LINES[1])),
    ],
)
def test_an_object_that_cannot_be_trusted_whole_is_set_aside_whole(tmp_path, name, data):
    assert isinstance(_verdict(_decoded(data, tmp_path)), str), name


def test_no_single_flipped_bit_changes_what_is_read(tmp_path):
    """A line that came out different would be an event that never happened."""
    data = packed(LINES)

    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8

        verdict = _verdict(_decoded(bytes(flipped), tmp_path))

        assert isinstance(verdict, str) or verdict == LINES, f"bit {bit}"


def test_an_object_may_reach_the_limit_and_not_pass_it(tmp_path):
    size = sum(len(line) + 1 for line in LINES)

    assert _verdict(_decoded(packed(LINES), tmp_path, max_bytes=size)) == LINES
    assert "decompressed" in _verdict(_decoded(packed(LINES), tmp_path, max_bytes=size - 1))


def test_a_bomb_is_set_aside_before_it_fills_disk_or_memory(tmp_path):
    """256 MiB of line ends in some 8 KiB: read at once it would be in memory before anybody looks."""
    bomb = zstandard.ZstdCompressor(level=19).compress(b"\n" * (256 << 20))
    assert len(bomb) < 32 << 10

    verdict = _verdict(_decoded(bomb, tmp_path, max_bytes=1 << 20))

    assert "decompressed" in verdict


SOUND = event("event-0001")
#: A line that is no stored line → a word of the reason.
DAMAGED = {
    b"": "truncated",
    b"   ": "truncated",
    b"garbage": "invalid",
    b"\x00\xff": "invalid",
    b"null": "null",
    b"17": "int",
    b'"text"': "str",
    b"[1, 2]": "array",
    b"{}": "kind",
    SOUND[:-1]: "truncated",
    SOUND + SOUND: "trailing",
    SOUND.replace(b"page_view", b"page\xffview", 1): "utf-8",
    SOUND.replace(b'"kind":"event"', b'"kind":"rumour"'): "known kind",
    SOUND.replace(b'"client_id":"demo"', b'"client_id":5'): "client_id",
    SOUND.replace(b'"client_id":"demo"', b'"client_id":null'): "client_id",
    SOUND.replace(b'"v":2', b'"v":99999999999'): "$.v",
    SOUND.replace(b'"gpc":false', b'"gpc":"perhaps"'): "gpc",
    SOUND.replace(b'"received_at":"2026', b'"received_at":"20x6'): "received_at",
    SOUND.replace(b'"received_at":', b'"received_at":7,"x":'): "received_at",
    SOUND[: SOUND.index(b',"event":')] + b"}": "event",
    SOUND[: SOUND.index(b'"event":')] + b'"event":[1]}': "event",
    SOUND[: SOUND.index(b'"event":')] + b'"event":{"a":"\xff"}}': "utf-8",
    SOUND.replace(b'"url"', b'"fill":"' + b"a" * 5_000_000 + b'","url"'): "bytes",
    refused().replace(b'"reason":', b'"cause":'): "reason",
}


@pytest.mark.parametrize("line", DAMAGED, ids=[repr(line[:30]) for line in DAMAGED])
def test_a_damaged_line_is_quarantined_in_its_place_with_its_bytes(tmp_path, line):
    path = _mended([SOUND, line, SOUND], tmp_path)

    before, mended, after = (json.loads(each) for each in path.read_bytes().splitlines())
    assert before["kind"] == after["kind"] == "event"
    assert (mended["kind"], mended["reason"]) == ("refused", "damaged_line")
    assert DAMAGED[line] in mended["detail"]
    assert line.startswith(mended["body"].encode("latin-1"))
    assert len(mended["body"]) == min(len(line), 500 * 1024)


@cache
def _connection():
    """One for all: making one takes longer than what is asked of it."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _read(path):
    """The rows that DuckDB makes of a file, as ingest reads it."""
    return (
        _connection().execute(f"SELECT * FROM {read_lines(LINE_COLUMNS)}", {"files": [str(path)]}).fetchall()
    )


def _mutations():
    """A stored line in which some bytes are others, are gone, or were said twice."""
    edit = st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 9), st.binary(max_size=8))

    def edited(edits):
        line = SOUND
        for at, gone, new in edits:
            line = line[:at] + new + line[at + gone :]
        return line.replace(b"\n", b" ")

    return st.lists(edit, min_size=1, max_size=3).map(edited)


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(_mutations() | st.binary(max_size=40).map(lambda b: b.replace(b"\n", b" ")), max_size=30)
)
def test_whatever_was_mended_duckdb_reads_a_row_for_each_line(tmp_path_factory, lines):
    """Otherwise one line of one client would keep the hour of all clients from ever being ingested."""
    path = _mended(lines, tmp_path_factory.mktemp("mended"))

    assert len(_read(path) if lines else []) == len(lines)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(fields=st.dictionaries(st.text(min_size=1, max_size=8), _JSON, max_size=5), big=st.booleans())
def test_an_event_that_the_contract_takes_stays_the_same_beside_a_damaged_line(tmp_path_factory, fields, big):
    """Mending an hour must not turn a neighbour's odd but sound event into a damaged one."""
    raw = json.dumps({**fields, "id": "event-0001", "type": "page_view", "url": "https://a.example/"})
    if big:
        raw = raw[:-1] + ', "beyond a double": 1e999}'
    try:
        check_event(raw.encode())
    except Refused:
        return
    line = SOUND[: SOUND.index(b'"event":')] + b'"event":' + raw.encode() + b"}"
    path = _decoded(packed([line]), tmp_path_factory.mktemp("sound")).path
    try:
        before = _read(path)
    except duckdb.Error:
        return

    mend_lines(path, HOUR, ["key"] * 8)

    assert _read(path) == before


def test_fields_of_a_later_version_do_not_damage_a_line(tmp_path):
    path = _mended([SOUND.replace(b'"v":2', b'"v":3,"shade":"red"')], tmp_path)

    assert msgspec.json.decode(path.read_bytes())["kind"] == "event"
