"""A bucket holds one log, that of its destination's name: another name, or another owner, is refused."""

import pytest
from support.damages import keys
from support.delivered_home import DeliveredHome
from support.logged import ONE, Logged
from support.manifests import HOUR

from commands import cli
from orchestration.delivery.redeliver import Redelivery, Wanted


@pytest.fixture
def here(tmp_path, monkeypatch):
    return DeliveredHome(tmp_path).entered(monkeypatch)


@pytest.fixture
def run(capsys):
    def run(*words):
        code = cli.main([*words])
        said = capsys.readouterr()
        return code, (said.out + said.err).splitlines()

    return run


def in_force(here):
    """As after a run: the state folder keeps the files that are in force."""
    copies = here.home / "last-good-clients"
    copies.mkdir()
    (copies / "acme.yaml").write_bytes((here.clients / "acme.yaml").read_bytes())


def other(here):
    folder = here.bucket.root.with_name("other")
    folder.mkdir()
    return folder.as_uri()


def test_a_bucket_that_was_delivered_to_keeps_its_name(here, run):
    in_force(here)
    assert run("clients")[0] == 0

    main = other(here)
    old = [{"name": "once", "url": here.bucket.root.as_uri()}]
    here.order("events", "sessions", destination={"url": main}, further_destinations=old)
    code, lines = run("clients")

    assert code == 1
    assert lines == [
        "SET ASIDE  acme.yaml: further_destinations.once.url: this bucket has the deliveries and the log of "
        "'main', and no bucket holds two logs; name it 'main' again, or give 'once' a bucket or prefix of "
        "its own"
    ]


def test_a_bucket_that_nothing_was_delivered_to_may_have_any_name_and_main_may_move(here, run):
    new = [{"name": "archive", "url": other(here)}]
    here.order("events", "sessions", further_destinations=new)
    in_force(here)

    here.order("events", "sessions", further_destinations=[{**new[0], "name": "vault"}])
    assert run("clients")[0] == 0
    here.order("events", "sessions", destination={"url": new[0]["url"]})
    assert run("clients")[0] == 0


def owner(folder, name, bucket=None):
    """An owner of its own, whose file names this bucket."""
    found = Logged(folder)
    found.client = found.client.model_copy(update={"client_id": name})
    if bucket is not None:
        found.stores["main"] = bucket
    return found


@pytest.mark.parametrize("who", ["acme.2", "beta"])
def test_nothing_is_delivered_into_a_bucket_with_the_log_of_another_owner(here, run, tmp_path, who):
    """Nobody remembers here what the file said before, as on a new machine."""
    before = keys(here.bucket, "")
    new = owner(tmp_path / "new", who, here.bucket)
    event = new.client.exports[0]

    outcome = new.sender(event).send(new.plan(event, HOUR + 5 * ONE))

    assert outcome.status == "failed"
    assert outcome.trouble.kind == "config"
    said = f"has the deliveries and the log footfall/acme/main, and footfall/{who}/main is to go there"
    assert said in outcome.error
    assert new.publish() == [], "nothing arrived, and no log begins"
    added = set(keys(here.bucket, "")) - set(before)
    assert not any(key.startswith("_") or key.endswith(".json") for key in added), added
    at = f"{HOUR + 3 * ONE:%Y-%m-%dT%H}"
    assert run("verify", here.bucket.root.as_uri(), "--at", at)[0] == 0


def test_replay_puts_no_log_over_another(here, tmp_path):
    from footfall.clients import Registry

    new = owner(tmp_path / "new", "acme.2")
    new.run(0)
    new.stores["main"] = here.bucket
    pointer = here.bucket.get("_log/checkpoint")
    again = Redelivery(Registry((new.client,), ()), lambda _: new.places(), new.ledger, new.desk)

    troubles = [each.trouble for each in again.mend(Wanted()) if each.trouble]

    assert any("no bucket holds two logs" in each.text for each in troubles)
    assert here.bucket.get("_log/checkpoint") == pointer
