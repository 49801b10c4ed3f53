"""The worst bodies that are known: what costs most to look through for personal data, for each byte sent."""

import gzip
import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from support.collectors import SITE, batch, wire_event

from footfall.event import MAX_EVENT_BYTES

#: Repeated to the size of an event, each makes a rule work.
SEEDS = {
    "addresses under their name": "ip=1.2.3.4 ",
    "commas under the name of an address": "ip=1,1,1,1,",
    "pairs": "a=b&",
    "encoded pairs": "a%3Db&",
    "escapes of escapes": "%25%32%35",
    "secrets": "token=a ",
    "e-mail addresses": "a@b.co ",
    "hosts without an end": "a@a.a.a.a.a. ",
    "cards": "4111111111111111 ",
    "cards that are none": "4111 1111 1111 1112 ",
    "social security numbers": "123-45-6789 ",
    "words before numbers": "order id ref 123-45-6789 ",
    "names": "a.b.c.",
    "web tokens": "eyJaaaaaa.aaaaaa.a ",
    "credentials": "basic YTpiYzpk ",
    "users of addresses": "a://bbbb:ccc@d ",
    "quotes": "a='",
    "accents": "é=",
}


def heavy_events(size: int = MAX_EVENT_BYTES - 400) -> dict[str, dict[str, Any]]:
    """An event of each kind, of about so many bytes."""
    made = {
        name: wire_event("heavy-event", props={"p": (seed * size)[: size // len(seed.encode()) * len(seed)]})
        for name, seed in SEEDS.items()
    }
    in_address = {
        f"{name} in an address": wire_event(
            "heavy-event", url=f"https://shop.example/?{event['props']['p'][: size - 100]}"
        )
        for name, event in made.items()
    }
    lists = {
        "many short strings": ["a"] * (size // 5),
        "many escapes": ["%41"] * (size // 7),
        "many signs": ["@"] * (size // 5),
        "many numbers": [1] * (size // 3),
        "many lists": [[]] * (size // 4),
        "many users": [{"user": "a@b.co"}] * (size // 20),
    }
    in_lists = {name: wire_event("heavy-event", props={"p": value}) for name, value in lists.items()}
    names = wire_event("heavy-event", props={f"t{n}token": "a" for n in range(size // 17)})
    return {**made, **in_address, **in_lists, "many names": names}


def compact(event: dict[str, Any]) -> bytes:
    """An event as few bytes."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def heavy_body(event: dict[str, Any], count: int = 15) -> bytes:
    """A full body of the same event again and again, which gzip makes small."""
    many = b",".join([compact(event)] * count)
    return gzip.compress(b'{"site":"%s","events":[%s]}' % (SITE.encode(), many))


@dataclass
class Measured:
    """What the other sender met, in seconds, and what the heavy ones were told."""

    waits: list[float] = field(default_factory=list)
    refused: int = 0
    statuses: dict[int, int] = field(default_factory=dict)

    def percentile(self, share: float) -> float:
        """The wait that so many of a hundred requests did not exceed."""
        return sorted(self.waits)[int(len(self.waits) * share / 100)]


def under_attack(port: int, bodies: list[bytes], *, seconds: float, connections: int = 8) -> Measured:
    """One address sends such bodies over its connections as fast as it is answered, another one event at a
    time, a hundred a second.
    """
    measured, stop, guard = Measured(), threading.Event(), threading.Lock()

    def attack(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"content-encoding": "gzip", "x-forwarded-for": "198.51.100.66"}
        while not stop.is_set():
            connection.request("POST", "/collect", bodies[number % len(bodies)], headers)
            answer = connection.getresponse()
            answer.read()
            with guard:
                measured.statuses[answer.status] = measured.statuses.get(answer.status, 0) + 1
            number += connections
        connection.close()

    # The first event of a day waits for its salt.
    other = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    other.request("POST", "/collect", batch(wire_event("light-before")))
    other.getresponse().read()
    threads = [threading.Thread(target=attack, args=(n,)) for n in range(connections)]
    for thread in threads:
        thread.start()
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        began = time.monotonic()
        body = batch(wire_event(f"light-{number:06d}"))
        other.request("POST", "/collect", body, {"x-forwarded-for": "203.0.113.9"})
        answer = other.getresponse()
        answer.read()
        measured.waits.append(time.monotonic() - began)
        measured.refused += answer.status != 204
        number += 1
        time.sleep(max(0.0, began + 0.02 - time.monotonic()))
    stop.set()
    for thread in threads:
        thread.join()
    other.close()
    return measured
