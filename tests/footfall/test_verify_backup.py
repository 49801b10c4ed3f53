"""`footfall verify` of a backup, from above the folders of its clients."""

import shutil

import pytest
import yaml
from support.client_files import client as client_file
from support.logged import ONE, Logged
from support.manifests import HOUR, signer

from commands import cli
from footfall.store import LocalStore


@pytest.fixture
def verify(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("FOOTFALL_CLIENTS", str(tmp_path / "none"))
    pem = tmp_path / "footfall.pem"
    pem.write_bytes(signer().public_pem)

    def run(*options, at, url):
        code = cli.main(["verify", url, "--key", str(pem), "--at", f"{at:%Y-%m-%dT%H}", *options])
        said = capsys.readouterr()
        assert said.err == ""
        return code, said.out.splitlines()

    return run


def two_backups(tmp_path):
    for name in ("acme", "beta"):
        at = Logged(tmp_path / name, name)
        at.run(0)
        shutil.copytree(at.stores["backup"].root, tmp_path / "backup" / name)
    return tmp_path / "backup"


def test_in_the_backup_every_client_has_a_log_of_its_own(tmp_path, verify):
    store = LocalStore(two_backups(tmp_path))
    assert verify(at=HOUR + ONE, url=store.root.as_uri())[0] == 0

    shutil.rmtree(store.root / "beta" / "_log")
    shutil.copytree(store.root / "acme" / "_log", store.root / "beta" / "_log")

    code, lines = verify(at=HOUR + ONE, url=store.root.as_uri())
    assert code == 1
    assert any(line.startswith("PROBLEM  beta/_log/checkpoint: is of the client acme") for line in lines), (
        lines
    )


@pytest.mark.parametrize("how", ["swapped", "copied"])
def test_a_backup_under_the_name_of_another_client_is_named(tmp_path, verify, how):
    root = two_backups(tmp_path)
    if how == "swapped":
        (root / "acme").rename(root / "x")
        (root / "beta").rename(root / "acme")
        (root / "x").rename(root / "beta")
    else:
        shutil.copytree(root / "beta", root / "beta2")

    code, lines = verify(at=HOUR + ONE, url=root.as_uri())

    assert code == 1
    wanted = ["acme/: is the backup of beta", "beta/: is the backup of acme"]
    assert [line for line in lines if line.startswith("PROBLEM")] == [
        f"PROBLEM  {each}, under another name"
        for each in (wanted if how == "swapped" else ["beta2/: is the backup of beta"])
    ]


def test_a_kept_checkpoint_says_something_of_its_own_log_alone(tmp_path, verify):
    root = two_backups(tmp_path)
    kept = root.with_name("kept")
    shutil.copy(root / "beta" / "_log" / "checkpoint", kept)

    _, lines = verify("--since", str(kept), at=HOUR + ONE, url=root.as_uri())

    assert [line for line in lines if line.startswith("log ")] == [
        "log      footfall/acme/backup: 4 leaves",
        f"log      footfall/beta/backup: 4 leaves, grown from 4 since {kept}",
    ]


def test_a_client_whose_backup_is_gone_as_a_whole_is_named_where_it_was_delivered(
    tmp_path, verify, monkeypatch
):
    root = two_backups(tmp_path)
    clients = tmp_path / "clients"
    clients.mkdir()
    for name in ("acme", "beta", "newcomer"):
        (clients / f"{name}.yaml").write_text(yaml.safe_dump(client_file(name)))
    for name, value in {"HOME": tmp_path / "acme/home", "CLIENTS": clients, "BACKUP": root.as_uri()}.items():
        monkeypatch.setenv(f"FOOTFALL_{name}", str(value))
    assert verify(at=HOUR + ONE, url=root.as_uri())[0] == 0
    shutil.rmtree(root / "acme")

    code, lines = verify(at=HOUR + ONE, url=root.as_uri())

    assert code == 1
    assert [line for line in lines if line.startswith("PROBLEM")] == [
        "PROBLEM  acme/: nothing of a client lies there, and deliveries arrived in it"
    ]
