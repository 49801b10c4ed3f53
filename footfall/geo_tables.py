"""Tables of places that a person installs: what they are, whether they can be read, and where they lie.

`geoip/now` in the state folder is a link to the folder of one table: `places.mmdb`, what is known of it
(`about.json`), and the texts of its licence. A new one is made whole beside it; then the link is turned.
"""

import gzip
import json
import random
import re
import secrets
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

import maxminddb

from footfall.errors import FootfallError
from footfall.event import timestamp
from footfall.geo import TABLE, TABLES_FOLDER, place_of
from footfall.whole_files import sha256_of

#: Bytes of a table, unpacked; the largest free ones have some 150 million. More: more disk for a bomb.
MAX_BYTES = 1 << 30
#: Files of a package that are looked at, and bytes of a text of its licence.
MAX_MEMBERS, MAX_TEXT_BYTES = 5_000, 1 << 20
#: Networks from the start of a table, and addresses from all over, that are read before it is believed.
NETWORKS, ADDRESSES = 50_000, 20_000
#: When networks have moved so much that a table should be replaced: makers bring theirs monthly or weekly.
OLD = timedelta(days=180)

_MARKER = b"\xab\xcd\xefMaxMind.com"
_LICENCE = re.compile(r"(?i)(licen[cs]e|eula|copyright|attribution|notice)")
#: Whose table it is, by what stands in its type, its package or its licence → what has to be shown with it.
_MAKERS = {
    "dbip": ("CC BY 4.0", "IP Geolocation by DB-IP, https://db-ip.com"),
    "db-ip": ("CC BY 4.0", "IP Geolocation by DB-IP, https://db-ip.com"),
    "geolite2": (
        "GeoLite2 End User License Agreement, https://www.maxmind.com/en/geolite2/eula",
        "This product includes GeoLite2 data created by MaxMind, available from https://www.maxmind.com",
    ),
    "ipinfo": ("CC BY-SA 4.0", "IP address data powered by IPinfo, https://ipinfo.io"),
    "iptoasn": ("public domain (PDDL 1.0)", "none asked for; from https://iptoasn.com"),
}


Member = TypeVar("Member")


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, most: int = -1, /) -> bytes:
        """As many, or all that is left."""


@dataclass(frozen=True)
class About:
    """What is known of a table, as far as it says so itself. `built_at`: by its maker."""

    type: str
    kind: str
    built_at: datetime
    networks: int
    source: str
    sha256: str
    licence: str
    attribution: str

    def said(self, now: datetime) -> str:
        """A line: what it holds, of whom, and how old it is."""
        days = (now - self.built_at).days
        old = ", older than six months: install a new one" if now - self.built_at > OLD else ""
        return f"{self.kind} ({self.type}) of {self.built_at:%Y-%m-%d}, {days} days old{old}"


@dataclass(frozen=True)
class _Found:
    path: Path
    name: str
    kind: str
    type: str
    built_at: datetime
    nodes: int
    networks: int
    is_six: bool

    @property
    def worth(self) -> tuple[bool, bool, int]:
        return "cities" in self.kind, self.is_six, self.nodes


def install(given: Path, home: Path, source: str, now: datetime) -> About:
    """Put the best table of a file or package into the state folder, once it was read. Raises FootfallError.

    `given`: mmdb, plain or gzip, or a package (tar, zip, wheel) that holds one or several.
    """
    folder = home / TABLES_FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found: list[_Found] = []
    texts: dict[str, bytes] = {}
    problems: list[str] = []
    with TemporaryDirectory(prefix=".new-", dir=folder) as scratch:
        with _said_of(given):
            for name, path in _members(given, Path(scratch), texts):
                try:
                    found.append(_examined(name, path, now))
                except FootfallError as error:
                    problems.append(str(error))
                    path.unlink()
        if not found:
            raise FootfallError("; ".join(problems[:3]) or f"{given} holds no table of places (*.mmdb)")
        best = max(found, key=lambda each: each.worth)
        return _put(best, texts, folder, source, now)


def installed(home: Path) -> About | None:
    """What is known of the table that is installed; None where there is none. Raises FootfallError."""
    path = home / TABLES_FOLDER / "now" / "about.json"
    try:
        said = json.loads(path.read_bytes())
        return About(**{**said, "built_at": datetime.fromisoformat(said["built_at"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        raise FootfallError(
            f"{path} cannot be read: install the table again (footfall geoip install)"
        ) from None


def examined(path: Path, now: datetime) -> str:
    """What a table holds, by whom and of when, in a line; read as `install` does. Raises FootfallError."""
    found = _examined(path.name, path, now)
    return About(found.type, found.kind, found.built_at, found.networks, "", "", "", "").said(now)


# Out of its package -------------------------------------------------------------------------------------


def _members(given: Path, scratch: Path, texts: dict[str, bytes]) -> Iterator[tuple[str, Path]]:
    """The tables of a file or package, as files of ours; the texts of its licence into `texts`."""
    number = 0
    for name, file in _opened(given):
        last = name.rpartition("/")[2]
        if _LICENCE.search(last) and not last.endswith((".py", ".js", ".mmdb", ".gz")):
            texts.setdefault(last[:100], file.read(MAX_TEXT_BYTES))
        elif last.removesuffix(".gz").endswith(".mmdb") or name == given.name:
            number += 1
            path = scratch / f"{number}.mmdb"
            _copy(file, path, name)
            if path.stat().st_size:
                yield name, path


def _opened(given: Path) -> Iterator[tuple[str, Readable]]:
    if zipfile.is_zipfile(given):
        with zipfile.ZipFile(given) as packed:
            for info in _few(packed.infolist(), given):
                if not info.is_dir():
                    with packed.open(info) as held:
                        yield info.filename, held
    elif tarfile.is_tarfile(given):
        with tarfile.open(given) as archive:
            for member in _few(archive, given):
                content = archive.extractfile(member) if member.isreg() else None
                if content is not None:
                    yield member.name, content
    else:
        with given.open("rb") as file:
            yield given.name, file


@contextmanager
def _said_of(given: Path) -> Iterator[None]:
    """What can go wrong with a file of a stranger, as one line."""
    try:
        yield
    except FileNotFoundError:
        raise FootfallError(
            f"there is no file {given}; a package is named with its registry, npm:NAME or pypi:NAME"
        ) from None
    except (
        OSError,
        EOFError,
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        NotImplementedError,
    ) as error:
        raise FootfallError(f"{given} cannot be read to its end: {error}") from None
    except RuntimeError:  # what zipfile says of a password
        raise FootfallError(f"{given} is encrypted: unpack it first") from None


def _few(members: Iterable[Member], given: Path) -> Iterator[Member]:
    for number, member in enumerate(members):
        if number == MAX_MEMBERS:
            raise FootfallError(f"{given} holds more than {MAX_MEMBERS} files: give the table alone")
        yield member


def _copy(file: Readable, path: Path, name: str) -> None:
    """Unpacked where it is gzip. Raises FootfallError where it is larger than any table."""
    _take(file, path, name)
    with path.open("rb") as begin:
        is_packed = begin.read(2) == b"\x1f\x8b"
    if is_packed:
        packed = path.rename(path.with_suffix(".gz"))
        with gzip.open(packed) as content:
            _take(content, path, name)
        packed.unlink()


def _take(file: Readable, path: Path, name: str) -> None:
    size = 0
    with path.open("wb") as out:
        while piece := file.read(1 << 20):
            size += len(piece)
            if size > MAX_BYTES:
                raise FootfallError(f"{name} holds more than {MAX_BYTES} bytes: that is no table of places")
            out.write(piece)


# What it is ---------------------------------------------------------------------------------------------


def _examined(name: str, path: Path, now: datetime) -> _Found:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - (128 << 10)))
        if _MARKER not in file.read():
            is_text = "csv" in name.rpartition("/")[2].lower()
            hint = "; of a table as CSV its maker has the same as .mmdb" if is_text else ""
            raise FootfallError(f"{name} is no table in MaxMind's format (.mmdb), or is cut short{hint}")
    try:
        with maxminddb.open_database(str(path)) as reader:
            about = reader.metadata()
            places = [place_of(record) for _, record in islice(reader, NETWORKS)]
            places += [place_of(reader.get(address)) for address in _all_over(about.ip_version)]
            type_, built, six, nodes = (
                str(about.database_type),
                float(about.build_epoch),
                about.ip_version == 6,
                int(about.node_count),
            )
    except Exception as error:  # whatever the parser meets in a damaged file
        raise FootfallError(f"{name} is damaged ({type(error).__name__}): fetch it again") from None
    if not any(place.country for place in places):
        raise FootfallError(f"{name} ({type_[:60]}) holds no countries: take a table of countries or cities")
    try:
        built_at = datetime.fromtimestamp(built, UTC)
    except (ValueError, OverflowError, OSError):
        built_at = datetime.max.replace(tzinfo=UTC)
    if not datetime(2000, 1, 1, tzinfo=UTC) < built_at < now + timedelta(days=2):
        raise FootfallError(f"{name} says that it was made in {built_at.year}: it is damaged, or no table")
    kind = "countries and cities" if any(place.city for place in places) else "countries"
    return _Found(path, name, kind, type_[:100], built_at, nodes, len(places), six)


def _all_over(version: int) -> Iterator[str]:
    """The same addresses each time."""
    dice = random.Random(7)
    for n in range(ADDRESSES):
        if version == 6 and n % 2:
            yield str(IPv6Address(0x2000 << 112 | dice.getrandbits(125)))
        else:
            yield str(IPv4Address(dice.getrandbits(32)))


# Into its place -----------------------------------------------------------------------------------------


def _put(best: _Found, texts: dict[str, bytes], folder: Path, source: str, now: datetime) -> About:
    everything = " ".join([best.type, best.name, source, *(f"{t[:4000]!r}" for t in texts.values())]).lower()
    maker = next((said for sign, said in _MAKERS.items() if sign in everything), None)
    licence, attribution = maker or ("as its maker says", "as its licence says")
    about = About(
        best.type, best.kind, best.built_at, best.networks, source, sha256_of(best.path), licence, attribution
    )
    new = folder / f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    new.mkdir(mode=0o700)
    best.path.replace(new / TABLE)
    for name, text in texts.items():
        (new / f"licence-{re.sub(r'[^A-Za-z0-9._-]', '_', name)}").write_bytes(text)
    (new / "LICENCE.txt").write_text(
        f"{TABLE} ({best.type}, made {best.built_at:%Y-%m-%d}) is not part of Footfall.\n"
        f"From:        {source}\nLicence:     {licence}\nAttribution: {attribution}\n",
    )
    said = {**asdict(about), "built_at": timestamp(about.built_at)}
    (new / "about.json").write_text(json.dumps(said, indent=1) + "\n")
    for path in new.iterdir():
        path.chmod(0o600)
    link = folder / f".now-{new.name}"
    link.symlink_to(new.name)
    link.replace(folder / "now")
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and path.name[0].isdigit() and path != new:
            with suppress(OSError):
                shutil.rmtree(path)
    return about


def in_force(named: Path | None, home: Path, now: datetime) -> str:
    """What table is asked where an address is, in a line. Raises FootfallError where it cannot be read.

    `named`: the file of FOOTFALL_GEOIP.
    """
    if named is not None:
        if not named.is_file():
            raise FootfallError(
                f"FOOTFALL_GEOIP={named}: there is no such file; country, region, city stay empty"
            )
        return f"{examined(named, now)}; {named}"
    about = installed(home)
    if about is None:
        return (
            "none: country, region and city stay empty, but for what a CDN says; `footfall geoip install` "
            "puts a table there"
        )
    table = home / TABLES_FOLDER / "now" / TABLE
    if not table.is_file() or sha256_of(table) != about.sha256:
        raise FootfallError(f"{table} is not what was installed: install it again (footfall geoip install)")
    return f"{about.said(now)}; {about.attribution}"
