"""Starting again: what an earlier owner left is found, whatever state it left it in."""

import pytest
from support.spools import append_all, frame, kept, open_spool, shut

from collector.spool import NotDurable
from footfall.errors import FootfallError
from footfall.frames import scan


def crashed(folder, data):
    """What a collector that was killed leaves: one open segment."""
    path = folder / "20261120T14-c1-1700000000000-000001.open"
    path.write_bytes(data)
    return path


def test_a_torn_tail_is_cut_off_and_counted(tmp_path):
    crashed(tmp_path, frame(b"one\n") + frame(b"two\n") + frame(b"three\n")[:-2])

    spool = open_spool(tmp_path)

    assert [p.read_bytes() for p in spool.sealed()] == [frame(b"one\n") + frame(b"two\n")]
    assert spool.state().torn_segments == 1
    assert spool.state().corrupt_frames == 0
    shut(spool)


def test_a_damaged_frame_is_set_aside_counted_and_costs_no_other(tmp_path):
    damaged = bytearray(frame(b"two\n"))
    damaged[-2] ^= 1
    crashed(tmp_path, frame(b"one\n") + bytes(damaged) + frame(b"three\n"))

    spool = open_spool(tmp_path)

    assert kept(tmp_path) == [b"one\n", b"three\n"]
    assert [p.read_bytes() for p in tmp_path.glob("*.corrupt")] == [bytes(damaged)]
    assert spool.state().corrupt_frames == 1
    shut(spool)


def test_an_ordinary_end_leaves_only_sealed_segments_that_the_next_start_finds(tmp_path):
    spool = open_spool(tmp_path)
    append_all(spool, b"one\n")
    shut(spool)

    again = open_spool(tmp_path)

    assert [scan(p.read_bytes()).payloads for p in again.sealed()] == [[b"one\n"]]
    assert again.state().held_bytes == len(frame(b"one\n"))
    with pytest.raises(FootfallError, match="belongs to a collector that is running"):
        open_spool(tmp_path)
    shut(again)


def test_appends_after_the_end_are_refused(tmp_path):
    spool = open_spool(tmp_path)
    shut(spool)

    with pytest.raises(NotDurable, match="stopping"):
        append_all(spool, b"late\n")


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(FootfallError, match="file"):
        open_spool(tmp_path / "file")


def test_a_collector_id_that_would_break_a_key_is_refused(tmp_path):
    with pytest.raises(FootfallError, match="FOOTFALL_COLLECTOR_ID"):
        open_spool(tmp_path, collector_id="a/b")
