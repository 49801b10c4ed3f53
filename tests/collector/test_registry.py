"""The collector and the client files: changes take effect at once, mistakes cost no events."""

from types import SimpleNamespace

import pytest
import yaml

from collector.targets import Sites
from collector.watch import OwnersWatch, RegistryWatch
from footfall.keys import identity_object
from footfall.store import LocalStore


def a_client(client_id, **changes):
    return {
        "client_id": client_id,
        "name": client_id,
        "sites": [{"site_id": client_id, "key": f"pk_{client_id}_1", "domains": [f"{client_id}.example"]}],
        "destination": {"url": f"s3://{client_id}-bucket"},
        "exports": [{"name": "events", "dataset": "events", "cadence": "hourly"}],
        **changes,
    }


@pytest.fixture
def watched(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(a_client(name)))
    collector, watch = started(folder)
    return folder, collector, watch


def started(folder):
    """A collector that has just begun to watch a folder, with the copies of earlier ones."""
    collector = SimpleNamespace(sites=Sites(), client_mistakes=0)
    watch = RegistryWatch(folder, folder.parent / "copies", collector)
    watch.look()
    return collector, watch


def test_sites_are_those_of_the_client_files(watched):
    folder, collector, watch = watched
    assert set(collector.sites) == {"pk_one_1", "pk_two_1"}

    (folder / "three.yaml").write_text(yaml.safe_dump(a_client("three")))
    (folder / "two.yaml").unlink()
    watch.look()

    assert set(collector.sites) == {"pk_one_1", "pk_three_1"}


def test_a_client_file_broken_by_an_edit_keeps_its_sites(watched):
    folder, collector, watch = watched

    (folder / "one.yaml").write_text("client_id: one\nname: [broken")
    watch.look()

    assert set(collector.sites) == {"pk_one_1", "pk_two_1"}
    assert collector.client_mistakes == 1

    (folder / "one.yaml").write_text(yaml.safe_dump(a_client("one", sites=a_client("new")["sites"])))
    watch.look()

    assert set(collector.sites) == {"pk_new_1", "pk_two_1"}
    assert collector.client_mistakes == 0


def test_a_start_beside_a_broken_file_still_knows_its_sites(watched):
    folder, _, _ = watched
    (folder / "one.yaml").write_text("client_id: one\nname: [broken")

    collector, _ = started(folder)

    assert set(collector.sites) == {"pk_one_1", "pk_two_1"}
    assert collector.sites.are_certain
    assert collector.client_mistakes == 1


def test_a_broken_file_that_was_never_good_makes_unknown_keys_uncertain_until_it_is_mended(watched):
    folder, collector, watch = watched
    (folder / "three.yaml").write_text("client_id: [")

    watch.look()
    assert not collector.sites.are_certain

    (folder / "three.yaml").write_text(yaml.safe_dump(a_client("three")))
    watch.look()
    assert collector.sites.are_certain
    assert set(collector.sites) == {"pk_one_1", "pk_two_1", "pk_three_1"}


def test_a_file_that_is_gone_takes_its_sites_and_its_copy_with_it(watched):
    folder, _, watch = watched
    (folder / "two.yaml").unlink()
    watch.look()
    (folder / "two.yaml").write_text("broken: [")

    collector, _ = started(folder)

    assert set(collector.sites) == {"pk_one_1"}
    assert not collector.sites.are_certain


def test_a_folder_that_is_away_for_a_moment_costs_no_site(watched):
    folder, collector, watch = watched
    away = folder.rename(folder.parent / "away")

    watch.look()
    assert set(collector.sites) == {"pk_one_1", "pk_two_1"}
    assert not collector.sites.are_certain

    away.rename(folder)
    watch.look()
    assert collector.sites.are_certain


def test_copies_that_cannot_be_written_are_said_and_stop_nothing(watched, caplog):
    folder, _, _ = watched
    (folder.parent / "blocked").write_text("a file where a folder should be")
    collector = SimpleNamespace(sites=Sites(), client_mistakes=0)

    RegistryWatch(folder, folder.parent / "blocked", collector).look()

    assert set(collector.sites) == {"pk_one_1", "pk_two_1"}
    assert "are not kept" in caplog.text


def test_visitors_of_an_ids_new_owner_are_hashed_with_salts_of_its_own(tmp_path, watched):
    folder, _, _ = watched
    lake = LocalStore(tmp_path / "lake")
    for version, name in ((1, "one"), (2, "one.2")):
        lake.put(identity_object("one", version, name), b"{}")
    collector, owners = SimpleNamespace(sites=Sites(), client_mistakes=0), OwnersWatch(lake)
    watch = RegistryWatch(folder, tmp_path / "copies", collector, None, owners)

    watch.look()
    before = collector.sites["pk_one_1"]
    owners.look()
    watch.look()
    after = collector.sites["pk_one_1"]

    assert (before.client_id, before.owner) == ("one", "one")
    assert (after.client_id, after.owner) == ("one", "one.2")
    assert collector.sites["pk_two_1"].owner == "two"
