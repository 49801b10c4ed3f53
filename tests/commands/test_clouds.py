"""A client's bucket with Google or Azure, through the commands: proven, delivered to, verified, mended."""

import pytest
import yaml
from support.azure_server import azure_server
from support.client_files import client
from support.damages import drop, keys
from support.delivered_home import DeliveredHome
from support.gcs_server import CREATOR, READER, gcs_server
from support.logged import ONE
from support.manifests import HOUR

import footfall
from commands import cli
from footfall.allowed import Allowed
from footfall.destinations import open_destination
from footfall.errors import FootfallError
from footfall.exports import Destination

SECRET = "CLIENT_ACME_BUCKET"


class Cloud:
    """A server, the address of a bucket there, and who may write or only read in it."""

    def __init__(self, server, root, writer, reader, lacks):
        self.server, self.root, self.writer, self.reader, self.lacks = server, root, writer, reader, lacks


@pytest.fixture(scope="module", params=["gs", "az"])
def cloud(request):
    if request.param == "gs":
        with gcs_server() as server:
            lacks = "missing: storage.objects.create below the prefix"
            yield Cloud(server, f"gs://{server.bucket}", server.key, server.keys[READER], lacks)
    else:
        with azure_server() as server:
            root = f"az://{server.account}/{server.container}"
            lacks = "missing: create and write: Storage Blob Data Contributor, or `cw` in the signature's sp"
            yield Cloud(server, root, server.key, server.signature("rl"), lacks)


@pytest.fixture
def here(cloud, tmp_path, monkeypatch):
    """An installation that delivered two hours there."""
    monkeypatch.setenv(SECRET, cloud.writer)
    monkeypatch.setenv("FOOTFALL_CLIENT_HOSTS", "127.0.0.1")
    place = {
        "url": f"{cloud.root}/{tmp_path.name.replace('[', '-').replace(']', '')}",
        "endpoint": cloud.server.endpoint,
        "credentials": f"env:{SECRET}",
    }
    store = open_destination(Destination(**place), Allowed(tmp_path / "home", hosts=("127.0.0.1",)))
    return DeliveredHome(tmp_path, 2, store, place).entered(monkeypatch)


@pytest.fixture
def run(capsys):
    def run(*words):
        code = cli.main([*words])
        return code, capsys.readouterr().out

    return run


def verified(here, run):
    return run("verify", here.destination["url"], "--at", f"{HOUR + 2 * ONE:%Y-%m-%dT%H}")


def test_a_bucket_of_a_cloud_is_proven_step_by_step(here, run, cloud):
    code, said = run("clients", "test", "acme")

    assert code == 0, said
    assert ("ok    replace" in said) is cloud.root.startswith("gs:")
    for step in ("credentials", "list", "put", "read back", "create-only", "delete"):
        assert f"ok    {step}" in said
    assert "soft delete" in said and "FAIL" not in said
    assert keys(here.bucket, "_probe/") == []


@pytest.mark.usefixtures("here")
def test_what_a_key_may_not_do_is_named_with_the_right_that_is_missing(run, cloud, monkeypatch):
    monkeypatch.setenv(SECRET, cloud.reader)

    code, said = run("clients", "test", "acme")

    assert code == 1
    assert cloud.lacks in said
    assert cloud.reader not in said and "sig=" not in said


@pytest.mark.usefixtures("here")
def test_a_key_that_may_only_create_is_refused_where_replacing_takes_more(run, cloud, monkeypatch):
    if not cloud.root.startswith("gs:"):
        pytest.skip("with Azure the right to write covers it")
    monkeypatch.setenv(SECRET, cloud.server.keys[CREATOR])

    code, said = run("clients", "test", "acme")

    assert code == 1
    assert "ok    put" in said
    assert "missing: storage.objects.delete below the prefix: Google asks for it" in said


@pytest.mark.parametrize("url", ["gs://acme-data/in", "az://acme/data/in"])
def test_an_endpoint_that_a_cloud_would_not_heed_is_refused(url, capsys):
    assert cli.main(["verify", url, "--endpoint", "https://mine.example"]) == 1
    assert "an endpoint is of an s3:// address" in capsys.readouterr().err
    with pytest.raises(FootfallError, match="leave it out"):
        footfall.read(url, "events", endpoint="https://mine.example")


@pytest.mark.usefixtures("here")
def test_a_key_that_is_not_set_is_said_by_its_name(run, monkeypatch):
    monkeypatch.delenv(SECRET)

    code, said = run("clients", "test", "acme")

    assert code == 1
    assert f"the secret env:{SECRET} cannot be read: it is not set" in said


def test_what_was_delivered_to_a_cloud_is_verified_and_comes_back_after_damage(here, run):
    code, said = verified(here, run)
    assert (code, said.splitlines()[-1].startswith("4 manifests, 4 signed, 4 files")) == (0, True), said

    [file] = keys(here.bucket, f"events/{HOUR:dt=%Y-%m-%d/hour=%H}/rev=0001/events-")
    here.bucket.put(file, b"event_id\nforged\n")
    code, said = verified(here, run)
    assert code == 1 and file in said

    here.bucket.delete(file)
    drop(here.bucket, "sessions/")
    code, said = run("deliveries", "replay")
    assert (code, said.splitlines()[-1]) == (0, "3 delivered, 0 failed")
    assert verified(here, run)[0] == 0


@pytest.fixture
def told(run, tmp_path, monkeypatch):
    """What `footfall clients` says of client files: (name, destination) …"""
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FOOTFALL_CLIENTS", str(tmp_path / "clients"))
    (tmp_path / "clients").mkdir()

    def told(**destinations):
        for name, destination in destinations.items():
            document = yaml.safe_dump(client(name, destination=destination))
            (tmp_path / "clients" / f"{name}.yaml").write_text(document)
        said = run("clients")[1].splitlines()
        return [line for line in said if line.startswith("SET ASIDE")]

    return told


def test_a_key_of_ours_is_never_sent_to_an_address_of_a_client_s_choice(told, monkeypatch):
    key = f"env:{SECRET}"
    for url in ("gs://acme-data/in", "az://acme/data/in"):
        assert told(acme={"url": url}) == told(acme={"url": url, "credentials": key}) == []
        [said] = told(acme={"url": url, "endpoint": "https://storage.example"})
        assert "endpoint: only with credentials of its own" in said
        [said] = told(acme={"url": url, "endpoint": "https://storage.example", "credentials": key})
        assert "an operator must list in FOOTFALL_CLIENT_HOSTS" in said
        [said] = told(acme={"url": url, "credentials": "env:AZURE_STORAGE_ACCOUNT_KEY"})
        assert "is a secret that this client may not name" in said
        for field, value in (("region", "eu-west-1"), ("owner", "1" * 12), ("path_style", True)):
            [said] = told(acme=dict(url=url, **{field: value}))
            assert f"{field}: only with s3://" in said
    [said] = told(acme={"url": "s3://acme-data", "credentials": key})
    assert "credentials: only with gs:// and az://" in said
    monkeypatch.setenv("FOOTFALL_CLIENT_HOSTS", "storage.example")
    assert (
        told(acme={"url": "gs://acme-data", "endpoint": "https://storage.example", "credentials": key}) == []
    )


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("gs://acme-data/in", "gs://acme-data/in/below", True),
        ("gs://acme-data/in", "gs://acme-data/in2", False),
        # Google's buckets can be reached by S3's protocol as well.
        ("gs://acme-data/in", "s3://acme-data/in", True),
        ("az://acme/data/in", "az://acme/data", True),
        ("az://acme/data", "az://acme/data2", False),
        ("az://acme/data", "az://other/data", False),
        ("az://acme/data", "s3://acme/data", False),
    ],
)
def test_no_two_clients_have_one_place_of_a_cloud(told, one, other, is_same):
    wrong = told(acme={"url": one}, beta={"url": other})

    assert bool(wrong) is is_same
    assert all("overlaps" in line for line in wrong)
