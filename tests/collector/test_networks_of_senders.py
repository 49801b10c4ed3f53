"""What a collector keeps of the network that an event came from: its class, by an optional table."""

from pathlib import Path

import pytest
from support.collectors import CollectorProcess, batch, wire_event

TABLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "geoip" / "GeoLite2-ASN-Test.mmdb"


def test_an_event_from_a_data_centre_says_so_and_no_other_has_the_field(tmp_path):
    if not TABLE.exists():
        pytest.skip(f"{TABLE} is not on this machine")
    collector = CollectorProcess(tmp_path, settings={"FOOTFALL_ASN": str(TABLE)}).start()
    try:
        said = {}
        for number, address in enumerate(("1.0.0.1", "31.224.0.1", "192.0.2.1")):
            sent = batch(wire_event(f"of-network-{number}"))
            assert collector.ask("POST", "/collect", sent, {"x-forwarded-for": address}).status == 204
            said[address] = collector.await_stored(f"of-network-{number}").get("asn_class", "no field")
    finally:
        collector.end()

    assert said == {"1.0.0.1": "hosting", "31.224.0.1": "no field", "192.0.2.1": "no field"}
