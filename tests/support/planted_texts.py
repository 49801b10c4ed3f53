"""A corpus for the scrub: promised texts, and harmless ones that look like them, in many places.

It was written from docs/privacy.md alone, without a look at the rules.
"""

import json
import random
import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from support.planted_places import SITE, Case, Places


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


# --- what is promised to be gone ----------------------------------------------------------------------

_FIRST = words("anna bob carla dmitri emeka fatima giulia hiro ines jörg kofi lena mary-jane noor o'neil")
_LAST = words("smith meyer okafor rossi tanaka garcía nowak ivanova de.vries li muller silva khan")
_HOSTS = words(
    "example.com mail.example.org shop.example example.co.uk a-b.example.net xn--mnchen-3ya.example"
)


def email(rng: random.Random) -> str:
    first, last, host = rng.choice(_FIRST), rng.choice(_LAST), rng.choice(_HOSTS)
    shapes = [
        f"{first}@{host}",
        f"{first}.{last}@{host}",
        f"{first}+news@{host}",
        f"{first}_{last}{rng.randrange(99)}@{host}",
        f"{first[0]}{last}@{host}",
        f"{first}.{last}@{host}".upper(),
        f"{first.title()}@{host}",
        f"{rng.randrange(10**6)}@{host}",
    ]
    return rng.choice(shapes)


def card(rng: random.Random) -> str:
    start, length = rng.choice(
        [
            ("4", 16),
            ("4", 16),
            ("51", 16),
            ("55", 16),
            ("2221", 16),
            ("2720", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("65", 16),
            ("3530", 16),
            ("3589", 16),
            ("305", 14),
            ("36", 14),
        ]
    )
    digits = start + "".join(rng.choices(string.digits, k=length - len(start) - 1))
    digits += luhn_digit(digits)
    groups = {16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4)}[length]
    parts, at = [], 0
    for size in groups:
        parts.append(digits[at : at + size])
        at += size
    return rng.choice(["", " ", "-"]).join(parts)


def luhn_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def _ssn(rng: random.Random) -> tuple[int, int, int]:
    area = rng.choice([n for n in range(1, 900) if n != 666])
    return area, rng.randrange(1, 100), rng.randrange(1, 10000)


def ssn(rng: random.Random) -> str:
    return "{:03d}-{:02d}-{:04d}".format(*_ssn(rng))


def named_ssn(rng: random.Random) -> str:
    return rng.choice(["{:03d}-{:02d}-{:04d}", "{:03d} {:02d} {:04d}", "{:03d}{:02d}{:04d}"]).format(
        *_ssn(rng)
    )


_IBANS = {
    "DE": "nnnnnnnnnnnnnnnnnn",
    "GB": "aaaannnnnnnnnnnnnn",
    "FR": "nnnnnnnnnncccccccccccnn",
    "NL": "aaaannnnnnnnnn",
    "ES": "nnnnnnnnnnnnnnnnnnnn",
    "CH": "nnnnncccccccccccc",
    "AT": "nnnnnnnnnnnnnnnn",
    "NO": "nnnnnnnnnnn",
    "PL": "nnnnnnnnnnnnnnnnnnnnnnnn",
    "IT": "annnnnnnnnncccccccccccc",
    "BE": "nnnnnnnnnnnn",
}


def iban(rng: random.Random) -> str:
    country = rng.choice(sorted(_IBANS))
    alphabets = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}
    account = "".join(rng.choice(alphabets[kind]) for kind in _IBANS[country])
    number = int("".join(str(int(one, 36)) for one in account + country + "00"))
    whole = f"{country}{98 - number % 97:02d}{account}"
    if rng.random() < 0.5:
        whole = " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))
    return whole if rng.random() < 0.8 else whole.lower()


def _letters(rng: random.Random, length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(rng.choices(alphabet, k=length))


def base64url(rng: random.Random, length: int) -> str:
    return _letters(rng, length, string.ascii_letters + string.digits + "-_")


def jwt(rng: random.Random) -> str:
    def part(value: dict[str, Any]) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    head = part({"alg": rng.choice(["HS256", "RS256", "ES256"]), "typ": "JWT"})
    body = part({"sub": str(rng.randrange(10**9)), "iat": rng.randrange(10**9)})
    return f"{head}.{body}.{base64url(rng, rng.choice([43, 86, 342]))}"


def prefixed_token(rng: random.Random) -> str:
    upper = string.ascii_uppercase + "234567"
    return rng.choice(
        [
            lambda: "AKIA" + _letters(rng, 16, upper),
            lambda: "ASIA" + _letters(rng, 16, upper),
            lambda: "sk_live_" + _letters(rng, rng.choice([24, 99])),
            lambda: "sk_test_" + _letters(rng, 24),
            lambda: "rk_live_" + _letters(rng, 24),
            lambda: rng.choice(["ghp_", "gho_", "ghu_", "ghs_", "ghr_"]) + _letters(rng, 36),
            lambda: "github_pat_" + _letters(rng, 22) + "_" + _letters(rng, 59),
            lambda: "glpat-" + base64url(rng, 20),
            lambda: (
                f"xoxb-{rng.randrange(10**11, 10**12)}-{rng.randrange(10**12, 10**13)}-{_letters(rng, 24)}"
            ),
            lambda: (
                f"xoxp-{rng.randrange(10**11, 10**12)}-{rng.randrange(10**12, 10**13)}-{_letters(rng, 32)}"
            ),
            lambda: "AIza" + base64url(rng, 35),
            lambda: "npm_" + _letters(rng, 36),
            lambda: "SG." + base64url(rng, 22) + "." + base64url(rng, 43),
            lambda: "hf_" + _letters(rng, 34, string.ascii_letters),
            lambda: "ya29." + base64url(rng, 80),
            lambda: "pypi-AgEIcHlwaS5vcmc" + base64url(rng, 80),
            lambda: "dop_v1_" + _letters(rng, 64, "0123456789abcdef"),
            lambda: "shpat_" + _letters(rng, 32, "0123456789abcdef"),
            lambda: "whsec_" + _letters(rng, 32),
            lambda: "sk-ant-api03-" + base64url(rng, 60),
        ]
    )()


SECRET_NAMES = words(
    "password passwd pwd new_password userPassword current-password passphrase token "
    "access_token refreshToken auth_token csrfToken session_token id_token secret client_secret "
    "clientSecret api_key apiKey apikey x-api-key private_key secretKey authorization "
    "access_key"
)
PHONE_NAMES = words(
    "phone tel mobile phone_number phoneNumber telephone mobile_phone contactPhone tel_no cellphone"
)
IBAN_NAMES = ["iban", "IBAN", "iban_number", "customerIban", "bank_iban"]
SSN_NAMES = ["ssn", "SSN", "social_security_number", "socialSecurityNumber", "customer_ssn"]


def secret_value(rng: random.Random) -> str:
    return rng.choice(
        [
            lambda: _letters(rng, rng.choice([8, 12, 20, 32, 40])),
            lambda: _letters(rng, 32, "0123456789abcdef"),
            lambda: "hunter" + str(rng.randrange(100)) + "!",
            lambda: (
                rng.choice(["Summer", "Winter", "Dragon"])
                + str(rng.randrange(1000, 3000))
                + rng.choice("!$#&")
            ),
            lambda: base64url(rng, 43),
            lambda: "correct-horse-" + rng.choice(["battery", "staple"]) + "-" + str(rng.randrange(10)),
            lambda: "pässwörd" + str(rng.randrange(1000)),
            lambda: str(rng.randrange(10**7, 10**8)),
        ]
    )()


def phone(rng: random.Random) -> str:
    n = rng.randrange
    return rng.choice(
        [
            f"+49 170 {n(10**6, 10**7)}",
            f"+1 (555) {n(100, 1000)}-{n(1000, 10000)}",
            f"0049{n(10**9, 10**10)}",
            f"555-{n(100, 1000)}-{n(1000, 10000)}",
            f"+44{n(10**9, 10**10)}",
            f"{n(10**9, 10**10)}",
            f"030/{n(10**5, 10**7)}",
            f"+33 {n(1, 9)} {n(10, 99)} {n(10, 99)} {n(10, 99)} {n(10, 99)}",
            f"(212) {n(100, 1000)} {n(1000, 10000)}",
            f"0{n(100, 1000)}.{n(100, 1000)}.{n(1000, 10000)}",
        ]
    )


def sign_in(rng: random.Random) -> tuple[str, str]:
    """An address of a sign-in or a signed download, and the text that must be gone."""
    code = rng.choice(
        ["4/0A" + base64url(rng, 60), base64url(rng, 32), _letters(rng, 40, "0123456789abcdef")]
    )
    state = rng.choice(
        [base64url(rng, 22), _letters(rng, 16, "0123456789abcdef"), "security_token%3D" + base64url(rng, 20)]
    )
    sig = _letters(rng, 64, "0123456789abcdef")
    token = base64url(rng, 60)
    path = rng.choice(
        ["oauth/callback", "auth/callback", "login/oauth2/code/google", "signin-oidc", "sso/return", "cb"]
    )
    return rng.choice(
        [
            (f"{SITE}/{path}?code={code}&state={state}", code),
            (f"{SITE}/{path}?state={state}&code={code}&scope=openid", state),
            (f"{SITE}/{path}?code={code}&session_state={state}", code),
            (f"{SITE}/oauth/callback?code={code}", code),
            (f"{SITE}/login?state={state}&client_id=shop&response_type=code", state),
            (f"{SITE}/authorize?response_type=code&client_id=shop&state={state}", state),
            (f"{SITE}/{path}#access_token={token}&token_type=Bearer&expires_in=3600", token),
            (f"{SITE}/{path}#id_token={token}&state={state}", token),
            (f"{SITE}/{path}#id_token={token}&state={state}", state),
            (f"https://files.example/a.pdf?sv=2022&se=2026&sig={quote(token + '=', safe='')}", token),
            (f"https://files.example/a.pdf?X-Amz-Expires=600&X-Amz-Signature={sig}", sig),
            (f"https://files.example/a.pdf?X-Goog-Signature={sig}", sig),
            (f"https://files.example/a.pdf?Expires=17&Signature={token}&Key-Pair-Id=K2", token),
        ]
    )


def promised(seed: int, texts: int = 40) -> Iterator[Case]:
    """`texts` texts of each class, each in all the places it can stand in."""
    rng = random.Random(seed)
    places = Places(rng)
    looks: list[tuple[str, Callable[[random.Random], str], bool]] = [
        ("email", email, True),
        ("card", card, False),
        ("ssn", ssn, True),
        ("iban", iban, True),
        ("jwt", jwt, True),
        ("token by prefix", prefixed_token, True),
    ]
    for kind, make, is_identity in looks:
        for _ in range(texts):
            text = make(rng)
            for place, raw in places.of_value(text):
                yield Case(kind, place, raw, text)
            if is_identity:
                for place, raw in places.of_identity(text):
                    yield Case(kind, place, raw, text)
    named: list[tuple[str, Callable[[random.Random], str], list[str]]] = [
        ("secret under its name", secret_value, SECRET_NAMES),
        ("phone under its name", phone, PHONE_NAMES),
        ("IBAN under its name", iban, IBAN_NAMES),
        ("SSN under its name", named_ssn, SSN_NAMES),
        (
            "card under its name",
            card,
            ["card", "card_number", "cardNumber", "cc", "credit_card", "creditCardNumber"],
        ),
        (
            "email under its name",
            lambda r: email(r).replace("@", " at "),
            ["email", "mail", "e-mail", "userEmail"],
        ),
    ]
    for kind, make, names in named:
        for number in range(texts):
            name, text = names[number % len(names)], make(rng)
            for place, raw in places.of_pair(name, text):
                yield Case(kind, place, raw, text)
    for _ in range(texts):
        secret = base64url(rng, 40)
        basic = b64encode(f"anna:{_letters(rng, 12)}".encode()).decode()
        for scheme, text in (("Bearer", secret), ("bearer", secret), ("Basic", basic)):
            for place, raw in places.of_value(f"{scheme} {text}"):
                yield Case("after Bearer and Basic", place, raw, text)
        password = _letters(rng, 12)
        for place, raw in places.of_value(f"https://anna:{password}@files.example/x"):
            yield Case("credentials", place, raw, password)
        address, text = sign_in(rng)
        once = quote(address, safe="")
        for place, raw in [
            ("url", places.event(url=address)),
            ("referrer", places.event(referrer=address)),
            ("property", places.event(props={"page": address})),
            ("list", places.event(props={"pages": ["/", address]})),
            ("url in url", places.event(url=f"{SITE}/go?to={once}")),
            ("url in url in url", places.event(url=f"{SITE}/go?to={quote('/a?b=' + once, safe='')}")),
            ("text", places.event(props={"note": f"came from {address} today"})),
            ("JSON in a property", places.event(props={"b": json.dumps({"u": address})})),
            ("relative", places.event(props={"page": address.split("example", 1)[1]})),
        ]:
            yield Case("sign-in", place, raw, unquote(text))


# --- what has to stay ---------------------------------------------------------------------------------


HARMLESS = json.loads((Path(__file__).parent / "harmless_texts.json").read_text())


def _harmless_number(rng: random.Random) -> str:
    n = rng.randrange
    return rng.choice(
        [
            f"ORD-{n(10**9)}",
            f"{n(2020, 2027)}-{n(10**6):06d}",
            f"SKU{n(10**8)}",
            f"{_letters(rng, 3).upper()}-{n(10**4)}-{n(10**4)}",
            f"{n(10**12, 10**13)}",
            f"{n(1_500_000_000, 1_900_000_000)}",
            f"{n(1_500_000_000_000, 1_900_000_000_000)}",
            _letters(rng, rng.choice([7, 32, 40, 64]), "0123456789abcdef"),
            f"v{n(20)}.{n(20)}.{n(100)}.{n(10)}",
            f"{n(256)}.{n(256)}.{n(256)}.{n(256)}",
            f"{n(-90, 90)}.{n(10**6):06d},{n(-180, 180)}.{n(10**6):06d}",
            f"1Z{_letters(rng, 6).upper()}{n(10**10):010d}",
            f"{n(100, 1000)}-{n(1000, 10000)}",
            f"{n(1, 13)}/{n(1, 29)}/{n(2000, 2030)}",
            "-".join(_letters(rng, k, "0123456789abcdef") for k in (8, 4, 4, 4, 12)),
            f"${n(10**4)}.{n(100):02d}",
            f"#{n(1 << 24):06x}",
            f"{_letters(rng, 11)}",
            f"{_letters(rng, 21)}",
            f"{n(100)}x{n(100)}x{n(100)} mm",
            f"{n(10**5):05d}-{n(10**4):04d}",
            f"GA1.1.{n(10**9)}.{n(10**9, 2 * 10**9)}",
            f"T-{n(1000)}-{n(100)}-{n(10000)}-X",
        ]
    )


def harmless(seed: int, numbers: int = 200) -> Iterator[Case]:
    """Ordinary texts that look a little like personal data."""
    rng = random.Random(seed)
    places = Places(rng)
    for text in [*HARMLESS["texts"], *(_harmless_number(rng) for _ in range(numbers))]:
        for place, raw in places.harmless_value(text):
            yield Case(text, place, raw, None)
    for name, value in HARMLESS["pairs"]:
        for place, raw in places.harmless_pair(name, value):
            yield Case(f"{name}={value}", place, raw, None)
