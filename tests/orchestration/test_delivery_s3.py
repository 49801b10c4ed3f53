"""The same over HTTP: a real S3 server behind a proxy that fails on demand and checks the bucket's owner."""

import json
from datetime import timedelta
from itertools import product

import pytest
from support.delivering import MANIFEST, Setting
from support.fault_proxy import CATALOGUE, FaultProxy, Status
from support.manifests import a_manifest
from support.orchestration_builders import HOUR, add_event
from support.s3_server import s3_server

from footfall.allowed import Allowed
from footfall.destinations import open_destination
from footfall.exports import Destination
from footfall.manifest import MAX_BYTES, DeliveredFile
from footfall.verify import verify_bucket
from orchestration.delivery.places import Place

OWNER = "111122223333"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def on_s3(server, tmp_path, monkeypatch):
    """A setting whose client has a folder of its own on the server, behind a strict proxy."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    at = Setting(tmp_path)
    add_event(at.connection, "event-0001")
    with FaultProxy(server.endpoint, owners={server.bucket: OWNER}) as proxy:
        url = f"s3://{server.bucket}/{tmp_path.name.replace('[', '-').replace(']', '')}"
        wanted = Destination(url=url, endpoint=proxy.endpoint, owner=OWNER, region="us-east-1")
        at.proxy = proxy
        at.store = open_destination(wanted, Allowed(tmp_path, hosts=("127.0.0.1",)))
        at.places = lambda: {
            "backup": Place("backup", lambda: at.backup),
            "main": Place("main", lambda: open_destination(wanted, Allowed(tmp_path, hosts=("127.0.0.1",)))),
        }
        yield at
    at.ledger.close()
    at.connection.close()


#: What goes wrong × with which request. Times: each call is made twice by boto itself.
REQUESTS = {
    "put file": ("PUT", "/events/dt="),
    "read back": ("GET", "/events/dt="),
    "put manifest": ("PUT", "/_manifest.json"),
    "pointer": ("PUT", "/_latest.json"),
}
ALL = list(product(REQUESTS, range(len(CATALOGUE))))


def _survives(at, request, fault):
    at.deliver(HOUR - timedelta(hours=1))
    method, path = REQUESTS[request]
    at.proxy.fail(CATALOGUE[fault], times=2, method=method, path=path)
    outcome = at.deliver()
    if outcome.status == "failed":
        assert outcome.trouble.text
        at.proxy.heal()
        at.now += timedelta(hours=2)
        outcome = at.deliver()
    assert outcome.status in ("delivered", "unchanged"), outcome.error
    at.proxy.heal()
    seen = verify_bucket(at.store)
    assert (seen.problems, seen.manifests, seen.signed) == ([], 2, 2)
    assert [row.revision for row in at.ledger.revisions("demo", "events", HOUR)] == [1]


@pytest.mark.parametrize(("request_", "fault"), [case for n, case in enumerate(ALL) if n % 8 == 5])
def test_a_delivery_survives_the_wire(on_s3, request_, fault):
    _survives(on_s3, request_, fault)


@pytest.mark.proof
@pytest.mark.parametrize(("request_", "fault"), ALL)
def test_a_delivery_survives_the_wire_in_every_case(on_s3, request_, fault):
    _survives(on_s3, request_, fault)


def test_credentials_revoked_in_the_middle_block_it_until_they_are_back(on_s3):
    on_s3.proxy.fail(Status(403, "AccessDenied"), times=None, method="PUT", path="/_manifest.json")

    outcome = on_s3.deliver()

    assert (outcome.status, outcome.trouble.kind) == ("failed", "auth")
    assert [row.hold for row in on_s3.ledger.all()] == ["blocked"]
    on_s3.proxy.heal()
    assert on_s3.deliver().status == "delivered"


def test_a_bucket_that_somebody_else_made_again_gets_nothing(on_s3, server):
    on_s3.proxy.heal()
    with FaultProxy(server.endpoint, owners={server.bucket: "999988887777"}) as theirs:
        wanted = Destination(
            url=f"s3://{server.bucket}/theirs", endpoint=theirs.endpoint, owner=OWNER, region="us-east-1"
        )
        on_s3.places = lambda: {
            "backup": Place("backup", lambda: on_s3.backup),
            "main": Place(
                "main", lambda: open_destination(wanted, Allowed(on_s3.folder, hosts=("127.0.0.1",)))
            ),
        }
        outcome = on_s3.deliver()

    assert (outcome.status, outcome.trouble.kind) == ("failed", "auth")
    assert [e for e in theirs.seen if e.method == "PUT" and e.status == 200] == []


def test_what_somebody_put_where_a_manifest_of_ours_belongs_is_named_and_then_mended(on_s3):
    forged = {**json.loads(a_manifest(DeliveredFile("x", 1, "0" * 64, 10**9))), "client_id": "demo"}
    for planted in (json.dumps(forged).encode(), b" " * (MAX_BYTES + 1)):
        on_s3.store.put(MANIFEST.format(1), planted)
        outcome = on_s3.deliver()

        assert (outcome.status, outcome.trouble.kind) == ("failed", "bucket")
        assert (
            f"{MANIFEST.format(1)} holds different bytes; not overwritten: what lies there" in outcome.error
        )
        assert MANIFEST.format(1) in on_s3.backup.objects
    on_s3.store.delete(MANIFEST.format(1))
    on_s3.now += timedelta(days=2)

    assert on_s3.deliver().status == "delivered"

    seen = verify_bucket(on_s3.store)
    assert (seen.problems, seen.uncommitted, seen.signed) == ([], [], 1)


def test_a_bucket_that_is_missing_is_told_of_and_never_made(on_s3, server):
    with FaultProxy(server.endpoint) as proxy:
        wanted = Destination(url="s3://no-such-bucket/x", endpoint=proxy.endpoint, region="us-east-1")
        on_s3.places = lambda: {
            "backup": Place("backup", lambda: on_s3.backup),
            "main": Place(
                "main", lambda: open_destination(wanted, Allowed(on_s3.folder, hosts=("127.0.0.1",)))
            ),
        }

        outcome = on_s3.deliver()

    assert (outcome.status, outcome.trouble.is_retryable) == ("failed", False)
    assert [each for each in proxy.seen if each.method == "PUT" and each.path.count("/") == 1] == []
    assert MANIFEST.format(1) in on_s3.backup.objects
