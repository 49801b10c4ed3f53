"""Made-up personal data and harmless ids, and the events that carry them; made without a look at the rules.

Everything follows from a seed, so that a failure can be looked at again.
"""

import base64
import hashlib
import json
import random
import string
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, quote_plus, urlencode

_FIRST = "anna ben chloé dmitri eva fatima george hiro ines jörg kim lars maria nina omar paula"
FIRST = _FIRST.split()
_LAST = "smith müller garcia o'brien ivanova tanaka rossi nowak kowalska jensen silva van-dyk"
LAST = _LAST.split()
_HOSTS = "example.com mail.example.org post.example.co.uk firma-post.de uni.example.edu bücher.example"
HOSTS = _HOSTS.split()
_WORDS = "red blue wool coat scarf boots lamp table garden summer offer guide review winter linen best"
WORDS = _WORDS.split()


def luhn_digit(digits: str) -> str:
    """The last digit of a card number."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return str(-total % 10)


class Maker:
    """Makes strings from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def digits(self, count: int) -> str:
        """That many digits, the first not 0."""
        return str(self.chance.randint(1, 9)) + "".join(self.chance.choices(string.digits, k=count - 1))

    def text(self, alphabet: str, count: int) -> str:
        """That many characters of an alphabet."""
        return "".join(self.chance.choices(alphabet, k=count))

    # Personal data

    def email(self) -> str:
        """An address in one of the usual forms."""
        first, last = self.chance.choice(FIRST), self.chance.choice(LAST)
        local = self.chance.choice(
            [f"{first}.{last}", f"{first}{self.digits(2)}", f"{first[0]}_{last}", f"{first}+shop", last]
        )
        host = self.chance.choice(HOSTS)
        return self.chance.choice([str, str, str.upper, str.title])(f"{local}@{host}")

    def card(self) -> str:
        """A card number of one of the large issuers."""
        start, length = self.chance.choice(
            [
                ("4", 16),
                ("4", 16),
                (str(self.chance.randint(51, 55)), 16),
                (str(self.chance.randint(2221, 2720)), 16),
                (self.chance.choice(["34", "37"]), 15),
                ("6011", 16),
                ("65", 16),
                (str(self.chance.randint(3528, 3589)), 16),
                (self.chance.choice(["36", "38"]), 14),
                ("62", 16),
            ]
        )
        digits = start + "".join(self.chance.choices(string.digits, k=length - 1 - len(start)))
        return digits + luhn_digit(digits)

    def printed_card(self) -> str:
        """A card number in groups, as it stands on the card."""
        digits = self.card()
        groups = {15: (4, 6, 5), 14: (4, 6, 4)}.get(len(digits), (4, 4, 4, 4))
        parts, at = [], 0
        for group in groups:
            parts.append(digits[at : at + group])
            at += group
        return self.chance.choice([" ", "-"]).join(parts)

    def ssn(self) -> str:
        """A US social security number that could have been given out."""
        area = self.chance.choice([n for n in range(1, 900) if n != 666])
        return f"{area:03d}-{self.chance.randint(1, 99):02d}-{self.chance.randint(1, 9999):04d}"

    def jwt(self) -> str:
        """A signed token."""
        parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": self.digits(10), "iat": 1763640000}]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*encoded, self.text(string.ascii_letters + string.digits + "-_", 43)])

    def password(self) -> str:
        """Something typed into a password field."""
        return self.text(string.ascii_letters + string.digits + "!*.-_", self.chance.randint(6, 16))

    def token(self) -> str:
        """A key of a program."""
        return self.text(string.ascii_letters + string.digits, self.chance.choice([20, 32, 40]))

    # Harmless ids: kind → one of it

    def harmless(self) -> tuple[str, str]:
        """A kind of id and one of it."""
        return self.chance.choice(
            [
                lambda: (
                    "order",
                    self.chance.choice(["", "A-", "ORD-2026-", "#"])
                    + self.digits(self.chance.randint(5, 16)),
                ),
                lambda: ("id", str(uuid.UUID(int=self.chance.getrandbits(128), version=4))),
                lambda: ("id", uuid.UUID(int=self.chance.getrandbits(128), version=4).hex),
                lambda: ("id", self.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 26)),
                lambda: ("id", self.text(string.ascii_letters + string.digits + "_-", 21)),
                lambda: ("post", str(self.chance.randint(10**17, 19 * 10**17))),
                lambda: ("ts", str(self.chance.randint(10**9, 2 * 10**9))),
                lambda: ("ts", str(self.chance.randint(10**12, 2 * 10**12))),
                lambda: ("time", str(self.chance.randint(10**15, 2 * 10**15))),
                lambda: ("date", self.moment().isoformat()),
                lambda: ("date", f"{self.moment():%Y%m%d%H%M%S}"),
                lambda: ("sku", f"{self.text(string.ascii_uppercase, 3)}-{self.digits(4)}-{self.digits(2)}"),
                lambda: ("product", self.digits(8)),
                lambda: ("ean", "40" + self.digits(11)),
                lambda: ("isbn", f"978-3-{self.digits(2)}-{self.digits(6)}-{self.digits(1)}"),
                lambda: ("hash", hashlib.sha256(self.chance.randbytes(8)).hexdigest()),
                lambda: ("hash", hashlib.md5(self.chance.randbytes(8), usedforsecurity=False).hexdigest()),
                lambda: (
                    "commit",
                    hashlib.sha1(self.chance.randbytes(8), usedforsecurity=False).hexdigest()[:10],
                ),
                lambda: ("slug", "-".join(self.chance.choices(WORDS, k=4)) + f"-{self.digits(5)}"),
                lambda: ("version", ".".join(self.digits(self.chance.randint(1, 3)) for _ in range(4))),
                lambda: ("price", f"{self.digits(3)}.{self.digits(2)}"),
                lambda: ("tracking", f"1Z{self.text(string.ascii_uppercase + string.digits, 16)}"),
                lambda: ("invoice", f"{self.digits(4)}/{self.digits(6)}"),
                lambda: (
                    "position",
                    f"{self.chance.uniform(-90, 90):.6f},{self.chance.uniform(-180, 180):.6f}",
                ),
                lambda: ("ga", f"GA1.2.{self.digits(10)}.{self.digits(10)}"),
                lambda: ("image", f"logo@{self.digits(1)}x.png"),
                lambda: (
                    "package",
                    f"@scope/{self.chance.choice(WORDS)}@{self.digits(1)}.{self.digits(2)}.0",
                ),
            ]
        )()

    def moment(self) -> datetime:
        """A time of the last years."""
        return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=self.chance.randint(0, 2 * 10**8))

    def words(self, count: int) -> str:
        """Ordinary words."""
        return " ".join(self.chance.choices(WORDS, k=count))


def event(**fields: object) -> dict[str, object]:
    """An ordinary page view."""
    return {"id": "event-0001", "type": "page_view", "url": "https://shop.example/", **fields}


#: Where free text may stand: an event that carries it.
PLACES: dict[str, Callable[[str, Maker], dict[str, object]]] = {
    "title": lambda text, _: event(title=text),
    "property": lambda text, make: event(props={make.chance.choice(["note", "q", "message", "value"]): text}),
    "among words": lambda text, make: event(title=f"{make.words(3)} {text} {make.words(2)}"),
    "nested": lambda text, _: event(props={"form": {"fields": [{"v": text}]}}),
    "unknown field": lambda text, _: event(context={"page": {"heading": text}}),
    "query": lambda text, _: event(url=f"https://shop.example/search?{urlencode({'q': text, 'page': 2})}"),
    "encoded query": lambda text, _: event(url=f"https://shop.example/s?q={quote(text, safe='')}#top"),
    "encoded twice": lambda text, _: event(
        url=f"https://shop.example/s?q={quote(quote(text, safe=''), safe='')}"
    ),
    "redirect": lambda text, _: event(
        url="https://shop.example/go?next=" + quote(f"https://a.example/?q={quote_plus(text)}&x=1", safe="")
    ),
    "referrer": lambda text, _: event(referrer=f"https://other.example/find?term={quote(text, safe='')}&n=1"),
    "address in a property": lambda text, _: event(
        props={"url": f"https://o.example/?v={quote(text, safe='')}"}
    ),
}

#: Where a value has a name: an event in which it stands under it.
NAMED_PLACES: dict[str, Callable[[str, str, Maker], dict[str, object]]] = {
    "property": lambda name, value, _: event(props={name: value}),
    "nested": lambda name, value, _: event(props={"form": {name: value}}),
    "unknown field": lambda name, value, _: event(**{name: value}),
    "parameter": lambda name, value, _: event(url=f"https://shop.example/?a=1&{urlencode({name: value})}"),
    "fragment": lambda name, value, _: event(url=f"https://shop.example/#{urlencode({name: value})}"),
    "referrer": lambda name, value, _: event(referrer=f"https://o.example/?{urlencode({name: value})}&b=2"),
    "redirect": lambda name, value, _: event(
        url="https://shop.example/go?next=" + quote(f"https://a.example/?{urlencode({name: value})}", safe="")
    ),
    "text": lambda name, value, make: event(title=f"{make.words(2)} {name}={value}"),
}
