"""What stores of Google and Azure say when something is wrong, and as whom they are asked."""

import os
import subprocess
import sys
from base64 import b64encode

import pytest
from support.clouds import in_cloud
from support.gcs_server import ADDER, READER, gcs_server

from footfall.failures import sorted_out
from footfall.store import CloudAccess, StoreError, open_store


def keys(store):
    return [info.key for info in store.list("")]


def other_key(server):
    """A key of the right shape that opens nothing."""
    with gcs_server() as another:
        return another.key if not hasattr(server, "account") else b64encode(b"x" * 32).decode()


@pytest.fixture(params=["gcs", "azure"])
def cloud(request):
    return request.getfixturevalue(request.param)


def refused(store, act=lambda store: store.put("k", b"x")):
    """The error of an act, one line without an address of the network."""
    with pytest.raises(StoreError) as caught:
        act(store)
    said = str(caught.value)
    assert "\n" not in said and "http" not in said and "sig=" not in said
    return caught.value


def test_wrong_keys_of_a_cloud_are_refused_in_one_line(cloud):
    error = refused(in_cloud(cloud, "/x", secret=lambda: other_key(cloud)))

    assert str(error).startswith(
        ("cannot write gs://footfall-test/x/k: ", "cannot write az://acme/footfall-test/x/k: ")
    )
    assert (error.code, error.retryable) in {
        ("AuthenticationRequired", False),
        ("AuthorizationFailure", False),
    }
    assert sorted_out(error).kind == "auth"


@pytest.mark.parametrize("secret", ["", "{}", "no key", '{"client_email": 1}', '["x"]', "c2hvcnQ="])
def test_what_is_no_key_of_a_cloud_is_said_before_anything_is_sent(cloud, secret):
    error = refused(in_cloud(cloud, secret=lambda: secret))

    assert "what `credentials` names" in str(error) or "cannot reach" in str(error)
    assert (len(secret) < 9 or secret not in str(error)) and sorted_out(error).kind in ("auth", "config")


def test_who_may_only_read_in_a_cloud_is_refused_with_what_is_missing(gcs, azure):
    in_cloud(gcs).put("there", b"x")
    in_cloud(azure).put("there", b"x")
    reader = in_cloud(gcs, secret=lambda: gcs.keys[READER])
    signed = in_cloud(azure, secret=lambda: "?" + azure.signature("rl"))
    for store, code in ((reader, "AccessDenied"), (signed, "AuthorizationPermissionMismatch")):
        assert store.get("there") == b"x" and "there" in keys(store)
        for act in (
            lambda store: store.put("k", b"x"),
            lambda store: store.put("there", b"y", create_only=True),
            lambda store: store.delete("there"),
        ):
            error = refused(store, act)
            assert not error.retryable and sorted_out(error).kind == "auth", (code, error.code, str(error))
    assert "reader@acme.iam.gserviceaccount.com does not have storage.objects.create" in str(refused(reader))


def test_who_may_not_delete_with_google_replaces_nothing(gcs):
    adder = in_cloud(gcs, "/added", secret=lambda: gcs.keys[ADDER])
    adder.put("k", b"x", create_only=True)

    for act in (lambda store: store.put("k", b"y"), lambda store: store.swap("k", b"y", "1001")):
        error = refused(adder, act)
        assert "does not have storage.objects.delete" in str(error) and sorted_out(error).kind == "auth"
    assert adder.get("k") == b"x"


def test_the_mark_of_a_folder_is_no_object(gcs):
    """As Google's console and gcsfuse write it; its own listing names it like an object."""
    store = in_cloud(gcs, "/marked")
    for key in ("", "reports/", "none-in-it/", "both/"):
        gcs.objects[gcs.bucket, f"marked/{key}"] = (b"", 1)
    for key, data in (("reports/a", b"x"), ("both", b"yy"), ("empty", b"")):
        store.put(key, data)

    listed = list(store.list(""))
    assert [(info.key, info.size) for info in listed] == [("both", 2), ("empty", 0), ("reports/a", 1)]
    assert list(store.list("reports")) == list(store.list("reports/")) == [listed[2]]
    assert all(store.head(info.key) == info for info in listed)


def test_a_slow_way_to_a_cloud_has_time_for_what_is_put(gcs):
    gcs.pause = 1.5
    try:
        in_cloud(gcs, "/slow", read_seconds=0.5, attempts=1).put("large", b"x" * 4_000_000)
    finally:
        gcs.pause = 0
    assert [info.size for info in in_cloud(gcs, "/slow").list("")] == [4_000_000]


def test_an_address_that_a_store_repeats_is_not_passed_on(gcs):
    gcs.faults += [(400, "Bad</Code><Message>no /b/k?sv=1&amp;sig=SECRET there, sig=SECRET</Message><Code>")]

    assert "SECRET" not in str(refused(in_cloud(gcs)))


def test_a_shared_access_signature_that_is_over_is_refused(azure):
    error = refused(in_cloud(azure, secret=lambda: azure.signature("rcwdl", seconds=-60)))

    assert sorted_out(error).kind == "auth"


def test_a_shared_access_signature_is_enough(azure, tmp_path):
    store = in_cloud(azure, "/signed", secret=lambda: azure.signature("rcwdl"))

    store.put("k", b"x", create_only=True)
    store.fetch("k", tmp_path / "copy")
    store.delete("k")
    assert keys(store) == []


@pytest.mark.parametrize(
    "act", [lambda s: s.put("k", b"x"), lambda s: s.get("k"), keys, lambda s: s.delete("k")]
)
def test_a_missing_bucket_of_a_cloud_is_no_missing_object(cloud, act):
    """Reading from a bucket that is gone must not look like an empty one."""
    root = "az://acme/no-such-box" if hasattr(cloud, "account") else "gs://no-such-bucket"
    access = CloudAccess(endpoint=cloud.endpoint, secret=lambda: cloud.key)

    error = refused(open_store(root, cloud=access), act)
    assert error.code in ("NoSuchBucket", "ContainerNotFound") and not error.retryable
    assert sorted_out(error).kind == "bucket"


def test_a_cloud_that_does_not_answer_may_be_asked_again(cloud):
    error = refused(in_cloud(cloud, endpoint="http://127.0.0.1:9", attempts=1))

    assert error.retryable and "Connection refused" in str(error)


@pytest.mark.parametrize(("status", "code"), [(503, "ServiceUnavailable"), (429, "SlowDown")])
def test_a_busy_cloud_is_asked_again_and_said_to_be_busy(gcs, status, code):
    store = in_cloud(gcs, "/busy", attempts=2)
    gcs.faults += [(status, code)]
    store.put("k", b"x")

    gcs.faults += [(status, code)] * 2
    error = refused(store)
    assert error.retryable and error.code == code
    assert not gcs.faults


def test_a_client_s_key_is_never_mixed_with_our_own_identity(gcs, azure, monkeypatch):
    for cloud, name in (
        (gcs, "GOOGLE_SERVICE_ACCOUNT"),
        (azure, "AZURE_SKIP_SIGNATURE"),
        (azure, "AZURE_STORAGE_USE_EMULATOR"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, "true")
            assert f"take {name} out of the environment" in str(refused(in_cloud(cloud)))


@pytest.mark.parametrize("url", ["gs://footfall-test", "az://acme/footfall-test"])
def test_without_an_identity_a_cloud_says_so(monkeypatch, tmp_path, url):
    for name in [each for each in os.environ if each.startswith(("GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    monkeypatch.setenv("AZURE_MSI_ENDPOINT", "http://127.0.0.1:9/metadata/identity/oauth2/token")
    access = CloudAccess(endpoint="http://127.0.0.1:9", attempts=1)

    error = refused(open_store(url, cloud=access))
    assert "credentials were found" in str(error) and error.code == "NoCredentials" and not error.retryable


def test_our_own_identity_is_that_of_the_environment(gcs, azure, monkeypatch, tmp_path):
    (tmp_path / "ours.json").write_text(gcs.key)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "ours.json"))
    monkeypatch.setenv("GOOGLE_BASE_URL", gcs.endpoint)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", azure.key)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azure.endpoint)

    for url in (f"gs://{gcs.bucket}/ours", f"az://{azure.account}/{azure.container}/ours"):
        open_store(url).put("k", b"x")
        assert keys(open_store(url)) == ["k"]


_COPIED = """
import os
from footfall.errors import FootfallError
from footfall.store import CloudAccess, open_store
store = open_store("az://acme/box", cloud=CloudAccess("http://127.0.0.1:9", lambda: KEY, attempts=1))
for each in ("first", "copy"):
    try:
        store.get("k")
    except FootfallError as error:
        print(each, error, flush=True)
    if each == "first" and (copy := os.fork()):
        os.waitpid(copy, 0)
        break
"""


def test_a_copy_of_a_process_that_asked_a_cloud_says_so_and_does_not_hang():
    program = _COPIED.replace("KEY", repr(b64encode(b"x" * 32).decode()))

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    first, copy = done.stdout.splitlines()
    assert first.startswith("first cannot read az://acme/box/k: ") and "refused" in first
    assert copy.startswith("copy cannot reach az://acme/box/: this process is a copy of one that had asked")
