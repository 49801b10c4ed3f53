"""Who may see the dashboard: people with a role, and share links, kept in the register (`access.sqlite`).

A share link carries a token `ID.EXPIRY.SIGNATURE`. The signature is looked at first, so that nobody can ask
the register about ids that were never given; then it says what the id shows, unless it was revoked.
"""

import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from footfall.access.register import NAME, key_register
from footfall.errors import FootfallError
from footfall.event import timestamp

Role = Literal["operator", "client", "viewer"]
ROLES: tuple[str, ...] = get_args(Role)
#: Days that a share link may be valid.
MOST_DAYS = 400


@dataclass(frozen=True)
class Grant:
    """What somebody may see. `client_id`: None of an operator. `site_id`, `pages`: no others; empty: all."""

    role: Role
    client_id: str | None = None
    site_id: str | None = None
    pages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Share:
    """A link that shows pages of one site to whoever has it."""

    id: str
    client_id: str
    site_id: str
    pages: tuple[str, ...]
    label: str
    made_by: str
    made_at: str
    expires_at: str
    revoked_at: str | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it shows anything still."""
        return self.revoked_at is None and now < datetime.fromisoformat(self.expires_at)

    @property
    def grant(self) -> Grant:
        """What it shows."""
        return Grant("viewer", self.client_id, self.site_id, self.pages)


def put_person(home: Path, name: str, grant: Grant) -> None:
    """Let a person in, by the name under which they sign in; or change what they may see."""
    if not name or name != name.strip() or len(name) > 200 or not name.isprintable():
        raise FootfallError(f"{name!r} is no name under which somebody signs in, such as anna@agency.example")
    with key_register(home) as database:
        database.execute(
            "INSERT OR REPLACE INTO people VALUES (?, ?)", (name.lower(), json.dumps(asdict(grant)))
        )


def remove_person(home: Path, name: str) -> None:
    """Let a person in no more. Raises FootfallError where nobody of that name is."""
    with key_register(home) as database:
        if not database.execute("DELETE FROM people WHERE name = ?", (name.lower(),)).rowcount:
            raise FootfallError(
                f"{name} may not see the dashboard anyhow; `footfall dashboard people` lists all"
            )


def people(home: Path) -> dict[str, Grant]:
    """Everybody who may sign in."""
    if not (home / NAME).exists():
        return {}
    with key_register(home) as database:
        rows = database.execute("SELECT name, document FROM people ORDER BY name").fetchall()
    return {name: _grant(json.loads(document)) for name, document in rows}


def grant_of(home: Path, name: str) -> Grant | None:
    """What a person may see; None where nobody let them in."""
    # The Kelvin sign becomes a `k`: nobody is let in as somebody else whose name their own only folds to.
    if any(each.lower().isascii() and not each.isascii() for each in name):
        return None
    return people(home).get(name.lower())


def new_share(
    home: Path,
    secret: str,
    *,
    client_id: str,
    site_id: str,
    pages: Iterable[str],
    label: str,
    made_by: str,
    now: datetime,
    expires_at: datetime,
) -> tuple[Share, str]:
    """A share, kept, and its token. `secret`: of this installation, for this purpose."""
    if not now < expires_at or (expires_at - now).days > MOST_DAYS:
        raise FootfallError(f"a share link is valid for 1 to {MOST_DAYS} days")
    share = Share(
        secrets.token_urlsafe(12),
        client_id,
        site_id,
        tuple(pages),
        label,
        made_by,
        timestamp(now),
        timestamp(expires_at),
    )
    kept = {name: value for name, value in asdict(share).items() if name not in ("id", "revoked_at")}
    with key_register(home) as database:
        database.execute("INSERT INTO shares VALUES (?, ?, NULL)", (share.id, json.dumps(kept)))
    body = f"{share.id}.{int(expires_at.timestamp())}"
    return share, f"{body}.{_signature(secret, body)}"


def share_of(home: Path, secret: str, token: str, now: datetime) -> Share | None:
    """The share of a token that we signed, whose time is not over and that is not revoked; else None."""
    body, _, signature = token.rpartition(".")
    name, _, until = body.partition(".")
    is_ours = hmac.compare_digest(_signature(secret, body).encode(), signature.encode("utf-8", "replace"))
    if not is_ours or not until.isdecimal() or now >= datetime.fromtimestamp(int(until), UTC):
        return None
    found = next((each for each in shares(home) if each.id == name), None)
    return found if found is not None and found.is_valid(now) else None


def shares(home: Path) -> list[Share]:
    """Every share that was made, the newest last."""
    if not (home / NAME).exists():
        return []
    with key_register(home) as database:
        rows = database.execute("SELECT id, document, revoked_at FROM shares ORDER BY rowid").fetchall()
    return [_share(name, json.loads(document), revoked) for name, document, revoked in rows]


def revoke_share(home: Path, name: str, now: datetime) -> Share:
    """Let a link show nothing from now on. Raises FootfallError where there is none of that id."""
    with key_register(home) as database:
        database.execute(
            "UPDATE shares SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (timestamp(now), name)
        )
    found = next((each for each in shares(home) if each.id == name), None)
    if found is None:
        raise FootfallError(f"there is no share link {name!r}; `footfall dashboard shares` lists all")
    return found


def _share(name: str, document: dict[str, str], revoked_at: str | None) -> Share:
    pages = tuple(document["pages"])
    return Share(**{**document, "id": name, "pages": pages, "revoked_at": revoked_at})  # type: ignore[arg-type]


def _grant(document: dict[str, str]) -> Grant:
    return Grant(**{**document, "pages": tuple(document["pages"])})  # type: ignore[arg-type]


def _signature(secret: str, body: str) -> str:
    return hmac.new(secret.encode(), body.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:32]
