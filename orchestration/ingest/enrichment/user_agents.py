"""A user agent, and what client hints add to it → browser, operating system, kind of device.

The rules are those of uap-core, matched by the package ua-parser. They cost a tenth of a millisecond, so they
run once for each distinct pair that an hour holds, and the latest pairs are remembered.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import ua_parser
from ua_parser import Domain
from ua_parser.core import OS, UserAgent

from orchestration.ingest.enrichment.agent_shapes import OLD_BROWSER
from orchestration.ingest.enrichment.bots import bot_of
from orchestration.ingest.enrichment.patterns import Patterns

#: Pairs that are remembered between the hours of a run. More: fewer looked at twice; about 1 KB each.
REMEMBERED = 50_000


@dataclass(frozen=True)
class Agent:
    """What one pair of user agent and client hints says. None where it says nothing."""

    browser: str | None
    browser_version: str | None
    os: str | None
    os_version: str | None
    device: str
    bot_class: str | None
    bot_name: str | None


#: Kinds of device, in order: the first that fits decides. A console is a `tv`: the screen is the same.
_KINDS = ("tv", "tablet", "mobile", "desktop")
_DEVICES = Patterns(
    [
        # Screens say so, or their system does; of the others a model begins with the inches of its screen.
        r"(?i)smart[-_ ]?(?:hub|tv|box)|hbbtv|hybridtv|ce-html|nettv|\btv\b|_tv(?:_|\b)|[a-z0-9]tv(?:\b|\d|"
        r"[-_ /;)])|"
        r"\b(?:a|mi|m|k|i|g|fire|apple|google|android)?tv[-_ ]?(?:box|stick|pro|\d|os)|tvos|\btvbox|web0s|"
        r"webos\.tv|"
        r"netcast|tizen.*\btv|bravia|viera|crkey|chromecast|roku|vizios?\b|kreatv|espial|tpapi;|"
        r"\baft[a-z]{1,6}\d{0,4}\b|smarttv_aft|kepler/|nexus player|"
        r"playstation|xbox|nintendo|\bps[345]\b|opera tv|\bomi/\d|\bdtv|large screen|tbrowser/|technicolor|"
        r"mibox|mybox|\bm?x96|\bh96|\bt95\b|\btx[1-9]\b|\bhk1\b|\bmxq|\ba95x|\bneo-[ux]\d|beelink|mecool|"
        r"ugoos|minix|zidoo|"
        r"shield android tv|formuler|freebox|bbox|livebox|set-?top|\bstb|\b(?:iptv|ott)[a-z_-]*box|"
        r"\bbox[ _-]?[a-z]?\d|"
        r"android box|; ?[\w. -]*box(?:\b|[_-])|\bvidaa|\btpm\d{3}e|\brk3\d{3}\b|[-_ ]4k(?:\b|[_+])|"
        r"\b4k[-_ ]|\buhd\b|\bdvb[-_ \d]|\b\w*(?:stb|ott)\d*[-_ /)]|"
        r"\b(?:m8s|tanix|vontar|a5x|gtking|km\d)\b|"
        r"aquos-tv|\w+atv|\bshell (?:[a-z]{2}\d|\d{3})|; ?[a-z]*[-_ ]?(?:24|32|4[03]|"
        r"5[05]|65|75)[a-z]\d{2,}|brightsign|\bmag[ -]?2\d\d|dune ?hd|"
        r"; ?(?:[a-z]{2,}[a-z_ -]*)?(?:2[48]|32|39|4[02-9]|5[0-8]|6[05]|7[057]|8[2356])"
        r"[a-z]{2,}[a-z0-9_/-]*\d|"
        r"; ?(?:[a-z]+[-_ ])*[a-z]{1,2}(?:2[48]|32|4[0235]|5[05]|65|75)[a-z]{1,4}\d{2}\w*[a-z]|"
        r"; ?(?:2[48]|32|4[0235]|5[05]|65)[a-z]\d{3}[a-z]|"
        r"; ?\w*[-_ ]?(?:led|oled|uhd|fhd|qled)[-_]?\d{2}|\bled\d{2}[a-z]|; ?[a-z]+(?:24|32|4[03]|50|55|"
        r"65)(?:le?d|uhd|fhd|[fuh]\d)|"
        r"\(\w+, ?\w+, ?(?:wired|wireless)\)|, ?wire(?:d|less)\b",
        # Tablets that call themselves mobile give themselves away by their name.
        r"(?i)ipad|tablet|kindle|silk/|silk-accelerated|playbook|\bkf[a-z]{2,5}\b|nexus (?:7|9|10)\b|"
        r"pixel c\b|"
        r"\bsm-[txp]\d|gt-[pn](?:1|3|5|6|7|8)\d{3}|shw-m(?:180|380|430|480|500)|xoom|galaxy ?tab|"
        r"transformer|/apad\b|"
        r"[a-z]*(?:pad|slate|slide)\b|\b\w*pad[ _-]?(?:pro|air|mini|se|go|\d)|mediapad|matepad|ideapad|"
        r"\b(?:[a-z]*[ _-])?tab[ _-]?[a-z]?\d|\w*tab(?:[ _;)-]|[a-z]?\d)|\btb[ -]?[0-9x]\w{2,}|"
        r"lenovo (?:yt|tb)|yoga tab|"
        r"pocketbook|nook\b|\bbnt?v\d|onyx|boox|iconia|\ba[135][- ]?a?\d0\b|thinkpad tablet|dell venue|"
        r"streak 7|"
        r"surface|\bmid\d{2,}|archos (?:[789]|1[01])\d|"
        r"; ?[a-z_ -]*(?:[a-z]{1,5}[- _]?)?(?:7|8|9|10)(?:0\d|[1-4]\d)[a-z]{0,4}[ _-]?(?:3g|4g|lte|wi-?fi)|"
        r"\b(?:ags|agr|agm|bah|bzt|bzk|bzw|cmr|dby|dbr|jdn|kob|mrx|scm|sht|vrd|wgr|mon|btv|"
        r"cpn)\d?-[a-z]{1,2}\d\d|"
        r"\b(?:nokia|doogee|blackview|oukitel|umidigi|teclast|cubot) r?t\d|\bt(?:eclast|-?pad)\b|"
        r"\bi ?play[_ -]?\d|\bfire hd|"
        # Codes of makers: Xiaomi's with RP, TCL's with a nine.
        r"\b2\d{3,4}[a-z]?rp[0-9a-z]{2}[a-z]\b|; ?[89]\d{3}[a-z]\d?\b|"
        # Huawei's without a telephone; and those of small makers whose model begins with the inches.
        r"\b[a-z]{3}\d?-w\d\d\b|\bbq-(?:7|8|9|10)\d{2,3}\w?\b|\bpm[tp]\d{4}|\beagle_?\d{3}|\bplane[ _]\d|"
        r"\belement \d|"
        r"\bm?id[-_ ]?\d{3}|\brc\d{4}[a-z]|\breadboy|"
        r"\bsgp\d|\bso-0\d[a-h].*xperia tablet|\bvk\d{3}\b|\blg-v\d|\bzte k\d\d|\bp0[012][a-z0-9]\b",
        r"(?i)mobi|iphone|ipod|android.*phone|windows (?:phone|ce)|blackberry|\bbb10|midp|j2me|symb|"
        r"series60|"
        r"opera m(?:ini|obi)|nokia|sonyericsson|samsung[-/ ]|\blg[-/]|up\.(?:browser|link)|docomo|kddi|"
        r"vodafone|\biph\d|\bios[ /]\d|"
        r"\bmot-|\bhtc|palm|kaios|maemo|meego|fennec|bada|ucweb|netfront|phone|android.*(?:dalvik|opera m)|"
        r"dalvik",
        r"(?i)windows|macintosh|mac ?os|mac_powerpc|x11|linux|cros|ubuntu|freebsd|openbsd|netbsd|sunos|"
        r"amiga|os/2|"
        r"beos|haiku|solaris|darwin/.*(?:x86|i386|mac)|morphos|win(?:95|98|nt|32|64)",
    ]
)

_ANDROIDS_CHROME = re.compile(r"Android.*AppleWebKit/.*Chrome/")
_MOBILE = re.compile(r"(?i)mobi|phone|opera m|dalvik")
#: Brand of Sec-CH-UA → the browser's name as uap-core writes it. Others keep what the user agent says.
_BRANDS = {
    "Google Chrome": "Chrome", "Microsoft Edge": "Edge", "Opera": "Opera", "Brave": "Brave",
    "Vivaldi": "Vivaldi",
    "YaBrowser": "Yandex Browser", "Yandex": "Yandex Browser", "Samsung Internet": "Samsung Internet",
    "DuckDuckGo": "DuckDuckGo Mobile", "HeadlessChrome": "HeadlessChrome",
}  # fmt: skip
#: Platform of Sec-CH-UA-Platform → the system's name as uap-core writes it.
_PLATFORMS = {
    "Windows": "Windows", "macOS": "Mac OS X", "Android": "Android", "Linux": "Linux", "iOS": "iOS",
    "Chrome OS": "Chrome OS", "Chromium OS": "Chrome OS",
}  # fmt: skip
_BRAND = re.compile(r'"([^"]*)"\s*;\s*v="([^"]*)"')


@lru_cache(maxsize=REMEMBERED)
def agent_of(user_agent: str, client_hints: str | None = None) -> Agent:
    """What a user agent says. Client hints win: brand and platform are facts, the text is often frozen."""
    # Not imported by name: the package builds it when it is first asked for, which takes half a second.
    parsed = ua_parser.parser(user_agent, Domain.USER_AGENT | Domain.OS)
    browser, version = _browser(parsed.user_agent)
    os, os_version = _system(parsed.os)
    hints = _hints(client_hints)
    if hints.brand and _BRANDS.get(hints.brand[0], browser) != browser:
        browser, version = _BRANDS[hints.brand[0]], hints.brand[1]
    if hints.platform and hints.platform != os and not (hints.platform == "Linux" and os):
        os, os_version = hints.platform, None
    bot = bot_of(user_agent)
    device = "bot" if bot else device_of(user_agent)
    if hints.is_mobile and device == "desktop":
        device = "mobile"
    return Agent(
        browser, version, os, os_version, device, bot.bot_class if bot else None, bot.name if bot else None
    )


def device_of(user_agent: str) -> str:
    """`tv`, `tablet`, `mobile`, `desktop`, or `other` where the text names no device."""
    found = _DEVICES.search(user_agent)
    if found is None and OLD_BROWSER.match(user_agent):
        return "desktop"
    if found is None:
        # Apps for Apple's devices have the system's library; those on an older Mac name its processor.
        return "mobile" if "Android" in user_agent or "cfnetwork/" in user_agent.lower() else "other"
    kind = _KINDS[found[0]]
    # Android of a tablet leaves out the word Mobile, whoever made it.
    if kind == "desktop" and "Android" in user_agent:
        return "tablet" if "AppleWebKit" in user_agent else "mobile"
    if kind == "mobile" and _ANDROIDS_CHROME.search(user_agent) and not _MOBILE.search(user_agent):
        return "tablet"
    return kind


def _browser(found: UserAgent | None) -> tuple[str | None, str | None]:
    if found is None:
        return None, None
    return found.family, _joined(found.major, found.minor, found.patch)


def _system(found: OS | None) -> tuple[str | None, str | None]:
    if found is None:
        return None, None
    return found.family, _joined(found.major, found.minor, found.patch)


def _joined(*parts: str | None) -> str | None:
    given: list[str] = []
    for part in parts:
        if part is None:
            break
        given.append(part)
    return ".".join(given) or None


@dataclass(frozen=True)
class _Hints:
    brand: tuple[str, str] | None = None
    platform: str | None = None
    is_mobile: bool = False


def _hints(text: str | None) -> _Hints:
    """Client hints as the collector stores them: a JSON object by header name. What is none says nothing."""
    try:
        document: Any = msgspec.json.decode(text) if text else None
    except msgspec.DecodeError:
        return _Hints()
    if not isinstance(document, dict):
        return _Hints()
    given = {
        str(k).lower().removeprefix("sec-ch-").removeprefix("ua-"): v
        for k, v in document.items()
        if isinstance(v, str)
    }
    brands = [b for b in _BRAND.findall(given.get("ua", "")) if b[0] in _BRANDS]
    platform = _PLATFORMS.get(given.get("platform", "").strip('"'))
    return _Hints(brands[0] if brands else None, platform, given.get("mobile") == "?1")
