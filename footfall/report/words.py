"""What a report says in each language, and how each writes numbers and days."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

from footfall.catalogue.periods import Period

#: Languages that a client file may name.
Language = Literal["en", "de"]

#: Characters of a stranger's text that a report shows.
LONGEST = 80
_NO_VALUE = "–"
_MINUS = "\u2212"


@dataclass(frozen=True)
class Words:
    """One language. `texts`: what is said, by name, with placeholders."""

    language: str
    texts: Mapping[str, str]
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    thousands: str
    point: str
    day: str
    range: str

    def say(self, name: str, /, **values: object) -> str:
        """A text with its placeholders filled in."""
        return self.texts[name].format(**values)

    def number(self, value: int | Decimal, digits: int = 0) -> str:
        """`1,234.5` or `1.234,5`."""
        rounded = Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
        text = f"{abs(rounded):,.{digits}f}"
        text = text.replace(",", "\0").replace(".", self.point).replace("\0", self.thousands)
        return f"{_MINUS}{text}" if rounded < 0 else text

    def signed(self, value: int | Decimal, digits: int = 0) -> str:
        """With its sign; nothing has none."""
        text = self.number(value, digits)
        return f"+{text}" if value > 0 and text.strip("0.,") else text

    def share(self, value: Decimal | None) -> str:
        """`12.3 %` of 0.123."""
        return _NO_VALUE if value is None else f"{self.number(value * 100, 1)}\u00a0%"

    def change(self, now: Decimal | int | None, before: Decimal | int | None) -> str:
        """By how much of itself a number changed; nothing where there was none."""
        if now is None or not before:
            return ""
        share = (Decimal(now) - Decimal(before)) / Decimal(before) * 100
        # Beyond that a share says less than the two numbers do.
        return "" if abs(share) > 9_999 else f"{self.signed(share, 1)}\u00a0%"

    def points(self, now: Decimal | None, before: Decimal | None) -> str:
        """By how many points a share changed; nothing where there was none."""
        if now is None or before is None:
            return ""
        return self.say("points", n=self.signed((now - before) * 100, 1))

    def seconds(self, value: Decimal | None) -> str:
        """`2 min 13 s`."""
        if value is None:
            return _NO_VALUE
        whole = int(value.to_integral_value(ROUND_HALF_EVEN))
        minutes, rest = divmod(whole, 60)
        return f"{minutes}\u00a0min {rest}\u00a0s" if minutes else f"{rest}\u00a0s"

    def one(self, value: Decimal | None) -> str:
        """A number with two digits behind the point."""
        return _NO_VALUE if value is None else self.number(value, 2)

    def full(self, day: date) -> str:
        """`20 November 2026`."""
        return self.day.format(day=day.day, month=self.months[day.month - 1], year=day.year)

    def short(self, day: date) -> str:
        """`20 Nov`."""
        return self.texts["short"].format(day=day.day, month=self.months[day.month - 1][:3])

    def weekday(self, day: date) -> str:
        """`Friday, 20 November 2026`."""
        return f"{self.weekdays[day.weekday()]}, {self.full(day)}"

    def moment(self, at: datetime) -> str:
        """`20 November 2026, 14:00`."""
        return f"{self.full(at.date())}, {at:%H:%M}"

    def days(self, period: Period) -> str:
        """`1 November 2026 to 30 November 2026`; one day by itself."""
        first, last = period.start.date(), period.last_day
        return self.weekday(first) if first == last else self.range.format(self.full(first), self.full(last))

    def title(self, period: Period) -> str:
        """What a person calls the period."""
        first, last = period.start.date(), period.last_day
        if first == last:
            return self.weekday(first)
        if first.day == 1 and (last - first).days > 7:
            return f"{self.months[first.month - 1]} {first.year}"
        year, week, _ = first.isocalendar()
        return self.say("week", week=week, year=year)


#: What stands for a space; one that keeps a number and its unit together stays.
_SPACES = re.compile(r"[^\S\u00a0]+")
#: What joins letters and emoji, and is needed.
_JOINERS = "\u200c\u200d"


def _is_hidden(c: str) -> bool:
    """Controls, marks of direction (which would turn around what stands beside), halves of characters."""
    is_none = ord(c) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(c) <= 0xFDEF
    return is_none or (unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") and c not in _JOINERS)


def shown(text: str, longest: int = LONGEST) -> str:
    """A stranger's text as a page may show it, before it is escaped: one line, short, nothing invisible."""
    cut = text[: longest * 4]
    plain = "".join("\ufffd" if _is_hidden(c) else c for c in _SPACES.sub(" ", cut).strip())
    return plain if len(plain) <= longest and cut == text else f"{plain[:longest].rstrip()}…"


_EN = Words(
    language="en",
    months=(
        *("January", "February", "March", "April", "May", "June", "July", "August"),
        *("September", "October", "November", "December"),
    ),
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    thousands=",",
    point=".",
    day="{day} {month} {year}",
    range="{} to {}",
    texts={
        "short": "{day} {month}",
        "week": "Week {week} of {year}",
        "daily": "Daily report",
        "weekly": "Weekly report",
        "monthly": "Monthly report",
        "compared": "{days}, compared with {before}",
        "visitors": "Visitors",
        "sessions": "Sessions",
        "page_views": "Page views",
        "views_per_session": "Views per session",
        "bounce_rate": "Bounce rate",
        "seconds_per_session": "Time per session",
        "before": "before: {value}",
        "no_before": "nothing before",
        "figures": "Figures",
        "changed": "What changed",
        "by_day": "Visitors by day",
        "by_hour": "Page views by hour",
        "chart": "{title}: {total} in all, the most on {peak} ({most}).",
        "chart_hour": "{title}: {total} in all, the most from {peak} on ({most}).",
        "now_line": "this period",
        "before_line": "the period before",
        "as_table": "The same as a table",
        "day": "Day",
        "hour": "Hour",
        "now": "Now",
        "then": "Before",
        "change": "Change",
        "sites": "Sites",
        "channels": "Channels",
        "sources": "Sources",
        "campaigns": "Campaigns",
        "pages": "Pages",
        "countries": "Countries",
        "cities": "Cities",
        "devices": "Devices",
        "browsers": "Browsers",
        "systems": "Operating systems",
        "name": "Name",
        "entrances": "Entrances",
        "exits": "Exits",
        "conversions": "Conversions",
        "points": "{n} points",
        "and_more": "and {n} more",
        "empty": "None in this period.",
        "money": "Revenue by currency",
        "currency": "Currency",
        "orders": "Orders",
        "gross": "Gross",
        "refunds": "Refunds",
        "quality": "Quality of the data",
        "complete": "Complete through {at} ({zone}).",
        "incomplete": "Not complete: the period goes on to {end}, and everything is in up to {at} ({zone}). "
        "A newer revision of this page will hold all of it.",
        "nothing_in": "Not complete: no hour of this period is in yet.",
        "provisional": "Events that come late can still change these figures until {day}.",
        "lines": "Of {received} lines received in the period {duplicates} were duplicates and {quarantined} "
        "were refused.",
        "bots": "{bots} events of bots are in no other figure of this page; {events} events of people are.",
        "visitor_note": "A visitor is one device on one site and one day: who comes on two days counts "
        "twice.",
        "days_of": "Days are those of {zone}.",
        "days_of_sites": "Days are those of each site: {sites}.",
        "notes": "Notes",
        "late": "{day}: {n} events came after the day had ended; they are in the figures.",
        "note": "{day}: {text}",
        "began": "The period before has figures from {day} on.",
        "footer": "Made by Footfall from the daily tables. Data {digest}.",
        "unknown": "(unknown)",
        "no_name": "(none)",
        "nothing": "Nothing was recorded in this period.",
        "no_comparison": "The period before has no figures, so nothing can be compared.",
        "rose": "{what} rose by {by}{share} to {now}.",
        "fell": "{what} fell by {by}{share} to {now}.",
        "same": "{what} stayed at {now}.",
        "share": " ({share})",
        "moved": "{what}, the largest differences: {items}.",
        "moved_sessions": "Sessions by {by}",
        "moved_views": "Page views by page",
        "by_sources": "source",
        "by_countries": "country",
        "by_devices": "device",
        "by_sites": "site",
        "by_campaigns": "campaign",
        "item": "{name} {change}",
        "and": " and ",
        "new": "Not there in the period before: {items}.",
        "new_item": "{name} ({n} sessions)",
        "best": "The day with the most visitors was {day}, with {n}.",
        "money_rose": "Gross revenue in {currency} rose by {by}{share} to {now}.",
        "money_fell": "Gross revenue in {currency} fell by {by}{share} to {now}.",
    },
)
_DE = Words(
    language="de",
    months=(
        *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August"),
        *("September", "Oktober", "November", "Dezember"),
    ),
    weekdays=("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    thousands=".",
    point=",",
    day="{day}. {month} {year}",
    range="{} bis {}",
    texts={
        "short": "{day}. {month}",
        "week": "Woche {week}, {year}",
        "daily": "Tagesbericht",
        "weekly": "Wochenbericht",
        "monthly": "Monatsbericht",
        "compared": "{days}, verglichen mit {before}",
        "visitors": "Besucher",
        "sessions": "Sitzungen",
        "page_views": "Seitenaufrufe",
        "views_per_session": "Aufrufe je Sitzung",
        "bounce_rate": "Absprungrate",
        "seconds_per_session": "Zeit je Sitzung",
        "before": "vorher: {value}",
        "no_before": "vorher nichts",
        "figures": "Zahlen",
        "changed": "Was sich geändert hat",
        "by_day": "Besucher nach Tagen",
        "by_hour": "Seitenaufrufe nach Stunden",
        "chart": "{title}: insgesamt {total}, die meisten am {peak} ({most}).",
        "chart_hour": "{title}: insgesamt {total}, die meisten ab {peak} ({most}).",
        "now_line": "dieser Zeitraum",
        "before_line": "der Zeitraum davor",
        "as_table": "Dasselbe als Tabelle",
        "day": "Tag",
        "hour": "Stunde",
        "now": "Jetzt",
        "then": "Vorher",
        "change": "Änderung",
        "sites": "Websites",
        "channels": "Kanäle",
        "sources": "Quellen",
        "campaigns": "Kampagnen",
        "pages": "Seiten",
        "countries": "Länder",
        "cities": "Städte",
        "devices": "Geräte",
        "browsers": "Browser",
        "systems": "Betriebssysteme",
        "name": "Name",
        "entrances": "Einstiege",
        "exits": "Ausstiege",
        "conversions": "Konversionen",
        "points": "{n} Punkte",
        "and_more": "und {n} weitere",
        "empty": "In diesem Zeitraum keine.",
        "money": "Umsatz nach Währung",
        "currency": "Währung",
        "orders": "Bestellungen",
        "gross": "Brutto",
        "refunds": "Erstattungen",
        "quality": "Güte der Daten",
        "complete": "Vollständig bis {at} ({zone}).",
        "incomplete": "Nicht vollständig: Der Zeitraum geht bis {end}, und alles ist da bis {at} ({zone}). "
        "Eine neuere Fassung dieser Seite wird ihn ganz enthalten.",
        "nothing_in": "Nicht vollständig: Noch keine Stunde dieses Zeitraums ist da.",
        "provisional": "Ereignisse, die spät kommen, können diese Zahlen noch bis zum {day} ändern.",
        "lines": "Von {received} empfangenen Zeilen des Zeitraums waren {duplicates} doppelt, und "
        "{quarantined} wurden abgewiesen.",
        "bots": "{bots} Ereignisse von Bots sind in keiner anderen Zahl dieser Seite; {events} Ereignisse "
        "von Menschen sind es.",
        "visitor_note": "Ein Besucher ist ein Gerät auf einer Website an einem Tag: Wer an zwei Tagen kommt, "
        "zählt zweimal.",
        "days_of": "Tage sind die von {zone}.",
        "days_of_sites": "Tage sind die jeder Website: {sites}.",
        "notes": "Anmerkungen",
        "late": "{day}: {n} Ereignisse kamen, nachdem der Tag zu Ende war; sie sind in den Zahlen.",
        "note": "{day}: {text}",
        "began": "Der Zeitraum davor hat Zahlen ab dem {day}.",
        "footer": "Von Footfall aus den Tagestabellen gemacht. Daten {digest}.",
        "unknown": "(unbekannt)",
        "no_name": "(keine)",
        "nothing": "In diesem Zeitraum wurde nichts aufgezeichnet.",
        "no_comparison": "Der Zeitraum davor hat keine Zahlen; es gibt nichts zu vergleichen.",
        "rose": "{what}: um {by}{share} gestiegen auf {now}.",
        "fell": "{what}: um {by}{share} gefallen auf {now}.",
        "same": "{what}: unverändert {now}.",
        "share": " ({share})",
        "moved": "{what}, die größten Unterschiede: {items}.",
        "moved_sessions": "Sitzungen nach {by}",
        "moved_views": "Seitenaufrufe nach Seite",
        "by_sources": "Quelle",
        "by_countries": "Land",
        "by_devices": "Gerät",
        "by_sites": "Website",
        "by_campaigns": "Kampagne",
        "item": "{name} {change}",
        "and": " und ",
        "new": "Im Zeitraum davor nicht da: {items}.",
        "new_item": "{name} ({n} Sitzungen)",
        "best": "Der Tag mit den meisten Besuchern war {day}, mit {n}.",
        "money_rose": "Bruttoumsatz in {currency}: um {by}{share} gestiegen auf {now}.",
        "money_fell": "Bruttoumsatz in {currency}: um {by}{share} gefallen auf {now}.",
    },
)
WORDS: Mapping[str, Words] = {words.language: words for words in (_EN, _DE)}
