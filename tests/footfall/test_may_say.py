"""The quick look at a text for an address never says no where the address would be taken out."""

import base64
import ipaddress
import json
from urllib.parse import quote

from hypothesis import example, given, settings
from hypothesis import strategies as st

from footfall.scrub_addresses import address_signs, look, may_say, without_own_address

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


@settings(max_examples=600, deadline=None)
@given(texts())
@example(("/p/198.51.100.11", "198.51.100.11"))
@example(("/p/101", "1.0.0.1"))
def test_what_the_quick_look_passes_over_holds_no_spelling_of_the_address(made: tuple[str, str]) -> None:
    text, address = made
    stored = json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "surrogatepass")

    if not may_say(look(text), address_signs(address)):
        assert without_own_address(stored, address) == stored


@settings(max_examples=150, deadline=None)
@given(texts())
def test_a_text_with_fewer_digits_than_any_spelling_needs_no_look(made: tuple[str, str]) -> None:
    text, address = made
    seen, signs = look(text), address_signs(address)
    is_short = len(seen.decimal) < signs.fewest_decimal and len(seen.hexadecimal) < signs.fewest_hexadecimal

    assert not (is_short and not seen.may_hide and may_say(seen, signs))


def test_an_address_that_hides_nothing_is_said_by_no_text() -> None:
    for address in ("127.0.0.1", "::1", "0.0.0.0", "no address"):
        assert not may_say(look(f"/p/{address}?x=%31"), address_signs(address))
