"""What a run knows of one period before it decides what to do with it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from footfall.catalogue.periods import Period
from footfall.event import timestamp
from footfall.manifest import DeliveredFile
from orchestration.delivery.ledger import LedgerRow


@dataclass(frozen=True)
class Turn:
    """One period, its revisions so far, oldest first, and what would be delivered of it now.

    `reason`: why data that was delivered may have changed. `digest`, `schema_id`: of the rows and of the
    files as they would be now. `zones_changed_in`: the newest release of the time zone database that told its
    days otherwise.
    """

    period: Period
    reason: str
    revisions: tuple[LedgerRow, ...]
    digest: str = ""
    schema_id: str = ""
    is_incomplete: bool = False
    zones_changed_in: str | None = None

    @property
    def newest(self) -> LedgerRow | None:
        """The newest revision that was delivered."""
        return next((row for row in reversed(self.revisions) if row.is_delivered), None)

    @property
    def pending(self) -> LedgerRow | None:
        """The revision that is still to be brought to the client."""
        return self.revisions[-1] if self.revisions and self.revisions[-1].is_open else None

    @property
    def next_number(self) -> int:
        """The first number that no revision has."""
        return max((row.revision for row in self.revisions), default=0) + 1

    def is_as(self, row: LedgerRow | None) -> bool:
        """Whether a revision is what would be delivered now."""
        facts = (self.digest, self.schema_id, self.is_incomplete)
        return row is not None and row.facts == facts and not has_moved(row, self.period)

    def has_changed_nothing(self, files: Iterable[DeliveredFile]) -> bool:
        """Whether the client has these very files, and a manifest that calls them as complete as they are."""
        if self.newest is None or (self.newest.is_incomplete and not self.is_incomplete):
            return False
        if has_moved(self.newest, self.period):
            return False
        return [(f.sha256, f.site) for f in self.newest.files] == [(f.sha256, f.site) for f in files]

    def why(self, schema_id: str | None) -> str:
        """The reason of a further revision, with columns of `schema_id` where they are known."""
        newest, may_be_zone = self.newest, self.reason in ("late", "correction")
        if newest is None:
            return "initial"
        if newest.is_incomplete and not self.is_incomplete and self.reason == "late":
            return "completed"
        if may_be_zone and has_moved(newest, self.period):
            return "zone"
        if schema_id and newest.schema_id not in (None, schema_id):
            return "schema"
        made_by = json.loads(newest.manifest or "{}").get("software", {}).get("tzdata", "")
        return "zone" if may_be_zone and (self.zones_changed_in or "") > made_by else self.reason


def has_moved(row: LedgerRow, period: Period) -> bool:
    """Whether a day begins or ends elsewhere than its manifest says: clocks are known better since."""
    if not period.kind.is_day or row.manifest is None:
        return False
    said = json.loads(row.manifest)["period"]
    return is_elsewhere((said["start"], said["end"]), period)


def is_elsewhere(said: tuple[str | None, str | None], period: Period) -> bool:
    """Whether a day begins or ends elsewhere than a manifest says, if one says it."""
    return None not in said and said != (timestamp(period.start), timestamp(period.end))
