"""What a log's texts are compared with in SQL never says no where the address would be taken out."""

import base64
import ipaddress
import json
from collections.abc import Sequence
from urllib.parse import quote

from hypothesis import example, given, settings
from hypothesis import strategies as st

from footfall.scrub_addresses import look, without_own_address
from footfall.sql import sql
from sources.log_addresses import signs_of, who_may_be_said
from sources.requests import reading
from sources.temporary_tables import make_table

ADDRESSES = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.lists(st.sampled_from((0, 1, 9, 10, 100, 127, 255)), min_size=4, max_size=4).map(
        lambda parts: ".".join(map(str, parts))
    ),
    st.ip_addresses(v=6).map(str),
    st.ip_addresses(v=4).map(lambda four: f"2002:{int(four) >> 16:x}:{int(four) & 0xFFFF:x}::1"),
    st.ip_addresses(v=4).map(lambda four: f"64:ff9b::{four}"),
)


def spellings(address: str) -> list[str]:
    """An address as pages and logs have been seen to write it."""
    value = ipaddress.ip_address(address)
    number, packed = int(value), value.packed
    found = [address, value.exploded, value.reverse_pointer, str(number), f"{number:x}", f"0x{number:X}"]
    found += [base64.b64encode(address.encode()).decode(), base64.urlsafe_b64encode(packed).decode()]
    found += [base64.b64encode(text).decode() for text in held_by_base64(address, packed)]
    if value.version == 4:
        parts = address.split(".")
        found += ["-".join(parts), " ".join(parts), "[.]".join(parts), ".".join(reversed(parts))]
        found += [".".join(f"0{int(part):o}" for part in parts), ".".join(hex(int(part)) for part in parts)]
        found += [f"::ffff:{address}", f"ip-{'-'.join(parts)}.host", f"0{number:o}", str(2**32 - number)]
        found += ["".join(f"{int(part):03d}" for part in parts), f"{parts[0]}.{number & 0xFFFFFF}"]
        found += [address.translate({ord("0") + n: chr(0xFF10 + n) for n in range(10)})]
    return found


def held_by_base64(address: str, packed: bytes) -> list[bytes]:
    """What base64 holds an address in, at each place of its groups."""
    return [
        *(f'{before}{{"ip":"{address}"}}'.encode() for before in ("", "a", "ab")),
        *(
            f"{before}{address}{behind}".encode()
            for before in ("", "x", "xy")
            for behind in ("", "\xb8", " 1")
        ),
        address.replace(".", "&#46;").encode(),
        b"::ffff:" + address.encode(),
        bytes(10) + b"\xff\xff" + packed[-4:],
    ]


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str]:
    """(text, address): a text that may have the address in one of its spellings, perhaps encoded."""
    address = draw(ADDRESSES)
    said = draw(st.sampled_from(spellings(address)))
    for _ in range(draw(st.integers(0, 2))):
        said = draw(
            st.sampled_from(
                (
                    quote(said, safe=""),
                    "".join(f"%{byte:02x}" for byte in said.encode()),
                    json.dumps(said)[1:-1],
                    "".join(f"\\u{ord(c):04x}" for c in said if ord(c) < 0x10000),
                    said.upper(),
                )
            )
        )
    around = st.text(alphabet="/?=&abc.-_ 0123456789%é+Agw", max_size=12)
    return draw(around) + draw(st.sampled_from((said, ""))) + draw(around), address


def may_say(pairs: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of pairs of a text and an address, those that an import would look at closely."""
    texts, addresses = [text for text, _ in pairs], [address for _, address in pairs]
    with reading() as (connection, _):
        make_table(connection, "sent", {"address": addresses, "text": texts, **signs_of(addresses)})
        looks = {text: look(text) for text in texts}
        found = who_may_be_said(connection, looks, sql("sent"), "text")
        return {(text, address) for address, text in found}


@settings(max_examples=60, deadline=None)
@given(st.lists(texts(), min_size=1, max_size=20))
@example([("/p/198.51.100.11", "198.51.100.11"), ("/p/101", "1.0.0.1")])
def test_a_text_that_sql_passes_over_holds_no_spelling_of_the_address(made: list[tuple[str, str]]) -> None:
    found = may_say(made)

    for text, address in made:
        stored = json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "surrogatepass")
        if (text, address) not in found:
            assert without_own_address(stored, address) == stored


def test_a_text_that_has_other_digits_is_passed_over() -> None:
    assert not may_say([("/p/7", "198.51.100.11"), ("Chrome/131.0.0.0", "198.51.100.11")])


def test_an_address_that_hides_nothing_is_said_by_no_text() -> None:
    assert not may_say([(f"/p/{each}?x=%31", each) for each in ("127.0.0.1", "::1", "0.0.0.0", "no address")])
