"""The ledger a page at a time, for whoever looks at it: never more of it in memory than is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.delivery.ledger import Ledger, LedgerRow, row_of, text_of

#: Where a row stands in the order of pages: start of its period, export, revision.
Place = tuple[str, str, int]

#: Manifests and files are left out: they are most of a row. The order is of keys, which an index has.
_PAGE = """
WITH wanted AS (
    SELECT client_id, export, period_start, revision FROM revisions
    WHERE client_id = :client AND (:export IS NULL OR export = :export)
    AND (:start IS NULL OR period_start >= :start) AND (:end IS NULL OR period_start < :end)
    AND (period_start, export, revision) < (:before, :before_export, :before_revision)
    ORDER BY period_start DESC, export DESC, revision DESC LIMIT :limit
)
SELECT client_id, export, period_start, revision, state, reason, cadence, supersedes, schema_id, digest,
    '[]' AS files, rows, bytes, manifest_key, NULL AS manifest, hold, kind, error, attempts, failing_since,
    next_at, not_before, planned_at, committed_at
FROM wanted JOIN revisions USING (client_id, export, period_start, revision)
ORDER BY period_start DESC, export DESC, revision DESC
"""
_STANDING = """
SELECT count(*) FILTER (WHERE state IN ('committed', 'notified')),
    count(*) FILTER (WHERE state IN ('planned', 'rendered')) FROM revisions WHERE client_id = ? AND export = ?
"""
_NEWEST = """
SELECT period_start, committed_at FROM revisions WHERE client_id = ? AND export = ?
AND state IN ('committed', 'notified') ORDER BY period_start DESC, revision DESC LIMIT 1
"""
_ERRORS = """
SELECT DISTINCT error FROM revisions
WHERE client_id = ? AND export = ? AND state IN ('planned', 'rendered') AND error IS NOT NULL ORDER BY 1
LIMIT 100
"""
#: After every text of a ledger.
_FIRST: Place = ("~", "~", 0)


@dataclass(frozen=True)
class Standing:
    """How an export is: revisions that arrived and that wait, the newest arrived, and what is wrong."""

    delivered: int
    waiting: int
    newest: datetime | None
    newest_committed_at: datetime | None
    problems: Sequence[str]


def page(
    ledger: Ledger,
    client_id: str,
    *,
    export: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    before: tuple[datetime, str, int] | None = None,
    limit: int,
) -> list[LedgerRow]:
    """At most `limit` rows of periods that begin in [start, end), the newest period first, without manifests.

    `before` is the period, export and revision of the row after which the page begins.
    """
    place = _FIRST if before is None else (text_of(before[0]), before[1], before[2])
    found = ledger.connection().execute(
        _PAGE,
        {
            "client": client_id,
            "export": export,
            "start": text_of(start) if start else None,
            "end": text_of(end) if end else None,
            "before": place[0],
            "before_export": place[1],
            "before_revision": place[2],
            "limit": limit,
        },
    )
    return [row_of(dict(each)) for each in found]


def standing(ledger: Ledger, client_id: str, export: str) -> Standing:
    """What the ledger says of an export."""
    database, of = ledger.connection(), (client_id, export)
    [(delivered, waiting)] = database.execute(_STANDING, of).fetchall()
    newest, committed = database.execute(_NEWEST, of).fetchone() or (None, None)
    problems = [error for (error,) in database.execute(_ERRORS, of)]
    return Standing(delivered, waiting, _moment(newest), _moment(committed), problems)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
