"""Periods of every kind, delivered with a fixed key at a fixed time: what is stored of each.

`python tests/support/golden_periods.py` (with tests/ in PYTHONPATH) writes what the golden test compares
with. Only a change of what is stored, which an issue asks for, is a reason.
"""

import hashlib
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.delivering import Setting, with_receipts
from support.orchestration_builders import add_event, client, warehouse

from footfall.clients import Client, Export, Site
from footfall.signatures import Signer
from orchestration.defs.delivery.showing import partition_of
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.desk import Desk
from orchestration.delivery.progress import IngestedHours

GOLDEN = Path(__file__).resolve().parents[1] / "fixtures" / "golden_periods.json"
HOUR = timedelta(hours=1)
BERLIN, NEW_YORK, KOLKATA, HAVANA = "Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/Havana"

HOURLY = {"name": "events", "dataset": "events", "cadence": "hourly"}
DAILY = {"name": "days", "dataset": "events", "cadence": "daily"}
LIVE = {"name": "now", "dataset": "events", "cadence": "live"}
REPORT = {"name": "metrics", "dataset": "daily_metrics", "cadence": "daily"}


@dataclass(frozen=True)
class Case:
    """One period: `start` is an hour or minute (UTC) or a local day."""

    export: dict[str, object]
    start: str
    zone: str = "UTC"
    sites: dict[str, str] = field(default_factory=dict)


CASES = {
    "an hour": Case(HOURLY, "2026-11-20T14"),
    "an hour of a client in Berlin": Case(HOURLY, "2026-07-01T22", BERLIN),
    "an hour that a change of time repeats": Case(HOURLY, "2026-10-25T01", BERLIN),
    "an hour in a folder of its own": Case(
        {**HOURLY, "key": "{dataset}/{client}/{date}T{hour}/{export}-{revision}", "compression": "gzip"},
        "2026-11-20T14",
    ),
    "an hour of a live export": Case(LIVE, "2026-11-20T14", KOLKATA),
    "five minutes": Case(LIVE, "2026-11-20T14:05"),
    "fifteen minutes in Kolkata": Case({**LIVE, "live_minutes": 15}, "2026-11-20T18:30", KOLKATA),
    "five minutes in a folder of their own": Case(
        {**LIVE, "key": "{export}/{date}/{hour}/{revision}"}, "2026-11-20T14:55"
    ),
    "a day": Case(DAILY, "2026-11-20"),
    "a day in a folder of its own": Case(
        {**DAILY, "key": "{date}/{export}/r{revision}"}, "2026-11-20", BERLIN
    ),
    "a day in Kolkata": Case(DAILY, "2026-11-20", KOLKATA),
    "a summer day in Berlin": Case({**DAILY, "format": "parquet"}, "2026-07-02", BERLIN),
    "a day of 23 hours": Case(DAILY, "2026-03-29", BERLIN),
    "a day of 25 hours": Case(DAILY, "2026-10-25", BERLIN),
    "a day before one without a midnight": Case(DAILY, "2026-03-07", HAVANA),
    "a day without a midnight": Case(DAILY, "2026-03-08", HAVANA),
    "a day with two midnights": Case(DAILY, "2025-11-02", HAVANA),
    "a day of a report without a midnight": Case(REPORT, "2026-03-08", HAVANA),
    "a day of sites in two zones": Case(
        {**DAILY, "split": "site"}, "2026-11-20", BERLIN, {"shop": BERLIN, "store": NEW_YORK}
    ),
    "a day of sites in two zones of which one changes": Case(
        {**DAILY, "split": "site"}, "2026-03-29", BERLIN, {"shop": BERLIN, "store": NEW_YORK}
    ),
    "a day of a report of sites in two zones": Case(
        REPORT, "2026-03-08", BERLIN, {"shop": BERLIN, "store": HAVANA}
    ),
    "a day of all sites mixed": Case(DAILY, "2026-11-20", BERLIN, {"shop": BERLIN, "store": NEW_YORK}),
}


class Fixed(Setting):
    """A setting whose key and clock are the same in every process."""

    def desk(self) -> Desk:
        signer = Signer(Ed25519PrivateKey.from_private_bytes(b"golden" + b"." * 26))
        return Desk(self.folder, signer, {"footfall": "test"}, now=lambda: self.now)


def _owner(case: Case) -> Client:
    owner = client(timezone=case.zone, exports=[Export.model_validate(case.export)])
    sites = [
        Site(site_id=name, key=f"pk_{name}_0000", domains=[f"{name}.example"], timezone=zone)
        for name, zone in case.sites.items()
    ]
    return owner.model_copy(update={"sites": sites}) if sites else owner


def _start(owner: Client, text: str) -> datetime:
    if "T" not in text:
        return owner.local_midnight(text)
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _order(owner: Client, export: Export, *starts: datetime) -> Order:
    return Order(owner, export, tuple(owner.calendar(export).at(start) for start in starts))


def stored(folder: Path, case: Case) -> dict[str, object]:
    """Key → the manifest, or the sha256 of any other object; and the period's names."""
    at, owner = Fixed(folder), _owner(case)
    start = _start(owner, case.start)
    at.now = start.astimezone(UTC) + 40 * HOUR
    at.connection.close()
    with with_receipts(warehouse()) as at.connection:
        first = start.astimezone(UTC).replace(minute=0) - 14 * HOUR
        hours = [first + n * HOUR for n in range(60)]
        for n, hour in enumerate(hours):
            add_event(at.connection, f"e-{n:02d}", hour=hour, site_id=("shop", "store")[n % 2])
        at.connection.execute(
            "INSERT INTO main.daily_metrics SELECT DISTINCT client_id, site_id, "
            "CAST(received_hour AS DATE), 7 FROM main.events"
        )
        export = owner.exports[0]
        if ":" in case.start:
            orders = [_order(owner, export.parts(), start)]
        elif export.cadence == "live":
            parts = [start + n * timedelta(minutes=5) for n in (0, 1, 11)]
            orders = [_order(owner, export.parts(), *parts), _order(owner, export, start)]
        else:
            orders = [_order(owner, export, start)]
        reports = list(
            deliver_all(
                at.connection,
                orders,
                lambda _: at.places(),
                at.ledger,
                at.desk(),
                IngestedHours(hours, datetime(2025, 1, 1, tzinfo=UTC)),
                is_with_restated=False,
            )
        )
    outcome = reports[-1].asked[0]
    assert outcome.status == "delivered", outcome.error
    asked = reports[-1].order.export
    row = at.ledger.all()[-1]
    waited = at.desk().outbox(row.client_id, row.export, row.period_start, row.revision)
    at.ledger.close()
    return {
        "period_start": row.period_start.isoformat(),
        "cadence": row.cadence,
        "partition": partition_of(owner, asked, outcome),
        "label": owner.calendar(asked).at(row.period_start).name,
        "outbox": waited.name,
        "bucket": {
            key: _shown(key, data)
            for key, data in sorted(at.destination.objects.items())
            if _is_of_the_period(key)
        },
        "backup": {
            key: hashlib.sha256(data).hexdigest()
            for key, data in sorted(at.backup.objects.items())
            if _is_of_the_period(key)
        },
    }


def _is_of_the_period(key: str) -> bool:
    """Pages and DDL follow from columns, and the log from all of them."""
    return not key.startswith(("_schema/", "_log/")) and key != "README.txt"


def _shown(key: str, data: bytes) -> object:
    return json.loads(data) if key.endswith("_manifest.json") else hashlib.sha256(data).hexdigest()


def main() -> int:
    """Write the golden file anew."""
    found = {}
    for name, case in CASES.items():
        with TemporaryDirectory() as folder:
            found[name] = stored(Path(folder), case)
    GOLDEN.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
