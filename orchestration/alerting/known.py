"""What the alert book knows of each alert, for a person: `footfall alerts list` and `show`."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from footfall.errors import FootfallError
from orchestration.alerting.alert import KINDS, NEWS, Alert
from orchestration.alerting.book import fallen_processes, last_look, silences, told_to
from orchestration.alerting.silences import Silence

#: Severity → the heading under which it is listed, the worst first.
LEVELS = {"error": "errors", "warning": "warnings", "info": "information (nothing is wrong)"}
#: Characters of a cause in the list.
_CAUSE_CHARACTERS = 200


@dataclass(frozen=True)
class Known:
    """An alert, since when, who was told, and who said that it is known. `state` is firing or resolved."""

    alert: Alert
    state: str
    since: datetime
    told: str
    silences: tuple[Silence, ...]

    def is_of(self, key: str) -> bool:
        """Whether `key` is its key, or what its key begins with."""
        return self.alert.key == key or self.alert.key.startswith(f"{key.rstrip(':')}:")

    def lines(self) -> list[str]:
        """For the list."""
        whose = f"{self.alert.client_id}: " if self.alert.client_id else ""
        cause = " / ".join(self.alert.cause.split("\n"))[:_CAUSE_CHARACTERS]
        return [
            f"{self.since:%Y-%m-%d %H:%M}  {self.alert.severity:8} {self.alert.kind:20} "
            f"{whose}{self.alert.title}  → {self.told}",
            *([f"    cause: {cause}"] if cause else []),
            *(f"    {each.shown}" for each in self.silences),
            f"    key:   {self.alert.key}",
        ]

    def whole(self, history: Sequence[tuple[datetime, str, str]]) -> list[str]:
        """Everything that is known of it."""
        alert = self.alert
        state = "holds" if self.state == "firing" else "is over; it began"
        facts = [
            f"{name}: " + value.replace("\n", "\n  ") for name, value in alert.facts.items() if value.strip()
        ]
        return [
            f"{alert.severity}: " + (f"{alert.client_id}: " if alert.client_id else "") + alert.title,
            f"key: {alert.key}",
            f"{state} since {self.since:%Y-%m-%d %H:%M} UTC; told: {self.told}",
            *(each.shown for each in self.silences),
            *facts,
            f"what to do: {alert.fix}",
            *([alert.link] if alert.link else []),
            "history:",
            *(f"  {at:%Y-%m-%d %H:%M:%S}  {what}: {said}" for at, what, said in history),
            *([] if history else ["  nobody was told anything yet"]),
        ]


def known_alerts(
    book: sqlite3.Connection, routes: Iterable[str], now: datetime, *, is_with_past: bool = False
) -> list[Known]:
    """What holds by the last look or was told and not resolved; with `is_with_past` what was resolved too."""
    looked_at, holding = last_look(book)
    found = {
        alert.key: (alert, "firing", looked_at or now) for alert in [*holding, *fallen_processes(book, now)]
    }
    holds = frozenset(found)
    names: dict[str, list[str]] = defaultdict(list)
    over: dict[str, str] = {}
    for route in routes:
        for key, told in told_to(book, route).items():
            is_news = told.alert.kind in NEWS
            is_past = told.state == "resolved" or (is_news and key not in holds)
            if is_past and (key in found or not is_with_past):
                continue
            alert = found[key][0] if key in holds else told.alert
            found[key] = (alert, "resolved" if is_past else "firing", told.since)
            names[key].append(route if told.last_told else f"{route} (not yet)")
            if told.gone_since and not is_past:
                over[key] = f", over since {told.gone_since:%H:%M}"
    said = silences(book)
    return sorted(
        (
            Known(
                alert,
                state,
                since,
                (", ".join(names[key]) or "nobody") + over.get(key, ""),
                tuple(each for each in said if each.covers(key, since) and each.holds(now)),
            )
            for key, (alert, state, since) in found.items()
        ),
        key=lambda each: (each.since, each.alert.key),
    )


def runbook_section(runbook: Path, kind: str) -> str:
    """The section of the runbook that says what to do about a kind of alert. Raises FootfallError."""
    try:
        text = runbook.read_text(encoding="utf-8")
    except OSError as error:
        raise FootfallError(f"the runbook {runbook} cannot be read: {error.strerror}") from None
    found = re.search(rf"^## `{kind}`$.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    meaning = KINDS[kind][1]
    return found[0].strip() if found else f"{kind}: {meaning}"
