"""Which periods of an export were delivered and are others now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from operator import attrgetter

from footfall import zones
from footfall.catalogue.periods import Calendar, Period
from footfall.clients import Client, Export
from orchestration.delivery.datasets import LATE_TOLERANCE
from orchestration.delivery.digests import EMPTY, Digests
from orchestration.delivery.ledger import Ledger, Newest
from orchestration.delivery.moved_days import ZoneChanges
from orchestration.delivery.selection import Selection
from orchestration.delivery.turn import is_elsewhere

#: How many days that clocks moved, of any age, one run delivers of an export: a minute's work.
MOVED_DAYS = 366


@dataclass(frozen=True)
class Restated:
    """What is compared: what was delivered of an export with what would be now.

    `selection`: the export against today's tables; raises ConfigError. `most`: so many moved days at a time.
    """

    client: Client
    export: Export
    ledger: Ledger
    digests: Digests
    zones: ZoneChanges
    selection: Callable[[], Selection]
    most: int

    def periods(self, now: datetime) -> list[Period]:
        """Those whose rows or columns have changed, as far back as digests go; moved days of any age.

        Other columns are a reason only for periods that can still change: nobody wants years of files again
        because of one more column. `footfall deliveries restate` does that when it is wanted.
        """
        since = self.digests.since
        told = self._told_otherwise() if since and self.export.kind.is_day else []
        delivered = list(self._newest(since))
        if not delivered:
            return told
        selection, recent = self.selection(), now - LATE_TOLERANCE
        digests = self.digests.of(selection)
        return told + [
            period
            for row in delivered
            for period in [self._calendar.at(row.period_start)]
            if is_elsewhere(row.said, period)
            or (
                row.digest != digests.get(row.period_start, EMPTY)
                if row.schema_id in (None, selection.schema_id)
                else row.period_start >= recent
            )
        ]

    def _told_otherwise(self) -> list[Period]:
        """Days of any age that the release of the time zone database tells otherwise than theirs did.

        The newest `most` of them: the next run goes on. Once none is left it is noted, and no day is looked
        at again before the next release.
        """
        key, release = (self.client.client_id, self.export.name), zones.version()
        if self.ledger.were_days_compared(*key, release) or not self.zones.are_modelled():
            return []
        moved: list[Period] = []
        told: list[tuple[Period, Newest]] = []
        for row in self._newest(None):
            period = self._calendar.at(row.period_start)
            if row.tzdata != release and is_elsewhere(row.said, period):
                moved.append(period)
            elif row.tzdata != release and (self.zones.within(period) or "") > row.tzdata:
                told.append((period, row))
        if told:
            selection = self.selection()
            first = min(period.window[0].astimezone(UTC) for period, _ in told)
            digests = self.digests.of_years(selection, first)
            moved += [
                period
                for period, row in told
                if row.digest != digests.get(row.period_start, EMPTY) or row.schema_id != selection.schema_id
            ]
        if not moved:
            self.ledger.note_days_compared(*key, release)
        return sorted(moved, key=attrgetter("start"))[-self.most :]

    @cached_property
    def _calendar(self) -> Calendar:
        return self.client.calendar(self.export)

    def _newest(self, since: datetime | None) -> Iterator[Newest]:
        is_day = self.export.kind.is_day
        return self.ledger.newest(self.client.client_id, self.export.name, since, is_day=is_day)
