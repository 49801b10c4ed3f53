"""Raw objects: the same lines are the same bytes, and nothing is lost in them."""

import pytest
import zstandard

from footfall.raw_object import compress_lines


def test_every_line_comes_back_with_one_line_end() -> None:
    lines = [b'{"a":1}', b"", b'{"b":"\xc3\xa4"}']

    assert zstandard.ZstdDecompressor().decompress(compress_lines(lines)) == b'{"a":1}\n\n{"b":"\xc3\xa4"}\n'


def test_the_same_lines_become_the_same_bytes() -> None:
    lines = [b'{"n":%d}' % n for n in range(5000)]

    assert compress_lines(lines) == compress_lines(iter(lines))


def test_the_frame_states_its_size_and_carries_a_checksum() -> None:
    frame = zstandard.get_frame_parameters(compress_lines([b"four"]))

    assert (frame.content_size, frame.has_checksum) == (5, True)


def test_damage_is_noticed() -> None:
    data = bytearray(compress_lines([b"x" * 100, b"y" * 100]))
    data[-1] ^= 1

    with pytest.raises(zstandard.ZstdError):
        zstandard.ZstdDecompressor().decompress(bytes(data))


def test_a_line_that_would_read_as_two_is_refused() -> None:
    with pytest.raises(ValueError, match="line end"):
        compress_lines([b"one\ntwo"])
