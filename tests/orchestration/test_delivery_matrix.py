"""Operation × fault × how long: whatever a bucket does, the delivery arrives once, whole, and others too.

At the port of the store, so that hundreds of combinations take seconds; test_delivery_s3.py has the same
over HTTP with a real server.
"""

from datetime import timedelta
from itertools import product

import pytest
from support.delivering import Setting
from support.orchestration_builders import EVENTS, HOUR, TroubledStore, add_event, client

from footfall.failures import sorted_out
from footfall.store import StoreError
from footfall.verify import verify_bucket
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.places import Place
from orchestration.delivery.progress import IngestedHours

#: Bucket, and the number of the call to it; what each call is, in words.
OPERATIONS = {
    "backup: put file": ("backup", 0),
    "backup: read back": ("backup", 1),
    "backup: put manifest": ("backup", 2),
    "client: look for manifest": ("destination", 0),
    "client: put file": ("destination", 1),
    "client: read back": ("destination", 2),
    "client: put manifest": ("destination", 3),
    "client: read pointer": ("destination", 4),
    "client: swap pointer": ("destination", 5),
}


def _error(code, retryable, after=None):
    return lambda: StoreError(f"{code} it said", retryable=retryable, code=code, retry_after=after)


#: Fault → (what the store raises, whether it took effect first, kind).
FAULTS = {
    "429 with Retry-After": (_error("TooManyRequests", True, 120), False, "retry"),
    "500": (_error("InternalError", True), False, "retry"),
    "503": (_error("SlowDown", True), False, "retry"),
    "409": (_error("ConditionalRequestConflict", True), False, "retry"),
    "reset before": (_error("", True), False, "retry"),
    "reset after apply": (_error("", True), True, "retry"),
    "wrong checksum": (_error("BadDigest", True), False, "retry"),
    "clock skew": (_error("RequestTimeTooSkewed", False), False, "retry"),
    "credentials revoked": (_error("AccessDenied", False), False, "auth"),
    "token expired": (_error("ExpiredToken", False), False, "auth"),
    "bucket deleted": (_error("NoSuchBucket", False), False, "bucket"),
    "bucket of another owner": (_error("AccessDenied", False), True, "auth"),
    "moved": (_error("PermanentRedirect", False), False, "bucket"),
    "key disabled": (_error("KMS.DisabledException", False), False, "auth"),
}
#: How often it goes wrong: boto's own tries not counted.
TIMES = {"once": 1, "twice": 2, "for a day": 12}

QUICK = [
    (operation, fault, "twice")
    for operation, fault in product(
        OPERATIONS, ("503", "reset after apply", "credentials revoked", "bucket deleted")
    )
] + [
    (operation, fault, "once")
    for operation, fault in product(OPERATIONS, ("429 with Retry-After", "500", "409"))
]
ALL = list(product(OPERATIONS, FAULTS, TIMES))


def _run(at, other):
    orders = [
        Order(client(), EVENTS, (client().calendar(EVENTS).at(HOUR),)),
        Order(client("agency", url="file:///agency"), EVENTS, (client().calendar(EVENTS).at(HOUR),)),
    ]

    def places(owner):
        if owner.client_id == "demo":
            return at.places()
        return {name: Place(name, lambda: other) for name in ("main",)} | {
            "backup": Place("backup", lambda: other_backup)
        }

    other_backup = TroubledStore("other backup")
    reports = deliver_all(
        at.connection,
        orders,
        places,
        at.ledger,
        at.desk(),
        IngestedHours(at.hours, HOUR - timedelta(hours=48)),
        workers=2,
    )
    return {report.order.client.client_id: report.asked[0] for report in reports}


def _check(folder, operation, fault, times):
    bucket, call = OPERATIONS[operation]
    make, after, kind = FAULTS[fault]
    at = Setting(folder)
    try:
        for owner in ("demo", "agency"):
            add_event(at.connection, "event-0001", client_id=owner)
        at.deliver(HOUR - timedelta(hours=1))
        other = TroubledStore("other")
        getattr(at, bucket).fail(make(), at=call, after=after)
        wrong = 0
        while wrong < TIMES[times]:
            outcomes = _run(at, other)
            assert outcomes["agency"].status in ("delivered", "unchanged"), "it holds up no other client"
            if outcomes["demo"].status != "failed":
                break  # the call in question is not made a second time
            wrong += 1
            assert (outcomes["demo"].trouble.kind, sorted_out(make()).kind) == (kind, kind)
            [row] = at.ledger.unfinished()
            assert row.hold == ("waiting" if kind == "retry" else "blocked")
            assert row.next_at > at.now
            getattr(at, bucket).fail(make(), at=0 if wrong > 1 else call, after=after)
            at.now = row.next_at
        assert wrong >= 1 or "look for" in operation
        getattr(at, bucket).heal()
        at.now += timedelta(minutes=10)

        outcomes = _run(at, other)

        assert outcomes["demo"].status in ("delivered", "unchanged"), outcomes["demo"].error
        assert [(r.revision, r.state) for r in at.ledger.revisions("demo", "events", HOUR)] == [
            (1, "committed")
        ]
        assert at.problems() == []
        assert verify_bucket(other).problems == []
        assert at.data() == at.data(at.backup)
        assert b'"revision": 1' in at.destination.objects["events/_latest.json"]
        assert b"T14:00" in at.destination.objects["events/_latest.json"]
    finally:
        at.ledger.close()
        at.connection.close()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_delivery_survives_what_a_store_does(tmp_path, operation):
    cases = [case for case in QUICK if case[0] == operation]
    for n, (_, fault, times) in enumerate(cases):
        (tmp_path / str(n)).mkdir()
        _check(tmp_path / str(n), operation, fault, times)


def test_there_are_enough_of_them():
    assert len(QUICK) >= 60
    assert len(ALL) >= 300


@pytest.mark.proof
@pytest.mark.parametrize(("operation", "fault", "times"), ALL)
def test_a_delivery_survives_every_combination(tmp_path, operation, fault, times):
    _check(tmp_path, operation, fault, times)
