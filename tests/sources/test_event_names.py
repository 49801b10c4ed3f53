"""Ids of imported lines that bring none: the same for ever, and of no use to who wants to know an address."""

import hashlib
import json
from pathlib import Path

import pytest
import zstandard
from support.converted_logs import converted
from support.orchestration_builders import client

from footfall.salts import Salts
from footfall.store import LocalStore
from sources.event_names import EventNames
from sources.log_import import import_log

OWNER = client()
HIT = '192.0.2.7 - - [20/Nov/2026:{hour}:00:00 +0000] "GET /bread HTTP/1.1" 200 512 "-" "Mozilla/5.0"\n'
REQUEST = "2026-11-20\t14:05:00\tFRA2\t3\t198.51.100.7\tGET\td1\t/p\t200\t-\tcurl\t-"


def stored(lake: LocalStore, key: str) -> list[str]:
    """Ids of the events of a raw object."""
    data = zstandard.ZstdDecompressor().decompress(lake.get(key))
    return [json.loads(line)["event_id"] for line in data.splitlines()]


def test_a_file_of_one_line_has_an_id_that_only_the_key_gives(tmp_path: Path) -> None:
    """Else whoever knows the rest of the line could try all addresses until the id fits."""
    (tmp_path / "one.log").write_text(HIT.format(hour=14))
    ids = []
    for number, key in enumerate(("a" * 32, "a" * 32, "b" * 32)):
        store = LocalStore(tmp_path / str(number))
        import_log(tmp_path / "one.log", OWNER, OWNER.sites[0], store, Salts(store), EventNames(key))
        [found] = list(store.list("raw/"))
        ids.append((found.key.rpartition("-")[0], stored(store, found.key)))

    assert ids[0] == ids[1]
    assert ids[0][0] != ids[2][0]
    assert ids[0][1] != ids[2][1]


@pytest.mark.parametrize("owner", ["client=demo.", ""])
def test_a_file_that_an_earlier_program_imported_keeps_its_ids(tmp_path: Path, owner: str) -> None:
    text = HIT.format(hour=14) + HIT.format(hour=15)
    lake = LocalStore(tmp_path / "lake")
    (tmp_path / "two.log").write_text(text)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    lake.put(f"raw/dt=2026-11-20/hour=14/{owner}import-{sha256[:12]}-ab.ndjson.zst", zstandard.compress(b""))

    import_log(tmp_path / "two.log", OWNER, OWNER.sites[0], lake, Salts(lake), EventNames("a" * 32))

    ids = [event_id for info in lake.list("raw/") for event_id in stored(lake, info.key)]
    assert ids == [f"log-{sha256[:24]}-1", f"log-{sha256[:24]}-2"]


def ids_under(folder: Path, key: str, lake: LocalStore, *lines: str) -> set[str]:
    """Event ids of these lines as an installation with that key makes them."""
    _, stored_lines = converted(
        folder, ("o.log", "\n".join(lines).encode()), lake=lake, names=EventNames(key)
    )
    return {each["event_id"] for each in stored_lines}


def test_without_a_request_id_nobody_who_lacks_the_key_can_try_addresses_until_the_id_fits(
    tmp_path: Path,
) -> None:
    nameless, lake = REQUEST, LocalStore(tmp_path)
    first, again = (ids_under(tmp_path, "a" * 32, lake, nameless) for _ in range(2))
    of_another_key = ids_under(tmp_path, "b" * 32, lake, nameless)

    assert first == again
    assert first.isdisjoint(of_another_key)
