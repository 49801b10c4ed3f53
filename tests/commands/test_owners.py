"""Whose a client id is: by commands, with the files of two owners, and what lies in whose bucket."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.client_files import client
from support.manifests import HOUR, a_manifest, deliver, signer

from commands.cli import main
from commands.registry import put_in_force
from footfall.catalogue.periods import calendar
from footfall.clients import registry_of
from footfall.durable import take_up
from footfall.errors import FootfallError
from footfall.exports import Export
from footfall.failures import OwnerChanged
from footfall.hours import floor
from footfall.manifest import DeliveredFile
from footfall.owners import require_owner
from footfall.settings import Settings
from footfall.store import LocalStore
from orchestration.delivery.ledger import Ledger
from orchestration.ingest.listing import Cursor, find_late, read_digests, record_digests


class Installation:
    """A state folder, the buckets of two owners of the id `acme`, and `footfall` on it."""

    def __init__(self, folder, capsys, monkeypatch):
        self.folder, self._capsys, self._monkeypatch = folder, capsys, monkeypatch
        self.clients = folder / "clients"
        self.clients.mkdir()
        self.buckets = {name: LocalStore(folder / name) for name in ("old", "new")}
        for store in self.buckets.values():
            store.root.mkdir()
        self.on("home")
        self.write(self.of("old"))
        for n in range(3):
            deliver(self.buckets["old"], client_id="acme", start=HOUR + timedelta(hours=n))

    def on(self, name):
        """Go on with another state folder, and what was outside of the one before."""
        self.home = self.folder / name
        (self.home / "keys").mkdir(parents=True, exist_ok=True)
        key = signer()._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.home / "keys" / "signing-key.pem").write_bytes(key)
        environ = {
            "FOOTFALL_HOME": str(self.home),
            "FOOTFALL_CLIENTS": str(self.clients),
            "FOOTFALL_LAKE": (self.folder / "lake").as_uri(),
            "FOOTFALL_BACKUP": (self.folder / "backup").as_uri(),
            "FOOTFALL_ENV_FILE": "/dev/null",
            "FOOTFALL_UI_PORT": "1",
        }
        for variable, value in environ.items():
            self._monkeypatch.setenv(variable, value)
        self.settings = Settings.from_environ(environ)
        take_up(self.home)

    def of(self, bucket, site=None):
        """The file of `acme` with a bucket, and the site of its name or another one."""
        site = site or f"{bucket}-site"
        return client(
            "acme",
            self.buckets[bucket].root.as_uri(),
            sites=[{"site_id": site, "key": f"pk_{site}_1234", "domains": [f"{site}.example"]}],
        )

    def write(self, document):
        text = document if isinstance(document, str) else yaml.safe_dump(document)
        (self.clients / "acme.yaml").write_text(text)

    def __call__(self, *words):
        code = main(list(words))
        said = self._capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out + said.err

    def run(self):
        """What `footfall run` and `up` begin with."""
        put_in_force(self.settings)
        self._capsys.readouterr()

    def is_stopped(self):
        return bool(registry_of(self.settings).stopped)

    def identity(self):
        [found] = registry_of(self.settings).clients
        return found.client_id

    def in_lake(self):
        return sorted(info.key for info in LocalStore(self.folder / "lake").list("identities/"))

    def keys(self, bucket):
        return {info.key for info in self.buckets[bucket].list("")}


def with_days(document, zone):
    """The same client file in a time zone, with a daily export."""
    days = {"name": "days", "dataset": "events", "cadence": "daily"}
    return {**document, "timezone": zone, "exports": [*document["exports"], days]}


def a_day_was_delivered(at, identity, zone):
    """As the ledger knows a daily delivery."""
    period = calendar("daily", zone).named("2026-11-20")
    file = DeliveredFile("days/dt=2026-11-20/rev=0001/days.csv", 1, "0" * 64, 1)
    days = Export(name="days", dataset="events", cadence="daily")
    manifest = a_manifest(file, start=period.start, client_id=identity, export=days, period=period)
    ledger = Ledger(at.home / "ledger.sqlite")
    row = ledger.plan(
        identity, "days", period.start, 1,
        cadence="daily", reason="initial", supersedes=None, places=(), now=period.end,
    )  # fmt: skip
    ledger.record(row, "rendered", manifest=manifest.decode())
    ledger.close()


@pytest.fixture
def at(tmp_path, capsys, monkeypatch):
    made = Installation(tmp_path, capsys, monkeypatch)
    assert made("deliveries", "rebuild")[0] == 0
    made.run()
    return made


def test_the_first_identity_of_an_id_has_its_name_and_is_in_the_lake_signed(at):
    assert at.identity() == "acme"
    assert at.in_lake() == ["identities/acme/000001-acme.json"]
    stored = json.loads((at.folder / "lake" / at.in_lake()[0]).read_bytes())
    assert stored["signature"]["key_id"] == signer().key_id
    assert stored["identities"][0]["last"]["sites"] == [{"site_id": "old-site", "key": "pk_old-site_1234"}]


def test_another_owners_file_gets_nothing_by_replay_and_one_line_says_what_to_say(at):
    before = at.keys("new")
    at.write(at.of("new"))
    for path in (at.folder / "old").rglob("_manifest.json"):
        path.unlink()

    code, said = at("deliveries", "replay")

    assert code == 1
    assert said.count("footfall clients moved acme") == 1 and said.count("footfall clients end acme") == 1
    assert at.keys("new") == before == set()


@pytest.mark.parametrize("decision", ["moved", "end"])
def test_hours_of_a_backfill_that_were_run_without_it_are_named_to_be_run_again(at, decision):
    """Its newest delivery is of just now, and of an hour long ago; so are those that it missed."""
    at.write(at.of("new"))

    code, said = at("clients", decision, "acme")

    assert code == 0
    assert f"footfall run --from {HOUR + timedelta(hours=3):%Y-%m-%dT%H} --to " in said


@pytest.mark.parametrize("decision", ["moved", "end"])
def test_a_running_dagster_finds_the_hours_that_were_run_while_nobody_had_decided(at, decision):
    listings, now = at.home / "listings.sqlite", datetime.now(UTC)
    ran = [floor(now) - n * timedelta(hours=1) for n in (3, 2, 1)]
    record_digests(listings, dict.fromkeys(ran, "as it lies"))
    at.write(at.of("new"))

    code, said = at("clients", decision, "acme")

    assert code == 0
    assert "a running Dagster does those from " in said, "it does not look further back"
    late = find_late(lambda _: "as it lies", partial(read_digests, listings), now, ran[0], Cursor())
    assert set(late.stale) == set(ran)


@pytest.mark.parametrize("step", [("old", "new-site"), ("new", "old-site")])
def test_two_steps_between_two_deliveries_are_one_change(at, step):
    at.write(at.of(*step))
    at.run()
    assert not at.is_stopped(), "one thing is in common"

    at.write(at.of("new"))

    at.run()
    assert at.is_stopped()


def test_gradual_change_with_a_delivery_at_each_step_is_the_same_owner(at):
    at.write(at.of("old", "new-site"))
    at.run()
    for path in (at.folder / "old").rglob("_manifest.json"):
        path.unlink()
    assert at("deliveries", "replay")[0] == 0

    at.write(at.of("new"))

    assert not at.is_stopped()


def test_another_spelling_of_the_same_bucket_is_the_same_owner(at):
    (at.folder / "link").symlink_to(at.buckets["old"].root)
    changed = at.of("new")
    changed["destination"]["url"] = (at.folder / "link").as_uri()
    at.write(changed)

    assert not at.is_stopped()


def test_a_file_that_is_gone_broken_or_put_back_is_no_other_owner(at):
    good = at.of("old")
    for between in ("client_id: [", None):
        if between is None:
            (at.clients / "acme.yaml").unlink()
        else:
            at.write(between)
        with pytest.raises(FootfallError, match="no valid client file"):
            at.run()
        at.write(good)
        at.run()
        assert (at.is_stopped(), at.identity()) == (False, "acme")
    at.write("client_id: [")
    at.write(at.of("new"))
    assert at.is_stopped(), "a broken file in between hides nothing"


def test_moved_takes_the_new_sites_and_buckets_and_deliveries_go_on(at):
    at.write(at.of("new"))

    code, said = at("clients", "moved", "acme")

    assert code == 0
    assert "footfall run --from " in said
    assert (at.is_stopped(), at.identity()) == (False, "acme")
    assert at.in_lake()[-1] == "identities/acme/000002-acme.json"
    assert at("clients", "moved", "acme")[0] == 1, "nothing is to be decided any more"
    assert at("deliveries", "replay")[0] == 0


def test_end_says_what_was_delivered_last_and_the_id_is_another_identity_from_then_on(at):
    at.write(at.of("new"))
    marts = at.folder / "lake" / "marts" / "client=acme" / "events.json"
    marts.parent.mkdir(parents=True)
    marts.write_text("{}")

    code, said = at("clients", "end", "acme")

    assert code == 0
    assert "last of events: 2026-11-20T16:00Z rev 1" in said
    assert "the file of acme is of acme.2" in said
    assert not marts.exists()
    assert (at.is_stopped(), at.identity()) == (False, "acme.2")
    at("deliveries", "replay")
    assert at("deliveries", "rebuild")[0] == 0
    assert at.keys("new") == set()
    rows = Ledger(at.home / "ledger.sqlite").all()
    assert {row.client_id for row in rows} == {"acme"}
    assert "agency" not in at("clients")[1]
    keys = at("keys", "new", "acme", "--permission", "read")[1]
    assert f"{at.clients / 'acme.yaml'}:" in keys, "the file has the id"
    assert "ended      acme: on " in at("clients")[1]


def test_another_owner_in_another_zone_is_asked_for_as_an_owner_and_not_held_to_the_days_of_the_one_before(
    at,
):
    at.write(with_days(at.of("old"), "Europe/Berlin"))
    at.run()
    a_day_was_delivered(at, "acme", "Europe/Berlin")
    at.write(with_days(at.of("new"), "Asia/Tokyo"))

    code, said = at("clients")
    assert code == 1
    assert "footfall clients end acme" in said and "rezone" not in said
    assert at("clients", "rezone", "acme", "--from", "2026-11-21")[0] == 1, "they are no days of this owner"
    assert at("clients", "end", "acme", "--give-up")[0] == 0

    at.run()
    assert at.identity() == "acme.2"


def test_the_days_of_an_ids_second_owner_are_held_to_their_zone(at):
    at.write(with_days(at.of("new"), "Asia/Tokyo"))
    assert at("clients", "end", "acme")[0] == 0
    at.run()
    a_day_was_delivered(at, "acme.2", "Asia/Tokyo")
    at.write(with_days(at.of("new"), "Europe/Berlin"))

    assert "rezone acme --from 2026-11-21" in at("clients")[1]
    assert at("clients", "rezone", "acme", "--from", "2026-11-21")[0] == 0

    assert at("clients")[0] == 0
    assert at.identity() == "acme.2"


def test_an_id_that_was_left_and_ended_is_free_for_another_and_for_its_owner_again(at):
    (at.clients / "acme.yaml").unlink()
    assert "no file    acme: the id is its own until `footfall clients end acme`" in at("clients")[1]
    assert at("clients", "end", "acme")[0] == 0
    assert at("clients", "end", "acme")[0] == 1

    at.write(at.of("old"))
    at.run()

    assert at.identity() == "acme.2"
    at.write(at.of("new"))
    assert at.is_stopped()
    assert at("clients", "end", "acme")[0] == 0
    assert at.identity() == "acme.3"


def test_a_client_whose_file_still_stands_or_is_broken_does_not_end(at):
    assert "still names what acme has" in at("clients", "end", "acme")[1]
    at.write("client_id: [")
    assert "was set aside" in at("clients", "end", "acme")[1]
    assert "was ever in force" in at("clients", "end", "nobody")[1]
    at.write(at.of("old"))
    assert at.identity() == "acme"


def test_what_waits_is_not_given_up_unless_somebody_says_so(at):
    ledger = Ledger(at.home / "ledger.sqlite")
    [*_, row] = ledger.all()
    ledger.reopen(row)
    at.write(at.of("new"))

    code, said = at("clients", "end", "acme")
    assert code == 1
    assert "1 deliveries of acme have not arrived" in said
    assert at.is_stopped()

    assert at("clients", "end", "acme", "--give-up")[0] == 0
    assert not ledger.unfinished()


def test_a_new_machine_with_the_lake_the_keys_and_the_files_knows_whose_the_id_is(at):
    at.write(at.of("new"))
    assert at("clients", "end", "acme")[0] == 0
    documents = (at.home / "identities" / "acme.json").read_bytes()

    at.on("another")
    at("deliveries", "list")

    assert at.identity() == "acme.2"
    assert (at.home / "identities" / "acme.json").read_bytes() == documents


def test_a_record_in_the_lake_that_no_key_of_ours_signed_is_not_believed(at):
    [key] = at.in_lake()
    document = json.loads((at.folder / "lake" / key).read_bytes())
    document["identities"][0]["sites"] = ["new-site"]
    (at.folder / "lake" / key).write_text(json.dumps(document))

    at.on("another")
    code, said = at("deliveries", "list")

    assert code == 1
    assert "its signature is wrong" in said


def test_an_installation_of_before_has_identities_of_what_was_in_force(at):
    shutil.rmtree(at.home / "identities")
    (at.home / "versions.json").unlink()
    at.write(at.of("new"))

    take_up(at.home)

    assert at.is_stopped()
    with pytest.raises(OwnerChanged):
        require_owner(registry_of(at.settings), "acme")


def test_whose_file_was_gone_when_an_older_installation_was_taken_up_is_asked_for(at):
    at.write(at.of("old"))
    (at.clients / "other.yaml").write_text(yaml.safe_dump(client("other", (at.folder / "new").as_uri())))
    at.run()
    shutil.rmtree(at.home / "identities")
    (at.home / "versions.json").unlink()
    (at.home / "last-good-clients" / "acme.yaml").unlink()

    take_up(at.home)

    assert set(registry_of(at.settings).stopped) == {"acme"}


def test_a_backup_keeps_the_identity(at):
    at.write(at.of("new"))
    assert at("clients", "end", "acme")[0] == 0
    assert at("backup", (at.folder / "kept").as_uri())[0] == 0

    home = at.folder / "restored"
    at._monkeypatch.setenv("FOOTFALL_HOME", str(home))
    assert at("restore", (at.folder / "kept").as_uri())[0] == 0

    assert (home / "identities" / "acme.json").read_bytes() == (
        at.home / "identities" / "acme.json"
    ).read_bytes()
