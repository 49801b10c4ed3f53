"""One contract for all object stores: a folder, a real S3 server, Azurite, and a fake of Google's."""

from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread

import pytest
from support.clouds import in_cloud
from support.s3_server import ADMIN, credentials, s3_server

from footfall.errors import FootfallError
from footfall.store import (
    AlreadyExists,
    Changed,
    CloudAccess,
    LocalStore,
    NotFound,
    ObjectInfo,
    StoreError,
    TooLarge,
    open_store,
    put_all_once,
    put_once,
)

_prefixes = count()


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(params=["file", "s3", "gs", "az"])
def store(request, tmp_path):
    if request.param == "file":
        return open_store((tmp_path / "a folder").as_uri())
    if request.param in ("gs", "az"):
        server = request.getfixturevalue({"gs": "gcs", "az": "azure"}[request.param])
        return in_cloud(server, f"/test-{next(_prefixes)}")
    server = request.getfixturevalue("s3")
    return open_store(f"s3://{server.bucket}/test-{next(_prefixes)}", s3_endpoint=server.endpoint)


def keys(store, prefix=""):
    return [info.key for info in store.list(prefix)]


@pytest.mark.parametrize("data", [b"", b"hello", bytes(range(256)) * 36_000], ids=["empty", "small", "9 MB"])
def test_what_is_put_is_what_is_got(store, tmp_path, data):
    store.put("a/b=1/c.bin", data)

    assert store.get("a/b=1/c.bin") == data
    assert store.head("a/b=1/c.bin") == ObjectInfo("a/b=1/c.bin", len(data))
    store.fetch("a/b=1/c.bin", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.parametrize("data", [b"", bytes(range(256)) * 36_000], ids=["empty", "9 MB"])
def test_a_file_is_put_as_its_bytes_are(store, tmp_path, data):
    (tmp_path / "source").write_bytes(data)
    store.put_file("a/file.bin", tmp_path / "source", create_only=True)

    assert store.get("a/file.bin") == data
    with pytest.raises(AlreadyExists):
        store.put_file("a/file.bin", tmp_path / "source", create_only=True)


def test_a_put_replaces_unless_it_is_create_only(store):
    store.put("k", b"one")
    store.put("k", b"two")

    with pytest.raises(AlreadyExists):
        store.put("k", b"three", create_only=True)
    assert store.get("k") == b"two"


def test_of_many_create_only_puts_exactly_one_wins(store):
    def attempt(n):
        try:
            store.put("race", b"%d" % n, create_only=True)
        except AlreadyExists:
            return None
        return b"%d" % n

    with ThreadPoolExecutor(8) as pool:
        won = [answer for answer in pool.map(attempt, range(8)) if answer is not None]

    assert won == [store.get("race")]


def test_put_once_is_harmless_when_repeated_and_refuses_other_bytes(store):
    put_once(store, "k", b"same")
    put_once(store, "k", b"same")

    with pytest.raises(StoreError, match="holds different bytes") as refused:
        put_once(store, "k", b"other")
    assert not refused.value.retryable
    assert store.get("k") == b"same"


def test_many_are_created_and_what_is_there_already_stays(store):
    store.put("a/taken", b"before")

    assert store.create_all({"a/new": b"1", "a/taken": b"2", "b/c=1/new": b"", "b/c=2/new": b"4"}) == [
        "a/taken"
    ]

    assert keys(store) == ["a/new", "a/taken", "b/c=1/new", "b/c=2/new"]
    assert [store.get(key) for key in keys(store)] == [b"1", b"before", b"", b"4"]


def test_put_all_once_is_harmless_when_repeated_and_refuses_other_bytes(store):
    put_all_once(store, {"a": b"1", "b": b"2"})
    put_all_once(store, {"a": b"1", "b": b"2", "c": b"3"})

    with pytest.raises(StoreError, match="b holds different bytes"):
        put_all_once(store, {"b": b"other", "d": b"4"})

    assert {key: store.get(key) for key in keys(store)} == {"a": b"1", "b": b"2", "c": b"3", "d": b"4"}


def test_what_is_larger_than_the_limit_is_not_read(store):
    store.put("k", b"12345")

    assert store.get("k", limit=5) == b"12345"
    with pytest.raises(TooLarge):
        store.get("k", limit=4)


def test_of_many_who_swap_one_version_exactly_one_wins(store):
    assert store.read_tagged("state") is None
    store.swap("state", b"first", None)
    with pytest.raises(Changed):
        store.swap("state", b"again", None)
    _, tag = store.read_tagged("state")

    def attempt(n):
        try:
            store.swap("state", b"%d" % n, tag)
        except Changed:
            return None
        return b"%d" % n

    with ThreadPoolExecutor(8) as pool:
        won = [answer for answer in pool.map(attempt, range(8)) if answer is not None]

    assert won == [store.get("state")]
    store.delete("state")
    with pytest.raises(Changed):
        store.swap("state", b"late", tag)


def test_a_missing_object_is_not_found(store, tmp_path):
    assert store.head("no/such") is None
    for ask in (lambda: store.get("no/such"), lambda: store.fetch("no/such", tmp_path / "copy")):
        with pytest.raises(NotFound, match="no/such does not exist"):
            ask()


def test_a_folder_of_objects_is_no_object_itself(store, tmp_path):
    store.put("a/b", b"x")

    assert store.head("a") is None
    with pytest.raises(NotFound):
        store.get("a")
    with pytest.raises(NotFound):
        store.fetch("a", tmp_path / "copy")
    store.delete("a")
    assert keys(store) == ["a/b"]


def test_below_an_object_there_is_nothing(store):
    store.put("a", b"x")

    assert store.head("a/b") is None
    with pytest.raises(NotFound):
        store.get("a/b")
    store.delete("a/b")
    assert keys(store, "a/") == []
    assert keys(store) == ["a"]


def test_a_long_listing_is_whole(store):
    """A store answers a thousand keys at a time; an hour of a busy lake holds more objects than that."""
    # Azure answers five thousand at a time: so many take too long here.
    names = [f"{n:05d}" for n in range(50 if store.url("").startswith("az:") else 1010)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.put(f"many/{name}", b""), names))

    assert keys(store, "many/") == [f"many/{name}" for name in names]


def test_a_listing_is_by_key_and_by_prefix_even_in_the_middle_of_a_name(store):
    for key in ("b/2", "b/10", "a", "b-c/1", "bb"):
        store.put(key, b"x")

    assert keys(store) == ["a", "b-c/1", "b/10", "b/2", "bb"]
    assert keys(store, "b/") == ["b/10", "b/2"]
    assert keys(store, "b/1") == ["b/10"]
    assert keys(store, "b") == ["b-c/1", "b/10", "b/2", "bb"]
    assert keys(store, "zzz/") == []


def test_deleting_twice_is_as_good_as_once(store):
    store.put("k", b"x")

    store.delete("k")
    store.delete("k")

    assert store.head("k") is None


@pytest.mark.parametrize(
    "key", ["", "/a", "a//b", "../a", "a/../b", "a/./b", "a b", "a:b", "ä", "a\\b", "a\n"]
)
def test_what_is_no_key_is_refused_alike(store, tmp_path, key):
    for ask in (
        lambda: store.put(key, b"x"),
        lambda: store.get(key),
        lambda: store.head(key),
        lambda: store.delete(key),
        lambda: store.fetch(key, tmp_path / "copy"),
    ):
        with pytest.raises(StoreError, match="is not an object key"):
            ask()


@pytest.mark.parametrize("prefix", ["/", "/etc", "../", "a/../../", "a//", "a b"])
def test_a_listing_never_leaves_the_store(store, prefix):
    with pytest.raises(StoreError, match="is not the beginning of an object key"):
        list(store.list(prefix))


def test_urls_are_for_people(store):
    assert store.url("a/b").endswith("/a/b")
    assert store.url("a/b").split(":")[0] in ("file", "s3", "gs", "az")


@pytest.mark.parametrize(
    "url",
    [
        *("", "lake", "file:relative", "file://host/x", "file:///x?y", "file:///x#y", "http://x/y"),
        *("s3://", "s3:///x", "s3://[x", "s3://b", "s3://Bucket/x", "s3://key:secret@bucket/x"),
        *("s3://bucket/../x", "s3://bucket/a//b", "s3://bucket/a b", "s3://bucket/x?y"),
        *("gs://", "gs://b", "gs://Bucket", "gs://key@bucket", "gs://bucket/../x", "gs://bucket/x?y"),
        *("az://acme", "az://acme/", "az://ac/box", "az://acme/Box", "az://acme/b--x", "az://acme/box/a b"),
        *("az://acme.blob.core.windows.net/box", "az://acme/box/x?sig=y", "azure://acme/box", "gcs://bucket"),
    ],
)
def test_what_is_no_store_is_refused_with_what_to_write(url):
    with pytest.raises(FootfallError, match="write file:///absolute/folder, s3://bucket/prefix, gs://bucket"):
        open_store(url)


def test_a_put_that_was_cut_short_shows_nothing(tmp_path):
    """A process killed while it writes leaves its temporary file; nobody may take it for an object."""
    store = LocalStore(tmp_path)
    store.put("a/k", b"x")
    (tmp_path / "a" / ".part-1-abc").write_bytes(b"half")

    assert keys(store) == ["a/k"]


def test_a_folder_that_cannot_be_made_is_said_clearly(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match=r"cannot write .*/file/lake/k"):
        LocalStore(tmp_path / "file" / "lake").put("k", b"x")


def test_a_folder_in_the_way_is_said_clearly(tmp_path):
    store = LocalStore(tmp_path)
    store.put("a/b", b"x")

    with pytest.raises(StoreError, match=r"cannot write .*/a: Is a directory") as refused:
        store.put("a", b"x")
    assert not refused.value.retryable
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_objects_that_vanish_during_a_listing_do_not_break_it(tmp_path):
    """Two collectors destroy old salts at once; neither may fail for the other's deletions."""
    store = LocalStore(tmp_path)
    for n in range(300):
        store.put(f"{n % 10}/{n}", b"")

    with ThreadPoolExecutor(4) as pool:
        listings = [pool.submit(keys, store) for _ in range(12)]
        for n in range(300):
            store.delete(f"{n % 10}/{n}")

    assert [listing.exception() for listing in listings] == [None] * 12
    assert keys(store) == []


def test_a_name_that_begins_alike_is_another_prefix(s3):
    inner = open_store(f"s3://{s3.bucket}/pre", s3_endpoint=s3.endpoint)
    other = open_store(f"s3://{s3.bucket}/prefix", s3_endpoint=s3.endpoint)
    inner.put("k", b"1")
    other.put("k", b"2")

    assert keys(inner) == ["k"]
    assert inner.get("k") == b"1"
    root = open_store(f"s3://{s3.bucket}", s3_endpoint=s3.endpoint)
    assert {"pre/k", "prefix/k"} <= set(keys(root, "pre"))


def test_wrong_credentials_are_refused_and_name_the_bucket(s3, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    with pytest.raises(StoreError, match=f"s3://{s3.bucket}/x/k.*SignatureDoesNotMatch") as refused:
        open_store(f"s3://{s3.bucket}/x", s3_endpoint=s3.endpoint).put("k", b"x")
    assert not refused.value.retryable


def test_a_bucket_without_rights_is_refused(s3):
    with pytest.raises(StoreError, match=r"s3://somebody-elses/k.*AccessDenied") as refused:
        open_store("s3://somebody-elses", s3_endpoint=s3.endpoint).put("k", b"x")
    assert not refused.value.retryable


def test_a_missing_bucket_is_no_missing_object(s3, monkeypatch):
    """Reading from a bucket that is gone must not look like an empty one."""
    for name, value in credentials(ADMIN).items():
        monkeypatch.setenv(name, value)
    store = open_store("s3://no-such-bucket", s3_endpoint=s3.endpoint)

    with pytest.raises(StoreError, match="NoSuchBucket") as refused:
        list(store.list(""))
    assert not refused.value.retryable


def test_a_store_that_does_not_answer_may_be_asked_again(s3):
    with pytest.raises(StoreError) as refused:
        open_store(f"s3://{s3.bucket}", s3_endpoint="http://127.0.0.1:9").put("k", b"x")
    assert refused.value.retryable


def test_an_endpoint_that_is_no_address_needs_a_person():
    with pytest.raises(StoreError, match="cannot reach s3://bucket/x/: Invalid endpoint: ") as refused:
        open_store("s3://bucket/x", s3_endpoint="localhost:9000").put("k", b"x")
    assert not refused.value.retryable


def test_without_credentials_it_says_so(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(StoreError, match="s3://bucket/k: no AWS credentials were found") as refused:
        open_store("s3://bucket", s3_endpoint="http://127.0.0.1:9").put("k", b"x")
    assert not refused.value.retryable


class _BreaksOff(BaseHTTPRequestHandler):
    """Promises a hundred bytes and hangs up after ten, every time."""

    def do_HEAD(self):
        span = self.headers.get("range")
        self.send_response(206 if span else 200)
        if span:
            self.send_header("content-range", f"bytes {span.removeprefix('bytes=')}/100")
        self.send_header("content-length", "100")
        self.send_header("etag", '"1"')
        self.send_header("last-modified", "Fri, 20 Nov 2026 14:00:00 GMT")
        self.send_header("x-goog-generation", "1")
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(b"x" * 10)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_an_answer_that_breaks_off_may_be_asked_for_again(monkeypatch, tmp_path, gcs, scheme):
    for name, value in credentials(("key", "secret")).items():
        monkeypatch.setenv(name, value)
    with ThreadingHTTPServer(("127.0.0.1", 0), _BreaksOff) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        access = CloudAccess(endpoint, secret=lambda: gcs.key, attempts=2)
        store = open_store(f"{scheme}://bucket", s3_endpoint=endpoint, cloud=access)
        try:
            for ask in (lambda: store.get("k"), lambda: store.fetch("k", tmp_path / "copy")):
                with pytest.raises(StoreError, match=f"cannot read {scheme}://bucket/k: ") as refused:
                    ask()
                assert refused.value.retryable
        finally:
            server.shutdown()
    assert list(tmp_path.iterdir()) == []
