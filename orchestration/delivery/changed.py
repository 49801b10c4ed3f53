"""Which delivered periods are not what would be delivered now."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from footfall.catalogue.periods import Period
from orchestration.delivery.digests import EMPTY, Digests
from orchestration.delivery.ledger import LedgerRow
from orchestration.delivery.selection import Selection
from orchestration.delivery.turn import has_moved


def changed(
    delivered: Mapping[datetime, LedgerRow], selection: Selection, digests: Digests, recent: datetime
) -> Iterator[Period]:
    """The periods, in order, whose rows or columns are other ones. `delivered`: start → its newest revision.

    Of other columns, or another look of a page, those since `recent` alone.
    """
    for start, row in sorted(delivered.items()):
        period = selection.calendar.at(start)
        if row.schema_id not in (None, selection.schema_id):
            is_other = (period.window[1] if selection.dataset.is_page else start) >= recent
        elif selection.dataset.is_page:
            is_other = row.digest != digests.one(selection, period) or has_moved(row, period)
        else:
            now = digests.of(selection).get(start, EMPTY)
            is_other = row.digest != now or has_moved(row, period)
        if is_other:
            yield period
