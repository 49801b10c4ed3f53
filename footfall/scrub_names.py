"""What the name of a field or parameter says about its value, and the words that stand around numbers."""

import re
from functools import lru_cache
from typing import Literal

#: What is behind a name, where the name alone says it.
Kind = Literal["secret", "email", "phone", "card", "card_code", "ssn", "iban", "address"]

_SECRET_PARTS = ("password", "passwd", "passphrase", "passwort", "kennwort", "motdepasse", "contrasena")
_SECRET_ENDS_TEXT = (
    "token secret pwd passcode apikey accesskey secretkey privatekey authkey authorization credential "
    "credentials bearer jwt otp"
)
_SECRET_ENDS = tuple(_SECRET_ENDS_TEXT.split())
_SECRETS_TEXT = "pass pw psw auth pin phpsessid jsessionid aspsessionid sessid xamzsignature"
_SECRETS = tuple(_SECRETS_TEXT.split())
_EMAIL_ENDS = ("email", "emailaddress", "mailaddress", "emails")
_PHONE_ENDS_TEXT = "phone phonenumber phoneno telephone telefon telefonnummer mobilenumber msisdn handynummer"
_PHONE_ENDS = tuple(_PHONE_ENDS_TEXT.split())
_PHONES = ("tel", "mobile", "cell", "fax", "handy", "telnr")
_CARD_ENDS_TEXT = "cardnumber cardno cardnum ccnumber ccnum creditcard debitcard kreditkarte cardpan"
_CARD_ENDS = tuple(_CARD_ENDS_TEXT.split())
_CARDS = ("card", "cc", "pan", "ccn")
_CARD_CODES = ("cvv", "cvc", "cvv2", "cvc2", "csc", "cardcvc", "cardcvv", "cardcode", "securitycode")
_ADDRESSES_TEXT = "ip ipv4 ipv6 clientip userip remoteip visitorip remoteaddr xforwardedfor xrealip"
_ADDRESSES = tuple(_ADDRESSES_TEXT.split())
_ADDRESS_ENDS = ("ipaddress", "ipaddr", "ipadresse")

#: Characters of a name that are looked at, from its end. The cache must not keep what a sender makes up.
_LONGEST = 64
_SEPARATORS = re.compile(r"[^a-z0-9]+")


def kind_of(name: str) -> Kind | None:
    """What a value of this name is, or None. `accessToken` and `user[access_token]` are one."""
    return _kind_of(name if len(name) <= _LONGEST else name[-_LONGEST:])


@lru_cache(maxsize=8192)
def _kind_of(name: str) -> Kind | None:
    plain = _SEPARATORS.sub("", name.lower())
    bare = plain.rstrip("0123456789")
    if plain in _CARD_CODES:
        return "card_code"
    if bare in _SECRETS or bare.endswith(tuple(_SECRET_ENDS)) or any(part in bare for part in _SECRET_PARTS):
        return "secret"
    if bare in ("mail",) or bare.endswith(_EMAIL_ENDS):
        return "email"
    if bare in _PHONES or bare.endswith(tuple(_PHONE_ENDS)):
        return "phone"
    if bare in _CARDS or bare.endswith(tuple(_CARD_ENDS)):
        return "card"
    if bare.endswith("ssn") or "socialsecurity" in bare:
        return "ssn"
    if bare.endswith("iban"):
        return "iban"
    if plain in _ADDRESSES or bare.endswith(_ADDRESS_ENDS):
        return "address"
    return None


_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|#")
_CARD_WORDS = frozenset(
    ("cc", "pan", "pay", "paid", "payment", "payments", "paying", "discover", "diners", "unionpay", "carte")
)
_CARD_STARTS_TEXT = "card credit kredit debit visa mastercard amex american maestro zahl"
_CARD_STARTS = tuple(_CARD_STARTS_TEXT.split())
_OTHER_TEXT = (
    "id ids no nr ref refs reference sku ean gtin upc isbn mpn guid uuid ulid hash ts time date version "
    "build part model lot batch # click code codes ticket tickets parcel trans txn user visitor client "
    "customer kunde account konto imei item items commit post position asin slug"
)
_OTHER_WORDS = frozenset(_OTHER_TEXT.split())
_OTHER_STARTS_TEXT = (
    "order bestell auftrag invoice rechnung ship track transact session product produkt articl artikel "
    "campaign serial paket sendung timestamp booking"
)
_OTHER_STARTS = tuple(_OTHER_STARTS_TEXT.split())


def about(words: str) -> Literal["card", "other"] | None:
    """What a number is about, by the last telling word before it: a card, something else, or nothing."""
    for word in reversed(_WORD.findall(words)):
        lower = word.lower()
        if lower in _CARD_WORDS or lower.startswith(_CARD_STARTS) or lower.endswith(("card", "karte")):
            return "card"
        if lower in _OTHER_WORDS or lower.startswith(_OTHER_STARTS):
            return "other"
    return None


_SSN_WORDS = re.compile(r"\bssn\b|(?<=[_-])ssn|social\s?sec|soc\.?\s?sec", re.IGNORECASE)


def about_social_security(words: str) -> bool:
    """Whether the words before a number speak of social security."""
    return _SSN_WORDS.search(words) is not None
