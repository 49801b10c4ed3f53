"""Which user agents are programs, of what class, and by what name.

The list of crawlers is the package crawler-user-agents (MIT); the rules here add what it has no entry for,
and take back what it says of people. A bot is never dropped: the row says that it is one, and why.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from crawleruseragents import CRAWLER_USER_AGENTS_DATA


@dataclass(frozen=True)
class Bot:
    """What a user agent that is a program says of itself."""

    bot_class: str
    name: str


#: Tag of the package → our class. The first tag of this order that an entry has decides.
CLASS_OF_TAG = {
    "ai-crawler": "ai_crawler",
    "search-engine": "search",
    "monitoring": "monitor",
    "browser-automation": "headless",
    "http-library": "library",
}

#: Fetchers that act for a person who asked an assistant, at that moment (their operators' own words, as of
#: 2026-11). The package counts them among AI crawlers.
ASSISTANTS = (
    "ChatGPT-User", "Claude-User", "Perplexity-User", "MistralAI-User", "DuckAssistBot",
    "Meta-ExternalFetcher",
    "Gemini-Deep-Research", "Google-NotebookLM", "Amzn-User", "Cohere-User", "Devin", "NovaAct", "Operator/",
    "kagi-fetcher", "iAskBot", "YouBot", "PhindBot", "Poe-User",
)  # fmt: skip

#: People, whatever the list says: browsers inside chat apps and editors, and phones whose model reads alike.
PEOPLE = re.compile(
    r"Viber|Slack/|Fluid/|MetaIAB|Trae/|\bCode/1\.|MozacFetch/|Miniature\.io/|Build/AP3A|"
    r"FBAN/|FBAV/|Instagram \d|Line/\d|MicroMessenger/|Snapchat/|Pinterest/\d|musical_ly|BytedanceWebview",
    re.IGNORECASE,
)

#: Words by which programs give themselves away, and the class of what uses them. In order: the first decides.
RULES: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (bot_class, name, re.compile(pattern))
    for bot_class, name, pattern in (
        ("headless", "headless browser", r"headless|phantomjs|puppeteer|playwright|selenium|cypress|"
                                     r"webdriver|slimerjs"),
        ("monitor", "monitor", r"pingdom|uptime|monitor|health.?check|page.?speed|lighthouse|gtmetrix|"
                r"\bptst/|"
                               r"gomezagent|synthetics|site24x7|dejaclick|yottaa|observatory|nagios|"
                               r"zabbix|statuscake|check_http|httpmon|bbtest"),
        ("library", "HTTP library", r"python|curl|wget|libwww|\bjava/|okhttp|go-http|axios|node-fetch|"
                                    r"guzzle|restsharp|"
                                    r"postman|cursor/|httpclient|\bperl|\bruby|grpc-|resty|rest-client|"
                                    r"insomnia|aiohttp|undici|"
                                    r"scrapy|apachebench|\bphp\b|powershell|\bdeno/|\bbun/|openai/|"
                                    r"cryptoapi"),
        ("search", "search crawler", r"mediapartners|adsbot|google-adwords|slurp"),
        ("other", "crawler", r"bot([^a-z]|$)|[a-z]bot\b|robot|crawl|spider|scrap|\bfetch|archiv|preview|"
              r"validator|checker|"
                             r"link.?(check|expand|valid|resolver)|\bscan(ner)?\b|feed|\brss\b|reader/|"
                             r"aggregator|"
                             r"parser|extractor|harvest|index(er|ing)|proxy\)|googleweblight|burpcollab|"
                             r"afengineurl|"
                             r"catalog|detector|wappalyzer|inspector|sitemap|search console|duplexweb|"
                             r"googlemessages|transcoder|pageburst|exractor|nuclei|fuzz|probe|analyzer|"
                             r"analyser|cloudflare|amazon-route53|google-cloud|morningscore|kaspersky|"
                             r"scraper|\blwp[-: ]|winhttp|quiterss|reeder|readkit|mixnode|jorgee|sparkler|"
                             r"ddg.android|emailproxy|thumbor|swcd|integration|webhook|cron\b|scheduler|"
                             r"advisor"),
        ("other", "names its owner", r"https?:|www\.|[\w.+-]+@[\w-]+\.[a-z]{2}"),
    )
)  # fmt: skip

#: The engine of a browser, whole: no library claims as much by itself.
_ENGINE = re.compile(r"AppleWebKit/.*Safari/|Gecko/.*Firefox/|Trident/|MSIE \d")
#: Browsers without such an engine: of consoles, old phones, terminals, old computers.
_OLD_BROWSER = re.compile(
    r"^(Lynx|E?Links|w3m|NCSA_Mosaic|IBrowse|Voyager|QuickTime|Microsoft Office)", re.IGNORECASE
)
#: A program that gives its own name and version and nothing of a browser, a phone or an app.
_PROGRAM = re.compile(r"^(?!Mozilla/|Opera/|GoogleApp/|Roku|MOT-|GOG)[A-Za-z][\w.! -]*/v?\d[^(]*$")
_DEVICE = re.compile(
    r"AppleWebKit|Gecko|CFNetwork|Dalvik|Android|iPhone|iPad|Darwin|MIDP|MMP/|BlackBerry|Nokia|Symbian|"
    r"PlayStation|"
    r"Nintendo|SAMSUNG|SonyEricsson|LG-|UCWEB|NetFront|Windows (?:NT|Phone)|Macintosh|Sonos|UP\.Browser|"
    r"Presto",
    re.IGNORECASE,
)
#: `Mozilla/5.0 (compatible; name)` without an engine behind it: no browser since Internet Explorer.
_ONLY_COMPATIBLE = re.compile(r"^Mozilla/\d\.\d \(compatible; [^;()]*\)$")


@lru_cache(maxsize=1)
def _listed() -> tuple[tuple[re.Pattern[str], tuple[tuple[re.Pattern[str], Bot], ...]], ...]:
    """The package's patterns in chunks: one search tells whether any of a chunk fits."""
    bots = [
        (
            re.compile(entry["pattern"]),
            Bot(_class(entry["pattern"], entry.get("tags", ())), _name(entry["pattern"])),
        )
        for entry in CRAWLER_USER_AGENTS_DATA
    ]
    chunks = [bots[n : n + 25] for n in range(0, len(bots), 25)]
    return tuple((re.compile("|".join(p.pattern for p, _ in chunk)), tuple(chunk)) for chunk in chunks)


def _class(pattern: str, tags: tuple[str, ...]) -> str:
    plain = pattern.replace("\\", "")
    if any(name.lower().rstrip("/") in plain.lower() for name in ASSISTANTS):
        return "ai_assistant"
    return next((kind for tag, kind in CLASS_OF_TAG.items() if tag in tags), "other")


def _name(pattern: str) -> str:
    """The pattern as a person would write the bot's name: `Googlebot\\/` → `Googlebot`."""
    plain = re.sub(r"\\b|[\^$]|\(\?i\)", "", pattern)
    plain = re.sub(r"\[([A-Za-z])[A-Za-z]\]", r"\1", plain)
    plain = re.sub(r"\\([^A-Za-z0-9])", r"\1", plain)
    return plain.strip(" /;:()") or pattern


def bot_of(user_agent: str) -> Bot | None:
    """The bot that a user agent names, or None where it reads as a browser's. An empty one proves nothing."""
    if not user_agent:
        return None
    for name in ASSISTANTS:
        if name.lower() in user_agent.lower():
            return Bot("ai_assistant", name.rstrip("/"))
    if PEOPLE.search(user_agent) and not re.search(r"https?:|bot\b|crawl|spider", user_agent, re.IGNORECASE):
        return None
    for any_of, chunk in _listed():
        if any_of.search(user_agent):
            return next(bot for pattern, bot in chunk if pattern.search(user_agent))
    if _OLD_BROWSER.match(user_agent) or "Amiga" in user_agent:
        return None
    text = user_agent.lower().replace("cubot", "")  # a maker of telephones
    for bot_class, name, pattern in RULES:
        if pattern.search(text) and not (bot_class == "library" and _ENGINE.search(user_agent)):
            return Bot(bot_class, _said(user_agent, name))
    if _ONLY_COMPATIBLE.match(user_agent):
        return Bot("other", _said(user_agent, "no browser"))
    if _PROGRAM.match(user_agent) and not _DEVICE.search(user_agent):
        return Bot("library", _said(user_agent, "no browser"))
    return None


def _said(user_agent: str, otherwise: str) -> str:
    """The product that the user agent begins with, where it is not a browser's."""
    product = re.match(r"[A-Za-z][\w .!-]{1,38}(?=[/ (;]|$)", user_agent)
    if product and not product[0].startswith(("Mozilla", "Opera")):
        return product[0].strip()
    inner = re.search(r"compatible; ([A-Za-z][\w .!-]{1,38})(?=[/;,)+])", user_agent)
    return inner[1].strip() if inner else otherwise
