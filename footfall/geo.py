"""Where an address is: country, region and city, from what a CDN says or from a file. Then it is dropped.

Neither is required: without them the place is empty, and no failure of a file reaches an event.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import maxminddb

log = logging.getLogger("footfall.geo")

#: Below the state folder: where `footfall geoip install` puts tables, and what the one in force is called.
TABLES_FOLDER = "geoip"
TABLE = "places.mmdb"
#: Characters of a city's name that are kept.
MAX_CITY = 100


class Place(NamedTuple):
    """ISO 3166-1 alpha-2, what ISO 3166-2 puts behind it (`CA`, `ENG`), and a city's English name."""

    country: str | None = None
    region: str | None = None
    city: str | None = None


NOWHERE = Place()

#: Headers of country, region and city, as CDNs send them; the first country that is there counts.
#: Cloudflare's region and city are its "visitor location headers"; the last row is for a proxy or a
#: CDN that can be told what to send (nginx with its geoip module, Fastly).
_HEADERS = (
    (b"cloudfront-viewer-country", b"cloudfront-viewer-country-region", b"cloudfront-viewer-city"),
    (b"cf-ipcountry", b"cf-region-code", b"cf-ipcity"),
    (b"x-vercel-ip-country", b"x-vercel-ip-country-region", b"x-vercel-ip-city"),
    (b"x-appengine-country", b"x-appengine-region", b"x-appengine-city"),
    (b"x-geo-country", b"x-geo-region", b"x-geo-city"),
)
#: Codes that say "unknown" (XX, ZZ), "by Tor" (T1) and "by a satellite or proxy" (A1, A2).
NO_COUNTRIES = frozenset({"XX", "ZZ", "T1", "A1", "A2"})


def place_from_headers(headers: Mapping[bytes, bytes]) -> Place | None:
    """What a CDN says of its visitor, None where it says nothing. Ask a trusted proxy's headers only."""
    for country_header, region_header, city_header in _HEADERS:
        value = headers.get(country_header)
        if value is None:
            continue
        country = _code(value, 2, 2)
        if country is None or country in NO_COUNTRIES or not country.isalpha():
            return NOWHERE
        region = _code(headers.get(region_header, b"").rpartition(b"-")[2], 1, 3)
        return Place(country, region, _city(headers.get(city_header)))
    return None


def _code(value: bytes, shortest: int, longest: int) -> str | None:
    text = value.decode("latin-1").strip().upper()
    return text if shortest <= len(text) <= longest and text.isascii() and text.isalnum() else None


def _city(value: bytes | None) -> str | None:
    if not value:
        return None
    text = unquote(value.decode("utf-8", "replace")).strip()
    return text[:MAX_CITY] if text.isprintable() and text and text != "?" else None


class AddressFile:
    """An mmdb file of what addresses are. A broken or missing one says nothing of any, and gives one warning.

    It is mapped, not read into memory: replace it by renaming a new one over it, as geoipupdate does.
    """

    #: What the file is, and what follows where it cannot be read; for the warning.
    _said = ("table of addresses", "it says nothing")

    def __init__(self, path: Path | None, *, may_be_missing: bool = False) -> None:
        self._path = path
        self._may_be_missing = may_be_missing
        self._signature: object = None
        self._reader: maxminddb.Reader | None = None
        self._warned = False
        self.reload()

    def reload(self) -> None:
        """Open the file again where it has changed. Safe in a thread: the reader changes as a whole."""
        if self._path is None:
            return
        signature: object
        problem = ""
        try:
            facts = self._path.stat()
            signature = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
        except OSError as error:
            signature = problem = error.strerror or "cannot be read"
        if signature == self._signature:
            return
        self._signature = signature
        self._warned = False
        self._reader = None
        if problem:
            if not self._may_be_missing:
                self._warn(problem)
            return
        try:
            self._reader = maxminddb.open_database(str(self._path))
        except Exception as error:  # whatever the parser meets in a damaged file
            self._warn(type(error).__name__)

    def record(self, address: str) -> Any:
        """What the file says of an address, None where it says nothing. Never raises."""
        reader = self._reader
        if reader is None:
            return None
        try:
            return reader.get(address)
        except Exception as error:  # its text would quote the address
            # A plain ValueError: no address (a Unix socket), or IPv6 in a file of IPv4.
            if type(error) is not ValueError:
                self._warn(type(error).__name__)
            return None

    def _warn(self, problem: str) -> None:
        if not self._warned:
            log.warning("%s %s: %s; %s", self._said[0], self._path, problem, self._said[1])
        self._warned = True


class GeoFile(AddressFile):
    """An mmdb file of countries or cities."""

    _said = ("table of places", "places stay empty")

    @classmethod
    def of(cls, named: Path | None, home: Path) -> "GeoFile":
        """The file that a setting names, else the table that is, or will be, in the state folder."""
        return cls(named or home / TABLES_FOLDER / "now" / TABLE, may_be_missing=named is None)

    def place(self, address: str) -> Place:
        """Where an address is, as far as the file knows. Never raises."""
        return place_of(self.record(address))


def place_of(record: Any) -> Place:
    """What a record of a table says: as MaxMind and DB-IP write it, or flat (`country_code`, `city`)."""
    if not isinstance(record, dict):
        return NOWHERE
    country = _member(record.get("country"), "iso_code")
    if country is None:
        return _flat(record)
    subdivisions = record.get("subdivisions")
    region = _member(subdivisions[0], "iso_code") if isinstance(subdivisions, list) and subdivisions else None
    city = record.get("city")
    return Place(country, region, _member(city.get("names"), "en") if isinstance(city, dict) else None)


def _flat(record: dict[str, Any]) -> Place:
    for name in ("country_code", "country"):
        code = record.get(name)
        if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha():
            city = record.get("city")
            return Place(code.upper(), None, city[:MAX_CITY] if isinstance(city, str) and city else None)
    return NOWHERE


def _member(part: Any, name: str) -> str | None:
    value = part.get(name) if isinstance(part, dict) else None
    return value[:MAX_CITY] if isinstance(value, str) and value else None
