"""English names of countries → ISO 3166-1 alpha-2, for exports that hold names (GA4 has no others).

The names are those of the pinned package `tzdata`; beside them what Unicode's CLDR, and so GA4, calls a few.
"""

import unicodedata
from functools import cache
from importlib import resources

_OTHERWISE = {
    "bosnia & herzegovina": "BA", "bosnia and herzegovina": "BA", "united kingdom": "GB",
    "south korea": "KR", "north korea": "KP", "czechia": "CZ", "turkiye": "TR", "turkey": "TR",
    "myanmar (burma)": "MM", "myanmar": "MM", "cote d'ivoire": "CI", "ivory coast": "CI",
    "congo - kinshasa": "CD", "congo - brazzaville": "CG", "democratic republic of the congo": "CD",
    "republic of the congo": "CG", "hong kong sar china": "HK", "macao": "MO", "macao sar china": "MO",
    "macau": "MO", "eswatini": "SZ", "swaziland": "SZ", "north macedonia": "MK", "cape verde": "CV",
    "cabo verde": "CV", "trinidad and tobago": "TT", "antigua and barbuda": "AG",
    "saint kitts and nevis": "KN", "st. kitts & nevis": "KN", "saint lucia": "LC", "st. lucia": "LC",
    "saint vincent and the grenadines": "VC", "st. vincent & grenadines": "VC", "timor-leste": "TL",
    "sao tome & principe": "ST", "sao tome and principe": "ST", "aland islands": "AX", "curacao": "CW",
    "reunion": "RE", "the bahamas": "BS", "the gambia": "GM", "vatican city": "VA", "brunei": "BN",
    "laos": "LA", "syria": "SY", "us virgin islands": "VI", "u.s. virgin islands": "VI",
    "british virgin islands": "VG", "sint maarten": "SX", "st. martin": "MF", "saint martin": "MF",
    "isle of man": "IM", "palestine": "PS", "micronesia": "FM", "united states of america": "US",
    "russian federation": "RU", "viet nam": "VN", "republic of korea": "KR", "american samoa": "AS",
    "samoa": "WS", "faroe islands": "FO", "falkland islands (islas malvinas)": "FK",
}  # fmt: skip


def country_code(said: str) -> str | None:
    """The code of a country by its English name; None where nobody knows it."""
    return _names().get(_plain(said))


@cache
def _names() -> dict[str, str]:
    text = resources.files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {_plain(name): code for code, name in rows} | _OTHERWISE


def _plain(name: str) -> str:
    bare = unicodedata.normalize("NFKD", name.replace("\u2019", "'"))
    return "".join(each for each in bare if not unicodedata.combining(each)).strip().lower()
