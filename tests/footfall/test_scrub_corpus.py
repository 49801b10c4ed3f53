"""How much personal data the scrub finds and how many harmless ids it touches, on a corpus of its own."""

import json
import re
from collections import Counter
from urllib.parse import unquote_plus

import pytest
from support.personal_data import NAMED_PLACES, PLACES, Maker, event

from footfall.event import check_event

#: Strings of each kind and place.
EACH = 40
HARMLESS = 100_000

SECRET_NAMES = (
    "password passwd pwd user_password newPassword token access_token csrf-token refreshToken api_key apikey "
    "X-Api-Key client_secret secret auth authorization id_token jwt passphrase"
)


def is_gone(stored: bytes, secret: str) -> bool:
    """Whether the secret can be read in what is stored, in any encoding, or its digits where it has many."""
    text = json.dumps(json.loads(stored), ensure_ascii=False)
    for _ in range(4):
        if secret.lower() in text.lower():
            return False
        text = unquote_plus(text)
    digits = re.sub(r"\D", "", secret)
    return len(digits) < 9 or digits not in re.sub(r"[ +-]", "", text)


def planted(make):
    """(kind, place, secret, event) for every kind of personal data in every place that it may stand."""
    for place, carry in PLACES.items():
        for _ in range(EACH):
            for kind, secret in (
                ("email", make.email()),
                ("card", make.card()),
                ("printed card", make.printed_card()),
                ("ssn", make.ssn()),
                ("jwt", make.jwt()),
            ):
                yield kind, place, secret, carry(secret, make)
            secret = make.token() + "1"
            yield "bearer", place, secret, carry(f"Authorization: Bearer {secret}", make)
    for place, name_it in NAMED_PLACES.items():
        for _ in range(EACH):
            for name in SECRET_NAMES.split():
                secret = make.chance.choice([make.password, make.token])()
                yield "secret", place, secret, name_it(name, secret, make)
            for name, secret in (
                ("card_number", make.card()),
                ("ssn", make.ssn().replace("-", "")),
                ("phone", "+49 170 " + make.digits(7)),
                ("email", make.email()),
            ):
                yield name, place, secret, name_it(name, secret, make)
    for scheme in ("https", "ftp", "postgres"):
        for _ in range(EACH):
            secret = make.token()
            yield (
                "credentials",
                scheme,
                secret,
                event(referrer=f"{scheme}://anna:{secret}@host.example/a?b=c"),
            )


@pytest.mark.parametrize("ascii_only", [False, True], ids=["as UTF-8", "with escapes"])
def test_of_planted_personal_data_at_least_99_percent_is_taken_out(ascii_only):
    tried, missed = Counter(), Counter()
    examples = {}
    for kind, place, secret, carrier in planted(Maker(1)):
        tried[kind] += 1
        found = check_event(json.dumps(carrier, ensure_ascii=ascii_only).encode())
        if not is_gone(found.raw, secret):
            missed[kind] += 1
            examples[kind, place] = (secret, found.raw.decode())

    assert sum(tried.values()) > 2000
    for kind, count in tried.items():
        assert missed[kind] <= 0.01 * count, (kind, missed[kind], count, list(examples.items())[:5])


def test_of_100_000_harmless_ids_at_most_one_in_a_thousand_is_touched():
    make = Maker(2)
    touched, count = Counter(), 0
    examples = []
    while count < HARMLESS:
        ids = [make.harmless() for _ in range(20)]
        carriers = [
            event(props={f"{name}_{n}": value for n, (name, value) in enumerate(ids[:10])}),
            event(props={"items": [value for _, value in ids[10:12]]}, title=f"{ids[12][0]} {ids[12][1]}"),
            event(
                url=f"https://shop.example/{ids[13][0]}/{ids[13][1]}?{ids[14][0]}={ids[14][1]}&v={ids[15][1]}"
            ),
            event(
                referrer=f"https://o.example/{ids[16][1]}?ref={ids[17][1]}",
                reference=ids[18][1],
                x=ids[19][1],
            ),
        ]
        count += len(ids)
        for carrier in carriers:
            raw = json.dumps(carrier).encode()
            found = check_event(raw)
            if found.raw != raw:
                touched.update(found.redactions)
                examples.append((raw, found.raw))

    assert sum(touched.values()) <= 0.001 * count, (touched, examples[:10])
