"""`footfall backup`, and what `restore` brings back: whole, private, consistent."""

import hashlib
import json
import os
import shutil
import sqlite3
import threading
from contextlib import closing

import pytest
from support.small_installation import Place, contents, refused
from support.waiting import PATIENCE

from commands.backup import backup
from commands.restore import restore
from footfall.durable import FILE_STEPS
from footfall.signatures import load_signer
from footfall.snapshots import PIECE_BYTES, Writer
from footfall.store import LocalStore, StoreError


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_what_must_not_be_lost_comes_back_and_nothing_else(place):
    backup(place.settings, place.url)
    second = place.on("second")

    restore(second, place.url)

    before, after = contents(place.settings.home), contents(second.home)
    assert after == {
        name: data
        for name, data in before.items()
        if not name.startswith(("lake/", "warehouse", "backups.json"))
    }
    assert {path.name for path in second.home.glob("*.sqlite")} == {
        "ledger.sqlite",
        "registry.sqlite",
        "alerts.sqlite",
    }
    assert load_signer(second.home / "keys").key_id == place.key_id


def test_a_backup_and_what_is_restored_are_for_their_owner_alone(place):
    backup(place.settings, place.url, lake=True)
    second = place.on("second")
    restore(second, place.url)

    for folder in (place.backups / "snapshots", place.backups / "lake", second.home):
        for path in (folder, *folder.rglob("*")):
            assert path.stat().st_mode & 0o077 == 0, path


#: An object under the name that its content gives it.
RAW = "raw/dt=2026-11-20/hour=01/c1-1-{}.ndjson.zst".format(hashlib.sha256(b"lines").hexdigest()[:16])


def test_an_object_of_the_lake_that_is_damaged_in_the_backup_comes_back_and_is_named(place, capsys):
    lake = LocalStore(place.settings.home / "lake")
    lake.put(RAW, b"lines")
    backup(place.settings, place.url, lake=True)
    (place.backups / "lake" / RAW).write_bytes(b"l1nes")
    second = place.on("second", FOOTFALL_LAKE=f"file://{place.folder}/second/lake")

    code = restore(second, place.url)

    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("DAMAGED")]
    assert code == 1 and f"backups/lake/{RAW} is not what was written" in line
    assert load_signer(second.home / "keys").key_id == place.key_id, "all else is there"


def test_damage_in_the_lake_is_named_and_replaces_no_copy(place, capsys):
    lake = LocalStore(place.settings.home / "lake")
    lake.put(RAW, b"lines")
    assert backup(place.settings, place.url, lake=True) == 0
    (place.settings.home / "lake" / RAW).write_bytes(b"lin")

    code = backup(place.settings, place.url, lake=True)

    assert code == 1 and f"home/lake/{RAW} is not what was written" in capsys.readouterr().out
    assert (place.backups / "lake" / RAW).read_bytes() == b"lines"


def test_each_call_is_a_snapshot_beside_the_earlier_ones(place):
    backup(place.settings, place.url)
    (place.settings.home / "first_hour").write_text("2026-11-19T00\n")
    backup(place.settings, place.url)
    first, _ = place.names()

    restore(place.on("newest"), place.url)
    restore(place.on("earlier"), place.url, first)

    assert (place.folder / "newest" / "first_hour").read_text() == "2026-11-19T00\n"
    assert (place.folder / "earlier" / "first_hour").read_text() == "2026-11-20T00\n"


def test_a_ledger_that_is_written_all_the_time_is_copied_as_it_was_at_one_moment(place):
    path = place.settings.home / "ledger.sqlite"
    written, stop = threading.Event(), threading.Event()

    def write():
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
            n = 0
            while not stop.is_set():
                database.execute("BEGIN IMMEDIATE")
                database.execute("INSERT INTO said VALUES (?)", (n,))
                database.execute("INSERT INTO done VALUES (?)", (n,))
                database.execute("COMMIT")
                n += 1
                if n > 100:
                    written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(PATIENCE)
        for _ in range(5):
            backup(place.settings, place.url)
    finally:
        stop.set()
        writer.join()

    counts = []
    for number, name in enumerate(place.names()):
        restore(place.on(f"second-{number}"), place.url, name)
        with closing(sqlite3.connect(place.folder / f"second-{number}" / "ledger.sqlite")) as database:
            [found] = database.execute(
                "SELECT (SELECT count(*) FROM said), (SELECT count(*) FROM done), (SELECT max(n) FROM done)"
            ).fetchall()
        assert found[0] == found[1] == found[2] + 1
        counts.append(found[0])
    assert counts == sorted(counts) and counts[0] > 100 and counts[-1] > counts[0]


def test_a_file_of_several_pieces_comes_back_whole(place):
    large = place.settings.home / "outbox" / "demo" / "large.csv"
    with large.open("wb") as file:
        file.truncate(PIECE_BYTES)
        file.seek(PIECE_BYTES)
        file.write(b"end")
    backup(place.settings, place.url)

    restore(place.on("second"), place.url)

    back = place.folder / "second" / "outbox" / "demo" / "large.csv"
    assert back.stat().st_size == PIECE_BYTES + 3
    assert back.read_bytes()[-4:] == b"\0end"


def test_a_bucket_holds_snapshots_as_a_folder_does(place, s3_url, proxy, footfall):
    footfall.home, footfall.clients = place.settings.home, place.settings.clients
    footfall.settings = {
        "FOOTFALL_LAKE": place.settings.lake,
        "FOOTFALL_S3_ENDPOINT": proxy.endpoint,
        **{name: os.environ[name] for name in os.environ if name.startswith("AWS_")},
    }

    made = footfall("backup", s3_url, "--lake")
    shutil.rmtree(place.settings.home)
    back = footfall("restore", s3_url)

    assert made.returncode == 0, made.stderr
    assert back.returncode == 0, back.stderr
    assert "lake: 2 objects put back" in back.stdout
    assert load_signer(place.settings.home / "keys").key_id == place.key_id


def test_the_commands_say_a_mistake_in_one_line(place, footfall):
    footfall.home = place.folder / "nowhere"

    for name in ("backup", "restore"):
        done = footfall(name, place.url)

        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"footfall {name}: there is no ")


class Failing(LocalStore):
    """A store that has room for so many objects."""

    def __init__(self, root, room):
        super().__init__(root)
        self.room = room

    def put(self, key, data, *, create_only=False):
        if not self.room:
            raise StoreError("no room", retryable=True)
        self.room -= 1
        super().put(key, data, create_only=create_only)


def test_a_backup_that_ended_half_way_is_not_believed(place, capsys):
    backup(place.settings, place.url)
    writer = Writer(Failing(place.backups / "snapshots", 1), "99991231T235959000Z-0000")
    writer.add("home/first_hour", place.settings.home / "first_hour")
    with pytest.raises(StoreError):
        writer.finish(load_signer(place.settings.home / "keys"), {}, {})

    restore(place.on("second"), place.url)

    assert "99991231T235959000Z-0000 has no manifest" in capsys.readouterr().out
    refused("no whole snapshot", restore, place.on("third"), place.url, "99991231T235959000Z-0000")


def test_a_lake_that_was_asked_for_comes_back_without_salts(place):
    backup(place.settings, place.url, lake=True)
    assert not list(place.backups.rglob("*salt*"))
    shutil.rmtree(place.settings.home)

    restore(place.on("home"), place.url)

    assert set(contents(place.settings.home / "lake")) == {
        "_footfall.json",
        "raw/dt=2026-11-20/hour=00/a.ndjson.zst",
    }


def test_objects_of_a_lake_are_copied_once(place, capsys):
    backup(place.settings, place.url, lake=True)
    LocalStore(place.settings.home / "lake").put("raw/dt=2026-11-20/hour=01/b.ndjson.zst", b"b")
    backup(place.settings, place.url, lake=True)

    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("lake:")]
    assert said == ["lake: 2 objects, 2 of them new", "lake: 3 objects, 1 of them new"]


def test_a_lost_lake_that_no_backup_has_is_told_before_anything_is_written(place):
    backup(place.settings, place.url)
    shutil.rmtree(place.settings.home)

    refused("put the lake back first", restore, place.on("home"), place.url)

    assert not place.settings.home.exists()


def test_client_files_come_back_and_others_are_not_written_over(place):
    backup(place.settings, place.url)
    clients = place.settings.clients
    before = contents(clients)
    (clients / "demo.yaml").write_text("other: 1\n")

    refused(str(clients / "demo.yaml"), restore, place.on("second"), place.url)
    assert not place.on("second").home.exists()
    restore(place.on("second"), place.url, keeps_clients=True)
    assert (clients / "demo.yaml").read_text() == "other: 1\n"

    shutil.rmtree(clients)
    restore(place.on("third"), place.url)
    assert contents(clients) == {name: data for name, data in before.items() if name.endswith(".yaml")}


@pytest.mark.parametrize(
    ("within", "said"),
    [
        ("home/backups", "the state folder"),
        ("home/lake/x", "the state folder"),
        ("deliveries/x", "the backup bucket"),
        ("home", "the state folder"),
    ],
)
def test_a_backup_does_not_lie_in_what_it_is_a_backup_of(place, within, said):
    refused(said, backup, place.settings, (place.folder / within).as_uri())


def test_a_backup_does_not_lie_in_a_bucket_that_a_client_reads(place):
    file = place.settings.clients / "demo.yaml"
    theirs = place.folder / "theirs"
    file.write_text(file.read_text().replace("file://${FOOTFALL_HOME}/buckets/demo", theirs.as_uri()))
    assert theirs.as_uri() in file.read_text()

    refused("who would read the keys", backup, place.settings, theirs.as_uri())


def test_a_folder_that_others_can_read_is_refused(place):
    (place.backups / "snapshots").mkdir(parents=True)
    (place.backups / "snapshots").chmod(0o755)

    refused("can be read by others", backup, place.settings, place.url)


def test_a_damaged_database_is_not_backed_up_as_if_it_were_whole(place):
    (place.settings.home / "registry.sqlite").write_bytes(b"nonsense" * 1000)

    refused("registry.sqlite is damaged", backup, place.settings, place.url)

    assert place.names() == []


def test_what_was_never_an_installation_is_told(place):
    refused("there is no installation", backup, place.on("nowhere"), place.url)


def test_state_of_an_earlier_version_keeps_its_names(place):
    backup(place.settings, place.url)

    versions = json.loads(place.manifest(place.names()[0]).read_text())["versions"]

    assert set(versions) <= {
        *FILE_STEPS,
        "ledger.sqlite",
        "registry.sqlite",
        "alerts.sqlite",
        "access.sqlite",
    }
