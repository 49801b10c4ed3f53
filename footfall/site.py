"""A web site of a client: a field of its file."""

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from footfall import collecting, funnel
from footfall.apps import App
from footfall.consent import DntPolicy, GpcPolicy
from footfall.day_zones import Timezone
from footfall.fields import Currency, Name
from footfall.page_rules import PageRules
from footfall.site_domains import Domain
from footfall.strict import Strict

_SITE_KEY = r"^[A-Za-z0-9_-]{8,64}$"
_PROPERTY = r"^[^\"'\\,\x00-\x1f\x7f]{1,64}$"
#: What a person is told who breaks the pattern.
EXPECTED = {
    _SITE_KEY: "expected 8 to 64 of A-Z a-z 0-9 _ -",
    _PROPERTY: "expected 1 to 64 characters without quotes, commas, backslashes and controls",
}

SiteKey = Annotated[str, Field(pattern=_SITE_KEY)]
#: YAML reads a bare `off` as false.
ConsentLink = Annotated[
    Literal["session", "off"], BeforeValidator(lambda said: "off" if said is False else said)
]
#: Not what JSON paths and lists are written with.
PropertyName = Annotated[str, Field(pattern=_PROPERTY)]
#: Not shorter: a letter or two would make people of half of all programs.
AppUserAgent = Annotated[str, Field(min_length=3, max_length=100)]


class Site(Strict):
    """A web site of a client; `*.` in front of a domain stands for all its subdomains."""

    site_id: Name
    """Names the site in every row; one of a kind among all clients."""
    key: SiteKey
    """Stands for the site in the pixel; public, one of a kind among all clients."""
    pages: PageRules = PageRules()
    """Which addresses are one page."""
    linked_domains: list[Domain] = Field(default_factory=list, max_length=200)
    """Domains of others that visitors come back from, as a booking service: `internal` referrers."""
    app_user_agents: list[AppUserAgent] = Field(default_factory=list, max_length=32)
    """How user agents of the site's own apps begin, in any case: such an app is no bot."""
    domains: list[Domain] = Field(min_length=1)
    """Hosts of the site; `*.` in front means all below, and needs a domain of one's own: not `*.co.uk`, nor
    one that covers another client's. Events of other hosts are kept, with `is_declared_host` false.
    """
    timezone: Timezone | None = None
    """In which the site's days begin; the client's where not given."""
    timeout_minutes: int = Field(default=30, ge=1, le=720)
    """Minutes without an event that end a session. Lower: more and shorter sessions, more bounces."""
    cut_at_midnight: bool = False
    """Also end sessions at the site's midnight, as Matomo and Universal Analytics do. More sessions."""
    cut_on_campaign: bool = False
    """Also end a session where a page view names another campaign. More sessions."""
    conversions: list[funnel.EventType] = Field(default=[*funnel.USUAL_CONVERSIONS], max_length=64)
    """Types of events that count as conversions. More of them: higher conversion rates."""
    properties: list[PropertyName] = Field(default_factory=list, max_length=20)
    """Properties of events whose values are counted in `properties_daily`, as sent or as learnt later."""
    currency: Currency | None = None
    """Main currency of the site, of the sums of revenue; without it each row has that of most of its amounts
    ([sessions.md](sessions.md#money)).
    """
    apps: list[App] = Field(default_factory=list, max_length=8)
    """Apps that show the site's pages from their own files, by the scheme of these pages' addresses
    ([server-events.md](server-events.md#apps)).
    """
    path: collecting.Alias | None = None
    """A path of the collector that stands for this site: events to it need no key (first-party proxies)."""
    trackers: list[collecting.Tracker] = Field(default_factory=list, max_length=50)
    """Trackers of other tools whose events it takes
    ([server-events.md](server-events.md#trackers-and-sdks-of-other-tools)).
    """
    legacy_domains: list[Domain] = Field(default_factory=list)
    """Hosts whose old clients name only a `domain` and no key. Anyone can claim a host, as with any pixel."""
    events_per_second: int | None = Field(default=None, ge=0, le=1_000_000)
    """Events a second that the collector takes for this site; 0: no limit; without it the setting's."""
    consent_default: Literal[0, 1] = 1
    """Consent tier of events that declare none: 1 recognises a visitor for a day, 0 not at all."""
    gpc_policy: GpcPolicy = "tier1"
    """What Global Privacy Control does: `tier1` caps an event at tier 1, `tier0` at tier 0."""
    dnt_policy: DntPolicy = "tier1"
    """What Do Not Track does: `tier1` caps an event at tier 1; `tier0` keeps no event of who sends it."""
    consent_link: ConsentLink = "session"
    """What becomes of a visit in which its visitor consents to a first-party id: `session` keeps it one,
    `off` ends it there ([privacy.md](privacy.md#consent-in-the-middle-of-a-visit)).
    """
    request_links: int = Field(default=1, ge=1, le=9999)
    """Number of the links to its form for requests; a higher one takes back those that were made before
    ([privacy.md](privacy.md#a-form-for-visitors)).
    """

    place: Literal["city", "country"] = "city"
    """What is made of an address, where the collector can: country, region and `city`, or the `country`."""

    @model_validator(mode="after")
    def _legacy_domains_are_its_own(self) -> "Site":
        for domain in self.legacy_domains:
            if domain.startswith("*.") or not self.declares(domain):
                raise ValueError(f"legacy_domains: {domain} is no host that `domains` declares")
        return self

    @property
    def page_host(self) -> str:
        """The host of a page that names none."""
        return self.domains[0].removeprefix("*.")

    def declares(self, host: str) -> bool:
        """Whether `host` is one of the domains, below a wildcard one, or one of the apps."""
        return host in self.domains or any(fnmatchcase(host, each) for each in (*self.domains, *self.apps))

    def links_to(self, host: str) -> bool:
        """Whether `host` is a linked domain, or below a wildcard one."""
        return any(fnmatchcase(host, domain) for domain in self.linked_domains)
