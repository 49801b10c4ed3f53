"""A telling as text for a person and as JSON for a program."""

from typing import Any

from orchestration.alerting.alert import KINDS
from orchestration.alerting.life import Telling

#: Alerts that a digest lists; the rest is counted.
LISTED = 10
_WORD = {"firing": "", "reminder": "still: ", "resolved": "resolved: "}


def title(telling: Telling) -> str:
    """One line."""
    first = telling.alerts[0]
    whose = f"{first.client_id}: " if first.client_id else ""
    what = first.title
    if len(telling.alerts) > 1:
        what = f"{len(telling.alerts)} times: {KINDS[first.kind][1]}"
    return f"{_WORD[telling.what]}{whose}{what}"


def text(telling: Telling, runbook: str) -> str:
    """The message below its title: facts, what to do, and where to read on."""
    first = telling.alerts[0]
    lines = []
    if len(telling.alerts) > 1:
        lines += [f"- {alert.title}" for alert in telling.alerts[:LISTED]]
        if len(telling.alerts) > LISTED:
            lines.append(f"- and {len(telling.alerts) - LISTED} more")
    else:
        lines += [f"{name}: {value}" for name, value in first.facts.items()]
    if telling.what != "firing":
        lines.append(f"since {telling.since:%Y-%m-%d %H:%M} UTC")
    if telling.what != "resolved":
        lines.append(f"What to do: {first.fix}")
    if first.link:
        lines.append(first.link)
    lines.append(f"{runbook}#{first.kind}")
    return "\n".join(lines)


def as_json(telling: Telling, runbook: str) -> dict[str, Any]:
    """For a webhook: one object a telling; `key` is the same for every telling of one incident."""
    first = telling.alerts[0]
    return {
        "event": telling.what,
        "kind": first.kind,
        "client": first.client_id or None,
        "key": first.key if len(telling.alerts) == 1 else f"{first.kind}:{first.client_id}",
        "severity": first.severity,
        "title": title(telling),
        "text": text(telling, runbook),
        "fix": first.fix,
        "link": first.link or None,
        "runbook": f"{runbook}#{first.kind}",
        "since": telling.since.isoformat(),
        "alerts": [
            {"key": alert.key, "title": alert.title, "facts": dict(alert.facts)} for alert in telling.alerts
        ],
    }
