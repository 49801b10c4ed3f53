"""What the demo's visitors see and where they come from: sites, pages, campaigns, browsers, bots.

Invented, apart from the user agents and referrers, which look as real ones do. All hosts are reserved
names (`.example`) and all addresses come from the ranges that are set aside for documentation.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a site. `price` in euros: it can be bought."""

    path: str
    title: str
    price: float | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """A site as its visitors know it.

    visits_per_hour  mean over a day
    home             the page where most visits without a link to a certain page begin
    pages            all others
    actions          custom events: type → properties, each done now and then on any page
    campaigns        utm_source, utm_medium, utm_campaign, referrer of what the client pays for
    regulars         visitors who come back
    preview_host     a host under which the site can be seen, but which nobody has declared
    """

    visits_per_hour: float
    home: Page
    pages: tuple[Page, ...]
    actions: Mapping[str, Mapping[str, str]]
    campaigns: tuple[tuple[str, str, str, str | None], ...]
    regulars: int = 60
    preview_host: str | None = None


#: Site id of the example clients → what it looks like. Other sites get no invented traffic: they may be
#: somebody's own.
SCENES: Mapping[str, Scene] = {
    "bakery": Scene(
        visits_per_hour=10,
        home=Page("/", "Bäckerei Sonnblick – Brot seit 1921"),
        pages=(
            Page("/brot", "Unser Brot"),
            Page("/brot/roggen-sauerteig", "Roggen-Sauerteig, 72 Stunden Reife"),
            Page("/kuchen", "Kuchen & Torten"),
            Page("/kuchen/zwetschgendatschi", 'Zwetschgendatschi – "wie bei Oma"'),
            Page("/filialen", "Filialen und Öffnungszeiten"),
            Page("/bestellen", "Vorbestellen"),
            Page("/ueber-uns", "Über uns"),
        ),
        actions={
            "newsletter": {"list": "wochenangebot"},
            "download": {"file": "/preisliste.pdf"},
            "outbound_click": {"to": "https://maps.example/sonnblick"},
        },
        campaigns=(
            ("newsletter", "email", "wochenangebot", None),
            ("instagram", "paid_social", "advent", "https://l.instagram.com/"),
            ("google", "cpc", "brot-lieferung", "https://www.google.com/"),
        ),
        preview_host="bakery-preview.example",
    ),
    "cycling": Scene(
        visits_per_hour=9,
        home=Page("/", "Two Wheels – routes, repair, rides"),
        pages=(
            Page("/routes", "Routes"),
            Page("/routes/isar-loop", "Isar loop, 64 km"),
            Page("/routes/karwendel", "Karwendel traverse, 110 km, 2,300 m"),
            Page("/repair/tubeless", "Tubeless: the whole story"),
            Page("/repair/bleed-brakes", "Bleeding brakes without tears"),
            Page("/events/winter-rides", "Winter rides 🚲"),
            Page("/membership", "Membership"),
        ),
        actions={
            "signup": {"plan": "member"},
            "download": {"file": "/gpx/isar-loop.gpx"},
            "outbound_click": {"to": "https://weather.example/munich"},
        },
        campaigns=(
            ("newsletter", "email", "winter-rides", None),
            ("strava", "social", "club", "https://www.strava.com/"),
        ),
    ),
    "gallery": Scene(
        visits_per_hour=5,
        home=Page("/", "Galerie Nord"),
        pages=(
            Page("/exhibitions/light-and-water", "Light and Water, until 31 January"),
            Page("/exhibitions/archive", "Past exhibitions"),
            Page("/artists", "Artists"),
            Page("/artists/m-okafor", "M. Okafor: paper, salt, time"),
            Page("/visit", "Plan your visit"),
        ),
        actions={
            "newsletter": {"list": "openings"},
            "download": {"file": "/catalogue-2026.pdf"},
            "outbound_click": {"to": "https://tickets.example/nord"},
        },
        campaigns=(("newsletter", "email", "opening", None),),
        regulars=30,
    ),
    "shop": Scene(
        visits_per_hour=15,
        home=Page("/", "Demo Shop"),
        pages=(
            Page("/products/enamel-mug", "Enamel mug", 14.9),
            Page("/products/linen-apron", "Linen apron", 39.0),
            Page("/products/bread-knife", "Bread knife", 49.9),
            Page("/products/oak-board", "Oak board, large", 64.5),
            Page("/products/tea-towels", "Tea towels, set of 3", 21.0),
            Page("/collections/kitchen", "Kitchen"),
            Page("/collections/gifts", "Gifts under 25 €"),
            Page("/shipping", "Shipping & returns"),
        ),
        actions={
            "signup": {"plan": "account"},
            "newsletter": {"list": "offers"},
            "outbound_click": {"to": "https://reviews.example/demo-shop"},
            "download": {"file": "/care-instructions.pdf"},
        },
        campaigns=(
            ("google", "cpc", "black-friday", "https://www.google.com/"),
            ("newsletter", "email", "black-friday", None),
            ("facebook", "paid_social", "gifts", "https://www.facebook.com/"),
        ),
        regulars=100,
    ),
}

CART = Page("/cart", "Your cart")
CHECKOUT = Page("/checkout", "Checkout")
THANKS = Page("/checkout/thanks", "Thank you for your order")

#: Kind of source → (share of visits, referrers). None: no referrer. What is missing to 1 is direct.
SOURCES: Mapping[str, tuple[float, tuple[str, ...]]] = {
    "search": (
        0.30,
        ("https://www.google.com/",) * 6 + ("https://www.bing.com/",) * 2 + ("https://duckduckgo.com/",),
    ),
    "social": (
        0.12,
        (
            "https://www.facebook.com/",
            "https://www.linkedin.com/",
            "https://t.co/k3vLq8XyZw",
            "https://old.reddit.com/",
            "https://mastodon.social/",
        ),
    ),
    "assistant": (
        0.08,
        (
            "https://chatgpt.com/",
            "https://www.perplexity.ai/",
            "https://claude.ai/",
            "https://gemini.google.com/",
        ),
    ),
    "referral": (0.06, ("https://blog.crumbs.example/", "https://city-guide.example/munich")),
    "campaign": (0.14, ()),
}


@dataclass(frozen=True, slots=True)
class Device:
    """What a browser runs on: its screen in CSS pixels."""

    screen: str
    is_phone: bool


#: User agent → a device it runs on.
BROWSERS: Mapping[str, Device] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36": Device("1920x1080", False),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0": Device("1536x864", False),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0": Device(
        "2560x1440", False
    ),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.1 Safari/605.1.15": Device("1728x1117", False),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36": Device("1470x956", False),
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": Device("1920x1200", False),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.1 Mobile/15E148 Safari/604.1": Device("390x844", True),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1": Device("430x932", True),
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36": Device("412x915", True),
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36": Device("384x854", True),
    "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0": Device("360x800", True),
    "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.1 Mobile/15E148 Safari/604.1": Device("820x1180", False),
}

LANGUAGES = ("de-DE", "de-DE", "de-AT", "en-GB", "en-US", "fr-FR", "it-IT", "tr-TR", "pl-PL")

#: Programs that read pages, some of which run their scripts.
BOTS = (
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.7444.59 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; "
    "+http://www.bing.com/bingbot.htm) Chrome/136.0.0.0 Safari/537.36",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.3; +https://openai.com/gptbot)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; PerplexityBot/1.0; "
    "+https://perplexity.ai/perplexitybot)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 "
    "Safari/537.36",
)

#: Share of a day's visits in each local hour, relative to the mean: quiet at night, busiest after work.
_NIGHT = (0.35, 0.20, 0.12, 0.10, 0.12, 0.25)
_MORNING = (0.55, 0.90, 1.10, 1.20, 1.25, 1.30)
_AFTERNOON = (1.40, 1.30, 1.20, 1.20, 1.30, 1.45)
_EVENING = (1.65, 1.85, 1.90, 1.60, 1.10, 0.65)
_DAY = (*_NIGHT, *_MORNING, *_AFTERNOON, *_EVENING)
BY_LOCAL_HOUR = tuple(share * 24 / sum(_DAY) for share in _DAY)
