"""Who we are at a destination, what every call carries, and what a probe says when something is missing."""

import json
import os
from contextlib import closing

import boto3
import pytest
from moto import mock_aws
from support.fault_proxy import FaultProxy
from support.s3_server import ADMIN, credentials, s3_server
from support.strict_sts import strict_sts

from footfall.allowed import Allowed
from footfall.destinations import open_destination, open_session, require_external_id, require_ownership
from footfall.errors import FootfallError
from footfall.exports import Destination
from footfall.failures import ChallengeError, sorted_out
from footfall.locations import folder
from footfall.probe import probe
from footfall.secrets import resolve
from footfall.store import LocalStore, S3Store, StoreError

ROLE = "arn:aws:iam::111122223333:role/footfall"


@pytest.fixture
def aws(monkeypatch):
    """Stubs of AWS's own services, and credentials for them."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


def local(folder):
    """The test's own server is no public address."""
    return Allowed(folder, hosts=("127.0.0.1",))


def destination(**fields):
    return Destination.model_validate({"url": "s3://acme-analytics/footfall", **fields})


@pytest.mark.usefixtures("aws")
def test_secrets_are_found_where_their_references_say():
    boto3.client("secretsmanager").create_secret(Name="acme", SecretString=json.dumps({"key": "s1"}))
    boto3.client("secretsmanager").create_secret(Name="plain", SecretString="s2")
    boto3.client("ssm").put_parameter(Name="/acme/key", Value="s3", Type="SecureString")

    assert resolve("env:KEY", {"KEY": "s0"}) == "s0"
    assert resolve("secretsmanager:acme#key") == "s1"
    assert resolve("secretsmanager:plain") == "s2"
    assert resolve("ssm:/acme/key") == "s3"


@pytest.mark.usefixtures("aws")
def test_where_a_machine_has_no_region_a_secret_is_found_by_its_arn_and_else_told_what_to_set(monkeypatch):
    made = boto3.client("secretsmanager").create_secret(Name="footfall/prod/postgres", SecretString="s4")
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    assert resolve(f"secretsmanager:{made['ARN']}") == "s4"
    with pytest.raises(StoreError, match="set AWS_DEFAULT_REGION, or give its ARN"):
        resolve("secretsmanager:footfall/prod/postgres")


@pytest.mark.parametrize(
    "reference", ["env:NOPE", "secretsmanager:nope", "secretsmanager:plain#x", "ssm:/nope"]
)
@pytest.mark.usefixtures("aws")
def test_a_secret_that_is_not_there_is_an_error_of_credentials_that_names_it(reference):
    boto3.client("secretsmanager").create_secret(Name="plain", SecretString="no json")

    with pytest.raises(StoreError, match=reference.split(":")[1].split("#")[0]) as caught:
        resolve(reference, {})

    assert sorted_out(caught.value).kind == "auth"


def test_keys_by_reference_are_who_we_are():
    keys = destination(access_key="env:A", secret_key="env:B")

    found = open_session(keys, {"A": "key", "B": "secret"}).get_credentials()

    assert (found.access_key, found.secret_key) == ("key", "secret")


@pytest.mark.usefixtures("aws")
def test_a_role_is_assumed_with_its_external_id():
    session = open_session(destination(role=ROLE, external_id="acme-7f3a"))

    assert session.get_credentials().token


@pytest.mark.usefixtures("aws")
def test_a_role_that_anybody_can_assume_is_refused():
    """The stub assumes any role for anybody, which is just what must not be."""
    with pytest.raises(FootfallError, match="without an external id"):
        require_external_id(destination(role=ROLE, external_id="acme-7f3a"))


def test_a_role_that_wants_its_external_id_passes_and_is_ours_with_it(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "ambient")
    with strict_sts("acme-7f3a") as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint)
        ours = destination(role=ROLE, external_id="acme-7f3a")

        require_external_id(ours)

        assert open_session(ours).get_credentials().access_key == "role-key"
        with pytest.raises(StoreError, match="AccessDenied"):
            open_session(destination(role=ROLE, external_id="another"))


def test_nothing_is_delivered_before_the_owner_has_confirmed(tmp_path):
    store = LocalStore(tmp_path)
    url = tmp_path.as_uri()
    token = "ab" * 16
    asked = Destination(url=url, ownership="challenge")

    with pytest.raises(ChallengeError) as caught:
        require_ownership(asked, store, token)

    assert sorted_out(caught.value).kind == "challenge"
    [info] = store.list("_challenge/")
    confirmed = Destination(url=url, ownership="challenge", challenge=store.get(info.key).decode().strip())
    require_ownership(confirmed, store, token)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as made:
        yield made


def reach(server, proxy, monkeypatch, **fields):
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return destination(url=f"s3://{server.bucket}/acme", endpoint=proxy.endpoint, **fields)


def test_every_call_says_who_must_own_the_bucket(server, monkeypatch, tmp_path):
    with FaultProxy(server.endpoint, owners={server.bucket: "111122223333"}) as proxy:
        ours = reach(server, proxy, monkeypatch, owner="111122223333", region="us-east-1")
        steps = list(probe(ours, local(tmp_path), ""))
        theirs = open_destination(reach(server, proxy, monkeypatch, owner="999988887777"), local(tmp_path))
        with pytest.raises(StoreError) as caught:
            theirs.put("a", b"b")

    assert [step.name for step in steps if not step.is_good] == []
    assert {step.name for step in steps} == {
        "resolve",
        "credentials",
        "owner",
        "put",
        "read back",
        "create-only",
        "delete",
        "what is removed",
    }
    assert sorted_out(caught.value).kind == "auth"


def test_a_probe_says_which_permission_is_missing(server, monkeypatch, tmp_path):
    with FaultProxy(server.endpoint, owners={server.bucket: "111122223333"}) as proxy:
        steps = list(probe(reach(server, proxy, monkeypatch, owner="999988887777"), local(tmp_path), ""))

    assert [step.name for step in steps] == ["resolve", "credentials", "owner"]
    assert "account in `owner`" in steps[-1].missing
    assert isinstance(open_destination(destination(), local(tmp_path)), S3Store)


def test_a_probe_says_what_a_bucket_keeps_of_what_is_removed(server, monkeypatch, tmp_path):
    for name, value in credentials(ADMIN).items():
        monkeypatch.setenv(name, value)
    with closing(server.client(ADMIN)) as client:
        client.create_bucket(Bucket="plain")
        client.create_bucket(Bucket="versioned")
        client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
        client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        client.put_object_lock_configuration(
            Bucket="locked",
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}},
            },
        )

    said = {}
    for bucket in ("plain", "versioned", "locked"):
        asked = destination(url=f"s3://{bucket}/acme", endpoint=server.endpoint)
        steps = list(probe(asked, local(tmp_path), ""))
        [said[bucket]] = [step.said for step in steps if step.name == "what is removed"]

    assert said["plain"] == "is gone: the bucket keeps no versions"
    assert "NOT gone for good" in said["versioned"]
    assert "versioning is enabled" in said["versioned"]
    assert "Object Lock, compliance for 30 days" in said["locked"]


def test_a_bucket_that_is_not_there_is_told_as_one(server, monkeypatch, tmp_path):
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    nowhere = destination(url="s3://no-such-bucket/x", endpoint=server.endpoint)

    steps = list(probe(nowhere, local(tmp_path), ""))

    assert not steps[-1].is_good
    assert os.environ["AWS_ACCESS_KEY_ID"]


def test_a_pointer_has_one_winner(server, monkeypatch, tmp_path):
    with FaultProxy(server.endpoint) as proxy:
        store = open_destination(reach(server, proxy, monkeypatch), local(tmp_path))
        store.swap("p/_latest.json", b"1", None)
        _, tag = store.read_tagged("p/_latest.json")
        store.swap("p/_latest.json", b"2", tag)
        with pytest.raises(StoreError, match="has changed"):
            store.swap("p/_latest.json", b"3", tag)
        with pytest.raises(StoreError, match="has changed"):
            store.swap("p/_latest.json", b"3", None)
        assert store.get("p/_latest.json") == b"2"
        assert store.read_tagged("p/none") is None


def test_encryption_is_asked_for_with_every_put(server, monkeypatch, tmp_path):
    with FaultProxy(server.endpoint) as proxy:
        store = open_destination(reach(server, proxy, monkeypatch, encryption="sse-s3"), local(tmp_path))
        try:
            store.put("sse", b"x")
        except StoreError:
            pass  # the test server has no keys; what counts is what was asked
        headers = [e.headers for e in proxy.seen if e.method == "PUT"]
    assert headers[0]["x-amz-server-side-encryption"] == "AES256"


def test_a_missing_secret_is_told_as_that_and_not_as_a_role(tmp_path):
    keys = destination(access_key="env:NOPE", secret_key="env:NOPE")

    [*_, step] = probe(keys, Allowed(tmp_path), "")

    assert (step.name, step.is_good) == ("credentials", False)
    assert "NOPE" in step.said
    assert "sts:AssumeRole" not in step.missing
    assert "`access_key`" in step.missing


def test_an_endpoint_that_is_not_public_is_told_as_that_and_not_as_a_permission(tmp_path, monkeypatch):
    monkeypatch.setenv("A", "s3cret")
    inside = destination(
        endpoint="https://127.0.0.1:9", access_key="env:A", secret_key="env:A", region="eu-west-1"
    )

    [*_, step] = probe(inside, Allowed(tmp_path), "")

    assert not step.is_good
    assert "s3:ListBucket" not in step.missing
    assert "FOOTFALL_CLIENT_HOSTS" in step.missing


def test_an_endpoint_that_is_not_public_is_asked_nothing(tmp_path, listening):
    """As when the DNS changed its answer after the client file was read."""
    endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
    theirs = destination(endpoint=endpoint, access_key="env:A", secret_key="env:A", region="eu-west-1")
    store = open_destination(theirs, Allowed(tmp_path), {"A": "s3cret"})

    with pytest.raises(StoreError, match="FOOTFALL_CLIENT_HOSTS") as caught:
        store.put("a", b"b")

    assert sorted_out(caught.value).kind == "config"
    listening.setblocking(False)
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_a_link_that_was_made_after_the_files_were_read_leads_nowhere(tmp_path):
    allowed = Allowed(tmp_path / "home", lake=(tmp_path / "lake").as_uri())
    (tmp_path / "lake").mkdir()
    (tmp_path / "other").mkdir()
    mine, other = tmp_path / "mine", folder(tmp_path / "other")
    wanted = Destination(url=mine.as_uri())
    open_destination(wanted, allowed, taken=[other])

    mine.symlink_to(tmp_path / "other")
    with pytest.raises(FootfallError, match="another client"):
        open_destination(wanted, allowed, taken=[other])
    mine.unlink()
    mine.symlink_to(tmp_path / "lake")
    with pytest.raises(FootfallError, match="the lake"):
        open_destination(wanted, allowed)
