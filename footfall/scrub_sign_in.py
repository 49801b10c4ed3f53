"""`code` and `state` of addresses that sign somebody in. Elsewhere they are coupons and regions."""

import re

from footfall.scrub_values import is_opaque

#: Characters on both sides in which the address is looked for.
_NEAR = 384
_ENDS = re.compile(r"[\s\"'<>]")
#: Paths that sign somebody in.
_PATH = re.compile(
    r"oauth|open-?id|oidc|saml|sso\b|callback|(?<![a-z])cb(?![a-z])|log-?in|sign-?in|authorize|authorise|"
    r"(?<![a-z])auth(?![a-z])|connect/",
    re.IGNORECASE,
)
#: Parameters that only such addresses have.
_SIBLINGS = re.compile(
    r"[?&#;](?:client_id|redirect_uri|response_type|response_mode|session_state|id_token|access_token|grant_type|"
    r"code_verifier|code_challenge|authuser|iss|nonce|state=[^&#\s]{16,}&(?:.{0,256}&)?code|code=[^&#\s]{16,}&(?:.{0,256}&)?state)=",
    re.IGNORECASE,
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_sign_in(value: str, text: str, start: int) -> bool:
    """Whether the value of `code` or `state`, whose name starts at `start` of a text, signs somebody in."""
    if len(value) < 3 or value.startswith("redacted-"):
        return False
    before = _ENDS.split(text[max(0, start - _NEAR) : start])[-1]
    after = _ENDS.split(text[start : start + _NEAR], maxsplit=1)[0]
    if _SIBLINGS.search(before[-1:] + after) or _SIBLINGS.search(before):
        return True
    path = before.partition("?")[0].partition("#")[0].partition("://")[2] or before
    if _PATH.search(path):
        return is_opaque(value) or (len(value) >= 6 and value.upper() != value)
    # Coupons are shorter than codes, and written large.
    return is_opaque(value) and len(value) >= 20 and value.upper() != value and not _UUID.fullmatch(value)
