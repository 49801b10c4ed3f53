"""The store port on an S3 server that fails: each fault ends as done, or as a StoreError, and never half."""

import pytest
from support.fault_proxy import CATALOGUE, BlackHole, FalseChecksum, Reset, Status, Truncated

from footfall.store import StoreError, open_store, put_once


#: boto3 makes up to four attempts by itself. Throttled, it waits for seconds between them: one must do.
def attempts(fault) -> int:
    return 1 if isinstance(fault, Status) and fault.code in ("SlowDown", "TooManyRequests") else 4


@pytest.fixture
def store(proxy, s3_url):
    return open_store(s3_url, s3_endpoint=proxy.endpoint)


def name(fault):
    return " ".join(str(part) for part in [type(fault).__name__, *vars(fault).values()])


@pytest.mark.parametrize("fault", CATALOGUE, ids=name)
def test_a_put_that_meets_a_fault_is_whole_or_nothing_and_can_be_repeated(proxy, store, fault):
    data = b"0123456789" * 400
    proxy.fail(fault, method="PUT", times=attempts(fault))
    try:
        put_once(store, "a/object", data)
    except StoreError as error:
        assert error.retryable, error
    assert {exchange.fault for exchange in proxy.seen if exchange.method == "PUT"} >= {fault}

    proxy.heal()
    info = store.head("a/object")
    assert info is None or info.size == len(data)
    put_once(store, "a/object", data)

    assert store.get("a/object") == data
    assert [info.key for info in store.list("a/")] == ["a/object"]


def test_a_put_that_is_confirmed_with_another_checksum_has_failed(proxy, store):
    proxy.fail(FalseChecksum(), method="PUT")

    with pytest.raises(StoreError, match="other bytes") as failed:
        store.put("k", b"x")
    assert failed.value.retryable


@pytest.mark.parametrize(
    "fault",
    [Status(500, "InternalError"), Reset(applied=True), BlackHole(0.2), Truncated("answer")],
    ids=name,
)
def test_a_get_that_meets_a_fault_gives_the_right_bytes_or_fails(proxy, store, fault):
    data = b"0123456789" * 400
    store.put("an/object", data)
    proxy.fail(fault, method="GET", times=attempts(fault))

    try:
        got = store.get("an/object")
    except StoreError as error:
        assert error.retryable, error
    else:
        assert got == data


def test_faults_are_met_in_their_order_and_only_where_they_are_meant(proxy, store):
    proxy.fail(Status(503, "SlowDown"), Reset(applied=True), method="PUT", path="/wanted")

    store.put("other", b"x")
    assert proxy.left == 2
    store.put("wanted", b"x")

    assert proxy.left == 0
    assert [type(e.fault).__name__ for e in proxy.seen if e.method == "PUT"] == [
        "NoneType",
        "Status",
        "Reset",
        "NoneType",
    ]


def test_a_request_without_the_right_bucket_owner_is_refused(proxy, store):
    proxy.owners = {proxy.bucket: "111122223333"}
    try:
        with pytest.raises(StoreError, match="AccessDenied"):
            store.put("k", b"x")
        store._client.put_object(
            Bucket=proxy.bucket, Key="owned", Body=b"x", ExpectedBucketOwner="111122223333"
        )
    finally:
        proxy.owners = None
