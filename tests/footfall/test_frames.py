"""Frames: damage and torn ends cost what they hit and nothing else."""

from hypothesis import given, settings
from hypothesis import strategies as st
from support.spools import frame

from footfall.frames import scan


@given(payloads=st.lists(st.binary(min_size=1, max_size=200), max_size=8), cut=st.integers(0, 2000))
def test_a_segment_cut_anywhere_keeps_every_frame_before_the_cut(payloads, cut):
    data = b"".join(frame(p.translate(bytes([32]) * 32 + bytes(range(32, 256)))) for p in payloads)

    found = scan(data[:cut])

    whole = scan(data).payloads
    assert found.payloads == whole[: len(found.payloads)]
    assert not found.corrupt
    assert found.end + found.torn == len(data[:cut])
    if cut >= len(data):
        assert len(found.payloads) == len(payloads) and not found.torn


@settings(max_examples=200)
@given(
    before=st.integers(0, 3),
    after=st.integers(0, 3),
    position=st.integers(0, 10_000),
    flip=st.integers(1, 255),
)
def test_one_damaged_byte_anywhere_costs_one_frame_and_is_reported(before, after, position, flip):
    victim = bytearray(frame(b'{"v":1,"event_id":"victim"}\n'))
    victim[position % len(victim)] ^= flip
    good = [frame(b'{"v":1,"n":%d}\n' % n) for n in range(before + after)]

    found = scan(b"".join(good[:before]) + bytes(victim) + b"".join(good[before:]))

    assert len(found.payloads) == before + after
    # At the end of a file a damaged length cannot be told from a write that never finished.
    assert found.corrupt or (after == 0 and found.torn)


def test_a_file_that_grew_before_its_data_arrived_is_a_torn_tail():
    found = scan(frame(b"one\n") + bytes(4096))

    assert found.payloads == [b"one\n"]
    assert (found.corrupt, found.torn) == ([], 4096)
