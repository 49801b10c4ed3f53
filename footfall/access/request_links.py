"""Links to the form by which a site's visitors ask to be erased, or for what is held of them.

    link     <client, site, end, number>.<signature>  stands in the site's pages for as long as it is valid
    ticket   <moment>.<random>.<signature>            stands in one form that was shown; sends it once

A link opens the form of one site. It names nobody, and nothing is done by it but to write a request down.
"""

import base64
import binascii
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.signatures import load_signer

#: Days for which a link may be valid: whoever puts one into pages renews it with them.
MOST_DAYS = 730
#: How long a form that was opened may be sent.
OPEN_FOR = timedelta(hours=2)


@dataclass(frozen=True)
class RequestLink:
    """Whose form a link opens. `number`: which of the site's links it is (`request_links`)."""

    client_id: str
    site_id: str
    number: int


def link_secret(settings: Settings) -> str:
    """What links and tickets of this installation are signed with. Raises FootfallError."""
    return load_signer(settings.home / "keys").derived("privacy: request links")


def new_link(secret: str, link: RequestLink, now: datetime, days: int) -> str:
    """A link. Its `client_id` is the identity. Raises FootfallError."""
    if not 1 <= days <= MOST_DAYS:
        raise FootfallError(f"a link is valid for 1 to {MOST_DAYS} days")
    said = [link.client_id, link.site_id, int((now + timedelta(days=days)).timestamp()), link.number]
    body = base64.urlsafe_b64encode(json.dumps(said, separators=(",", ":")).encode()).rstrip(b"=").decode()
    return f"{body}.{_signature(secret, 'link', body)}"


def link_of(secret: str, token: str, now: datetime) -> RequestLink | None:
    """What a link opens; None of one that we did not sign, or whose time is over."""
    body, _, signature = token.rpartition(".")
    if not _is_signed(secret, "link", body, signature):
        return None
    try:
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error):  # what we signed is none of these
        return None
    if len(said) != 4:  # of before links had a number
        return None
    until = datetime.fromtimestamp(said[2], UTC)
    return RequestLink(said[0], said[1], said[3]) if now < until else None


def new_ticket(secret: str, link: str, now: datetime) -> str:
    """What a form that is shown through a link is sent with, once."""
    body = f"{int(now.timestamp())}.{secrets.token_hex(16)}"
    return f"{body}.{_signature(secret, 'ticket', f'{link} {body}')}"


def is_ticket(secret: str, link: str, ticket: str, now: datetime) -> bool:
    """Whether a form was shown through that very link, and not too long ago."""
    body, _, signature = ticket.rpartition(".")
    moment = body.partition(".")[0]
    if not _is_signed(secret, "ticket", f"{link} {body}", signature) or not moment.isdecimal():
        return False
    return timedelta() <= now - datetime.fromtimestamp(int(moment), UTC) <= OPEN_FOR + timedelta(seconds=1)


def _is_signed(secret: str, purpose: str, body: str, signature: str) -> bool:
    ours = _signature(secret, purpose, body)
    return hmac.compare_digest(ours.encode(), signature.encode("utf-8", "surrogatepass"))


def _signature(secret: str, purpose: str, body: str) -> str:
    said = f"{purpose} {body}".encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode(), said, "sha256").hexdigest()[:32]
