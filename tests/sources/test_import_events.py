"""Events of another tool, as JSON lines: each at its own time, none lost, none twice."""

import base64
import gzip
import ipaddress
import json
from datetime import UTC, datetime

import pytest

from footfall.clients import Client, Destination, Export, Site
from footfall.errors import FootfallError
from footfall.privacy import first_party_visitor_id
from footfall.salts import Salts
from footfall.store import LocalStore
from sources.event_names import EventNames
from sources.import_events import EventReceiver, import_events

AT = "2026-05-01T12:30:00Z"
NAMES = EventNames("k" * 32)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
OWNER = Client(
    client_id="demo",
    name="Demo",
    sites=[Site(site_id="shop", key="pk_demo_0000", domains=["shop.example"])],
    destination=Destination(url="file:///buckets/demo"),
    exports=[Export(name="events", dataset="events", cadence="hourly")],
)


def wire(**changes):
    event = {
        "occurred_at": AT,
        "type": "page_view",
        "url": "https://shop.example/",
        "visitor": "v-1",
        "plan": "gold",
    }
    return json.dumps(
        {name: value for name, value in {**event, **changes}.items() if value is not ...}
    ).encode()


class World:
    def __init__(self, folder):
        self.path = folder / "events.ndjson"
        self.lake = LocalStore(folder / "lake")

    def take(self, *lines, packed=False):
        text = b"\n".join(lines) + b"\n"
        self.path.write_bytes(gzip.compress(text, mtime=0) if packed else text)
        receiver = EventReceiver(OWNER, OWNER.sites[0], self.lake, Salts(self.lake), NAMES)
        return import_events(self.path, receiver, now=NOW)

    def stored(self):
        import zstandard

        lines = []
        for info in self.lake.list("raw/"):
            data = zstandard.ZstdDecompressor().decompress(self.lake.get(info.key))
            lines += [json.loads(line) for line in data.splitlines()]
        return lines


def addressed(address, **changes):
    """An event of a sender that says the address in many ways."""
    return wire(
        ip=address,
        url=f"https://shop.example/{address}?from={address.replace('.', '%2E')}",
        title=base64.b64encode(address.encode()).decode(),
        plan=int(ipaddress.ip_address(address)),
        **changes,
    )


def test_the_address_that_an_event_states_is_hidden_wherever_it_says_it(world):
    others = wire(ip="203.0.113.9", title="198.51.100.7 is somebody else")

    world.take(
        addressed("198.51.100.7"),
        addressed("198.51.100.7", occurred_at="never"),
        addressed("198.51.100.7")[:-1],
        others,
    )

    *own, last = (json.dumps(line) for line in world.stored())
    assert [line for line in own if "redacted-address" not in line] == []
    for spelling in ("198.51.100.7", "198%2E51", "3325256711", "MTk4LjUxLjEwMC43"):
        assert [line for line in own if spelling in line] == []
    assert "198.51.100.7 is somebody else" in last


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.mark.parametrize("occurred_at", [AT, "2026-05-01T14:30:00+02:00", 1777638600000])
def test_an_event_lands_in_the_hour_of_its_own_time(world, occurred_at):
    report = world.take(wire(occurred_at=occurred_at))
    assert list(report.by_hour) == [datetime(2026, 5, 1, 12, tzinfo=UTC)]
    (line,) = world.stored()
    assert (line["received_at"], line["source"]) == ("2026-05-01T12:30:00.000Z", "import")
    assert line["event"]["plan"] == "gold", "fields that nobody knows are kept"


def test_a_visitor_is_a_daily_hash_unless_the_event_declares_consent(world):
    world.take(wire(), wire(consent=3), wire(occurred_at="2026-05-02T12:00:00Z"))
    daily, persistent, next_day = [line["visitor_id"] for line in world.stored()][:3]
    assert persistent == first_party_visitor_id("shop", "v-1")
    assert len({daily, persistent, next_day}) == 3
    assert "v-1" not in json.dumps([line for line in world.stored() if line["consent_tier"] < 3])


def test_the_same_file_again_brings_nothing_new(world):
    first = world.take(wire(), wire(visitor="v-2"))
    again = world.take(wire(), wire(visitor="v-2"), packed=True)
    assert first.keys == again.keys
    assert len(world.stored()) == 2


def test_alike_lines_are_two_events_and_an_id_of_their_own_is_kept(world):
    world.take(wire(), wire(), wire(id="order-00000001"))
    assert len({line["event_id"] for line in world.stored()}) == 3
    assert "order-00000001" in {line["event_id"] for line in world.stored()}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"no json", "malformed_json"),
        (b"[1]", "malformed_json"),
        (wire(occurred_at=...), "invalid_event"),
        (wire(occurred_at="2026-05-01T12:30:00"), "invalid_event"),
        (wire(occurred_at="2099-01-01T00:00:00Z"), "invalid_event"),
        (wire(url="nonsense"), "invalid_event"),
        (wire(pad="x" * 40_000), "event_too_large"),
    ],
)
def test_a_line_that_is_no_event_is_quarantined_beside_the_good_ones(world, bad, reason):
    report = world.take(wire(), bad)
    assert (report.lines, report.page_views, report.refused) == (2, 1, 1)
    assert [line["reason"] for line in world.stored() if line["kind"] == "refused"] == [reason]


@pytest.mark.parametrize(("lines", "said"), [((b"no json",), "none of the 1 lines"), ((b" ",), "is empty")])
def test_a_file_without_an_event_is_refused_and_nothing_stored(world, lines, said):
    with pytest.raises(FootfallError, match=said):
        world.take(*lines)
    assert world.stored() == []
