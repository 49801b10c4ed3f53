"""What a client file says about collecting: API keys, path aliases, hosts of old clients."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from footfall.forms.form import FormName, paths
from footfall.strict import Strict

PATH = r"^(/[A-Za-z0-9_~-]{1,64}){1,4}$"
ORIGIN = r"^[a-z][a-z0-9+.-]*://[^\s/?#@]+$"
SHA256 = r"^[0-9a-f]{64}$"
KEY_NAME = r"^[a-z0-9][a-z0-9_-]{0,47}$"
#: What a person is told who breaks a pattern.
EXPECTED = {
    PATH: "expected a path such as /t/abc, of A-Z a-z 0-9 _ ~ - and slashes",
    ORIGIN: "expected an origin such as https://app.example or capacitor://localhost",
    SHA256: "expected 64 hex digits, as `footfall keys` prints them",
}

#: First parts of the collector's own paths, which no site can take as its alias.
RESERVED_PATHS = frozenset({"collect", "track", "events", "auth", "health", "livez", "readyz", "metrics"})


def _alias(value: str) -> str:
    if value.split("/")[1] in RESERVED_PATHS:
        raise ValueError("begins with a path of the collector's own")
    if value in paths():
        raise ValueError("is a path of trackers of another tool")
    return value


#: A path of the collector that stands for a site.
Alias = Annotated[str, Field(pattern=PATH), AfterValidator(_alias)]
#: What a browser calls the page that sends: `https://app.example`, `capacitor://localhost`.
Origin = Annotated[str, Field(pattern=ORIGIN)]
Permission = Literal["read", "write", "admin", "assist"]


class Tracker(Strict):
    """Trackers of another tool whose events a site takes (footfall/forms)."""

    form: FormName
    """Whose."""
    id: str | None = Field(default=None, min_length=1, max_length=128)
    """The public id that its pages send, together with their origin; without it only programs with a write
    key.
    """
    origins: list[Origin] = Field(default_factory=list, max_length=50)
    """Pages of other hosts than the site's domains that may send it."""


class ApiKey(Strict):
    """A key for programs, kept as its hash: what it may do, and which site its events belong to."""

    name: str = Field(pattern=KEY_NAME)
    """For people, and in the audit."""
    sha256: str = Field(pattern=SHA256)
    """The key's SHA-256 in hex. The key itself is kept nowhere."""
    permissions: list[Permission] = Field(min_length=1)
    """`write` sends events, `read` asks, `admin` may do both; `assist` asks what names no visitor."""
    site_id: str | None = None
    """The one site that it is for. Needed to `write` where the client has several; `admin` without it may do
    all but send events.
    """
    requests_per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    """Requests a minute, of the collector and of the API; without it the settings'."""
    requests_per_hour: int | None = Field(default=None, ge=1, le=1_000_000)
    """Requests an hour of the API; without it the setting's."""
    expires_at: AwareDatetime | None = None
    """From then on it is no key any more; `footfall keys rotate` gives one to the key before."""
    consent: Literal[0, 1, 2, 3] | None = None
    """Consent tier of its events that declare none: the program knows what its people allowed. Without it 2,
    or 0 where the site's own default is 0.
    """

    def is_valid(self, now: datetime) -> bool:
        """Whether its time is not over."""
        return self.expires_at is None or now < self.expires_at

    def may(self, permission: Permission) -> bool:
        """Whether the key has a permission, by name or as admin."""
        return permission in self.permissions or "admin" in self.permissions
