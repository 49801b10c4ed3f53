"""The client registry: one YAML file a client, checked whole; a bad file is set aside, never fatal.

A client owns sites, a destination and exports. Site keys are public: they say which site an event
belongs to, and the client follows from the site on the server, never from what a request claims.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError, model_validator

from footfall import collecting, funnel, log_source, page_rules, raw_keys, zones
from footfall.allowed import Allowed
from footfall.brand import Brand
from footfall.catalogue.periods import Calendar
from footfall.clashes import Candidate, Places, own_clashes, places_of, standing
from footfall.client_segments import ClientSegment
from footfall.day_zones import EarlierTimezone, Timezone, clock_of
from footfall.delivered_days import mistake_of
from footfall.delivered_places import renamed
from footfall.exchange_rates import Rates
from footfall.exports import CADENCES, LIVE, MAIN, Destination, Export, NamedDestination
from footfall.fields import EXPECTED, Name
from footfall.identities import History, Identity, written_id
from footfall.locations import Location
from footfall.log_source import LogSource
from footfall.mistake_words import field_of, reason_of
from footfall.mistakes import Mistake
from footfall.owners import identified
from footfall.plan import Plan
from footfall.profiles import with_profile
from footfall.raw_keys import RawKeyText
from footfall.retention import rules
from footfall.settings import Settings
from footfall.site import EXPECTED as SITE_EXPECTED
from footfall.site import Site
from footfall.strict import Strict
from footfall.strict_yaml import NotYaml, line_of, read_yaml

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = [
    "CADENCES",
    "Client",
    "Destination",
    "Export",
    "LogSource",
    "Mistake",
    "Registry",
    "Site",
    "load_registry",
    "registry_of",
]

#: Pattern of a field → what a person is told who breaks it.
PATTERNS = {
    **EXPECTED,
    **SITE_EXPECTED,
    **log_source.EXPECTED,
    **collecting.EXPECTED,
    **page_rules.EXPECTED,
    **funnel.EXPECTED,
    **rules.EXPECTED,
    **raw_keys.EXPECTED,
}


class Client(Strict):
    """A tenant: who owns the data and pays."""

    client_id: Name
    """The file's name without `.yaml`."""
    name: str = Field(min_length=1, max_length=120)
    """For people."""
    timezone: Timezone = "UTC"
    """Where the client's days begin, a name of the time zone database as it is written there. After daily
    deliveries it changes with `footfall clients rezone`.
    """
    earlier_timezones: list[EarlierTimezone] = Field(default_factory=list, max_length=100)
    """In which days began before that, the oldest first; `footfall clients rezone` writes them."""
    live_from: date | None = None
    """The first local day that is no history. Periods before it are delivered too; nobody is told of them,
    none has parts, and none is overdue ([delivery.md](delivery.md#history)).
    """
    sites: list[Site] = Field(min_length=1)
    """The web sites whose events are the client's."""
    destination: Destination
    """The client's bucket."""
    further_destinations: list[NamedDestination] = Field(default_factory=list)
    """More buckets, which exports ask for by name."""
    exports: list[Export] = Field(min_length=1)
    """What is delivered."""
    funnels: list[funnel.Funnel] = Field(default_factory=list, max_length=50)
    """Steps to be counted, for the datasets `funnels` and the reports."""
    segments: list[ClientSegment] = Field(default_factory=list, max_length=200)
    """Choices of sessions that questions to the API may name."""
    reporting: Rates | None = None
    """A currency that revenue is turned into as well, by rates of one's own
    ([sessions.md](sessions.md#money)).
    """
    api_keys: list[collecting.ApiKey] = Field(default_factory=list)
    """Keys for programs; `footfall keys new` makes one."""
    sources: list[LogSource] = Field(default_factory=list)
    """Access logs that are read every hour."""
    brand: Brand | None = None
    """How reports look ([reports.md](reports.md))."""
    plan: Plan | None = None
    """What the client pays for; without it nobody is told how much of a month is used."""
    profile: Literal["eu-strict"] | None = None
    """Settings that go together ([privacy.md](privacy.md#eu-strict)), where the file says nothing."""
    raw_key: RawKeyText | None = None
    """What its raw lines are sealed with ([privacy.md](privacy.md#a-key-for-each-client))."""
    retention: rules.Retention = rules.Retention()
    """How long what is kept of the client stays ([privacy.md](privacy.md#retention))."""
    unverified_domains: Literal["deliver", "hold"] = "deliver"
    """Events of hosts whose domain nobody has vouched for: `deliver` them like others, or `hold` their rows
    back until the domain is verified, and then deliver its history as revisions.
    """

    @model_validator(mode="before")
    @classmethod
    def _as_its_profile_says(cls, document: Any) -> Any:
        return with_profile(document)

    @model_validator(mode="after")
    def _api_keys_know_their_site(self) -> "Client":
        sites = {site.site_id for site in self.sites}
        for key in self.api_keys:
            if key.site_id is not None and key.site_id not in sites:
                raise ValueError(f"api_keys: {key.name}: no site {key.site_id}")
            if "write" in key.permissions and key.site_id is None and len(sites) > 1:
                raise ValueError(f"api_keys: {key.name}: say the site_id that its events belong to")
        return self

    @model_validator(mode="after")
    def _hosts_of_old_clients_belong_to_one_site(self) -> "Client":
        for site in self.sites:
            for domain in site.legacy_domains:
                if any(other.declares(domain) for other in self.sites if other is not site):
                    raise ValueError(f"legacy_domains: {domain} is declared by more than one site")
        return self

    @model_validator(mode="after")
    def _sources_name_sites(self) -> "Client":
        for source in self.sources:
            if source.site_id not in {site.site_id for site in self.sites}:
                raise ValueError(f"source {source.name}: there is no site {source.site_id}")
        return self

    @model_validator(mode="after")
    def _days_follow_one_another(self) -> "Client":
        for text in {self.own_clock(), *(self.clock(site) for site in self.sites)}:
            try:
                zones.clock(text)
            except ValueError as error:
                raise ValueError(f"earlier_timezones: {error}") from None
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Client":
        for what, names in (
            ("site_id", [s.site_id for s in self.sites]),
            ("site key", [s.key for s in self.sites]),
            ("export name", [e.name for e in self.exports]),
            ("destination name", [MAIN, *(d.name for d in self.further_destinations)]),
            ("funnel name", [f.name for f in self.funnels]),
            ("segment name", [s.name for s in self.segments]),
            ("path", [s.path for s in self.sites if s.path]),
            ("API key name", [k.name for k in self.api_keys]),
            ("source name", [s.name for s in self.sources]),
            ("API key", [k.sha256 for k in self.api_keys]),
        ):
            twice = {n for n in names if names.count(n) > 1}
            if twice:
                raise ValueError(f"{what} used twice: {', '.join(sorted(twice))}")
        return self

    @model_validator(mode="after")
    def _destinations_are_known(self) -> "Client":
        known = self.destinations()
        for export in self.exports:
            strange = [name for name in export.destinations if name not in known]
            if strange:
                raise ValueError(f"export {export.name}: there is no destination {strange[0]!r}")
            if export.is_live and self.unverified_domains == "hold":
                # Which domains are new is known once their hour is over.
                raise ValueError(f"export {export.name}: cannot be live with unverified_domains: hold")
        return self

    def destinations(self) -> dict[str, Destination]:
        """Name → destination; `main` first."""
        return {MAIN: self.destination, **{d.name: d for d in self.further_destinations}}

    def site(self, site_id: str | None) -> Site | None:
        """The site of that id; without an id the client's only one."""
        if site_id is None:
            return self.sites[0] if len(self.sites) == 1 else None
        return next((site for site in self.sites if site.site_id == site_id), None)

    def export(self, name: str) -> Export | None:
        """The export of that name; `events.live` are the parts of a live export `events`."""
        found = next((export for export in self.exports if export.name == name.removesuffix(LIVE)), None)
        if found is None or found.name == name:
            return found
        return found.parts() if found.is_live else None

    def calendar(self, export: Export) -> Calendar:
        """The periods of one of its exports."""
        sites = {site.site_id: self.clock(site) for site in self.sites}
        return export.calendar(self.own_clock(), sites)

    def clock(self, site: Site) -> str:
        """The clock of a site's days (footfall.zones): its zone, and those that it had before."""
        return clock_of(self.earlier_timezones, site.timezone or self.timezone, site.site_id)

    def own_clock(self) -> str:
        """The clock of the client's own days."""
        return clock_of(self.earlier_timezones, self.zone().key)

    def is_history(self, start: datetime) -> bool:
        """Whether a period that begins then lies before the client was live."""
        return self.live_from is not None and start < zones.clock(self.own_clock()).start(self.live_from)

    def zone(self) -> "ZoneInfo":
        """The time zone in which this client's days begin: that of its sites where they share one."""
        shared = {site.timezone or self.timezone for site in self.sites}
        return zones.zone(shared.pop() if len(shared) == 1 else self.timezone)

    def local_midnight(self, day: str) -> datetime:
        """The aware start of a local day written `2026-11-20`."""
        return zones.clock(self.own_clock()).start(date.fromisoformat(day))


@dataclass(frozen=True)
class Registry:
    """All valid clients, and what is wrong with the files that were set aside."""

    clients: tuple[Client, ...]
    mistakes: tuple[Mistake, ...]
    #: Client id → field of its file → where that led when the files were read.
    places: Mapping[str, Places] = field(default_factory=dict, compare=False, repr=False)
    #: Client id → why nothing is delivered to it until a person decides (footfall.owners).
    stopped: Mapping[str, str] = field(default_factory=dict)
    histories: Mapping[str, History] = field(default_factory=dict, repr=False)

    def places_of_others(self, client_id: str) -> list[Location]:
        """Where all other clients' files lead."""
        others = (places.values() for name, places in self.places.items() if name != client_id)
        return [place for places in others for place in places]

    def buckets_of_others(self, client_id: str) -> list[Location]:
        """The same without log sources, which several clients may read."""
        others = (places.items() for name, places in self.places.items() if name != client_id)
        return [at for places in others for name, at in places if not name.startswith("sources.")]

    def client(self, client_id: str) -> Client | None:
        """The client of that id, if its file is valid."""
        return next((c for c in self.clients if c.client_id == client_id), None)

    def ended_client(self, name: str) -> Client | None:
        """A client that has ended, by its identity: with its sites, and neither exports nor buckets."""
        for each in self.ended():
            if each.name == name and self.client(name) is None:
                sites = [Site.model_construct(site_id=site) for site in sorted(each.sites)]
                return Client.model_construct(client_id=name, name=name, sites=sites, exports=[])
        return None

    def ended(self) -> list[Identity]:
        """Every identity that has ended, or was handed over."""
        identities = (each for history in self.histories.values() for each in history.identities)
        return [each for each in identities if each.ended_at is not None]

    def sites_by_key(self) -> dict[str, tuple[Client, Site]]:
        """Site key → the client and site it stands for."""
        return {site.key: (client, site) for client in self.clients for site in client.sites}


def registry_of(settings: Settings) -> Registry:
    """The clients of one installation, with all that its operator allows; see load_registry."""
    return registry_at(settings.clients, Allowed.of(settings), settings.last_good_clients, settings.ledger)


def registry_at(folder: Path, allowed: Allowed, in_force: Path, ledger: Path | None = None) -> Registry:
    """The clients by identity. `in_force`: the state folder's copies of client files, see load_registry.

    A file whose days are not those that were delivered to the same owner, by `ledger`, is set aside; so is
    one that gives a bucket in which deliveries arrived the name of another.
    """
    found = identified(load_registry(folder, allowed, in_force=in_force), in_force.parent)
    if ledger is None:
        return found
    mistakes = {}
    for client in found.clients:
        if client.client_id not in found.stopped:
            name = f"{written_id(client.client_id)}.yaml"
            before = read_client(in_force / name)[0]
            if said := mistake_of(client, ledger, before):
                mistakes[client.client_id] = Mistake(name, "timezone", said)
            elif moved := renamed(client, before, ledger, in_force.parent):
                mistakes[client.client_id] = Mistake(name, *moved)
    kept = tuple(client for client in found.clients if client.client_id not in mistakes)
    return replace(found, clients=kept, mistakes=(*found.mistakes, *mistakes.values()))


def load_registry(
    folder: Path,
    allowed: Allowed | None = None,
    *,
    in_force: Path | None = None,
    is_delivering: bool = True,
) -> Registry:
    """Read every `*.yaml` in `folder`.

    A file that cannot be read, breaks a rule, names what the operator does not allow or claims what
    another client has (a site, a key, a domain, a place) is set aside with all its mistakes; the others
    stay in force. Of two that claim the same, the one stands that had it before: by the copies of files as
    they last were in force, in the folder `in_force`. What was new in both is the first one's by name.

    `allowed`: what the operator allows; without it, nothing beside the clients' own. A collector delivers
    nothing: with `is_delivering` false it asks only who owns what, and goes on taking events.
    """
    allowed = allowed or Allowed.unknown()
    mistakes = [
        Mistake(path.name, "-", f"is not read; name it {path.stem}.yaml")
        for path in sorted(folder.glob("*.yml"))
    ]
    ids = [path.stem for path in sorted(folder.glob("*.yaml"))]
    read = []
    for name in ids:
        client, found = read_client(folder / f"{name}.yaml")
        places: Places = {}
        if client is not None:
            places, refused = places_of(f"{name}.yaml", client, allowed, ids)
            found = [*(refused if is_delivering else ()), *own_clashes(f"{name}.yaml", client, places)]
        read.append(Candidate(name, client, places, found))
    had = {}
    for name in ids if in_force else ():
        path = Path(in_force or "", f"{name}.yaml")
        client = read_client(path)[0] if path.exists() else None
        had[name] = Candidate(name, client, places_of(path.name, client, allowed, ids)[0] if client else {})
    accepted = standing(read, had)
    for each in read:
        mistakes.extend(each.mistakes)
    if not folder.is_dir():
        mistakes.append(
            Mistake(str(folder), "-", "the folder does not exist; set FOOTFALL_CLIENTS or create it")
        )
    clients = tuple(each.client for each in read if each.client is not None and each.name in accepted)
    return Registry(clients, tuple(mistakes), {name: each.places for name, each in accepted.items()})


def read_client(path: Path) -> tuple[Client | None, list[Mistake]]:
    """The client of a file by itself, or what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return None, [Mistake(path.name, "-", f"cannot be read: {error}")]
    client, mistakes = _parsed(path.name, text)
    return client, list(mistakes)


@lru_cache(maxsize=4096)
def _parsed(file: str, text: str) -> tuple[Client | None, tuple[Mistake, ...]]:
    """A file's client, or its mistakes. Kept, because the same files are read again and again."""
    client, mistakes = _parse(file, text)
    return client, tuple(mistakes)


def _parse(file: str, text: str) -> tuple[Client | None, list[Mistake]]:
    try:
        document = read_yaml(text)
    except NotYaml as error:
        return None, [Mistake(file, error.where, f"not YAML: {error}")]
    try:
        client = Client.model_validate(document)
    except ValidationError as error:
        return None, [
            Mistake(file, field_of(item), reason_of(item, PATTERNS, _fields()), line_of(text, item["loc"]))
            for item in error.errors(include_url=False)
        ]
    if client.client_id != file.removesuffix(".yaml"):
        return None, [
            Mistake(file, "client_id", f"must equal the file's name, {file.removesuffix('.yaml')!r}")
        ]
    return client, []


@cache
def _fields() -> frozenset[str]:
    """The names of all fields that a client file can have, at any level."""
    schema = Client.model_json_schema()
    return frozenset(name for part in (schema, *schema["$defs"].values()) for name in part["properties"])
