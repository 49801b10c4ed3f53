"""Which networks are data centres', by an optional table."""

from pathlib import Path

import pytest

from footfall.asn import NetworkFile, class_of

TABLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "geoip" / "GeoLite2-ASN-Test.mmdb"


@pytest.mark.parametrize(
    ("record", "asn_class"),
    [
        ({"autonomous_system_organization": "AMAZON-02"}, "hosting"),
        ({"autonomous_system_organization": "Hetzner Online GmbH"}, "hosting"),
        ({"as_name": "Qwjkz Cloud Services", "asn": "AS64500"}, "hosting"),
        ({"org": "Example Data Center Ltd"}, "hosting"),
        ({"as_name": "Qwjkz Colocation"}, "hosting"),
        ({"as_name": "COLO-1 Qwjkz"}, "hosting"),
        ({"as_name": "Universidad Nacional de Colombia"}, None),
        ({"as_name": "Colorado State University"}, None),
        ({"autonomous_system_organization": "Deutsche Telekom AG"}, None),
        ({"autonomous_system_organization": "GOOGLE-FIBER Google Fiber Inc."}, None),
        ({"autonomous_system_organization": "Cloud Telecom Broadband"}, None),
        # A table that says it itself is believed.
        ({"type": "hosting", "name": "Example"}, "hosting"),
        ({"as_type": "isp", "as_name": "Example Cloud"}, None),
        ({"autonomous_system_number": 64500}, None),
        ({"country": {"iso_code": "DE"}}, None),
        ("a text", None),
        (None, None),
    ],
)
def test_a_network_is_a_data_centres_by_what_its_table_says_or_by_whose_it_is(record, asn_class):
    assert class_of(record) == asn_class


def test_without_a_table_or_with_a_broken_one_nothing_is_known_and_no_address_fails(tmp_path):
    broken = tmp_path / "networks.mmdb"
    broken.write_bytes(b"no table")

    for file in (NetworkFile.of(None), NetworkFile.of(broken), NetworkFile.of(tmp_path / "missing.mmdb")):
        file.reload()
        assert file.asn_class("1.0.0.1") is None


def test_addresses_are_found_in_a_public_table():
    if not TABLE.exists():
        pytest.skip(f"{TABLE} is not on this machine")
    file = NetworkFile.of(TABLE)

    found = {
        address: file.asn_class(address) for address in ("1.0.0.1", "23.32.0.1", "31.224.0.1", "x", "::1")
    }

    assert found == {"1.0.0.1": "hosting", "23.32.0.1": "hosting", "31.224.0.1": None, "x": None, "::1": None}
