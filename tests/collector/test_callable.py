"""What can only be seen from inside: clocks, time limits, and failures that nobody foresaw."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.collectors import batch, wire_event
from support.salted import salt_of_day

from collector.app import Collector
from collector.clock import LiveClock
from collector.server.message import Answer, Pending, Request, Trouble
from collector.spool import NotDurable
from collector.targets import targets
from footfall.clients import load_registry
from footfall.store import StoreError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLIENTS = Path(__file__).resolve().parents[2] / "clients"


class MemorySpool:
    """Keeps what is appended, or refuses."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.kept: list[tuple[datetime, bytes]] = []
        self.failure = failure

    def append(self, hour, payload):
        if self.failure:
            raise self.failure
        self.kept.append((hour, payload))
        waiter = asyncio.get_running_loop().create_future()
        waiter.set_result(None)
        return waiter

    def state(self):
        raise RuntimeError("no state of visitor@example.org")


class SlowSpool(MemorySpool):
    """Leaves it to the test when, and whether, what was appended is durable."""

    def append(self, hour, payload):
        self.kept.append((hour, payload))
        self.waiter = asyncio.get_running_loop().create_future()
        return self.waiter


class NoShipper:
    shipped = 0
    last_error = None


class CountingLake:
    """Agrees on salts, slowly, or fails; counts how often it was asked."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.asked: list[tuple[str, str]] = []
        self.failure = failure

    def __call__(self, client_id, clock, moment):
        self.asked.append((client_id, f"{moment:%Y-%m-%d}"))
        if self.failure:
            raise self.failure
        return salt_of_day(b"s" * 32, clock, moment)


def collector_with(spool=None, lake=None, now=lambda: NOON, **options) -> Collector:
    made = Collector(
        spool=spool or MemorySpool(),
        shipper=NoShipper(),
        agree_salt=lake or CountingLake(),
        pixel=Path("nowhere"),
        now=now,
        **options,
    )
    made.sites = targets(load_registry(CLIENTS))
    return made


def a_request(collector, path="/collect", body=b"", method="POST", **fields) -> Request:
    return Request(
        method=method,
        path=path,
        query=f"site={next(iter(collector.sites))}".encode(),
        headers={b"user-agent": b"Firefox"},
        peer="198.51.100.7",
        body=body,
        **fields,
    )


async def ask(collector, path="/collect", body=b"", method="POST", **fields):
    """Status and headers of the answer, after whatever it waits for."""
    outcome = collector.handle(a_request(collector, path, body, method, **fields))
    if isinstance(outcome, Pending):
        await asyncio.wait([outcome.durable])
        outcome = collector.settle(outcome)
    elif not isinstance(outcome, Answer):
        outcome = await outcome
    return outcome.status, dict(outcome.headers)


def test_receipt_times_never_go_back():
    times = iter([NOON, NOON + timedelta(seconds=5), NOON - timedelta(hours=2), NOON + timedelta(seconds=6)])
    clock = LiveClock(lambda: next(times))

    assert [clock() for _ in range(3)] == [
        NOON + timedelta(seconds=5),
        NOON + timedelta(seconds=5),
        NOON + timedelta(seconds=6),
    ]


@pytest.mark.parametrize("at", [NOON, NOON + timedelta(minutes=59, seconds=59.999999)])
def test_lines_go_to_the_hour_of_their_receipt(at):
    spool = MemorySpool()

    asyncio.run(ask(collector_with(spool, now=lambda: at), body=batch(wire_event("a" * 8))))

    assert [hour for hour, _ in spool.kept] == [NOON]


def test_a_batch_is_one_payload_of_whole_lines():
    spool = MemorySpool()

    asyncio.run(ask(collector_with(spool), body=batch(wire_event("a" * 8), {}, wire_event("b" * 8))))

    [(_, payload)] = spool.kept
    assert payload.endswith(b"}\n") and payload.count(b"\n") == 3


@pytest.mark.parametrize(
    ("trouble", "status"), [(Trouble.BODY_TOO_LARGE, 413), (Trouble.BODY_UNFINISHED, 400)]
)
def test_what_came_of_a_body_that_is_not_whole_is_kept(trouble, status):
    spool = MemorySpool()

    answered, headers = asyncio.run(ask(collector_with(spool), body=b"{half", trouble=trouble))

    assert (answered, headers[b"x-footfall-reason"]) == (status, trouble.name.lower().encode())
    assert f'"reason":"{trouble.name.lower()}"'.encode() in spool.kept[0][1]
    assert b"{half" in spool.kept[0][1]


def test_an_unforeseen_failure_is_503_and_logged_without_its_words(caplog):
    status, headers = asyncio.run(ask(collector_with(), path="/health", method="GET"))

    assert (status, headers[b"x-footfall-reason"], headers[b"retry-after"]) == (503, b"not_durable", b"5")
    assert "RuntimeError at test_callable.py" in caplog.text
    assert "visitor@example.org" not in caplog.text


@pytest.mark.parametrize(("failure", "status"), [(None, 204), (NotDurable("the disk refused"), 503)])
def test_an_answer_is_pending_until_the_spool_says_that_the_lines_are_on_disk(failure, status):
    spool = SlowSpool()
    collector = collector_with(spool)

    async def go():
        asking = asyncio.create_task(ask(collector, body=batch(wire_event("a" * 8))))
        while not spool.kept:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        assert not asking.done()
        if failure:
            spool.waiter.set_exception(failure)
        else:
            spool.waiter.set_result(None)
        return (await asking)[0]

    assert asyncio.run(go()) == status


def test_a_request_that_needs_no_question_needs_no_task():
    """The salt is in memory: the outcome is there when `handle` returns."""
    spool = SlowSpool()
    collector = collector_with(spool)

    async def go():
        first = collector.handle(a_request(collector, body=batch(wire_event("a" * 8))))
        assert not isinstance(first, Answer | Pending)
        asking = asyncio.create_task(first)
        while not spool.kept:
            await asyncio.sleep(0.001)
        spool.waiter.set_result(None)
        assert (await asking).status == 204
        second = collector.handle(a_request(collector, body=batch(wire_event("b" * 8))))
        assert isinstance(second, Pending) and second.durable is spool.waiter
        assert isinstance(collector.handle(a_request(collector, body=b"")), Pending)
        assert isinstance(collector.handle(a_request(collector, "/", method="GET")), Answer)

    asyncio.run(go())


def test_a_spool_that_refuses_is_503():
    collector = collector_with(MemorySpool(NotDurable("the spool is full")))

    status, headers = asyncio.run(ask(collector, body=batch(wire_event("a" * 8))))

    assert (status, headers[b"retry-after"]) == (503, b"5")


def test_all_who_wait_for_a_new_salt_ask_the_lake_once():
    lake = CountingLake()
    collector = collector_with(lake=lake)

    async def go():
        return await asyncio.gather(*(ask(collector, body=batch(wire_event("a" * 8))) for _ in range(50)))

    assert {status for status, _ in asyncio.run(go())} == {204}
    assert len(lake.asked) == 1


def test_a_lake_that_fails_is_asked_again_by_the_next_request(caplog):
    lake = CountingLake(StoreError("cannot reach the lake", retryable=True))
    collector = collector_with(lake=lake)

    async def go():
        first = await ask(collector, body=batch(wire_event("a" * 8)))
        lake.failure = None
        return first[0], (await ask(collector, body=batch(wire_event("a" * 8))))[0]

    assert asyncio.run(go()) == (503, 204)
    assert "cannot reach the lake" in caplog.text


def test_yesterdays_salt_is_forgotten_and_todays_kept():
    lake, today = CountingLake(), [NOON]
    collector = collector_with(lake=lake, now=lambda: today[0])

    async def go():
        await ask(collector, body=batch(wire_event("a" * 8)))
        collector.forget_salts()
        await ask(collector, body=batch(wire_event("a" * 8)))
        assert len(lake.asked) == 1
        today[0] += timedelta(days=1)
        collector.forget_salts()
        today[0] -= timedelta(days=1)
        await ask(collector, body=batch(wire_event("a" * 8)))

    asyncio.run(go())
    assert len(lake.asked) == 2
