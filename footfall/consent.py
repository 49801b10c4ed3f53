"""What a visitor allows: the tier of each event, and what is taken out of it below that tier.

    tier 0  none        counted, nobody recognised: no visitor, session or user, no click id values
    tier 1  cookieless  a visitor for a day of the site by keyed hash; the default
    tier 2  session     the same, and a first-party session id and the values of click ids
    tier 3  persistent  a first-party visitor id

The tier of an event is the least of what it declares (or the site's default) and of what GPC and DNT leave.
"""

import re
from typing import Any, Literal

import msgspec

from footfall.json_text import rewrite

NONE, COOKIELESS, SESSION, PERSISTENT = range(4)

#: What Global Privacy Control does to an event: no more than tier 1, or tier 0.
GpcPolicy = Literal["tier1", "tier0"]
#: What Do Not Track does to an event: no more than tier 1, or it is not taken at all.
DntPolicy = Literal["tier1", "tier0"]

#: Fields of an event that each tier takes out. A user id is an explicit act of the site, about somebody it
#: knows anyway, so only tier 0 drops it. Screen, window, language and time zone would help to tell
#: unlinked events of one device apart.
TAKEN_OUT: dict[int, frozenset[str]] = {
    NONE: frozenset({"visitor", "session", "user", "screen", "viewport", "lang", "tz"}),
    COOKIELESS: frozenset({"visitor", "session"}),
    SESSION: frozenset({"visitor"}),
    PERSISTENT: frozenset(),
}

#: Parameters in which advertisers name one click of one person. Which of them was there says from where
#: a visit came; the value says who came.
_NAMES = (
    "gclid dclid gbraid wbraid fbclid msclkid twclid ttclid li_fat_id igshid igsh rdt_cid epik qclid sccid "
    "sc_click_id irclid yclid ysclid tblci obclid srsltid _kx mc_eid mkt_tok _hsenc vero_id wickedid "
    "oly_anon_id oly_enc_id"
)
CLICK_IDS = frozenset(_NAMES.split())
_CLICK_PARAMETER = re.compile(
    # `?` or `&` before it, `=` after it, both perhaps percent-encoded, once or more often.
    r"([?&#;]|%(?:25)*(?:3F|26|23|3B))"
    rf"({'|'.join(sorted(CLICK_IDS, key=len, reverse=True))})"
    r"(=|%(?:25)*3D)((?:(?!%(?:25)*(?:26|23))[^&#;\s])+)",
    re.IGNORECASE,
)
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def effective_tier(
    declared: int | None, default: int, *, gpc: bool, dnt: bool, gpc_policy: GpcPolicy = "tier1"
) -> int:
    """The tier that holds: `declared`, or the site's `default` (0 or 1), under the cap of GPC and DNT."""
    tier = default if declared is None else declared
    if gpc and gpc_policy == "tier0":
        return NONE
    return min(tier, COOKIELESS) if gpc or dnt else tier


def declared_tier(value: Any) -> int | None:
    """The `consent` of an event, where it is one of the tiers. Anything else declares nothing."""
    return value if type(value) is int and NONE <= value <= PERSISTENT else None


def strip(raw: bytes, tier: int, *, has_ids: bool, has_clicks: bool, is_alias: bool = False) -> bytes:
    """The JSON of an event without what its tier does not allow.

    `has_ids` says whether it has a field visitor or session, `has_clicks` whether it may hold click ids.
    Their values become `1` in addresses and `true` as fields, below tier 2. What stays, stays byte for byte.
    """
    if tier == NONE or (has_ids and tier < PERSISTENT):
        raw = _without_fields(raw, tier, is_alias)
    if has_clicks and tier < SESSION:
        raw = rewrite(raw.decode(), _click_value).encode()
    return raw


def without_identity(text: str) -> str:
    """JSON-like text that could not be read, without what any tier might forbid."""

    def change(name: str, value: str, is_string: bool) -> str | None:
        if name in ("visitor", "session", "user"):
            return "null"
        return _click_value(name, value, is_string)

    return rewrite(text, change)


def _click_value(name: str, value: str, is_string: bool) -> str | None:
    if name.lower() in CLICK_IDS:
        return "true"
    if not is_string:
        return None
    new = _CLICK_PARAMETER.sub(r"\1\2\g<3>1", value)
    return None if new == value else _encode(new).decode()


def _without_fields(raw: bytes, tier: int, is_alias: bool) -> bytes:
    fields = _decode_fields(raw)
    found = TAKEN_OUT[tier] & fields.keys()
    for name in found:
        del fields[name]
    if tier == NONE and is_alias and bytes(fields.get("props", b"")).startswith(b"{"):
        # The other half of an alias is a user id as well.
        fields["props"] = msgspec.Raw(_encode(_decode_fields(fields["props"]) | {"previous": None}))
        return _encode(fields)
    return _encode(fields) if found else raw


# A user agent at tier 0 -----------------------------------------------------------------------------

_VERSION = re.compile(r"(\d+)(?:[._]\d+)+")
_DEVICE = re.compile(r"(Android \d+; )[^;)]+")


def reduced_user_agent(text: str) -> str:
    """Browser and system with their major versions, and no device model: as browsers reduce it themselves."""
    return _DEVICE.sub(r"\1K", _VERSION.sub(r"\1", text))
