"""What a value says about itself: whether it can be a secret, or is an ordinary word under such a name."""

import re

#: What stands under names of secrets and is none.
_ORDINARY_TEXT = (
    "none null nil undefined true false yes no on off ok required optional valid invalid empty missing "
    "hidden unknown expired guest anonymous basic bearer digest oauth oauth2 public private default "
    "disabled enabled login logout strong weak medium success failed error reset forgot change show hide "
    "password token secret"
)
_ORDINARY = frozenset(_ORDINARY_TEXT.split())
#: An ordinary word: small, large or with a large initial, and no longer than words are.
_WORD = re.compile(r"[^\W\d_]{1,12}", re.UNICODE)
_HAS_DIGIT = re.compile(r"\d")
_DATE = re.compile(r"(?:19|20)\d\d-[01]\d(?:-[0-3]\d)?(?:[T ][\d:.Z+-]*)?")
#: Postal codes of India and Singapore, which forms call PIN as well.
_POSTAL_CODE = re.compile(r"[1-9]\d{5}")
_PIN = re.compile(r"\d{4,12}")
_OPAQUE = re.compile(r"[\w.~+/=%!$-]{6,}")


def is_secret(value: str) -> bool:
    """Whether a value under a name like `password` can be one."""
    if len(value) < 2 or (len(value) < 3 and value.isdigit()):
        return False
    return value.strip().lower() not in _ORDINARY and not _DATE.fullmatch(value)


def is_weak_secret(value: str) -> bool:
    """Whether a value under a name like `auth`, `pass` or `sig` is a secret and no ordinary word."""
    if not is_secret(value) or _is_word(value):
        return False
    if " " in value:  # a line of words
        return _HAS_DIGIT.search(value) is not None and any(is_opaque(part) for part in value.split(" "))
    return len(value) >= 4


def is_pin(value: str) -> bool:
    """Whether a value under `pin` is one: four to twelve digits, but for the six of a postal code."""
    return _PIN.fullmatch(value) is not None and _POSTAL_CODE.fullmatch(value) is None


def is_opaque(value: str) -> bool:
    """Whether a value was made by a machine to be guessed by nobody."""
    if not _OPAQUE.fullmatch(value):
        return False
    has_lower = value != value.upper()
    return len(value) >= 16 or (len(value) >= 8 and has_lower and _HAS_DIGIT.search(value) is not None)


def is_prose(name: str, value: str, rest: str) -> bool:
    """Whether what stands after `password: ` in a running text is a word of it; `rest` is what follows."""
    value = value.rstrip(".,;:!?)")
    goes_on = rest in (" ", "+")
    if len(value) < 4:
        return True
    if not _is_word(value):
        if not goes_on:
            return False
        return len(value) < 6 if value.isdigit() else len(value) < 8 and "pass" not in name.lower()
    # A word in small letters at the end may be the password itself.
    return value[:1].isupper() or goes_on


def is_ordinary_before(value: str) -> bool:
    """Whether a value is a word at the end of JSON, or in a path: `true}`, `Secret:Invasion/view`."""
    head = _END.split(value, maxsplit=1)[0]
    if head == value:
        return False
    return head.lower() in _ORDINARY or (_is_word(head) and _HAS_DIGIT.search(value) is None)


_END = re.compile(r"[/}\]]")


def _is_word(value: str) -> bool:
    return _WORD.fullmatch(value) is not None and (value[1:].islower() or value.islower() or value.isupper())
