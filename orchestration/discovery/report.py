"""The registry as tables for a person."""

from collections.abc import Iterable, Sequence

from footfall.markdown import table
from orchestration.discovery.domain_rows import Domain


def domains_table(rows: Iterable[Domain]) -> str:
    """Markdown, a line a domain, those that wait for a decision first. Names seen once are left out."""
    order = ("pending", "verified", "billable", "blocked", "retired")
    shown = sorted(
        (row for row in rows if row.state in order),
        key=lambda row: (order.index(row.state), row.client_id, row.domain),
    )
    if not shown:
        return "no domain yet"
    return table(
        ("client", "domain", "state", "proof", "first seen", "last seen", "hours", "events"),
        [
            (
                row.client_id,
                row.domain,
                row.state,
                row.proof or "",
                f"{row.first_seen_hour:%Y-%m-%dT%H}",
                f"{row.last_seen_hour:%Y-%m-%dT%H}",
                row.hours_seen,
                row.events,
            )
            for row in shown
        ],
    )


def passed_over_table(rows: Sequence[tuple[str, str, int, int]]) -> str:
    """Markdown: names that were counted and not stored, by client and reason."""
    if not rows:
        return "none"
    return table(("client", "reason", "hosts", "events"), rows)
