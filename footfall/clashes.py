"""What two client files cannot both have (a site, a key, a domain, a place), and whose it is."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import TYPE_CHECKING

from footfall.allowed import Allowed
from footfall.errors import FootfallError
from footfall.exports import MAIN
from footfall.key_templates import share_a_folder
from footfall.locations import Location
from footfall.mistakes import Mistake
from footfall.wildcards import covers

if TYPE_CHECKING:
    from footfall.clients import Client, Site

#: Field of a client file → where it leads.
Places = Mapping[str, Location]


@dataclass
class Candidate:
    """A client file that is read: its client, where it leads, and what is wrong with it."""

    name: str
    client: "Client | None"
    places: Places
    mistakes: list[Mistake] = attribute(default_factory=list)

    def claims_of(self, other: "Candidate") -> set[Mistake]:
        """What this one claims that the other has."""
        if self.client is None or other.client is None:
            return set()
        return set(clashes(f"{self.name}.yaml", self.client, self.places, other.client, other.places))


def standing(read: Sequence[Candidate], before: Mapping[str, Candidate]) -> dict[str, Candidate]:
    """Those of `read` that stand, by name. What others have is added to the mistakes of those that fall.

    `before`: the files as they last were in force. Who had a thing keeps it while its file claims it
    still, or is broken and says nothing. What is new in both is the first one's, in the order of `read`.
    """
    accepted: dict[str, Candidate] = {}

    def is_new(each: Candidate) -> bool:
        return each.name not in before or before[each.name].client != each.client

    # Who is as before first: among those nobody claims what another has.
    for each in sorted(read, key=is_new):
        found = [claim for other in accepted.values() for claim in sorted(each.claims_of(other), key=str)]
        for other in read if is_new(each) else ():
            had = before.get(other.name)
            if had is None or other is each or other.name in accepted or not is_new(other):
                continue
            held = each.claims_of(had)
            if held and other.client is not None:
                held &= each.claims_of(other)
            if held and each.name in before:  # what both had is no news
                held -= before[each.name].claims_of(had)
            found += sorted(held, key=str)
        each.mistakes.extend(found)
        if each.client is not None and not each.mistakes:
            accepted[each.name] = each
    return accepted


def places_of(
    file: str, client: "Client", allowed: Allowed, others: Collection[str]
) -> tuple[dict[str, Location], list[Mistake]]:
    """Where a client's file leads, and all that the operator does not allow it to name.

    `others`: the ids of all client files.
    """
    found: dict[str, Location] = {}
    mistakes: list[Mistake] = []

    def judge(field: str, act: object, *given: object) -> None:
        try:
            place = act(*given)  # type: ignore[operator]
        except FootfallError as error:
            mistakes.append(Mistake(file, field, str(error)))
        else:
            if isinstance(place, Location):
                found[field] = place

    for name, destination in client.destinations().items():
        at = "destination" if name == MAIN else f"further_destinations.{name}"
        judge(f"{at}.url", allowed.require_place, destination.url, destination.endpoint)
        if destination.endpoint:
            judge(f"{at}.endpoint", allowed.require_endpoint, destination.endpoint, destination.is_in_cloud)
        for field in ("access_key", "secret_key", "credentials"):
            if reference := getattr(destination, field):
                judge(f"{at}.{field}", allowed.require_secret, client.client_id, reference, others)
    for source in client.sources:
        judge(f"sources.{source.name}.url", allowed.require_place, source.bucket_url(), source.endpoint)
        if source.endpoint:
            judge(f"sources.{source.name}.endpoint", allowed.require_endpoint, source.endpoint)
    for export in client.exports:
        for n, url in enumerate(export.notify, 1):
            judge(f"exports.{export.name}.notify.{n}", allowed.require_notify, url)
    return found, mistakes


def own_clashes(file: str, client: "Client", places: Places) -> Iterator[Mistake]:
    """Destinations of one client that overlap, and exports of it that could share a folder."""
    buckets = [(field, place) for field, place in places.items() if not field.startswith("sources.")]
    for n, (_, one) in enumerate(buckets):
        for field, other in buckets[n + 1 :]:
            if one.overlaps(other):
                yield Mistake(file, field, "overlaps another destination of this client")
    exports = [each for export in client.exports for each in export.series()]
    # All of them, whatever their destinations: the backup bucket holds every export of a client.
    for n, one_export in enumerate(exports):
        for other_export in exports[n + 1 :]:
            if share_a_folder(one_export, other_export, client.client_id):
                names = f"{one_export.name} and {other_export.name}"
                yield Mistake(file, "exports", f"{names} could share a folder; give them other keys")


def clashes(
    file: str, client: "Client", places: Places, other: "Client", others_places: Places
) -> Iterator[Mistake]:
    """What `client` claims that `other` has."""
    yield from _place_clashes(file, places, other, others_places, client)
    theirs = (
        {s.site_id for s in other.sites},
        {s.key for s in other.sites},
        [d for s in other.sites for d in s.domains],
    )
    for n, site in enumerate(client.sites, 1):
        if site.site_id in theirs[0]:
            yield Mistake(file, f"sites.{n}.site_id", f"{site.site_id} belongs to {other.client_id}")
        if site.key in theirs[1]:
            yield Mistake(file, f"sites.{n}.key", f"is a key of {other.client_id}")
        for domain in site.domains:
            if any(covers(domain, their) for their in theirs[2]):
                yield Mistake(file, f"sites.{n}.domains", f"{domain} belongs to {other.client_id}")
        yield from _collecting_clashes(file, n, site, other)
    hashes = {key.sha256 for key in other.api_keys}
    for n, key in enumerate(client.api_keys, 1):
        if key.sha256 in hashes:
            yield Mistake(file, f"api_keys.{n}.sha256", f"is a key of {other.client_id}")


def _place_clashes(
    file: str, places: Places, other: "Client", others_places: Places, client: "Client"
) -> Iterator[Mistake]:
    for field, mine in places.items():
        for their_field, theirs in others_places.items():
            if not mine.overlaps(theirs):
                continue
            what = "the bucket and prefix" if not their_field.startswith("sources.") else "a log source"
            both_read = field.startswith("sources.") and their_field.startswith("sources.")
            if both_read and _are_apart(field, client, their_field, other):
                continue
            yield Mistake(file, field, f"overlaps {what} of {other.client_id}")
            break


def _are_apart(field: str, client: "Client", their_field: str, other: "Client") -> bool:
    """Whether two sources in one log bucket read different logs of it: those of other distributions."""
    one, two = (
        next(source.distribution for source in each.sources if name == f"sources.{source.name}.url")
        for name, each in ((field, client), (their_field, other))
    )
    return one is not None and two is not None and one != two


def _collecting_clashes(file: str, n: int, site: "Site", other: "Client") -> Iterable[Mistake]:
    """A path, or a host of old clients, that would not say whose an event is."""
    for theirs in other.sites:
        if site.path is not None and site.path == theirs.path:
            yield Mistake(file, f"sites.{n}.path", f"is a path of {other.client_id}")
        for domain in site.legacy_domains:
            if theirs.declares(domain):
                yield Mistake(file, f"sites.{n}.legacy_domains", f"{domain} belongs to {other.client_id}")
        for domain in theirs.legacy_domains:
            if site.declares(domain):
                where = f"sites.{n}.domains"
                yield Mistake(file, where, f"{domain} belongs to the old clients of {other.client_id}")
