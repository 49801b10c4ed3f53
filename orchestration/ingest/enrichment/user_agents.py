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

from orchestration.ingest.enrichment.bots import bot_of

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
_DEVICES = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("tv", r"(?i)smart-?tv|hbbtv|\btv\b|appletv|apple tv|googletv|google tv|tizen.*\btv|web0s|"
               r"webos\.tv|bravia|crkey|roku|"
               r"\baft[a-z]{1,4}\b|netcast|viera|playstation|xbox|nintendo (?:wii|switch)|opera tv|\bdtv|"
               r"large screen|"
               r"mibox|shield android tv|chromecast"),
        ("tablet", r"(?i)ipad|tablet|kindle|silk/|playbook|\bkf[a-z]{2,5}\b|nexus (?:7|9|10)\b|sm-[tx]\d|"
                   r"gt-p\d|xoom|"
                   r"galaxy tab|transformer|"
                   r"(?=.*android)(?!.*mobile)(?!.*opera m)(?!.*phone)(?!.*dalvik).*applewebkit"),
        ("mobile", r"(?i)mobi|iphone|ipod|android|windows (?:phone|ce)|blackberry|\bbb10|midp|j2me|symb|"
                   r"series60|"
                   r"opera m(?:ini|obi)|nokia|sonyericsson|samsung[-/ ]|\blg[-/]|up\.(?:browser|link)|"
                   r"docomo|kddi|vodafone|"
                   r"\bmot-|\bhtc|palm|kaios|maemo|meego|fennec|bada|ucweb|netfront|phone"),
        ("desktop", r"(?i)windows|macintosh|mac ?os|mac_powerpc|x11|linux|cros|ubuntu|freebsd|openbsd|"
                    r"netbsd|sunos|amiga|"
                    r"os/2|beos|haiku|solaris|darwin/.*x86|morphos|win(?:95|98|nt|32|64)"),
    )
)  # fmt: skip

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
    return next((kind for kind, pattern in _DEVICES if pattern.search(user_agent)), "other")


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
