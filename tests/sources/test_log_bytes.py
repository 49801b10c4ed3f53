"""What is stored of a log stays the same bytes, however fast it is read."""

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard
from support.orchestration_builders import client

from footfall.store import LocalStore
from sources.conversion import Receiver
from sources.event_names import EventNames
from sources.import_files import LocalFile
from sources.log_import import import_logs

NOW = datetime(2026, 11, 29, tzinfo=UTC)
AGENTS = [
    *(f"Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0" for n in range(100, 140)),
    "-",
    'say \\"hello\\" \\x22',
    "caf\xe9",
    "bot (+mailto:jane.doe@mail.example)",
]


class FixedSalts:
    """Salts that are the same on every day and for ever, so that visitors are too."""

    def of(self, *_whose: object) -> bytes:
        """One salt."""
        return b"s" * 32


def addresses(chance: random.Random) -> Iterator[str]:
    while True:
        four = ".".join(str(chance.choice((0, 1, 9, 10, 100, 127, 198, 255))) for _ in range(4))
        six = f"2001:db8:{chance.randrange(9):x}::{chance.randrange(1 << 16):x}"
        yield chance.choice(
            (four, four, four, f"{four}:4711", six, f"[{six}]:80", f"::ffff:{four}", f"{four}, 10.0.0.1", "-")
        )


def targets(chance: random.Random, address: str) -> str:
    plain = address.split(",")[0].split(":")[0].strip("[]")
    number = chance.randrange(5000)
    return chance.choice(
        (
            "/",
            f"/p/{number}",
            f"/p/{number}.png",
            f"/p/{number}?utm_source=mail&gclid=abc{number}",
            f"/from/{plain}",
            f"/from?ip={plain.replace('.', '-')}&x={number}",
            f"/hex/{''.join(f'{int(part):02x}' for part in plain.split('.') if part.isdigit())}/x",
            f"/mail?to=jane.doe{number}@mail.example",
            f"/b64/aGVsbG8{number}=",
            f"//double/{number}",
            "http://shop.example/absolute",
            f"/%e4%zz/\\x22{number}\\xe4",
        )
    )


def combined(chance: random.Random, lines: int, prefix: str = "") -> str:
    text = []
    who = addresses(chance)
    for n in range(lines):
        address = next(who)
        second = n * 7
        at = f"{datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=second):%d/%b/%Y:%H:%M:%S} +0100"
        request = f"{chance.choice(('GET', 'GET', 'HEAD', 'POST'))} {targets(chance, address)} HTTP/1.1"
        if not n % 97:
            request = chance.choice(("-", "\\x16\\x03", "GET"))
        text.append(
            f'{prefix}{address} - {chance.choice(("-", "jane doe", "u"))} [{at}] "{request}" '
            f"{chance.choice((200, 200, 304, 404))} {chance.randrange(90000)} "
            f'"{chance.choice(("-", "https://search.example/?q=" + address[:7], "android-app://x"))}" '
            f'"{chance.choice(AGENTS)}"' + chance.choice(("", "", "", ' 12 "-"'))
        )
        if not n % 83:
            text.append(chance.choice((text[-1], text[-1][:50], "", "no line of a log")))
    return "\n".join(text) + "\n"


def cloudfront(chance: random.Random, lines: int) -> str:
    names = (
        "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
        "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header "
        "cs-protocol cs-bytes time-taken"
    )
    text = ["#Version: 1.0", f"#Fields: {names}"]
    who = addresses(chance)
    for n in range(lines):
        address = next(who)
        path, _, query = targets(chance, address).partition("?")
        cells = (
            "2026-11-20", f"{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}", "FRA56-P1",
            chance.randrange(9000), address, chance.choice(("GET", "POST", "g e t")), "d1.cloudfront.net",
            path,
            chance.choice((200, 304, 404, "000")), chance.choice(("-", "https://search.example/")),
            chance.choice(AGENTS).replace(" ", chance.choice(("%20", "%2520"))), query or "-", "-", "Hit",
            chance.choice(("-", f"kX{n:05d}==")), chance.choice(("shop.example", "other.example")), "https",
            90, "0.004",
        )  # fmt: skip
        text.append("\t".join(map(str, cells)))
    return "\n".join(text) + "\n"


SYSLOG = "Nov 20 10:00:07 web1 nginx: "


@pytest.mark.parametrize(
    ("made", "keeps", "digest"),
    [
        (lambda: combined(random.Random(1), 4000), None, (4035, "8d38c42a3da371f4")),
        (lambda: combined(random.Random(2), 1500), True, (1515, "8d558b7a1f145464")),
        (lambda: combined(random.Random(3), 800, SYSLOG), None, (808, "77c9a621793d68b9")),
        (lambda: combined(random.Random(4), 800, "www.shop.example:443 "), None, (808, "318a445dfa744925")),
        (lambda: cloudfront(random.Random(5), 2000), None, (2000, "99a459d623a8174d")),
    ],
    ids=["combined", "requests", "behind syslog", "virtual hosts", "cloudfront"],
)
def test_the_same_log_is_stored_as_the_same_bytes(tmp_path: Path, made, keeps, digest) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(made().encode("latin-1"))
    lake, owner = LocalStore(tmp_path / "lake"), client()
    receiver = Receiver(
        owner, owner.sites[0], FixedSalts(), EventNames("k" * 32), now=NOW, keeps_requests=keeps
    )

    (done,) = import_logs([LocalFile("access.log", path)], receiver, lake, None, is_only=True)

    stored = hashlib.sha256()
    for key in done.landed.keys:
        stored.update(key.rpartition("-")[0].encode() + zstandard.decompress(lake.get(key)))
    assert (done.counts.lines, stored.hexdigest()[:16]) == digest
