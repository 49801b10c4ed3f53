"""The collector and the client files: changes take effect at once, mistakes cost no events."""

from types import SimpleNamespace

import pytest
import yaml

from collector.worker import RegistryWatch


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
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(a_client(name)))
    collector = SimpleNamespace(sites={}, client_mistakes=0)
    watch = RegistryWatch(tmp_path, collector)
    watch.look()
    return tmp_path, collector, watch


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
