"""Numbers of payment cards, told apart from other numbers by issuer, length and check digit."""

import re

#: Issuer's first digits (from, to), and the lengths of its numbers. ISO/IEC 7812.
_ISSUERS = (
    ("4", "4", (16, 19)),  # Visa; its 13 digits are history, and the length of a time in milliseconds
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("300", "305", (14, 16)),  # Diners Club
    ("3095", "3095", (14, 16)),
    ("36", "36", (14, 16)),
    ("38", "39", (14, 16)),
    ("6011", "6011", (16, 19)),  # Discover
    ("644", "659", (16, 19)),
    ("3528", "3589", (16, 19)),  # JCB
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("50", "50", (16,)),  # Maestro
    ("56", "58", (16,)),
    ("6304", "6304", (16,)),
    ("6759", "6763", (16,)),
)

_SEPARATORS = re.compile(r"[^0-9]+")
#: How cards print their digits.
_GROUPS = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 2), (6, 13)}


def is_card(digits: str) -> bool:
    """Whether a string of digits may be a card: an issuer's range and length, and Luhn's check digit."""
    return any(
        len(digits) in lengths and low <= digits[: len(low)] <= high for low, high, lengths in _ISSUERS
    ) and _luhn(digits)


def is_printed(text: str) -> bool:
    """Whether digits stand in groups as on a card: `4111 1111 1111 1111`."""
    return tuple(len(group) for group in _SEPARATORS.split(text)) in _GROUPS


def digits_of(text: str) -> str:
    """The digits alone."""
    return _SEPARATORS.sub("", text)


def _luhn(digits: str) -> bool:
    odd = sum(map(int, digits[-1::-2]))
    even = sum(int(d) * 2 - 9 * (d > "4") for d in digits[-2::-2])
    return (odd + even) % 10 == 0
