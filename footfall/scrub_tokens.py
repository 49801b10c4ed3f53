"""Secrets that are known by how they begin, and accounts that are known by their check digits."""

import re

#: Keys of clouds, payment services, code hosts and models. Each is (what it begins with, how it goes on).
#: After what their makers publish for secret scanning.
_KINDS = (
    (("AKIA", "ASIA", "ABIA"), r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    (("sk_live_", "sk_test_", "rk_live_", "rk_test_"), r"[A-Za-z0-9]{10,}"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{30,}"),
    (("github_pat_", "dckr_pat_"), r"[\w-]{20,}"),
    (("glpat-", "gldt-", "glrt-"), r"[\w-]{16,}(?:\.[\w.-]+)?"),
    (("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe."), r"[\w.-]{10,}"),
    (("AIza",), r"[\w-]{30,}"),
    (("ya29.",), r"[\w-]{20,}"),
    (("GOCSPX-",), r"[\w-]{20,}"),
    (("npm_",), r"[A-Za-z0-9]{30,}"),
    (("SG.",), r"[\w-]{16,}\.[\w-]{16,}"),
    (("hf_",), r"[A-Za-z0-9]{30,}"),
    (("dop_v1_", "doo_v1_", "dor_v1_"), r"[0-9a-f]{40,}"),
    (("shpat_", "shpca_", "shppa_", "shpss_"), r"[0-9a-fA-F]{24,}"),
    (("whsec_",), r"[\w+/=-]{20,}"),
    (("sk-ant-", "sk-proj-", "sk-svcacct-", "sk-or-"), r"[\w-]{20,}"),
    (("sk-",), r"[A-Za-z0-9]{40,}"),
    (("pypi-AgE",), r"[\w-]{40,}"),
)
#: What a text has in it that holds such a key. Fewer than the beginnings, because every event is asked.
_SIGNS_TEXT = (
    "KIA SIA BIA k_live_ k_test_ ghp_ gho_ ghu_ ghs_ ghr_ _pat_ glpat- gldt- glrt- xox AIza ya29. GOCSPX- "
    "npm_ SG. hf_ _v1_ shp whsec_ sk- pypi-"
)
SIGNS = tuple(_SIGNS_TEXT.split())
TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    + "|".join(f"(?:{'|'.join(map(re.escape, starts))}){rest}" for starts, rest in _KINDS)
    + ")"
)

#: Country → characters of its account numbers, ISO 13616.
_LENGTHS_TEXT = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 "
    "ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 "
    "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 "
    "QA29 RO24 RS22 SA24 SC31 SD18 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
_LENGTHS = {text[:2]: int(text[2:]) for text in _LENGTHS_TEXT.split()}
#: How an account begins, with all that may follow, spaces between. The country says how much of it counts.
_IBAN = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(_LENGTHS)})\d\d(?=[ +-]?[A-Za-z0-9])", re.IGNORECASE)
_REST = {
    length: re.compile(rf"(?:[ +-]?[A-Za-z0-9]){{{length - 4}}}(?![A-Za-z0-9])")
    for length in set(_LENGTHS.values())
}
#: Countries whose accounts are digits alone, by the same standard.
_DIGITS_ALONE_TEXT = (
    "AE AT BA BE CR CZ DE DK EE ES FI FO GL HR HU IL IS LT LY ME MR NO PL PT RS SE SI SK TL TN VA XK"
)
_DIGITS_ALONE = frozenset(_DIGITS_ALONE_TEXT.split())
_FEWEST_DIGITS = 9
#: An id of an event, a view or an order: one in 12,500 holds what has the check digits of an account.
_UUID = re.compile(
    r"(?<![0-9A-Za-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9A-Za-z])", re.IGNORECASE
)
_NO_CODE = re.compile(r"[^A-Z0-9]")


def without_ibans(text: str, put: str) -> tuple[str, int]:
    """The text with `put` in place of account numbers whose check digits are right; how many they were."""
    parts: list[str] = []
    done = 0
    for start in _IBAN.finditer(text):
        rest = _REST[_LENGTHS[start[1].upper()]].match(text, start.end()) if start.start() >= done else None
        if rest is not None and _is_iban(start[0] + rest[0]) and not _is_in_uuid(text, start.start()):
            parts += (text[done : start.start()], put)
            done = rest.end()
    return ("".join([*parts, text[done:]]) if parts else text), len(parts) // 2


def _is_iban(text: str) -> bool:
    code = _NO_CODE.sub("", text.upper())
    # An account has digits, and a text with fewer is not looked at.
    if sum(character.isdigit() for character in code) < _FEWEST_DIGITS:
        return False
    if code[:2] in _DIGITS_ALONE and not code[2:].isdigit():
        return False
    return int("".join(str(int(character, 36)) for character in code[4:] + code[:4])) % 97 == 1


def _is_in_uuid(text: str, at: int) -> bool:
    return any(found.start() <= at < found.end() for found in _UUID.finditer(text))
