"""Bad input never stops the collector, and is never answered as if we were at fault."""

import random
import re
import select
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.collectors import SITE, CollectorProcess, batch, wire_event

SEED = 20261121
GOOD = batch(*[wire_event(f"malformed-{n:04d}", props={"a": [1, {"b": "ü"}]}) for n in range(3)])


def mutated(chance: random.Random, data: bytes) -> bytes:
    """`data` with some bytes flipped, removed, doubled, or with something nasty put in."""
    damaged = bytearray(data)
    nasty = [
        b"\x00",
        b"\xff\xfe",
        b"\\ud800",
        b"[" * 2000,
        b'{"a":' * 2000,
        b"1e999",
        b"NaN",
        b"\n\r\n",
        b'"',
    ]
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(damaged) + 1)
        what = chance.randrange(4)
        if what == 0 and at < len(damaged):
            damaged[at] = chance.randrange(256)
        elif what == 1:
            del damaged[at : at + chance.randint(1, 40)]
        elif what == 2:
            damaged[at:at] = damaged[at : at + 60]
        else:
            damaged[at:at] = chance.choice(nasty)
    return bytes(damaged)


def requests(chance: random.Random, count: int) -> list[bytes]:
    """Raw requests: damaged bodies, damaged queries, damaged heads."""
    made = []
    for n in range(count):
        if n % 3 == 0:
            body = mutated(chance, GOOD)
            head = f"POST /collect?site={SITE} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            made.append(head.encode() + body)
        elif n % 3 == 1:
            query = mutated(
                chance, f"site={SITE}&url=https://shop.example/&occurred_at=1&id=abcdefgh".encode()
            )
            clean = re.sub(rb"[\x00-\x20\x7f]", b"", query)
            made.append(b"GET /pixel.gif?" + clean + b" HTTP/1.1\r\nhost: x\r\n\r\n")
        else:
            head = b"POST /collect HTTP/1.1\r\nhost: x\r\nx-forwarded-for: ::1\r\ncontent-length: 2\r\n\r\n{}"
            made.append(mutated(chance, head))
    return made


def status_of(port: int, raw: bytes) -> int:
    """The status that a raw request is answered with; 0 where the connection ends without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        try:
            connection.sendall(raw)
            # The end of the sender, not of the request: a body that is too short ends here.
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        except ConnectionError:
            return 0
    found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return int(found[1]) if found else 0


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM now."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def send_all(port: int, seed: int, count: int) -> list[int]:
    """The statuses of so many malformed requests, from a few senders at once."""
    senders = 4
    rows = [requests(random.Random(f"{seed} {n}"), count // senders) for n in range(senders)]
    with ThreadPoolExecutor(senders) as pool:
        return [
            status
            for found in pool.map(lambda row: [status_of(port, raw) for raw in row], rows)
            for status in found
        ]


def check_malformed(collector: CollectorProcess, seed: int, count: int) -> None:
    send_all(collector.port, seed + 1, 400)  # what is made once and kept is no growth
    before = resident_bytes(collector.pid)

    statuses = send_all(collector.port, seed, count)

    counts = Counter(statuses)
    assert max(counts) < 500, f"seed {seed}: {counts}; {collector.health()}"
    assert sum(400 <= s < 500 for s in statuses) > count // 3, counts
    assert resident_bytes(collector.pid) - before < 32 << 20
    assert collector.ask("POST", "/collect", batch(wire_event(f"after-malformed-{seed}"))).status == 204
    # The collector of these tests ships when it ends; after ten minutes it says that nothing was.
    assert {name for name, said in collector.health()["dependencies"].items() if said != "ok"} <= {"shipping"}
    assert b"\n\n" not in collector.stored_bytes()
    collector.stored()  # every stored line is JSON, whatever was sent


def test_ten_thousand_malformed_requests_meet_no_500_and_leave_the_collector_well(
    collector: CollectorProcess,
):
    check_malformed(collector, SEED, 10_000)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(10))
def test_more_malformed_requests_meet_no_500_and_leave_the_collector_well(
    collector: CollectorProcess, seed: int
):
    check_malformed(collector, seed, 20_000)


def test_slow_bodies_do_not_hold_up_the_others(collector):
    head = f"POST /collect?site={SITE} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{{".encode()
    slow = [socket.create_connection(("127.0.0.1", collector.port)) for _ in range(200)]
    for connection in slow:
        connection.sendall(head)

    reply = collector.ask("POST", "/collect", batch(wire_event("beside-the-slow")))

    assert reply.status == 204
    answered, _, _ = select.select(slow, [], [], 0)
    assert answered == [], "the slow ones are waited for still"
    for connection in slow:
        connection.close()
