"""What is taken out of events and of refused bodies, rule by rule, and what is left alone."""

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.personal_data import NAMED_PLACES, PLACES, Maker, event

from footfall.event import Receipt, Refusal, Refused, check_event, event_line, refused_line
from footfall.scrub import MAX_ADDRESS, MAX_STRING, scrub_body, scrub_event, scrub_text
from footfall.scrub_cards import is_card

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RECEIPT = Receipt("acme", "shop", NOON, "f" * 32, "Browser/1.0")


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("write to anna@example.org now", "write to redacted-email now"),
        ("https://a.example/?m=anna%40example.org&p=2", "https://a.example/?m=redacted-email&p=2"),
        ("https://a.example/?m=anna%2540example.org", "https://a.example/?m=redacted-email"),
        ("https://anna:pw@a.example/x", "https://a.example/x"),
        ("https://a.example/?token=abc&p=2#top", "https://a.example/?token=redacted-secret&p=2#top"),
        (
            "https://a.example/?user%5Bpassword%5D=abc",
            "https://a.example/?user%5Bpassword%5D=redacted-secret",
        ),
        ("Login with password: hunter2!", "Login with password: redacted-secret"),
        ('{"api_key":"a b c","n":1}', '{"api_key":"redacted-secret","n":1}'),
        ("Authorization: Basic YW5uYTpodW50ZXIy", "Authorization: Basic redacted-secret"),
        ("Basic YW5uYTpodW50ZXIy", "Basic redacted-secret"),
        ("card 4111 1111 1111 1111 ok", "card redacted-card ok"),
        ("4111-1111-1111-1111", "redacted-card"),
        ("SSN 123-45-6789", "SSN redacted-ssn"),
        ("my ssn is 123456789", "my ssn is redacted-ssn"),
        ("phone=+49 170 1234567", "phone=redacted-phone"),
        ("?ip=192.0.2.7&a=1", "?ip=redacted-address&a=1"),
        ("?iban=DE89370400440532013000", "?iban=redacted-iban"),
    ],
)
def test_personal_data_in_text_is_replaced_where_it_stands(text, scrubbed):
    assert scrub_text(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "logo@2x.png and logo@1.5x.webp",
        "@scope/package@1.2.3",
        "follow @anna",
        "Basic understanding of Bearer bonds",
        "https://shop.example/Token: a history",
        "order 4111111111111111",
        "order_id=4111111111111111",
        "https://shop.example/p/4111111111111111",
        "4111111111111112",
        "1234567812345678",
        "1763640000123",
        "123-45-6789-0",
        "part 123-45-6789",
        "000-45-6789",
        "987-65-4321",
        "123456789",
        "Version 1.2.3.4 from 10.0.0.1",
        "https://shop.example/?q=caf%C3%A9%20cr%C3%A8me&tokens=",
        "phone=iPhone 15",
        "email=newsletter&utm_medium=email",
        "Tel: see below",
        # Ids, parts of which have the check digits of an account.
        "be06919a-2e95-4ac9-9ebe-5f56e784b4ec",
        "order=ee750e9f-da87-4b85-b2e9-699b9aa9f342",
        "367077F6-AD53-445C-BAA6-E9B7B98B246D",
        "be06919a2e954ac9",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text):
    assert scrub_text(text) == text


def scrubbed(**fields):
    """The event with these fields, scrubbed, and the counts."""
    raw, found = scrub_event(json.dumps(event(**fields)).encode())
    return json.loads(raw), dict(found)


def test_a_value_whose_name_gives_it_away_is_replaced_whatever_it_looks_like():
    found, counts = scrubbed(
        props={
            "Password": "correct horse",
            "pin": 1234,
            "tokens": "kept",
            "form": {"accessToken": ["a1", "b2"]},
            "mobile": True,
            "cvv": "123",
        }
    )

    assert found["props"] == {
        "Password": "redacted-secret",
        "pin": "redacted-secret",
        "tokens": "kept",
        "form": {"accessToken": ["redacted-secret", "redacted-secret"]},
        "mobile": True,
        "cvv": "redacted-card",
    }
    assert counts == {"secret": 4, "card": 1}


def test_users_named_by_their_address_stay_apart_without_it():
    anna, _ = scrubbed(user="anna@example.org")
    again, _ = scrubbed(user="Anna@Example.org")
    bert, _ = scrubbed(user="bert@example.org")
    previous, _ = scrubbed(type="alias", user="u-1", props={"previous": "anna@example.org"})

    assert anna["user"].startswith("redacted-")
    assert anna["user"] == again["user"] == previous["props"]["previous"] != bert["user"]
    assert scrubbed(user="u-1")[0]["user"] == "u-1"


def test_an_event_id_is_never_rewritten():
    """Two events that were given addresses for ids must not become one; each gets an id of its own."""
    first, second = (check_event(json.dumps(event(id="anna@example.org")).encode()) for _ in range(2))

    assert first.event_id != second.event_id
    assert json.loads(first.raw).get("id") is None
    assert json.loads(first.raw)["id_as_sent"].startswith("redacted-")


def test_all_but_the_personal_data_stays_byte_for_byte():
    raw = (
        b'{ "type":"x", "url":"https:\\/\\/shop.example\\/",\t"big":123456789012345678901, "f":1.10,'
        b'"e":"\\u00e4","mail":"anna@example.org", "again":1, "again":2}'
    )

    assert scrub_event(raw)[0] == raw.replace(b"anna@example.org", b"redacted-email")


def test_a_field_given_twice_is_scrubbed_both_times():
    raw = b'{"type":"x","url":"https://shop.example/","title":"pay 4111 1111 1111 1111","title":"fine"}'

    assert b"4111" not in check_event(raw).raw


def test_what_was_taken_out_is_counted_by_rule_beside_the_event():
    raw = json.dumps(event(title="a@example.org b@example.org", props={"password": "x1"})).encode()

    line = json.loads(event_line(check_event(raw), RECEIPT, sent_at=None, is_declared_host=True))

    assert line["redactions"] == {"email": 2, "secret": 1}
    clean = json.dumps(event()).encode()
    assert (
        json.loads(event_line(check_event(clean), RECEIPT, sent_at=None, is_declared_host=True))["redactions"]
        is None
    )


@pytest.mark.parametrize(
    ("fields", "path", "limit"),
    [
        ({"title": "t" * 9000}, ("title",), MAX_STRING),
        ({"props": {"text": "ä" * 9000}}, ("props", "text"), MAX_STRING),
        ({"more": ["x" * 9000]}, ("more", 0), MAX_STRING),
        ({"url": "https://shop.example/" + "p" * 9000}, ("url",), MAX_ADDRESS),
        ({"referrer": "https://shop.example/" + "p" * 9000}, ("referrer",), MAX_ADDRESS),
    ],
)
def test_an_overlong_string_is_cut_and_says_so(fields, path, limit):
    checked = check_event(json.dumps(event(**fields), ensure_ascii=False).encode())

    value = json.loads(checked.raw)
    for step in path:
        value = value[step]
    assert len(value) == limit
    assert value.endswith("…")
    assert checked.redactions == {"cut": 1}


def test_a_refused_body_is_scrubbed_too_and_keeps_no_ids_of_visitors():
    body = (
        b'\xff{"email":"anna@example.org","visitor":"v-1","session":"s-1","user":7,"clicks":{"gclid":"Cj0"},'
        b'"url":"https://shop.example/?fbclid=IwAR1&password=hunter2" and then it breaks: bert@example.org'
    )

    line = refused_line(Refused(Refusal.MALFORMED_JSON), RECEIPT, body)

    kept = json.loads(line)
    for secret in ("anna@", "bert@", "v-1", "s-1", "7", "Cj0", "IwAR1", "hunter2"):
        assert secret not in kept["body"]
    assert kept["body"].startswith("\xff{")
    assert kept["redactions"] == {"email": 2, "secret": 1}


@given(st.binary(max_size=300))
def test_bytes_without_personal_data_are_kept_as_they_are(body):
    found, counts = scrub_body(body)

    assert counts or found == body


@pytest.mark.parametrize("piece", ['\\"', "%25", "iban=", "eyJ", "a@b.", "a."])
def test_no_text_of_a_sender_takes_more_than_linear_time(piece):
    """A pattern that starts again at each character would need minutes for one of these, not milliseconds."""
    text = piece * (60_000 // len(piece))

    assert scrub_body(text.encode()) == (text.encode(), {})


@pytest.mark.parametrize(
    "piece",
    [
        "code=1&",
        "state=abcdefgh1&",
        "phone=((((",
        "ip=1.",
        "DE89 ",
        "4111-",
        "\\\\u0041",
        "sk-",
        "authorization=x ",
    ],
)
def test_a_text_twice_as_long_takes_no_more_than_a_few_times_as_long(piece):
    def seconds(length):
        begun = time.process_time()
        scrub_body((piece * (length // len(piece))).encode())
        return time.process_time() - begun

    # Sixteen times the text; what is quadratic takes 256 times as long.
    assert seconds(64_000) < 64 * max(seconds(4_000), 0.001)


def test_a_scheme_in_another_script_fails_nobody():
    assert scrub_text("basic ſſſſſſſſſſ") == "basic ſſſſſſſſſſ"


def test_two_names_that_are_redacted_stay_two():
    found, counts = scrubbed(props={"anna@example.org": 1, "bert@example.org": 2})

    assert found["props"] == {"redacted-email": 1, "redacted-email-2": 2}
    assert counts == {"email": 2}


def has_luhn(digits):
    """Luhn, written another way."""
    table = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    return sum(table[int(d)] if n % 2 else int(d) for n, d in enumerate(reversed(digits))) % 10 == 0


@given(st.from_regex("[3-6][0-9]{13,18}", fullmatch=True))
def test_a_card_has_the_right_check_digit(digits):
    assert not is_card(digits) or has_luhn(digits)


def is_plain_event(raw):
    """What check_event asks first."""
    return not check_event(raw).has_clicks


@pytest.mark.parametrize("place", PLACES)
def test_the_quick_look_misses_nothing_that_the_rules_find(place):
    make = Maker(3)
    for _ in range(300):
        secret = make.chance.choice([make.email, make.card, make.printed_card, make.ssn, make.jwt])()
        raw = json.dumps(PLACES[place](secret, make), ensure_ascii=False).encode()
        assert not (scrub_event(raw)[1] and is_plain_event(raw)), raw


@pytest.mark.parametrize("place", NAMED_PLACES)
def test_the_quick_look_misses_no_name(place):
    make = Maker(4)
    for name in ("Password", "x-token", "api[key]", "cvc", "tel", "userEmail", "ip"):
        value = {"cvc": "123", "tel": "+49 170 1234567", "userEmail": "a at b", "ip": "192.0.2.7"}.get(
            name, "abc1"
        )
        raw = json.dumps(NAMED_PLACES[place](name, value, make)).encode()
        assert not (scrub_event(raw)[1] and is_plain_event(raw)), raw


@pytest.mark.parametrize(
    "referrer", ["https://shop.example/", "http://a", "http", "https", "http/x", "a", ""]
)
@pytest.mark.parametrize("where", ["", "props"])
def test_the_quick_look_misses_no_field_that_is_given_twice(referrer, where):
    twice = '"title":"4111 1111 1111 1111","title":"x"'
    inner = f'"props":{{{twice}}}' if where else twice
    raw = f'{{"type":"a","url":"https://shop.example/","referrer":"{referrer}",{inner}}}'.encode()

    assert not is_plain_event(raw)
    assert b"4111" not in check_event(raw).raw


@pytest.mark.parametrize(
    "field", ["type", "user", "view_id", "screen", "viewport", "lang", "tz", "nav", "visitor", "session"]
)
@pytest.mark.parametrize(
    "secret",
    [
        "card 4111 1111 1111 1111",
        "token=abcdef1234",
        "BeArEr abcdefgh12345678abcdefg",
        "baſic YW5uYTpzZWNyZXQ=",
        "eyJhbGciOiJI.eyJzdWIiOiIx.abcdefgh",
        "ssn ٤١١-٢٣-٤٥٦٧",
    ],
)
def test_the_quick_look_sees_every_field(field, secret):
    raw = json.dumps(event(**{field: secret}), ensure_ascii=False).encode()

    assert scrub_event(raw)[1]
    assert not is_plain_event(raw)


_PIECES = st.sampled_from(
    [
        "@",
        "%40",
        "a",
        "b.de",
        " ",
        "=",
        "?",
        "&",
        "#",
        ":",
        "token",
        "pass",
        "4111",
        "1111",
        "-",
        "eyJ",
        "\\",
        '"',
    ]
) | st.text(max_size=3)


@settings(max_examples=500)
@example(["token", "=", "a"])
@example(["token", "¹:", "a"])
@example(["xé", "pass", "=", "a"])
@given(st.lists(_PIECES, max_size=14))
def test_the_quick_look_misses_nothing_in_any_text(pieces):
    text = "".join(pieces)
    places = (
        {"title": text},
        {"props": {"x": text}},
        {"url": "https://shop.example/" + text},
        {"lang": text},
    )
    for fields in places:
        raw = json.dumps(event(**fields), ensure_ascii=False).encode("utf-8", "replace")
        try:
            plain = is_plain_event(raw)
        except Refused:
            continue
        assert not (plain and scrub_event(raw)[1]), raw
