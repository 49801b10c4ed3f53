"""Keys over raw lines and what is sealed with them, where something is damaged, lost, forged or half done."""

import base64
import os
import zlib
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import zstandard
from support.erased_home import Home
from support.failed_runs import tried_and_failed
from support.orchestration_builders import HOUR, event, land_bytes, refused

from collector.sealing import Sealing
from commands.cli import main
from footfall import landing
from footfall.catalogue.periods import HOUR_FORMAT
from footfall.clients import Registry, registry_of
from footfall.errors import FootfallError
from footfall.failures import NotWhole, sorted_out
from footfall.hours import floor
from footfall.keys import shredded_key
from footfall.raw_key_copies import put_beside, take_back
from footfall.raw_keys import KeyRing, RawKey, give_keys
from footfall.raw_object import compress_lines
from footfall.sealed import frames_of, opened, read_raw, sealed_for, sealed_lines
from footfall.settings import Settings
from footfall.signatures import load_signer
from footfall.snapshots import remember
from footfall.sql import confined
from footfall.store import LocalStore
from footfall.waiting_lines import Waiting
from orchestration.defs.delivery.showing import failure
from orchestration.defs.ingest.sensors import late_objects
from orchestration.defs.retention.making import house_of
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.send import Outcome
from orchestration.ingest.decode import content_of
from orchestration.ingest.listing import record_waiting
from orchestration.ingest.of_client import raw_of
from orchestration.ingest.replay import replay_quarantine
from orchestration.resources.lake import Lake
from orchestration.resources.state import State
from orchestration.retention.raw_key_shredding import keys_left, shred_key
from orchestration.retention.retain import retain
from orchestration.upkeep.missed import REST, missed

PLAIN, ACME, BETA = (f'{{"client_id":"{each}"}}\n'.encode() for each in ("plain", "acme", "beta"))
NOW = datetime.now(UTC)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def ring(home):
    return KeyRing(home)


@pytest.fixture
def lake(home, tmp_path):
    found = LocalStore(tmp_path / "lake")
    give_keys(found, home)
    return found


@pytest.fixture
def backup(tmp_path):
    (tmp_path / "backup").mkdir(mode=0o755)
    return (tmp_path / "backup").as_uri()


def sealed(ring, content, *clients):
    return sealed_lines(content, {each: ring.make(each) for each in clients}, lambda _: b"s" * 32)


def shred(ring, client, key_id):
    ring.shred(client, key_id, load_signer(ring.folder.parent), by="x", why="gone", at=NOW)


def test_keys_beside_a_backup_are_for_their_owner_alone(home, ring, backup, tmp_path):
    ring.make("acme")

    put_beside(home, backup, None)

    found = list((tmp_path / "backup" / "raw-keys").rglob("*"))
    assert found
    assert {path.stat().st_mode & 0o077 for path in (*found, tmp_path / "backup" / "raw-keys")} == {0}


def test_a_record_of_another_client_destroys_no_key(ring):
    key = ring.make("zeta")

    shred(ring, "acme", key.id)

    assert ring.private(key.id) is not None


def test_lines_that_are_missing_are_damage_and_not_fewer_lines(ring, lake):
    whole = sealed(ring, PLAIN + ACME + BETA, "acme", "beta")
    end, blocks = frames_of(whole)
    key = land_bytes(lake, HOUR, whole)
    assert content_of(read_raw(lake, key)) == PLAIN + ACME + BETA

    for cut in (whole[: -len(blocks[1].frame)], whole[:end], whole[: end - 6] + whole[end:]):
        lake.put(key, cut)
        assert content_of(read_raw(lake, key)) is None


def test_no_flipped_bit_of_the_plain_lines_goes_unseen(ring):
    lines = [f'{{"client_id":"plain","n":"{os.urandom(6).hex()}"}}\n'.encode() for _ in range(20)]
    whole = sealed(ring, b"".join(lines) + ACME, "acme")
    end, _ = frames_of(whole)

    for place in range(8 * end):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        found = content_of(opened(bytes(flipped), ring, NOW).data)
        assert found in (None, b"".join(lines) + ACME), place


def test_a_header_that_nobody_signed_fills_no_memory_and_stops_nobody(ring):
    whole = sealed(ring, PLAIN + ACME, "acme")
    _, [block] = frames_of(whole)
    lied = whole.replace(b'"lines": 1,', b'"lines": 9999999999999,')
    longer = len(lied) - len(whole)
    at = whole.index(b"FFS1")
    lied = (
        lied[: at - 4]
        + (int.from_bytes(whole[at - 4 : at], "little") + longer).to_bytes(4, "little")
        + b"FFS1"
        + (len(block.header) + longer).to_bytes(2, "little")
        + lied[at + 6 :]
    )
    assert frames_of(lied)[1][0].lines == 9999999999999
    shred(ring, "acme", block.key)

    assert content_of(opened(lied, ring, NOW).data) is None
    forged = opened(whole.replace(block.key.encode(), b"0" * 16), ring, NOW)
    assert content_of(forged.data) == PLAIN
    assert [each.client for each in forged.waiting] == ["acme"]


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)])
def test_a_point_of_low_order_is_no_key_and_stops_no_reader(ring, point):
    text = f"x25519-{base64.urlsafe_b64encode(point).decode().rstrip('=')}-{zlib.crc32(point):08x}"
    with pytest.raises(ValueError, match="no key that anybody made"):
        RawKey.of(text)

    whole = sealed(ring, PLAIN + ACME, "acme")
    _, [block] = frames_of(whole)
    bad = whole.replace(base64.b64encode(block.ephemeral), base64.b64encode(point))
    assert content_of(opened(bad, ring, NOW).data) is None


def test_a_destruction_that_broke_off_is_finished_and_brings_nothing_back(home, ring, lake, backup, tmp_path):
    key = ring.make("zed")
    path = ring.folder / "zed" / f"{key.id}.pem"
    pem = path.read_bytes()
    remember(home, backup)
    shred(ring, "zed", key.id)
    path.write_bytes(pem)
    settings = Settings.from_environ({"FOOTFALL_HOME": str(home)})

    [left] = keys_left(settings, lake, ["zed"])
    put_beside(home, backup, None)
    assert left.id == key.id
    assert ring.private(key.id) is None
    assert list((tmp_path / "backup").rglob("*.pem")) == []
    (tmp_path / "backup" / "snapshots" / "one").mkdir(parents=True)
    (tmp_path / "backup" / "snapshots" / "one" / "manifest.json").touch()

    assert shred_key(settings, lake, left, by="x", why="gone", at=NOW) == []

    assert not path.exists()
    assert keys_left(settings, lake, ["zed"]) == []


def test_a_record_that_nobody_of_ours_signed_keeps_no_key_away(home, ring, lake, backup, tmp_path):
    key = ring.make("acme")
    put_beside(home, backup, None)
    other = ring.make("acme")
    shred(ring, "acme", other.id)
    of_other = (ring.folder / "acme" / f"{other.id}.shredded.json").read_bytes()
    for data in (b"{}", b"\xff no json", of_other):
        lake.put(shredded_key("acme", key.id), data)

        said = take_back(tmp_path / "again", backup, None, lake)

        assert KeyRing(tmp_path / "again").private(key.id) is not None
        assert "not signed by this installation" in said[0]


def test_the_same_import_lies_there_once_although_its_key_turned(lake, ring):
    line = refused(b"{", HOUR, client_id="acme")
    ring.make("acme")
    landing.land(lake, HOUR, "import", "acme", compress_lines([line]), 1)
    second = ring.make("acme")

    landing.land(lake, HOUR, "import", "acme", compress_lines([line]), 1)

    [info] = lake.list("raw/")
    assert frames_of(lake.get(info.key)) is not None
    shred(ring, "acme", second.id)
    with pytest.raises(FootfallError, match="make another"):
        landing.land(lake, HOUR, "import", "acme", compress_lines([line, line]), 2)
    assert len(list(lake.list("raw/"))) == 1, "nothing went in plain"


def test_what_waits_in_a_spool_is_sealed_with_the_same_key_after_a_restart(ring, tmp_path):
    key = ring.make("acme")
    first = Sealing(lambda: {"acme": key}, tmp_path / "sealing-secret").sealed(lambda: ACME)

    again = Sealing(dict, tmp_path / "sealing-secret").sealed(lambda: ACME)

    assert again == first
    assert frames_of(again) is not None


def test_a_bundle_has_the_lines_opened_and_stubs_for_those_whose_key_is_gone(lake, ring):
    for n, is_gone in enumerate((False, True)):
        key = ring.make("acme")
        line = event(f"acme-event-{n}", HOUR, client_id="acme", site_id="acme")
        landing.land(lake, HOUR, f"import{n}", "acme", compress_lines([line]), 1)
        if is_gone:
            shred(ring, "acme", key.id)

    with confined("footfall-test-") as (connection, folder):
        parts = list(raw_of(connection, lake, HOUR, Registry((), ()), "acme", folder))

    found = b"".join(zstandard.ZstdDecompressor().decompress(part.data) for part in parts)
    assert b"acme-event-0" in found
    assert b"acme-event-1" not in found
    assert found.count(b"\n") == 2


def test_hours_that_waited_are_run_again_once_their_key_is_back(home, ring, lake):
    key = ring.make("acme")
    path = ring.folder / "acme" / f"{key.id}.pem"
    pem = path.read_bytes()
    path.unlink()
    old = HOUR - timedelta(days=400)
    (home / "first_hour").write_text(f"{old:%Y-%m-%dT%H}\n")
    state = State(home=str(home), ledger_path="", dbt_folder="")
    record_waiting(state.listings(), {old: [key.id]})

    def asked():
        found = late_objects(
            dg.build_sensor_context(),
            lake=Lake(url=lake.root.as_uri(), home=str(home)),
            state=state,
        )
        return [each.partition_key for each in found.run_requests]

    assert asked() == []
    path.write_bytes(pem)
    assert asked() == [f"{old:{HOUR_FORMAT}}"]
    (home / "first_hour").write_text(f"{HOUR:%Y-%m-%dT%H}\n")
    assert asked() == []  # an hour that is no partition any more would stop the look for all


def test_an_hour_whose_lines_wait_for_their_key_is_not_asked_for_as_one_that_failed():
    hour = floor(NOW) - timedelta(hours=3)
    waiting = {hour: [Waiting("acme", "lost", 6, "raw/a")]}
    with pytest.raises(NotWhole) as raised:
        IngestedHours([hour], hour, waiting).require_lines("acme", hour, hour + timedelta(hours=1))
    trouble = sorted_out(raised.value)

    error = failure([("acme", "events", Outcome(hour, "failed", trouble=trouble))])

    runs = tried_and_failed(hour, error)

    assert [each.end for each in runs] == ["waiting"]
    assert hour not in missed(hour, runs, datetime.now(UTC) + 2 * REST)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An installation whose client acme has a key, and of which one refused line is in quarantine."""
    hour = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    home = Home(tmp_path_factory.mktemp("made"), people=(), first=hour)
    beta = home.folder / "clients" / "beta.yaml"
    beta.write_text(beta.read_text().replace("shop", "store"))
    ring = KeyRing(home.home)
    key = ring.make("acme")
    with (home.folder / "clients" / "acme.yaml").open("a") as file:
        file.write(f"raw_key: {key.text}\n")
    good = b'{"v":1,"events":[{"v":1,"id":"sent-again","type":"page_view","url":"https://shop.example/"}]}'
    line = refused(good, hour, client_id="acme") + b"\n"
    land_bytes(home.lake, hour, sealed_for(line, key, ring))
    home.ingest(hour)
    return home, ring, key, hour


@pytest.fixture
def says(made, monkeypatch, capfd):
    monkeypatch.setattr(os, "environ", made[0].environ)

    def says(*arguments):
        code = main(["privacy", "key", *arguments])
        out, error = capfd.readouterr()
        return code, out + error

    return says


def test_what_comes_out_of_quarantine_is_sealed(made):
    home, _, _, hour = made

    [done] = replay_quarantine(home.lake, registry_of(home.settings), [hour])

    assert done.events == 1, done
    assert frames_of(home.lake.get(done.key)) is not None
    assert b"sent-again" in content_of(read_raw(home.lake, done.key))


def test_a_key_of_somebody_else_is_not_destroyed_by_its_name(made, says):
    _, ring, key, _ = made

    code, said = says("shred", "beta", "--key", key.id, "--yes")

    assert code == 1
    assert "is a key of acme" in said
    assert ring.private(key.id) is not None


def test_a_key_that_may_lie_in_a_backup_that_is_away_is_not_called_lost(made, says, tmp_path):
    home, ring, key, _ = made
    path = ring.folder / "acme" / f"{key.id}.pem"
    pem = path.read_bytes()
    remember(home.home, (tmp_path / "not mounted").as_uri())
    path.unlink()

    code, said = says("shred", "acme", "--key", key.id, "--yes")

    (home.home / "backups.json").unlink()
    path.write_bytes(pem)
    assert code == 1
    assert "the key may lie there" in said
    assert ring.private(key.id) is not None


def test_ninety_days_after_its_end_the_rule_destroys_the_key_and_tries_what_was_left(made, tmp_path):
    home, ring, key, _ = made
    (home.folder / "clients" / "acme.yaml").unlink()
    assert home.says("clients", "end", "acme", "--give-up")[0] == 0
    said = []
    remember(home.home, (tmp_path / "away").as_uri())

    def days_later(days):
        retain(house_of(home.settings, "the test", said.append, lambda: NOW + timedelta(days=days)))

    days_later(89)
    assert ring.private(key.id) is not None
    days_later(91)
    assert ring.private(key.id) is None
    assert any("may hold the key" in line for line in said)
    said.clear()
    days_later(92)
    assert any("may hold the key" in line for line in said), "it is tried again"
    (home.home / "backups.json").unlink()
    said.clear()
    days_later(93)
    assert not any("may hold the key" in line for line in said)
