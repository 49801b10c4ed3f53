"""Which user agents are programs, of what class, and by what name.

Two kept-up lists name programs (crawler_lists.py). The rules here add what has no entry and take back what
the lists say of people, by the form of the text (agent_shapes.py): what names a program is weighed against
what shows a person, and a text that shows nothing a person holds is a program's. A bot is never dropped: the
row says that it is one, and why.
"""

import re
from dataclasses import dataclass

from orchestration.ingest.enrichment.agent_shapes import (
    APP,
    ATTACK,
    BROWSER,
    DEVICE,
    OLD_BROWSER,
    SAYS_APP,
    without_model,
)
from orchestration.ingest.enrichment.crawler_lists import crawler_of, detected_in
from orchestration.ingest.enrichment.patterns import Patterns


@dataclass(frozen=True)
class Bot:
    """What a user agent that is a program says of itself."""

    bot_class: str
    name: str


#: Fetchers that act for a person who asked an assistant, at that moment (their operators' own words, as of
#: 2026-11). The lists count them among AI crawlers.
ASSISTANTS = (
    "ChatGPT-User", "Claude-User", "Perplexity-User", "MistralAI-User", "DuckAssistBot",
    "Meta-ExternalFetcher",
    "Gemini-Deep-Research", "Google-NotebookLM", "Amzn-User", "Cohere-User", "Devin", "NovaAct", "Operator/",
    "kagi-fetcher", "iAskBot", "YouBot", "PhindBot", "Poe-User",
)  # fmt: skip
_ASSISTANT = Patterns([f"(?i){re.escape(name)}" for name in ASSISTANTS])

#: People, whatever the lists say: browsers inside chat apps and editors, browsers of search engines.
_AT_A_DESK = re.compile(r"(?i)mac ?os(?! mobile)|Macintosh")
_PEOPLE = Patterns(
    [
        r"(?i)Viber|Slack/|Fluid/|MetaIAB|Trae/|\bCode/1\.|MozacFetch/|Device/|"
        r"FBAN/|FBAV/|Instagram \d|Line/\d|MicroMessenger/|Snapchat/|Pinterest/\d|musical_ly|"
        r"BytedanceWebview|"
        r"Sogou(?:MSE|MobileBrowser|Search A)|baiduboxapp|com\.yandex\."
    ]
)
#: What no browser says, not even inside an app.
_CERTAIN = Patterns([r"(?i)https?:|bot\b|crawl|sp[iy]der|slurp|\bb0t\b"])

#: Words by which programs give themselves away, even where the rest is a browser's; their class, and a name
#: where the text has none. The first that fits decides.
_STRONG = (
    ("headless", "headless browser",
     r"headless|phantomjs|puppeteer|playwright|selenium|cypress|webdriver|slimerjs|zombie\.js|wkhtmlto|"
     r"webkit2png|"
     r"\bsplash\b"),
    ("monitor", "monitor",
     r"pingdom|uptime|health.?check|page.?speed|lighthouse|gtmetrix|\bptst\b|gomezagent|synthetics|"
     r"site24x7|"
     r"dejaclick|yottaa|nagios|zabbix|statuscake|check_http|httpmon|bbtest|\bpinger|catchpoint"),
    ("search", "search crawler", r"mediapartners|adsbot|google-adwords|slurp"),
    ("other", "crawler",
     r"bot(?:[^a-z]|$)|\b[a-z]bot\b|\bb0t\b|robot|crawl|sp[iy]der|archiver|harvest|validator|site.?map|"
     r"scraper|"
     r"extractor|link.?(?:check|expand|valid|resolver)|screen ?shot|search console|\bpreview(?:er|bot|\b)|"
     r"feedfetcher|transcoder|exractor|nuclei|webhook|\bproxy\)|wappalyzer|weblight|burpcollab|afengineurl|"
     r"duplexweb|"
     r"googlemessages|pageburst|google-cloud|amazon-route53|morningscore|mixnode|jorgee|sparkler|"
     r"emailproxy|"
     r"thumbor|\bmeta-(?:external|web|ai)|"
     r"google[ _-](?:favicon|pp|page|ads|web|xrawler|publisher|search|site|structured|producer|hotel|"
     r"keyword|read|"
     r"test|trust|youtube|feed|image|rich|certificates|apps|data|partner|podcast|docs|firebase|extended|"
     r"inspection|safety|notebook|agent|cws)"),
)  # fmt: skip
#: Words that also stand in the names of apps and of their makers: they count where no device is named.
_WEAK = (
    ("monitor", "monitor", r"monitor|observatory"),
    ("library", "HTTP library",
     r"python|curl|wget|libwww|\bjava/|okhttp|go-http|axios|node-fetch|guzzle|restsharp|postman|cursor/|"
     r"httpclient|"
     r"\bperl|\bruby|grpc-|resty|rest-client|insomnia|aiohttp|undici|scrapy|apachebench|\bphp\b|powershell|"
     r"\bdeno/|"
     r"\bbun/|openai/|cryptoapi|winhttp|\bdart/|libsoup|reqwest|\bgot\b|symfony|\bhttp[._ -]?(?:client|get|"
     r"request)"),
    ("other", "crawler",
     r"scrap|fetch|archiv|preview|checker|\bscan|feed|\brss\b|reader|aggregator|parser|index(?:er|ing)|"
     r"proxy|"
     r"catalog|detector|inspector|fuzz|probe|analy[sz]er|cloudflare|kaspersky|\blwp[-: ]|integration|"
     r"cron\b|"
     r"scheduler|advisor|swcd"),
)  # fmt: skip
_STRONG_WORDS = Patterns([f"(?i){pattern}" for _, _, pattern in _STRONG])
_WEAK_WORDS = Patterns([f"(?i){pattern}" for _, _, pattern in _WEAK])

#: Whose a program is: programs say it, people's browsers hardly ever do.
_OWNER = Patterns([r"(?i)https?:|www\.|[\w.+-]+@[\w-]+\.[a-z]{2}"])
#: Addresses of the makers of old browsers and of a part that many were built with.
_MAKERS = re.compile(
    r"(?:https?://)?(?:www\.)?(?:bsalsa\.com|[\w.-]*avantbrowser\.com|[\w.-]*qtweb\.net|kangaroo-\S+)",
    re.IGNORECASE,
)
#: The engine of a browser, whole: no library claims as much by itself.
_ENGINE = Patterns([r"AppleWebKit/.*Safari/|Gecko/.*Firefox/|Trident/|MSIE \d"])
#: A browser's text with a name that has no version: before it, behind it, or for the browser's own.
_NAMED_BARELY = Patterns(
    [
        r"Safari/[\d.]+[ ,]+\(?[A-Za-z]*[a-z][\w.-]*\)?$",
        r"\(KHTML, like Gecko\) (?:[A-LN-RT-Zabd-z]\w*|[A-Za-z][a-z]*[A-Z]\w+) Safari/",
        r"^[A-Za-z-]+,? Mozilla/\d",
    ]
)
#: `Mozilla/5.0 (compatible; name)` without an engine behind it: no browser since Internet Explorer.
_ONLY_COMPATIBLE = re.compile(r"^Mozilla/5(?:\.0)? \(compatible; [^()]*\)$")
#: A program that gives its own name and version.
_PRODUCT = re.compile(r"^[A-Za-z][\w.! -]*/v?\d")


def bot_of(user_agent: str) -> Bot | None:
    """The bot that a user agent names, or None where it reads as a person's. An empty one proves nothing."""
    if not user_agent:
        return None
    assistant = _ASSISTANT.search(user_agent)
    if assistant:
        return Bot("ai_assistant", ASSISTANTS[assistant[0]].rstrip("/"))
    if ATTACK.fits(user_agent):
        return Bot("other", "attack")
    text = without_model(user_agent)
    if SAYS_APP.fits(user_agent) and not _STRONG_WORDS.fits(text):
        return None
    if OLD_BROWSER.match(user_agent) or (_PEOPLE.fits(user_agent) and not _CERTAIN.fits(text)):
        return None
    listed = crawler_of(text)
    # A library on a device that a person holds is an app's; on a desk anybody's script runs.
    is_held = DEVICE.fits(user_agent) and not _AT_A_DESK.search(user_agent)
    if listed and not (listed.bot_class == "library" and is_held):
        return Bot(listed.bot_class or "other", listed.name)
    found = _by_form(user_agent, text)
    return Bot(found[0], _said(user_agent, found[1])) if found else None


def _by_form(user_agent: str, text: str) -> tuple[str, str] | None:
    """Class and name of what no entry names. `text`: the user agent without a telephone's model."""
    is_browser = BROWSER.fits(text)
    is_app = APP.fits(user_agent) and not _ONLY_COMPATIBLE.match(user_agent)
    is_held = is_app or (DEVICE.fits(user_agent) and not _ONLY_COMPATIBLE.match(user_agent))
    words = _STRONG_WORDS.search(text)
    if words:
        return _STRONG[words[0]][:2]
    words = None if is_held else _WEAK_WORDS.search(text)
    if words and not (_WEAK[words[0]][0] == "library" and _ENGINE.fits(text)):
        return _WEAK[words[0]][:2]
    detected = None if is_app or (is_held and not is_browser) else detected_in(text)
    if detected:
        return "other", detected.name
    if (is_browser or not is_held) and _OWNER.fits(_MAKERS.sub("", text)):
        return "other", "names its owner"
    if is_browser and not is_held and _NAMED_BARELY.fits(text):
        return "other", "no browser"
    if not is_browser and not is_held:
        return ("library" if _PRODUCT.match(user_agent) else "other"), "no browser"
    return None


def _said(user_agent: str, otherwise: str) -> str:
    """The product that the user agent begins with, where it is not a browser's."""
    product = re.match(r"[A-Za-z][\w .!-]{1,38}(?=[/ (;]|$)", user_agent)
    if product and not product[0].startswith(("Mozilla", "Opera")):
        return product[0].strip()
    inner = re.search(r"compatible; ([A-Za-z][\w .!-]{1,38})(?=[/;,)+])", user_agent)
    return inner[1].strip() if inner else otherwise
