"""The last minutes of a site, before any run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.answers import instant, json_answer
from api.installation import Agent, Installation
from api.routes.questions import SiteId
from api.routing import MAYBE_TEXT, TEXT, WHOLE, YES_NO, Routes, array, caller_of, obj
from footfall.clients import Site

routes = Routes("Questions")

MINUTES = 30
#: Who was seen in these minutes is there now.
CURRENT = timedelta(minutes=5)
#: Names of one list.
MOST = 10
#: Programs that read for an AI, or fetch what somebody asked one for.
AI = ("ai_crawler", "ai_assistant")


@dataclass
class _Tally:
    """What is counted of the lines of a site."""

    newest: str = ""
    events: Counter[str] = field(default_factory=Counter)
    views: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    referrers: Counter[str] = field(default_factory=Counter)
    countries: Counter[str] = field(default_factory=Counter)
    agents: Counter[Agent] = field(default_factory=Counter)
    bot_events: int = 0
    visitors: set[str] = field(default_factory=set)
    current: set[str] = field(default_factory=set)

    def add(self, line: Mapping[str, Any], site: Site, agent: Agent | None, current_since: str) -> None:
        """Count a line; of a program, that alone."""
        at = str(line.get("received_at"))
        self.newest = max(self.newest, at)
        if agent is not None:
            self.bot_events += 1
            if agent.kind in AI:
                self.agents[agent] += 1
            return
        self.events[at[:16]] += 1
        who = str(line.get("visitor_id") or "")
        if who:
            self.visitors.add(who)
            if at >= current_since:
                self.current.add(who)
        if line.get("type") == "page_view":
            event = line.get("event")
            event = event if isinstance(event, dict) else {}
            self.views[at[:16]] += 1
            self.pages[_path(str(event.get("url") or ""))] += 1
            referrer = _host(str(event.get("referrer") or ""))
            if referrer != _host(str(event.get("url") or "")) and referrer not in site.domains:
                self.referrers[referrer or "(direct)"] += 1
            self.countries[str(line.get("country") or "(unknown)")] += 1


def realtime(request: Request, site_id: SiteId = None) -> Response:
    """The last 30 minutes by minute: of the lake, and of the collector of the same machine.

    `as_of` says up to when nothing is missing: now where no collector is elsewhere, else 75 seconds ago.
    Programs are no visitors; those of AIs are listed.
    """
    caller, service = caller_of(request), request.app.state.service
    site = caller.site(site_id)
    now: datetime = service.now()
    start = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    seen = service.raw_lines.since(caller.owner.client_id.split(".")[0], start, now)
    tally = _Tally()
    for line in seen.lines:
        if line.get("site_id") == site.site_id:
            agent = _agent(service.installation, site, str(line.get("user_agent") or ""))
            tally.add(line, site, agent, instant(now - CURRENT))
    each = (start + timedelta(minutes=n) for n in range(MINUTES))
    labels = [moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") for moment in each]
    return json_answer(
        {
            "as_of": instant(seen.as_of),
            "newest_event_at": tally.newest or None,
            "now": instant(now),
            "is_whole": seen.is_whole,
            "visitors": len(tally.visitors),
            "current_visitors": len(tally.current),
            "minutes": [
                {"minute": f"{label}Z", "events": tally.events[label], "page_views": tally.views[label]}
                for label in labels
            ],
            "pages": _top(tally.pages),
            "referrers": _top(tally.referrers),
            "countries": _top(tally.countries),
            "agents": [
                {"class": agent.kind, "name": agent.name, "events": count}
                for agent, count in tally.agents.most_common(MOST)
            ],
            "bot_events": tally.bot_events,
        }
    )


def _agent(installation: Installation, site: Site, user_agent: str) -> Agent | None:
    """The program; an app of the site's own is none, whatever it calls itself."""
    if user_agent.lower().startswith(tuple(each.lower() for each in site.app_user_agents)):
        return None
    return installation.agent_of(user_agent)


def _top(found: Counter[str]) -> list[dict[str, Any]]:
    return [{"name": each, "page_views": count} for each, count in found.most_common(MOST)]


def _path(url: str) -> str:
    rest = url.partition("://")[2]
    return ("/" + rest.partition("/")[2]).partition("?")[0].partition("#")[0]


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition("?")[0].partition(":")[0].lower()


_TOP = array(obj({"name": TEXT, "page_views": WHOLE}))
routes.add(
    "GET",
    "/v1/realtime",
    realtime,
    permission="read",
    reach="site",
    gives=obj(
        {
            "as_of": TEXT,
            "newest_event_at": MAYBE_TEXT,
            "now": TEXT,
            "is_whole": YES_NO,
            "visitors": WHOLE,
            "current_visitors": WHOLE,
            "minutes": array(obj({"minute": TEXT, "events": WHOLE, "page_views": WHOLE})),
            "pages": _TOP,
            "referrers": _TOP,
            "countries": _TOP,
            "agents": array(obj({"class": TEXT, "name": TEXT, "events": WHOLE})),
            "bot_events": WHOLE,
        }
    ),
    example={},
)
