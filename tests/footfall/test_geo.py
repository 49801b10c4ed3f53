"""Where an address is: from what a CDN says, or from a file; nothing wrong with either matters."""

import csv
import logging
import shutil
from pathlib import Path

import pytest

from footfall.geo import NOWHERE, GeoFile, Place, place_from_headers

FILES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "geoip"
needs_files = pytest.mark.skipif(not FILES.is_dir(), reason="../shared/data/geoip is not here")

KNOWN = "2.125.160.216"
ADDRESSES = (KNOWN, "89.160.20.128", "1.1.1.1", "2001:220::", "::1", "", "no address", "::1.1.1.32")


@needs_files
def test_every_network_of_the_city_file_is_found_and_private_addresses_are_not():
    file = GeoFile(FILES / "GeoLite2-City-Test.mmdb")
    with (FILES / "expected_city.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))

    assert len(rows) > 400
    for row in rows:
        expected = Place(row["country"] or None, row["region"] or None, row["city"] or None)
        if expected.country is None:
            expected = NOWHERE
        assert file.place(row["ip"]) == expected, row


@needs_files
def test_a_file_of_countries_gives_countries():
    assert GeoFile(FILES / "GeoLite2-Country-Test.mmdb").place(KNOWN) == Place("GB", None, None)


@needs_files
@pytest.mark.parametrize(
    "name",
    [
        "GeoIP2-City-Test-Broken-Double-Format.mmdb",
        "GeoIP2-City-Test-Invalid-Node-Count.mmdb",
        "MaxMind-DB-test-broken-search-tree-24.mmdb",
        "missing.mmdb",
        "expected_city.csv",
    ],
)
def test_a_broken_file_gives_no_places_one_warning_at_most_and_no_failure(name, caplog):
    with caplog.at_level(logging.WARNING):
        file = GeoFile(FILES / name)
        for _ in range(3):
            assert {file.place(address) for address in ADDRESSES} == {NOWHERE}
            file.reload()

    assert len(caplog.records) <= 1
    assert not any(address in caplog.text for address in ADDRESSES if address)


@needs_files
def test_files_without_countries_give_none_and_are_no_mistake(caplog):
    for name in ("GeoLite2-ASN-Test.mmdb", "GeoIP2-Anonymous-IP-Test.mmdb"):
        file = GeoFile(FILES / name)
        assert {file.place(address) for address in ADDRESSES} == {NOWHERE}
    assert caplog.text == ""


@needs_files
def test_a_file_that_was_replaced_is_opened_again_and_a_mended_one_heals(tmp_path, caplog):
    path = tmp_path / "places.mmdb"
    path.write_bytes(b"not yet")
    file = GeoFile(path)
    assert file.place(KNOWN) == NOWHERE

    new = tmp_path / "new"
    shutil.copy(FILES / "GeoLite2-City-Test.mmdb", new)
    new.replace(path)
    file.reload()
    assert file.place(KNOWN) == Place("GB", "ENG", "Boxford")

    path.unlink()
    file.reload()
    assert file.place(KNOWN) == NOWHERE
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        ({}, None),
        ({"cf-ipcountry": "DE"}, Place("DE")),
        ({"cf-ipcountry": "de", "cf-region-code": "BE", "cf-ipcity": "Berlin"}, Place("DE", "BE", "Berlin")),
        ({"cf-ipcountry": "BR", "cf-ipcity": "São Paulo"}, Place("BR", None, "São Paulo")),
        (
            {
                "cloudfront-viewer-country": "US",
                "cloudfront-viewer-country-region": "MI",
                "cloudfront-viewer-city": "Ann Arbor",
            },
            Place("US", "MI", "Ann Arbor"),
        ),
        (
            {
                "x-vercel-ip-country": "CH",
                "x-vercel-ip-country-region": "ZH",
                "x-vercel-ip-city": "Z%C3%BCrich",
            },
            Place("CH", "ZH", "Zürich"),
        ),
        ({"x-geo-country": "GB", "x-geo-region": "GB-ENG"}, Place("GB", "ENG")),
        ({"x-appengine-country": "ZZ", "x-appengine-city": "?"}, NOWHERE),
        ({"cf-ipcountry": "XX"}, NOWHERE),
        ({"cf-ipcountry": "T1"}, NOWHERE),
        ({"cf-ipcountry": ""}, NOWHERE),
        ({"cf-ipcountry": "<script>"}, NOWHERE),
        ({"cf-ipcountry": "DE", "cf-region-code": "too long", "cf-ipcity": "a\x00b"}, Place("DE")),
        ({"cf-ipcountry": "DE", "cf-ipcity": "b" * 5000}, Place("DE", None, "b" * 100)),
    ],
)
def test_what_a_cdn_says_is_taken_where_it_makes_sense(headers, place):
    assert place_from_headers({n.encode(): v.encode() for n, v in headers.items()}) == place
