"""A telling as text for a person and as JSON for a program."""

from typing import Any

from orchestration.alerting.alert import KINDS
from orchestration.alerting.life import Telling

#: Alerts that a digest lists; the rest is counted.
LISTED = 10
_WORD = {"firing": "", "reminder": "still: ", "resolved": "resolved: "}
#: Characters of a cause in a digest.
_CAUSE_CHARACTERS = 300


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
        for alert in telling.alerts[:LISTED]:
            lines.append(f"- {alert.title}" + (f": {_one_line(alert.cause)}" if alert.cause else ""))
        if len(telling.alerts) > LISTED:
            lines.append(f"- and {len(telling.alerts) - LISTED} more: `footfall alerts list`")
    else:
        lines += [f"{name}: {value}" for name, value in first.facts.items()]
    if telling.what != "firing":
        lines.append(f"since {telling.since:%Y-%m-%d %H:%M} UTC")
    if telling.what != "resolved":
        lines.append(f"What to do: {first.fix}")
    if first.link:
        lines.append(first.link)
    if first.kind != "test":
        lines.append(f"The whole of it: footfall alerts show '{key(telling)}'")
        if is_address(runbook):
            lines.append(section(runbook, first.kind))
    return "\n".join(lines)


def _one_line(cause: str) -> str:
    return " / ".join(line.strip() for line in cause.splitlines() if line.strip())[:_CAUSE_CHARACTERS]


def key(telling: Telling) -> str:
    """The key of the incident; of a digest what all its keys begin with."""
    first = telling.alerts[0]
    return first.key if len(telling.alerts) == 1 else f"{first.kind}:{first.client_id}"


def is_address(runbook: str) -> bool:
    """Whether the runbook opens wherever the message is read; a path does only on this machine."""
    return runbook.startswith(("http://", "https://"))


def section(runbook: str, kind: str) -> str:
    """The address of a kind's section."""
    return f"{runbook.partition('#')[0]}#{kind}"


def as_json(telling: Telling, runbook: str) -> dict[str, Any]:
    """For a webhook: one object a telling; `key` is the same for every telling of one incident.

    `event` is `info` for what is no trouble (news, a test), else firing, reminder or resolved.
    """
    first = telling.alerts[0]
    return {
        "event": "info" if first.severity == "info" else telling.what,
        "kind": first.kind,
        "client": first.client_id or None,
        "key": key(telling),
        "severity": first.severity,
        "title": title(telling),
        "cause": first.cause or None,
        "text": text(telling, runbook),
        "fix": first.fix,
        "link": first.link or None,
        "runbook": section(runbook, first.kind) if is_address(runbook) and first.kind != "test" else None,
        "show": f"footfall alerts show '{key(telling)}'",
        "since": telling.since.isoformat(),
        "alerts": [
            {
                "key": alert.key,
                "title": alert.title,
                "cause": alert.cause or None,
                "facts": dict(alert.facts),
                "link": alert.link or None,
            }
            for alert in telling.alerts
        ],
    }
