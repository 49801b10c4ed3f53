"""The programs that two kept-up packages list by name: crawler-user-agents and crawlerdetect (both MIT).

Both come with their data and are kept up; neither has half of what the other finds.
"""

import re
from dataclasses import dataclass
from functools import cache

from crawlerdetect.providers.crawlers import data as DETECTED
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from orchestration.ingest.enrichment.patterns import Patterns

#: Tag of crawler-user-agents → our class. The first tag of this order that an entry has decides.
CLASS_OF_TAG = {
    "ai-crawler": "ai_crawler",
    "search-engine": "search",
    "monitoring": "monitor",
    "browser-automation": "headless",
    "http-library": "library",
}


@dataclass(frozen=True)
class Listed:
    """An entry that fits; `bot_class` is None where its list gives none."""

    bot_class: str | None
    name: str


def crawler_of(user_agent: str) -> Listed | None:
    """The entry of crawler-user-agents that fits: each is a program's own name, with tags."""
    found = _crawlers().search(user_agent)
    return _entries()[found[0]] if found else None


def detected_in(user_agent: str) -> Listed | None:
    """The entry of crawlerdetect that fits: names of programs, also of apps that fetch for a person."""
    found = _detected().search(user_agent)
    return Listed(None, found[1].strip(" /;:()+") or "crawler") if found else None


@cache
def _crawlers() -> Patterns:
    return Patterns([entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA])


@cache
def _detected() -> Patterns:
    # One entry is a dozen words that also stand in names of telephones and apps: our own rules weigh those.
    return Patterns([f"(?i){pattern}" for pattern in DETECTED if not pattern.startswith("[")])


@cache
def _entries() -> tuple[Listed, ...]:
    return tuple(
        Listed(
            next((kind for tag, kind in CLASS_OF_TAG.items() if tag in entry.get("tags", ())), None),
            _name(entry["pattern"]),
        )
        for entry in CRAWLER_USER_AGENTS_DATA
    )


def _name(pattern: str) -> str:
    """The pattern as a person would write the bot's name: `Googlebot\\/` → `Googlebot`."""
    plain = re.sub(r"\\b|[\^$]|\(\?i\)", "", pattern)
    plain = re.sub(r"\[([A-Za-z])[A-Za-z]\]", r"\1", plain)
    plain = re.sub(r"\\([^A-Za-z0-9])", r"\1", plain)
    return plain.strip(" /;:()") or pattern
