"""Is what was sent what is there? Pure: what the demo sent, what it read back → every difference found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from commands.demo.delivered import File
from commands.demo.traffic import Expected


@dataclass(frozen=True)
class Stored:
    """What the warehouse holds of one client for the hours of the demo."""

    kept: int = 0
    duplicates: int = 0
    quarantined: int = 0
    sessions: int = 0
    ids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sent:
    """What was sent for one client: counts, and the ids of all acceptable events."""

    counts: Expected
    ids: frozenset[str]


def differences(
    client_id: str, sent: Sent, stored: Stored, files: Sequence[File], *, is_exact: bool, has_daily: bool
) -> Iterable[str]:
    """Each thing that is not as it should be, as a sentence.

    `is_exact`: nothing but the demo's traffic, each request once, lies in these hours. Otherwise (an hour
    was sent again after a stop, or people visited the demo site) there may be more, but never less.
    `has_daily`: a local day ended, so that a daily file is due.
    """
    lost = sent.ids - stored.ids
    if lost:
        yield f"{client_id}: {len(lost)} events were acknowledged and are not in the warehouse"
    delivered = {row["event_id"] for file in files if file.dataset == "events" for row in file.rows}
    undelivered = stored.ids - delivered
    if undelivered:
        yield f"{client_id}: {len(undelivered)} events are in the warehouse and in no delivered file"
    rows = sum(len(file.rows) for file in files if file.dataset == "events")
    if rows != len(delivered):
        yield f"{client_id}: {rows - len(delivered)} events are delivered more than once"
    for what, due, found in (
        ("events kept", sent.counts.events, stored.kept),
        ("duplicates", sent.counts.duplicates, stored.duplicates),
        ("quarantined", sent.counts.quarantined, stored.quarantined),
    ):
        if found < due or (is_exact and found != due):
            yield f"{client_id}: {what}: {found}, sent {due}"
    for dataset in ("events", "sessions", *(("daily_metrics",) if has_daily else ())):
        if not any(file.dataset == dataset for file in files):
            yield f"{client_id}: no file of {dataset} was delivered"


def balance(lines: int, stored: Mapping[str, Stored]) -> Iterable[str]:
    """Whether every stored line is kept, a duplicate or in quarantine."""
    accounted = sum(one.kept + one.duplicates + one.quarantined for one in stored.values())
    if lines != accounted:
        yield f"{lines} lines are stored, {accounted} are accounted for"
