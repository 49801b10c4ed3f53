"""What the name of a field or parameter says about its value, and the words that stand around numbers."""

import re
from functools import lru_cache
from typing import Literal

#: What is behind a name, where the name alone says it. Under a `weak_secret` ordinary words stand as well as
#: secrets; a `sign_in` is one in an address that signs somebody in.
Kind = Literal[
    "secret", "weak_secret", "pin", "sign_in", "email", "phone", "card", "card_code", "ssn", "iban", "address"
]

_SECRET_PARTS = ("password", "passwd", "passphrase", "passwort", "kennwort", "motdepasse", "contrasena")
_SECRET_ENDS_TEXT = (
    "token secret pwd passcode apikey accesskey secretkey privatekey privkey authkey signingkey masterkey "
    "encryptionkey accountkey authorization credential credentials bearer jwt otp totp otpcode mfacode "
    "verificationcode recoverycode writekey tokenauth"
)
_SECRET_ENDS = tuple(_SECRET_ENDS_TEXT.split())
_SECRETS = ("phpsessid", "jsessionid", "aspsessionid", "sessid", "psw", "xamzsignature", "xgoogsignature")
_WEAK_TEXT = (
    "secret pass pw auth sig signature samlresponse samlassertion codeverifier oauthverifier clientassertion "
    "authcode authorizationcode sessionstate"
)
_WEAK = frozenset(_WEAK_TEXT.split())
_SIGN_INS = ("code", "state")
#: Ends of names that speak about a password and hold none.
_ABOUT_TEXT = (
    "length strength changed changedat reset resetat type field policy count score expiry expires expired "
    "expiresat expiresin updated updatedat created createdat set error errors valid visible rules required "
    "enabled forgotten page url link status method mode name label placeholder"
)
_ABOUT = tuple(_ABOUT_TEXT.split())
_EMAIL_ENDS = ("email", "emailaddress", "mailaddress", "emails", "emailaddr")
_PHONE_ENDS_TEXT = (
    "phone phonenumber phoneno phonenr phonenum telephone telephonenumber telefon telefonnummer mobilenumber "
    "mobileno mobilenr msisdn handynummer phones telno telnr telnumber cellnumber faxnumber whatsapp"
)
_PHONE_ENDS = tuple(_PHONE_ENDS_TEXT.split())
#: Last words of a name; as the end of a longer word they mean something else (`hotel`).
_PHONES = frozenset(("tel", "mobile", "cell", "fax", "handy"))
_CARD_ENDS_TEXT = "cardnumber cardno cardnum ccnumber ccnum creditcard debitcard kreditkarte cardpan"
_CARD_ENDS = tuple(_CARD_ENDS_TEXT.split())
_CARDS = ("card", "cc", "pan", "ccn")
_CARD_CODES = ("cvv", "cvc", "cvv2", "cvc2", "csc", "cardcvc", "cardcvv", "cardcode", "securitycode")
_ADDRESSES_TEXT = (
    "ip ips ipv4 ipv6 clientip userip remoteip visitorip peerip sourceip remoteaddr xforwardedfor xrealip "
    "xclientip cfconnectingip trueclientip remotehost lastip customerip cip ipoverride"
)
_ADDRESSES = frozenset(_ADDRESSES_TEXT.split())
_ADDRESS_ENDS = ("ipaddress", "ipaddr", "ipadresse")

#: Characters of a name that are looked at, from its end. The cache must not keep what a sender makes up.
_LONGEST = 64
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_LAST_WORD = re.compile(r"[A-Z]?[a-z]+\d*$|[A-Z]+\d*$")


def kind_of(name: str) -> Kind | None:
    """What a value of this name is, or None. `accessToken` and `user[access_token]` are one."""
    return _kind_of(name if len(name) <= _LONGEST else name[-_LONGEST:])


@lru_cache(maxsize=8192)
def _kind_of(name: str) -> Kind | None:
    plain = _SEPARATORS.sub("", name.lower())
    bare = plain.rstrip("0123456789")
    if plain in _CARD_CODES:
        return "card_code"
    secret = _secret_kind(name, bare)
    if secret is not None:
        return secret
    if _last_word(name) in ("mail", "mails") or bare.endswith(_EMAIL_ENDS):
        return "email"
    if bare.endswith(_PHONE_ENDS) or _last_word(name) in _PHONES:
        return "phone"
    if bare in _CARDS or bare.endswith(_CARD_ENDS):
        return "card"
    if bare.endswith(("ssn", "ssnnumber", "ssnno")) or "socialsecurity" in bare:
        return "ssn"
    if bare.endswith(("iban", "ibannumber", "ibanno", "ibannr")):
        return "iban"
    if plain in _ADDRESSES or bare.endswith(_ADDRESS_ENDS):
        return "address"
    return None


def _secret_kind(name: str, bare: str) -> Kind | None:
    last = _last_word(name)
    if bare in _WEAK or last in ("sig", "signature"):
        return "weak_secret"
    if bare == "pin" or bare in ("pinnumber", "pinno"):
        return "pin"
    if last in _SIGN_INS and bare in _SIGN_INS:
        return "sign_in"
    if bare in _SECRETS or bare.endswith(_SECRET_ENDS):
        return "secret"
    if any(part in bare for part in _SECRET_PARTS) and not bare.endswith(_ABOUT):
        return "secret"
    return None


def _last_word(name: str) -> str:
    """The last word of `mobile_tel`, `mobileTel` or `user[tel]`, in lower case."""
    found = _LAST_WORD.search(name.rstrip("]) .:"))
    return found[0].lower().rstrip("0123456789") if found is not None else ""


# What numbers are about -------------------------------------------------------------------------------

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|#")
_CARD_WORDS = frozenset(
    ("cc", "pan", "pay", "paid", "payment", "payments", "paying", "discover", "diners", "unionpay", "carte")
)
_CARD_STARTS_TEXT = "card credit kredit debit visa mastercard amex american maestro zahl"
_CARD_STARTS = tuple(_CARD_STARTS_TEXT.split())
_OTHER_TEXT = (
    "id ids no nr ref refs reference sku ean gtin upc isbn mpn guid uuid ulid hash ts time date version "
    "build part model lot batch # click code codes ticket tickets parcel trans txn "
    "imei item items commit post position asin slug"
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


_GOODS_TEXT = (
    "part parts sku skus mpn oem model models item items art lot batch cat catalog catalogue katalog isbn "
    "ean gtin upc asin version build ref reference p dp pd spare teil teile ersatzteil ticket parcel slug"
)
_GOODS = frozenset(_GOODS_TEXT.split())
_GOODS_STARTS_TEXT = (
    "order bestell auftrag invoice rechnung ship track product produkt articl artikel serial paket sendung "
    "booking"
)
_GOODS_STARTS = tuple(_GOODS_STARTS_TEXT.split())


def about_goods(words: str) -> bool:
    """Whether the words before a number speak of goods, whose numbers may look like those of people."""
    return any(
        word in _GOODS or word.startswith(_GOODS_STARTS) for word in map(str.lower, _WORD.findall(words))
    )


_SSN_WORDS = re.compile(r"\bssn\b|(?<=[_-])ssn|social\s?sec|soc\.?\s?sec", re.IGNORECASE)


def about_social_security(words: str) -> bool:
    """Whether the words before a number speak of social security."""
    return _SSN_WORDS.search(words) is not None
