"""What a client file says about collecting: API keys, path aliases, hosts of old clients."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from footfall.strict import Strict

PATH = r"^(/[A-Za-z0-9_~-]{1,64}){1,4}$"
SHA256 = r"^[0-9a-f]{64}$"
KEY_NAME = r"^[a-z0-9][a-z0-9_-]{0,47}$"
#: What a person is told who breaks a pattern.
EXPECTED = {
    PATH: "expected a path such as /t/abc, of A-Z a-z 0-9 _ ~ - and slashes",
    SHA256: "expected 64 hex digits, as `footfall keys` prints them",
}

#: First parts of the collector's own paths, which no site can take as its alias.
RESERVED_PATHS = frozenset({"collect", "track", "events", "auth", "health", "livez", "readyz", "metrics"})


def _alias(value: str) -> str:
    if value.split("/")[1] in RESERVED_PATHS:
        raise ValueError("begins with a path of the collector's own")
    return value


#: A path of the collector that stands for a site.
Alias = Annotated[str, Field(pattern=PATH), AfterValidator(_alias)]
Permission = Literal["read", "write", "admin"]


class ApiKey(Strict):
    """A key for programs, kept as its hash: what it may do, and which site its events belong to."""

    name: str = Field(pattern=KEY_NAME)
    """For people, and in the audit."""
    sha256: str = Field(pattern=SHA256)
    """The key's SHA-256 in hex. The key itself is kept nowhere."""
    permissions: list[Permission] = Field(min_length=1)
    """`write` sends events, `read` sees counts and recent events, `admin` may do both."""
    site_id: str | None = None
    """Needed to write where the client has several sites."""
    requests_per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    """Requests a minute; without it the setting's."""

    def may(self, permission: Permission) -> bool:
        """Whether the key has a permission, by name or as admin."""
        return permission in self.permissions or "admin" in self.permissions
