"""What a folder is given is durable: synced in one go where that is known to work, else each by itself."""

import sys
from pathlib import Path

from footfall.store import LocalStore, put_once, sync_folder
from footfall.syncing import Syncing


def calls_of(do):
    """Names of the functions that are called, and the folders that are synced."""
    found = []

    def note(frame, event, called):
        if event == "c_call":
            found.append(called.__name__)
        elif event == "call":
            found.append(frame.f_locals.get("folder") if frame.f_code is sync_folder.__code__ else None)
            found.append(frame.f_code.co_qualname)

    sys.setprofile(note)
    try:
        do()
    finally:
        sys.setprofile(None)
    return found


def test_files_are_synced_one_by_one_where_one_call_is_not_known_to_sync_them_all(tmp_path):
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.touch()
    with Syncing(Path("/proc/self")) as syncing:
        assert not syncing.is_at_once
        assert calls_of(lambda: syncing.sync(files)).count("fsync") == 2
    with Syncing(tmp_path) as syncing:
        assert calls_of(lambda: syncing.sync(files)).count("fsync") == (0 if syncing.is_at_once else 2)


def test_the_folder_is_open_before_the_first_of_many_is_written(tmp_path):
    calls = calls_of(lambda: LocalStore(tmp_path).create_all({"a": b"1"}))

    assert calls.index("Syncing.__init__") < calls.index("write")


def test_folders_and_objects_that_another_process_left_unsynced_are_synced(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/left").write_bytes(b"1")
    store = LocalStore(tmp_path)

    calls = calls_of(lambda: put_once(store, "a/b/left", b"1"))

    assert {tmp_path, tmp_path / "a", tmp_path / "a/b"} <= {*calls}
    assert tmp_path not in calls_of(lambda: store.put("a/b/next", b"2")), "once is enough"
