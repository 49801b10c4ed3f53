"""Events of a fixed size that compress like real ones: the same number always gives the same event."""

import random
from datetime import UTC, datetime

import msgspec

#: Bytes of one event on the wire: a page view of our pixel with a long address, a title and properties.
EVENT_BYTES = 600
SITE_KEY = "pk_bench_0123456"
CLIENT_ID = "bench"
SITE_ID = "shop"
CLIENT_FILE = f"""\
client_id: {CLIENT_ID}
name: Benchmark
timezone: UTC
sites:
  - {{site_id: {SITE_ID}, key: {SITE_KEY}, domains: [shop.example]}}
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/bench"}}
exports: [{{name: events, dataset: events, cadence: hourly}}]
"""
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"

_TEXT = (
    "red blue green small large wool cotton linen winter summer coat scarf shirt boots lamp table chair "
    "kettle garden bicycle helmet basket mirror cushion blanket ceramic copper walnut vintage handmade"
)
_WORDS = _TEXT.split()


def wire_event(number: int, occurred_at: datetime | None = None, **own: object) -> bytes:
    """The JSON of one event, EVENT_BYTES long. `own` fields come first, as site and sent_at may."""
    chance = random.Random(number)
    words = [chance.choice(_WORDS) for _ in range(70)]
    moment = occurred_at or datetime.now(UTC)
    identity = f"{chance.getrandbits(128):032x}"
    props = {"price": chance.randrange(1000) / 10, "width": 1920, "language": "en-GB", "text": ""}
    event = {
        **own,
        "id": f"{identity[:8]}-{identity[8:12]}-7{identity[13:16]}-a{identity[17:20]}-{identity[20:]}",
        "type": "page_view",
        "occurred_at": int(moment.timestamp() * 1000),
        "url": f"https://shop.example/{words[0]}/{words[1]}-{chance.randrange(5000)}?utm_source={words[2]}",
        "title": f"{words[3]} {words[4]} {words[5]}",
        "referrer": f"https://search.example/?q={words[6]}+{words[7]}",
        "props": props,
    }
    props["text"] = " ".join(words)[: EVENT_BYTES - len(msgspec.json.encode(event))]
    return msgspec.json.encode(event)


def body(number: int, events: int) -> bytes:
    """A request's body: one event, or a batch of several."""
    sent_at = int(datetime.now(UTC).timestamp() * 1000)
    if events == 1:
        return wire_event(number, site=SITE_KEY, sent_at=sent_at)
    batch = [msgspec.Raw(wire_event(number * events + n)) for n in range(events)]
    return msgspec.json.encode({"site": SITE_KEY, "sent_at": sent_at, "events": batch})
