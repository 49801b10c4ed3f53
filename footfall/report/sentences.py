"""What changed, in sentences made by rules: differences between two periods, and never why people came."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from footfall.report.facts import Counts, Facts, Item
from footfall.report.words import Words, shown

#: How many of those that moved most a sentence names, and characters of each name.
_NAMED, _LONGEST = 3, 48
#: What moved less than this share of the figure itself is not worth a sentence.
_LEAST = Decimal("0.01")
#: Sessions from which on a source that was not there before is named.
_NEW = 5
#: Rankings whose movers are told, in order.
_TOLD = ("sites", "sources", "campaigns", "countries", "devices")


def sentences(facts: Facts, words: Words) -> list[str]:
    """Plain sentences, the figures first. Nothing in them is escaped."""
    if not any((facts.now.visitors, facts.now.sessions, facts.now.page_views)):
        return [words.say("nothing")]
    if not facts.is_comparable:
        return [words.say("no_comparison"), *_best(facts, words)]
    return [
        *(_figure(name, facts.now, facts.then, words) for name in ("visitors", "sessions", "page_views")),
        *_movers(facts, words),
        *_new(facts, words),
        *_money(facts, words),
        *_best(facts, words),
    ]


def called(item: Item, words: Words) -> str:
    """What a row is called: its names, those that are empty left out."""
    names = [each for each in item.names if each not in ("", "(not set)")]
    said = [words.say("unknown") if each == "(unknown)" else shown(each) for each in names]
    return " · ".join(said) or words.say("no_name")


def _figure(name: str, now: Counts, then: Counts, words: Words) -> str:
    is_now, was = getattr(now, name), getattr(then, name)
    what = words.say(name)
    if is_now == was:
        return words.say("same", what=what, now=words.number(is_now))
    return words.say(
        "rose" if is_now > was else "fell",
        what=what,
        by=words.number(abs(is_now - was)),
        share=_share(words.change(is_now, was), words),
        now=words.number(is_now),
    )


def _share(change: str, words: Words) -> str:
    return words.say("share", share=change) if change else ""


def _movers(facts: Facts, words: Words) -> Iterator[str]:
    for name in _TOLD:
        moved = _worth(facts.rankings[name].moved, facts.now.sessions, facts.then.sessions)
        # Of a single site the figure itself says it.
        if moved and (name != "sites" or len(moved) + facts.rankings[name].count > 2):
            what = words.say("moved_sessions", by=words.say(f"by_{name}"))
            yield words.say("moved", what=what, items=_listed(moved, words))
    moved = _worth(facts.rankings["pages"].moved, facts.now.page_views, facts.then.page_views)
    if moved:
        yield words.say("moved", what=words.say("moved_views"), items=_listed(moved, words))


def _worth(moved: Iterable[Item], now: int, then: int) -> list[Item]:
    least = max(Decimal(max(now, then)) * _LEAST, Decimal(2))
    return [item for item in moved if abs(item.change) >= least][:_NAMED]


def _listed(items: Iterable[Item], words: Words) -> str:
    said = [
        words.say("item", name=shown(called(each, words), _LONGEST), change=words.signed(each.change))
        for each in items
    ]
    return _and(said, words)


def _and(said: list[str], words: Words) -> str:
    return words.say("and").join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def _new(facts: Facts, words: Words) -> Iterator[str]:
    new = [each for each in facts.rankings["sources"].items if not each.before and each.now >= _NEW]
    said = [
        words.say("new_item", name=shown(called(each, words), _LONGEST), n=words.number(each.now))
        for each in new[:_NAMED]
    ]
    if said:
        yield words.say("new", items=_and(said, words))


def _money(facts: Facts, words: Words) -> Iterator[str]:
    for each in facts.money:
        change = each.gross - each.gross_before
        if change:
            yield words.say(
                "money_rose" if change > 0 else "money_fell",
                currency=shown(each.currency, 8),
                by=words.number(abs(change), 2),
                share=_share(words.change(each.gross, each.gross_before), words),
                now=words.number(each.gross, 2),
            )


def _best(facts: Facts, words: Words) -> Iterator[str]:
    first, last = facts.period.start.date(), facts.period.last_day
    counted = {day: each.visitors for day, each in facts.days.items() if first <= day <= last}
    if last > first and any(counted.values()):
        most = max(counted.values())
        day = min(day for day, n in counted.items() if n == most)
        yield words.say("best", day=words.weekday(day), n=words.number(most))
