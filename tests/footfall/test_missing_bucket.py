"""A bucket that is a folder and not there: its owner makes it, and no command of ours does."""

import pytest

CLIENT = """\
client_id: acme
name: Acme
sites: [{{site_id: acme, key: pk_acme_1234, domains: [acme.example]}}]
destination: {{url: "{0}"}}
exports: [{{name: events, dataset: events, cadence: hourly}}]
"""


@pytest.fixture
def acme(footfall, tmp_path):
    """The command line with one client, whose bucket is given by URL."""

    def made(url):
        footfall.clients = tmp_path / "clients"
        footfall.clients.mkdir()
        (footfall.clients / "acme.yaml").write_text(CLIENT.format(url))
        return footfall

    return made


@pytest.mark.parametrize("command", [("clients", "test", "acme"), ("doctor",)])
def test_a_folder_that_is_missing_is_told_of_and_not_made(acme, tmp_path, command):
    bucket = tmp_path / "mnt" / "acme"

    footfall = acme(bucket.as_uri())
    done = footfall(*command)

    assert (done.returncode, done.stderr) == (1, "")
    assert f"the folder {bucket} does not exist, and its owner makes a bucket" in done.stdout
    assert not bucket.parent.exists()
    bucket.mkdir(parents=True)
    assert footfall(*command).returncode == 0


def test_below_the_state_folder_the_first_delivery_makes_it_and_no_test_of_it(acme):
    footfall = acme("file://${FOOTFALL_HOME}/buckets/acme")

    done = footfall("clients", "test", "acme")

    assert (done.returncode, done.stderr) == (0, "")
    assert "is not there yet: the first delivery makes it" in done.stdout
    assert not (footfall.home / "buckets" / "acme").exists()
