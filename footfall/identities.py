"""Who a client is: an identity, made with the first valid file of an id, to which rows and deliveries belong.

The first identity of an id has its name. After `footfall clients end` the id may be somebody else's, whose
identity is `acme.2`: no id of a client file has a dot. What an identity was last delivered for (sites,
their keys, places) is what a changed file is compared with.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from footfall.locations import Location, location

if TYPE_CHECKING:
    from footfall.clients import Client


def written_id(identity: str) -> str:
    """The id in the client file of an identity: `acme` of `acme` and of `acme.2`."""
    return identity.partition(".")[0]


@dataclass(frozen=True)
class Had:
    """What an owner is known by. `sites`: (site_id, key); `places`: (URL, endpoint or empty) of buckets."""

    sites: frozenset[tuple[str, str]] = frozenset()
    places: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, client: "Client") -> Self:
        """What a client's file names."""
        return cls(
            frozenset((site.site_id, site.key) for site in client.sites),
            frozenset((each.url, each.endpoint or "") for each in client.destinations().values()),
        )

    def has_in_common(self, other: "Had", home: Path) -> bool:
        """Whether a site's id, a site's key or a place is in both. Places are compared as they lead now."""
        for n in (0, 1):
            if {site[n] for site in self.sites} & {site[n] for site in other.sites}:
                return True
        theirs = other.locations(home)
        return any(place.overlaps(each) for place in self.locations(home) for each in theirs)

    def locations(self, home: Path) -> list[Location]:
        """Where its places lead; one that leads nowhere any more is left out."""
        found = []
        for url, endpoint in self.places:
            try:
                found.append(location(url, home, endpoint or None))
            except (ValueError, OSError):
                continue
        return found

    def __str__(self) -> str:
        sites = ", ".join(sorted(site_id for site_id, _ in self.sites)) or "none"
        return f"sites {sites}; {', '.join(sorted(url for url, _ in self.places)) or 'no bucket'}"


@dataclass(frozen=True)
class Identity:
    """One owner of an id. `last`: what it had when it was last delivered to, or at first; `sites`: the ids of
    all sites it ever had, by which what a collector wrote is told apart. `is_handed_over`: another
    installation goes on with it since it ended here.
    """

    name: str
    made_at: datetime
    last: Had = Had()
    sites: frozenset[str] = frozenset()
    ended_at: datetime | None = None
    is_handed_over: bool = False

    def with_file(self, had: Had) -> Self:
        """The same owner with what its file names now."""
        return replace(self, last=had, sites=self.sites | {site_id for site_id, _ in had.sites})


@dataclass(frozen=True)
class History:
    """All identities of one id, in order; at most the last of them has not ended."""

    client_id: str
    version: int = 0
    identities: tuple[Identity, ...] = field(default=())

    @property
    def current(self) -> Identity | None:
        """The one that has not ended."""
        last = self.identities[-1] if self.identities else None
        return last if last and last.ended_at is None else None

    @property
    def name(self) -> str:
        """The name of the identity that a file of this id has, made or not."""
        number = len(self.identities) + (self.current is None)
        return self.client_id if number == 1 else f"{self.client_id}.{number}"

    def changed(self, *identities: Identity) -> "History":
        """The next version, with these in the place of those it has."""
        return History(self.client_id, self.version + 1, identities)

    def with_file(self, had: Had, now: datetime) -> "History":
        """The next version, in which the current identity has what its file names; it is made if need be."""
        current = self.current
        if current is None:
            return self.changed(*self.identities, Identity(self.name, now).with_file(had))
        return self.changed(*self.identities[:-1], current.with_file(had))

    def ended(self, now: datetime, *, is_handed_over: bool = False) -> "History":
        """The next version, in which the current identity has ended."""
        assert self.current is not None, "there is one to end"
        over = replace(self.current, ended_at=now, is_handed_over=is_handed_over)
        return self.changed(*self.identities[:-1], over)

    def handed_over(self, had: Had, home: Path) -> Identity | None:
        """The identity that was handed over, where a file of the id still names what it had."""
        last = self.identities[-1] if self.identities else None
        is_it = last is not None and last.is_handed_over and last.last.has_in_common(had, home)
        return last if is_it else None

    def alone(self) -> "History":
        """The same without what owners before the last one had: what another installation may know."""
        before = (Identity(each.name, each.made_at, ended_at=each.ended_at) for each in self.identities[:-1])
        return History(self.client_id, self.version, (*before, *self.identities[-1:]))

    def as_document(self) -> dict[str, Any]:
        """As it is stored, without its signature."""
        return {
            "client_id": self.client_id,
            "version": self.version,
            "identities": [
                {
                    "identity": each.name,
                    "made_at": _written(each.made_at),
                    "ended_at": _written(each.ended_at) if each.ended_at else None,
                    **({"handed_over": True} if each.is_handed_over else {}),
                    "sites": sorted(each.sites),
                    "last": {
                        "sites": [{"site_id": s, "key": key} for s, key in sorted(each.last.sites)],
                        "destinations": [{"url": u, "endpoint": e} for u, e in sorted(each.last.places)],
                    },
                }
                for each in self.identities
            ],
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        """What was stored. Raises ValueError, KeyError or TypeError where it is no such document."""
        return cls(
            str(document["client_id"]),
            int(document["version"]),
            tuple(_identity(each) for each in document["identities"]),
        )


def _identity(document: Mapping[str, Any]) -> Identity:
    last, ended_at = document["last"], document["ended_at"]
    return Identity(
        str(document["identity"]),
        datetime.fromisoformat(document["made_at"]),
        Had(
            frozenset((each["site_id"], each["key"]) for each in last["sites"]),
            frozenset((each["url"], each["endpoint"]) for each in last["destinations"]),
        ),
        frozenset(document["sites"]),
        datetime.fromisoformat(ended_at) if ended_at else None,
        document.get("handed_over") is True,
    )


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def reused(histories: Iterable[History]) -> list[History]:
    """Those of ids that had more than one owner."""
    return [each for each in histories if len(each.identities) > 1]
