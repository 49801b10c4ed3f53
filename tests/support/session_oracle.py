"""The rules of sessions, written a second time and as plainly as possible."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

LONGEST = timedelta(hours=24)


@dataclass(frozen=True)
class Moment:
    """What the rules look at of one kept event."""

    client: str
    site: str
    visitor: str | None
    event_id: str
    at: datetime
    previous_visitor: str | None = None
    campaign: str | None = None

    @property
    def order(self) -> tuple[datetime, str]:
        return (self.at, self.event_id)


@dataclass(frozen=True)
class Rules:
    """A site's switches."""

    timezone: str = "UTC"
    timeout: timedelta = timedelta(minutes=30)
    cut_at_midnight: bool = False
    cut_on_campaign: bool = False


def sessions_by_hand(
    moments: list[Moment], rules: dict[tuple[str, str], Rules]
) -> dict[tuple[str, str, datetime], str]:
    """(client, event id, occurred at) → session id."""
    people: dict[object, list[Moment]] = defaultdict(list)
    for moment in moments:
        alone = moment.event_id if moment.visitor is None else None
        people[moment.client, moment.site, moment.visitor, alone].append(moment)
    sessions: list[list[Moment]] = []
    for seen in people.values():
        rule = rules.get((seen[0].client, seen[0].site), Rules())
        sessions += _split(sorted(seen, key=lambda m: m.order), rule)
    return {
        (moment.client, moment.event_id, moment.at): _id(root[0])
        for session, root in _joined(sessions, rules)
        for moment in session
    }


def _split(seen: list[Moment], rule: Rules) -> list[list[Moment]]:
    sessions: list[list[Moment]] = []
    start = seen[0].at
    campaign = None
    for before, moment in zip([None, *seen], seen, strict=False):
        if before is None or moment.at - before.at > rule.timeout:
            start, campaign = moment.at, None
            sessions.append([])
        elif _is_cut(before, moment, start, campaign, rule):
            sessions.append([])
        sessions[-1].append(moment)
        campaign = moment.campaign or campaign
    return sessions


def _is_cut(before: Moment, moment: Moment, start: datetime, campaign: str | None, rule: Rules) -> bool:
    return (
        (moment.at - start) // LONGEST != (before.at - start) // LONGEST
        or (rule.cut_at_midnight and _date(moment, rule) != _date(before, rule))
        or (rule.cut_on_campaign and None not in (campaign, moment.campaign) and moment.campaign != campaign)
    )


def _joined(
    sessions: list[list[Moment]], rules: dict[tuple[str, str], Rules]
) -> list[tuple[list[Moment], list[Moment]]]:
    """Each session with the one it is part of: itself, or the one it continues from before midnight UTC."""
    of_visitor: dict[object, list[list[Moment]]] = defaultdict(list)
    for session in sessions:
        first = session[0]
        of_visitor[first.client, first.site, first.visitor].append(session)
    continues: dict[int, list[Moment]] = {}
    for session in sessions:
        rule = rules.get((session[0].client, session[0].site), Rules())
        found: tuple[tuple[datetime, str], list[Moment]] | None = None
        for moment in session:
            if moment.previous_visitor is None:
                continue
            for other in of_visitor[moment.client, moment.site, moment.previous_visitor]:
                for before in other:
                    near = before.at <= moment.at <= before.at + rule.timeout
                    cut = rule.cut_at_midnight and _date(before, rule) != _date(moment, rule)
                    if near and not cut and (found is None or before.order > found[0]):
                        found = (before.order, other)
        if found is None:
            continue
        other = found[1]
        campaign = rule.cut_on_campaign and any(m.campaign for m in session)
        too_long = session[-1].at - other[0].at >= LONGEST or other[-1].at - other[0].at >= LONGEST
        if not campaign and not too_long:
            continues[id(session)] = other
    joined = []
    for session in sessions:
        other = continues.get(id(session))
        joined.append((session, other if other is not None and id(other) not in continues else session))
    return joined


def _date(moment: Moment, rule: Rules) -> object:
    return moment.at.astimezone(ZoneInfo(rule.timezone)).date()


def _id(first: Moment) -> str:
    made_of = "|".join(
        (first.client, first.site, first.visitor or "", first.event_id, f"{first.at.astimezone(UTC):%F}")
    )
    return hashlib.md5(made_of.encode()).hexdigest()
