"""What the operator allows client files to name: folders, secrets, hosts. By settings, never by a client.

A client file is written on somebody's word. It may not have rows delivered into the installation's own
folders or the machine's, have a secret of somebody else sent to a server of its choice, or make Footfall talk
to its own network.
"""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from footfall import installed
from footfall.errors import FootfallError
from footfall.guard import Forbidden, is_listed, require_possible
from footfall.locations import HOME, Location, folder, local_path, location, steps
from footfall.settings import Settings
from footfall.unseen import has_unseen

#: The machine's own folders and those of its users, of Linux and macOS; nobody keeps a client's bucket there.
_SYSTEM = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/lost+found", "/proc", "/run", "/sbin"),
    *(
        "/home",
        "/root",
        "/sys",
        "/usr",
        "/var/cache",
        "/var/lib",
        "/var/log",
        "/var/mail",
        "/var/run",
        "/var/spool",
    ),
    *("/Applications", "/Library", "/System", "/Users"),
)


@dataclass(frozen=True)
class Allowed:
    """The settings that say it, and what they protect."""

    home: Path
    lake: str = ""
    backup: str = ""
    s3_endpoint: str | None = None
    #: Folder of the client files.
    clients: str = ""
    #: FOOTFALL_BUCKET_FOLDERS, FOOTFALL_CLIENT_SECRETS, FOOTFALL_CLIENT_HOSTS.
    folders: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    #: Whether webhooks may go to private addresses.
    is_webhook_private: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "Allowed":
        """What one installation allows."""
        own = urlsplit(settings.s3_endpoint or "").netloc
        return cls(
            home=settings.home,
            lake=settings.lake,
            backup=settings.backup,
            s3_endpoint=settings.s3_endpoint,
            clients=str(settings.clients),
            folders=settings.bucket_folders,
            secrets=settings.client_secrets,
            # The operator's own store is one that clients may have buckets in.
            hosts=(*settings.client_hosts, *([own.lower()] if own else [])),
            is_webhook_private=settings.webhook_private,
        )

    def as_config(self) -> dict[str, Any]:
        """The same as plain values, for a resource of Dagster."""
        given = {name: value for name, value in asdict(self).items() if value}  # Dagster takes no null here
        plain = {name: list(v) if isinstance(v, tuple) else v for name, v in given.items()}
        return {**plain, "home": str(self.home)}

    @classmethod
    def from_config(cls, values: dict[str, Any]) -> "Allowed":
        """What `as_config` gave."""
        read: Any = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**{**read, "home": Path(read["home"])})

    @classmethod
    def unknown(cls) -> "Allowed":
        """What is allowed without any settings; ${FOOTFALL_HOME} stands for itself."""
        return cls(home=Path("/", HOME))

    def ours(self) -> Iterator[tuple[str, Location]]:
        """The stores of the installation itself, each with its name."""
        for name, url in (("the lake", self.lake), ("the backup bucket", self.backup)):
            if url:
                yield name, location(url, self.home, self.s3_endpoint)

    def require_place(self, url: str, endpoint: str | None = None) -> Location:
        """The place that a client file's URL names, if it may be one, as things are now.

        Raises FootfallError. No part of the URL is repeated, as it could be a secret.
        """
        problem = _spelling(url)
        try:
            place = None if problem else location(url, self.home, endpoint)
        except ValueError:
            problem = "expected a path without control characters"
        if problem or place is None:
            raise FootfallError(problem)
        for name, own in self.ours():
            if place.overlaps(own):
                raise FootfallError(f"overlaps {name}; name a place of the client's own")
        if url.startswith("file://"):
            self._require_folder(place, local_path(url, self.home))
        elif _is_access_point(url, endpoint):
            raise FootfallError(
                "is an access point; name the bucket itself, so that its owner can be compared"
            )
        return place

    def _require_folder(self, place: Location, path: Path) -> None:
        if any(step.parts[1:2] == ("proc",) for step in steps(path)):
            raise FootfallError("leads through /proc, which is another place for each process")
        buckets = folder(self.home / "buckets")
        if self.clients and place.overlaps(folder(Path(self.clients))):
            raise FootfallError("overlaps the folder of the client files")
        if place.is_in(buckets):
            return
        if place.overlaps(folder(self.home)):
            raise FootfallError(
                "overlaps the state folder; of that only ${FOOTFALL_HOME}/buckets/… is for clients"
            )
        if any(place.overlaps(folder(each)) for each in installed.CODE):
            raise FootfallError("overlaps the folder of Footfall itself")
        if self.folders:
            if not any(place.is_in(folder(Path(each))) for each in self.folders):
                raise FootfallError("lies in none of the folders that FOOTFALL_BUCKET_FOLDERS allows")
            return
        hidden = any(part.startswith(".") for part in path.resolve().parts)
        if hidden or any(place.overlaps(each) for each in _system()):
            raise FootfallError(
                "lies in a folder of the machine itself, of one of its users or in a hidden one; choose "
                "another, or list it in FOOTFALL_BUCKET_FOLDERS"
            )

    def require_secret(self, client_id: str, reference: str, others: Collection[str] = ()) -> None:
        """Whether a client's file may name a secret. Raises FootfallError, which does not repeat the name.

        `others`: ids of the other client files. A client's own are `env:CLIENT_<ID>_…`, the id in upper case
        with _ for -; where two ids fit, the longer one. The rest is the operator's list.
        """
        own = f"env:{_own_prefix(client_id)}"
        is_own = reference.startswith(own) and not any(
            reference.startswith(f"env:{_own_prefix(other)}") and len(other) >= len(client_id)
            for other in others
            if other != client_id
        )
        is_ours = reference.upper().startswith("ENV:FOOTFALL_")
        if is_ours or not (is_own or self._is_listed(client_id, reference)):
            raise FootfallError(
                "is a secret that this client may not name: its own are "
                f"{own}…, others need `{client_id}=REFERENCE` in FOOTFALL_CLIENT_SECRETS"
                + (", and FOOTFALL_… is never a client's" if is_ours else "")
            )

    def _is_listed(self, client_id: str, reference: str) -> bool:
        # A field of a secret is listed with the secret.
        names = (reference, reference.partition("#")[0])
        for entry in self.secrets:
            whose, _, pattern = entry.partition("=")
            if whose in ("*", client_id) and any(_fits(name, pattern) for name in names):
                return True
        return False

    def require_endpoint(self, endpoint: str, must_be_listed: bool = False) -> None:
        """Whether a store may be at that address, as far as it can be seen without the DNS.

        `must_be_listed`: a public address will not do, for its answers can lead to others. Raises
        FootfallError.
        """
        if must_be_listed and not is_listed(endpoint, self.hosts):
            raise FootfallError("is an address that an operator must list in FOOTFALL_CLIENT_HOSTS")
        _require_address(endpoint, self.hosts, is_free=False)

    def require_notify(self, url: str) -> None:
        """The same for an address that is told of deliveries."""
        _require_address(url, self.hosts, is_free=self.is_webhook_private)


def _require_address(url: str, hosts: Collection[str], *, is_free: bool) -> None:
    try:
        require_possible(url, hosts, allow_private=is_free)
    except Forbidden as error:
        raise FootfallError(f"{error}; an operator can list its host in FOOTFALL_CLIENT_HOSTS") from None


def _own_prefix(client_id: str) -> str:
    return f"CLIENT_{client_id.upper().replace('-', '_')}_"


def _fits(name: str, pattern: str) -> bool:
    """Only a * at the end stands for anything."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _spelling(url: str) -> str | None:
    """What is wrong with how a URL of a place is written."""
    if has_unseen(url + unquote(url)):
        return "expected a path without control characters"
    if url.startswith("file://"):
        rest = url.removeprefix("file://").removeprefix("${FOOTFALL_HOME}")
        if "$" in rest or rest.lstrip("/").startswith("~"):
            return "only ${FOOTFALL_HOME} is filled in, at the beginning; ~ and other variables are not"
        parts = local_path(rest, Path("/")).parts
        if ".." in parts or "//" in rest:
            return "expected a path without empty parts, . and .."
    return None


def _is_access_point(url: str, endpoint: str | None) -> bool:
    """Whether S3 would take the bucket or the endpoint for another name of some bucket."""
    bucket = url.removeprefix("s3://").partition("/")[0]
    host = (urlsplit(endpoint or "").hostname or "").rstrip(".").lower()
    return bucket.endswith(("-s3alias", "--ol-s3", ".mrap")) or (
        ".amazonaws.com" in host
        and any(mark in f".{host}" for mark in (".s3-accesspoint", "-s3alias", ".s3-object-lambda", ".mrap."))
    )


@cache
def _system() -> tuple[Location, ...]:
    return tuple(folder(Path(text)) for text in _SYSTEM if Path(text).exists())
