"""The rules of sessions, written a second time and as plainly as possible."""

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

LONGEST = timedelta(hours=24)
#: How far a report may lie from its view, and how long it may keep a session going.
TOLERANCE, ATTENTION = timedelta(hours=72), timedelta(hours=4)
PASSIVE = {"engagement", "web_vitals", "consent", "heartbeat", "page_ping", "user_engagement"}
_TIMED_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}(?=-)")


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
    kind: str = "page_view"
    view_id: str | None = None
    seq: int | None = None
    received_at: datetime | None = None
    object_key: str = ""
    line_number: int = 0
    tier: int | None = None

    @property
    def is_claim(self) -> bool:
        """Whether it carries the hash that its first-party visitor had before he consented."""
        return self.tier == 3 and self.previous_visitor is not None and self.visitor is not None

    @property
    def order(self) -> tuple[object, ...]:
        """Whatever has no number of its page comes first; then views, numbers, receipts and places."""
        view = ""
        if self.seq is not None:
            timed = _TIMED_ID.match(self.view_id or "")
            view = "0" + (timed[0] if timed else "")
        seq = -1 if self.seq is None else self.seq
        place = (self.object_key, self.line_number, self.event_id)
        return (self.at, view, seq, self.received_at or self.at, *place)

    @property
    def person(self) -> object:
        """Nobody knows whether two events of unknown visitors are of one."""
        alone = (self.event_id, self.received_at) if self.visitor is None else None
        return (self.client, self.site, self.visitor, alone)

    @property
    def view(self) -> object:
        """What names its view: an id, and the visitor where it is too short to be anybody's."""
        return (self.client, self.site, self.view_id, None if len(self.view_id or "") >= 16 else self.person)

    @property
    def is_act(self) -> bool:
        return self.kind not in PASSIVE and self.kind != "request"


@dataclass(frozen=True)
class Rules:
    """A site's switches."""

    timezone: str = "UTC"
    timeout: timedelta = timedelta(minutes=30)
    cut_at_midnight: bool = False
    cut_on_campaign: bool = False


@dataclass
class Visit:
    """A session: its acts in order, and the reports about its views that lengthen it."""

    acts: list[Moment]
    attention: list[Moment]

    @property
    def signs(self) -> list[Moment]:
        """All by which it was known to go on."""
        return self.acts + self.attention

    @property
    def started_at(self) -> datetime:
        return self.acts[0].at

    @property
    def ended_at(self) -> datetime:
        return max(sign.at for sign in self.signs)


def sessions_by_hand(
    moments: list[Moment], rules: dict[tuple[str, str], Rules]
) -> dict[tuple[str, str, datetime], str | None]:
    """(client, event id, occurred at) → session id; None for what belongs to no session."""
    found: dict[tuple[str, str, datetime], str | None] = {(m.client, m.event_id, m.at): None for m in moments}
    ids = {}
    views, joined = _all_joined(moments, rules)
    for session, root, _ in joined:
        for act in session.acts:
            ids[act] = found[act.client, act.event_id, act.at] = _id(root.acts[0])
    for report, view in views.items():
        found[report.client, report.event_id, report.at] = ids[view]
    return found


def linked_by_hand(moments: list[Moment], rules: dict[tuple[str, str], Rules]) -> dict[str, str]:
    """Session id → first-party visitor, of sessions in which a visitor consented."""
    return {_id(root.acts[0]): linked for _, root, linked in _all_joined(moments, rules)[1] if linked}


def _all_joined(
    moments: list[Moment], rules: dict[tuple[str, str], Rules]
) -> tuple[dict[Moment, Moment], "list[tuple[Visit, Visit, str | None]]"]:
    """Views of reports; sessions, each with the one it is part of and whom that one counts for instead."""
    views = _views_of_reports(moments)
    people: dict[object, list[Moment]] = defaultdict(list)
    for moment in moments:
        if moment.is_act:
            people[moment.person].append(moment)
    read: dict[object, list[tuple[Moment, Moment]]] = defaultdict(list)
    for report, view in views.items():
        if view.at < report.at <= view.at + ATTENTION:
            read[view.person].append((report, view))
    sessions: list[Visit] = []
    for person, seen in people.items():
        rule = rules.get((seen[0].client, seen[0].site), Rules())
        sessions += _split(sorted(seen, key=lambda m: m.order), read[person], rule)
    return views, _joined(sessions, rules, views, _links(moments, sessions, rules, views))


def _links(
    moments: list[Moment],
    sessions: "list[Visit]",
    rules: dict[tuple[str, str], Rules],
    views: dict[Moment, Moment],
) -> "list[tuple[Visit, Visit]]":
    """First sessions of first-party ids, each with the session of the hash in which it began."""
    claims: dict[object, list[Moment]] = defaultdict(list)
    for moment in moments:
        if moment.is_claim:
            claims[moment.client, moment.site, moment.previous_visitor].append(moment)
    of_visitor: dict[object, list[Visit]] = defaultdict(list)
    for session in sessions:
        first = session.acts[0]
        of_visitor[first.client, first.site, first.visitor].append(session)
    found: dict[int, tuple[tuple[datetime, str], Visit, Visit]] = {}
    for (client, site, claimed), each in claims.items():
        claim = min(each, key=lambda c: (c.order, c.visitor))
        if len({c.visitor for c in each}) > 1:
            continue
        rule = rules.get((client, site), Rules())
        near = [
            (sign.order, sign, session)
            for session in of_visitor[client, site, claimed]
            for sign in session.signs
            if sign.at <= claim.at <= sign.at + rule.timeout
        ]
        begun = [
            session
            for session in of_visitor[client, site, claim.visitor]
            if claim.at <= session.started_at <= claim.at + rule.timeout
        ]
        if not near or not begun:
            continue
        _, sign, earlier = max(near, key=lambda n: n[0])
        later = min(begun, key=lambda session: (session.started_at, _id(session.acts[0])))
        day = _date(views.get(sign, sign), rule)
        is_cut = (rule.cut_at_midnight and day != _date(later.acts[0], rule)) or (
            rule.cut_on_campaign and any(act.campaign for act in later.acts)
        )
        ends = max(later.ended_at, earlier.ended_at)
        if is_cut or earlier.acts[-1].at > claim.at or ends - earlier.started_at >= LONGEST:
            continue
        # Of two hashes that a session could go on with, that of the last claim; else the first by name.
        rank = (-claim.at.timestamp(), claimed)
        if id(later) not in found or rank < found[id(later)][0]:
            found[id(later)] = (rank, later, earlier)
    return [(later, earlier) for _, later, earlier in found.values()]


def _views_of_reports(moments: list[Moment]) -> dict[Moment, Moment]:
    """Each report with the view it is about, where that is known."""
    views: dict[object, list[Moment]] = defaultdict(list)
    for moment in moments:
        if moment.kind == "page_view" and moment.view_id is not None:
            views[moment.view].append(moment)
    found = {}
    for report in moments:
        if report.kind not in PASSIVE or report.view_id is None:
            continue
        named = sorted(views[report.view], key=lambda view: view.order)
        own = [view for view in named if view.person == report.person]
        for candidates in (own, named):
            before = [view for view in candidates if view.at <= report.at]
            after = [view for view in candidates if view.at > report.at]
            nearest = [*before[-1:], *after[:1]]
            fitting = [view for view in nearest if abs(view.at - report.at) <= TOLERANCE]
            if fitting:
                found[report] = fitting[0]
                break
    return found


def _split(seen: list[Moment], read: list[tuple[Moment, Moment]], rule: Rules) -> list[Visit]:
    """A person's sessions. `read`: reports of attention with their views."""
    place = {moment: number for number, moment in enumerate(seen)}
    sessions: list[Visit] = []
    run = 0
    campaign = None
    for number, moment in enumerate(seen):
        before = seen[number - 1] if number else None
        if before is None or (
            moment.at - before.at > rule.timeout and not _is_read_on(moment, number, run, read, place, rule)
        ):
            run, campaign = number, None
            sessions.append(Visit([], []))
        elif _is_cut(before, moment, seen[run].at, campaign, rule):
            sessions.append(Visit([], []))
        sessions[-1].acts.append(moment)
        campaign = moment.campaign or campaign
    of_act = {act: session for session in sessions for act in session.acts}
    for report, view in read:
        going_on = [act for act in seen if act.at < report.at][-1]
        if of_act[going_on] is of_act[view]:
            of_act[view].attention.append(report)
    return sessions


def _is_read_on(
    moment: Moment,
    number: int,
    run: int,
    read: list[tuple[Moment, Moment]],
    place: dict[Moment, int],
    rule: Rules,
) -> bool:
    """Whether the last attention before an act lies near, and is of the run that goes on."""
    before = [(report.at, place[view]) for report, view in read if report.at <= moment.at]
    if not before:
        return False
    at, view = max(before)
    return moment.at - at <= rule.timeout and run <= view < number


def _is_cut(before: Moment, moment: Moment, start: datetime, campaign: str | None, rule: Rules) -> bool:
    return (
        (moment.at - start) // LONGEST != (before.at - start) // LONGEST
        or (rule.cut_at_midnight and _date(moment, rule) != _date(before, rule))
        or (rule.cut_on_campaign and moment.campaign is not None and moment.campaign != campaign)
    )


def _joined(
    sessions: list[Visit],
    rules: dict[tuple[str, str], Rules],
    views: dict[Moment, Moment],
    links: list[tuple[Visit, Visit]],
) -> list[tuple[Visit, Visit, str | None]]:
    """Each session with the one it is part of: itself, or one before midnight or a consent; and whose."""
    of_visitor: dict[object, list[Visit]] = defaultdict(list)
    for session in sessions:
        first = session.acts[0]
        of_visitor[first.client, first.site, first.visitor].append(session)
    continues: dict[int, Visit] = {}
    for session in sessions:
        rule = rules.get((session.acts[0].client, session.acts[0].site), Rules())
        found: tuple[tuple[object, ...], Visit] | None = None
        for moment in session.acts:
            if moment.previous_visitor is None or moment.is_claim:
                continue
            for other in of_visitor[moment.client, moment.site, moment.previous_visitor]:
                for before in other.signs:
                    near = before.at <= moment.at <= before.at + rule.timeout
                    day = _date(views.get(before, before), rule)
                    cut = rule.cut_at_midnight and day != _date(moment, rule)
                    if near and not cut and (found is None or before.order > found[0]):
                        found = (before.order, other)
        if found is None:
            continue
        other = found[1]
        campaign = rule.cut_on_campaign and any(m.campaign for m in session.acts)
        too_long = (
            session.ended_at - other.started_at >= LONGEST or other.ended_at - other.started_at >= LONGEST
        )
        if not campaign and not too_long:
            continues[id(session)] = other
    consented = {id(earlier) for _, earlier in links}
    roots = {id(session): session for session in sessions}
    for session in sessions:
        other = continues.get(id(session))
        if other is not None and id(other) not in continues and id(other) not in consented:
            roots[id(session)] = other
    whose: dict[int, str] = {}
    for later, earlier in links:
        root = roots[id(later)] = roots[id(earlier)]
        whose[id(root)] = min(later.acts[0].visitor, whose.get(id(root), later.acts[0].visitor))
    return [(session, roots[id(session)], whose.get(id(roots[id(session)]))) for session in sessions]


def _date(moment: Moment, rule: Rules) -> object:
    return moment.at.astimezone(ZoneInfo(rule.timezone)).date()


def _id(first: Moment) -> str:
    made_of = "|".join(
        (first.client, first.site, first.visitor or "", first.event_id, f"{first.at.astimezone(UTC):%F}")
    )
    return hashlib.md5(made_of.encode()).hexdigest()
