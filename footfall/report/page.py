"""A report as one HTML file: no script, nothing from elsewhere, every text of others escaped.

The same facts give the same bytes: nothing here asks for the time, or makes an id by chance.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from footfall import zones
from footfall.report import charts
from footfall.report.facts import Facts, Item, Point, Ranking
from footfall.report.sentences import called, sentences
from footfall.report.style import ACCENT, css, policy
from footfall.report.words import WORDS, Language, Words, shown

#: Raised where the same facts make another page: those of periods that can still change are delivered anew.
VERSION = 2
#: After its end a period can change by ordinary late events for so long (footfall.event.MAX_AGE).
_LATE = timedelta(days=7)
#: Rankings, two beside each other.
_PANELS = (
    *("sites", "channels", "sources", "campaigns", "pages"),
    *("countries", "cities", "devices", "browsers", "systems"),
)
#: Around each drawing.
_MARK = "<!-- chart -->"


@dataclass(frozen=True)
class Looks:
    """Whose report it is, and how it is to look.

    `color`: `#rrggbb`; `zone`: of the times that it names; `zones`: each site with the zone of its days.
    """

    name: str
    sites: tuple[str, ...]
    zone: str
    language: Language = "en"
    color: str = ACCENT
    zones: tuple[tuple[str, str], ...] = ()


def page(facts: Facts, looks: Looks) -> bytes:
    """The file."""
    return _Page(facts, looks, WORDS[looks.language]).document().encode()


def subject(facts: Facts, looks: Looks) -> str:
    """One line that says whose report it is, and of when."""
    words = WORDS[looks.language]
    return f"{shown(looks.name)}: {words.say(facts.period.cadence)}, {words.title(facts.period)}"


def without_charts(document: str) -> str:
    """A page as mail programs show one: most take drawings out, and leave their words standing."""
    kept, *rest = document.split(_MARK)
    for number, part in enumerate(rest, 1):
        kept += part if number % 2 == 0 else ""
    return kept


def _drawn(svg: str) -> str:
    return f"{_MARK}{svg}{_MARK}"


@dataclass(frozen=True)
class _Page:
    facts: Facts
    looks: Looks
    words: Words

    def document(self) -> str:
        say, facts = self.words.say, self.facts
        style = css(self.looks.color)
        name = _text(self.looks.name)
        title = _text(subject(facts, self.looks), longest=300)
        parts = [
            "<!DOCTYPE html>",
            f'<html lang="{self.words.language}"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy(style))}">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">',
            f"<title>{title}</title><style>{style}</style></head><body>",
            f'<header><p class="who"><bdi>{name}</bdi> · {_text(say(facts.period.cadence))}</p>',
            f"<h1>{_text(self.words.title(facts.period))}</h1>",
            f'<p class="soft">{_text(self._compared())}</p>{self._sites()}</header>',
            *self._state(),
            f"<h2>{_text(say('figures'))}</h2>{self._figures()}",
            f"<h2>{_text(say('changed'))}</h2>{_list(sentences(facts, self.words))}",
            self._timeline(),
            f'<div class="panels">{"".join(self._panels())}</div>',
            self._money(),
            self._quality(),
            self._notes(),
            f"<footer><p>{_text(say('footer', digest=self._digest()))}</p></footer>",
            "</body></html>",
        ]
        return "\n".join(each for each in parts if each) + "\n"

    def _digest(self) -> str:
        return hashlib.sha256(repr(self.facts).encode("utf-8", "backslashreplace")).hexdigest()[:16]

    def _compared(self) -> str:
        words = self.words
        return words.say("compared", days=words.days(self.facts.period), before=words.days(self.facts.before))

    def _sites(self) -> str:
        shown_sites = ", ".join(f"<bdi>{_text(site)}</bdi>" for site in self.looks.sites[:12])
        more = len(self.looks.sites) - 12
        if more > 0:
            shown_sites += f" {_text(self.words.say('and_more', n=more))}"
        return f'<p class="soft">{shown_sites}</p>'

    def _at(self, moment: datetime) -> str:
        return self.words.moment(moment.astimezone(_zone(self.looks.zone)))

    def _state(self) -> Iterator[str]:
        facts, say = self.facts, self.words.say
        if facts.is_complete:
            return
        through, (begin, end) = facts.complete_through, facts.period.window
        if through is None or through <= begin:
            said = say("nothing_in")
        else:
            said = say("incomplete", end=self._at(end), at=self._at(through), zone=self.looks.zone)
        yield f'<p class="warn">{_text(said, longest=300)}</p>'

    def _figures(self) -> str:
        words, now, then = self.words, self.facts.now, self.facts.then
        cards = [
            *(
                (name, words.number(getattr(now, name)), words.number(getattr(then, name)))
                for name in ("visitors", "sessions", "page_views")
            ),
            ("views_per_session", words.one(now.views_per_session), words.one(then.views_per_session)),
            ("bounce_rate", words.share(now.bounce_rate), words.share(then.bounce_rate)),
            (
                "seconds_per_session",
                words.seconds(now.seconds_per_session),
                words.seconds(then.seconds_per_session),
            ),
        ]
        made = []
        for name, value, was in cards:
            compared = words.points if name == "bounce_rate" else words.change
            change = compared(getattr(now, name), getattr(then, name))
            before = words.say("before", value=was) if self.facts.is_comparable else words.say("no_before")
            made.append(
                f'<div><dt>{_text(words.say(name))}</dt><dd class="is">{_text(value)}</dd>'
                f'<dd class="was">{_changed(change, name)}{_text(before)}</dd></div>'
            )
        return f'<dl class="figures">{"".join(made)}</dl>'

    def _timeline(self) -> str:
        facts, words = self.facts, self.words
        is_by_hour = isinstance(facts.points[0].at, datetime)
        title = words.say("by_hour" if is_by_hour else "by_day")
        labels = [self._label(each) for each in facts.points]
        most = max(each.now for each in facts.points)
        peak = next(each for each in facts.points if each.now == most)
        said = words.say(
            "chart_hour" if is_by_hour else "chart",
            title=title,
            total=words.number(sum(each.now for each in facts.points)),
            peak=self._label(peak),
            most=words.number(most),
        )
        rows = "".join(
            f'<tr><th scope="row">{_text(label)}</th><td>{words.number(each.now)}</td>'
            f"<td>{'' if each.before is None else words.number(each.before)}</td></tr>"
            for label, each in zip(labels, facts.points, strict=True)
        )
        head = _head([words.say("hour" if is_by_hour else "day"), words.say("now"), words.say("then")])
        return (
            f"<h2>{_text(title)}</h2><figure>"
            f"{_drawn(charts.line(facts.points, labels, title, said, words) + self._legend())}"
            f"<details><summary>{_text(words.say('as_table'))}</summary>"
            f'<table class="few"><caption>{_text(said, longest=300)}</caption>{head}<tbody>{rows}</tbody>'
            "</table></details></figure>"
        )

    def _legend(self) -> str:
        keys = (("now_line", ""), ("before_line", ' class="past"'))
        made = "".join(
            f'<span><svg class="key" viewBox="0 0 26 8" aria-hidden="true"><path{which} d="M0 4H26"/></svg>'
            f"{_text(self.words.say(name))}</span>"
            for name, which in keys
        )
        return f'<div class="legend">{made}</div>'

    def _label(self, point: Point) -> str:
        return f"{point.at:%H:%M}" if isinstance(point.at, datetime) else self.words.short(point.at)

    def _panels(self) -> Iterator[str]:
        for name in _PANELS:
            ranking = self.facts.rankings[name]
            if (name == "sites" and len(self.looks.sites) < 2) or (name == "campaigns" and not ranking.count):
                continue
            title = _text(self.words.say(name))
            yield f'<section class="panel"><h2>{title}</h2>{self._ranking(name, ranking)}</section>'

    def _ranking(self, name: str, ranking: Ranking) -> str:
        words = self.words
        if not ranking.items:
            return f'<p class="soft">{_text(words.say("empty"))}</p>'
        further = tuple(ranking.items[0].further)[:1]
        if name == "channels":
            items = tuple(replace(each, names=(each.names[0].replace("_", " "),)) for each in ranking.items)
            ranking = replace(ranking, items=items)
        measure = "page_views" if name == "pages" else "sessions"
        most = ranking.items[0].now
        rows = "".join(self._row(item, most, further) for item in ranking.items)
        head = _head([words.say("name"), words.say(measure), words.say("change"), *map(words.say, further)])
        more = ranking.count - len(ranking.items)
        said = f'<p class="soft">{_text(words.say("and_more", n=words.number(more)))}</p>' if more > 0 else ""
        return f'<div class="scroll"><table>{head}<tbody>{rows}</tbody></table></div>{said}'

    def _row(self, item: Item, most: int, further: Sequence[str]) -> str:
        words = self.words
        change = words.signed(item.change) if self.facts.is_comparable else ""
        cells = "".join(f"<td>{words.number(item.further[each])}</td>" for each in further)
        return (
            f'<tr><th scope="row"><bdi>{_text(called(item, words), longest=200)}</bdi>'
            f"{_drawn(charts.bar(item.now, most))}</th><td>{words.number(item.now)}</td>"
            f'<td class="then">{_text(change)}</td>{cells}</tr>'
        )

    def _money(self) -> str:
        words, rows = self.words, []
        for each in self.facts.money:
            cells = [
                words.number(each.orders),
                words.number(each.gross, 2),
                words.number(each.refunds, 2),
                words.number(each.gross_before, 2) if self.facts.is_comparable else "",
            ]
            rows.append(
                f'<tr><th scope="row"><bdi>{_text(each.currency)}</bdi></th>'
                + "".join(f"<td>{_text(cell)}</td>" for cell in cells)
                + "</tr>"
            )
        if not rows:
            return ""
        head = _head([words.say(name) for name in ("currency", "orders", "gross", "refunds", "then")])
        return (
            f'<h2>{_text(words.say("money"))}</h2><div class="scroll"><table class="few">{head}'
            f"<tbody>{''.join(rows)}</tbody></table></div>"
        )

    def _quality(self) -> str:
        facts, words = self.facts, self.words
        now = facts.now
        end = facts.period.window[1].astimezone(_zone(self.looks.zone))
        said = []
        if facts.is_complete:
            said.append(words.say("complete", at=self._at(end), zone=self.looks.zone))
        said += [
            words.say("provisional", day=words.full((end + _LATE).date())),
            words.say(
                "lines",
                received=words.number(now.received),
                duplicates=words.number(now.duplicates),
                quarantined=words.number(now.quarantined),
            ),
            words.say("bots", bots=words.number(now.bot_events), events=words.number(now.events)),
            words.say("visitor_note"),
            *self._whose_days(),
        ]
        return f'<h2>{_text(words.say("quality"))}</h2><div class="soft">{_list(said)}</div>'

    def _whose_days(self) -> Iterator[str]:
        """By which clocks days are: those of sites differ."""
        say, named = self.words.say, self.looks.zones
        if len({zone for _, zone in named}) == 1:
            yield say("days_of", zone=named[0][1])
        elif named:
            listed = [f"{site} {zone}" for site, zone in named[:12]]
            more = [say("and_more", n=len(named) - 12)] if len(named) > 12 else []
            yield say("days_of_sites", sites=", ".join([*listed, *more]))

    def _notes(self) -> str:
        facts, words = self.facts, self.words
        said = [
            *(
                words.say("note", day=words.full(each.day), text=shown(each.text, 300))
                for each in facts.notes
            ),
            *(
                words.say("late", day=words.full(each.day), n=words.number(each.events))
                for each in facts.late
            ),
        ]
        if facts.began is not None and facts.began > facts.before.start.date():
            said.append(words.say("began", day=words.full(facts.began)))
        if not said:
            return ""
        return f'<h2>{_text(words.say("notes"))}</h2><div class="notes">{_list(said)}</div>'


def _zone(name: str) -> ZoneInfo:
    return zones.zone(name)


def _text(value: str, longest: int = 120) -> str:
    """Any text as one of HTML: shown whole or cut, and nothing but text."""
    return escape(shown(value, longest))


def _list(said: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(each, longest=600)}</li>' for each in said)}</ul>"


def _head(titles: Sequence[str]) -> str:
    cells = "".join(f'<th scope="col">{_text(each)}</th>' for each in titles)
    return f"<thead><tr>{cells}</tr></thead>"


def _changed(change: str, name: str) -> str:
    """The change of a figure, green where more of it is better."""
    if not change:
        return ""
    is_more = change.startswith("+")
    is_good = is_more != (name == "bounce_rate")
    plain = not any(c in change for c in "123456789")
    kind = "soft" if plain else "up" if is_good else "down"
    return f'<span class="{kind}">{_text(change)}</span> · '
