"""Daily files of made-up events in a process of its own, so that a test can give it another `tzdata`.

`python -m support.zone_story FOLDER NOW DAY …` (with tests/ and the repository in PYTHONPATH) delivers these
days of all clients in FOLDER/clients, and whatever was restated, into folders below FOLDER; moved days two of
an export at a time.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.orchestration_builders import warehouse

from footfall.allowed import Allowed
from footfall.clients import registry_at
from footfall.last_good import keep
from footfall.signatures import Signer
from footfall.store import LocalStore
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.places import Place
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.versions import software
from orchestration.ingest.schema import make_schema
from orchestration.ingest.sites import replace_sites, replace_zone_days

FIRST, LAST = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)
#: Events of each site lie so far apart.
STEP = timedelta(minutes=20)
SITES = ("a", "b")


def moments() -> list[datetime]:
    """When each site has an event."""
    return [FIRST + n * STEP for n in range((LAST - FIRST) // STEP)]


def event_id(site: str, moment: datetime) -> str:
    """The id of a site's event."""
    return f"{site}-{moment:%d%H%M}"


def main(folder: Path, now: datetime, days: list[str]) -> int:
    """Deliver at a time. Prints each outcome that is not `unchanged`."""
    ledger = Ledger(folder / "ledger.sqlite")
    before = folder / "last-good-clients"
    registry = registry_at(folder / "clients", Allowed.unknown(), before, folder / "ledger.sqlite")
    keep(folder / "clients", before, [c.client_id for c in registry.clients])
    path = folder / "warehouse.duckdb"
    is_new = not path.exists()
    connection = warehouse(path) if is_new else _opened(path)
    make_schema(connection)
    for client in registry.clients if is_new else ():
        for site in SITES:
            times = [f"{moment}" for moment in moments()]
            connection.execute(
                "INSERT INTO main.events SELECT ?, ?, ? || strftime(t, '%d%H%M'), 'Home', 1, "
                "date_trunc('hour', t), t, t FROM (SELECT unnest(CAST(? AS TIMESTAMPTZ[])) AS t)",
                [
                    client.client_id,
                    f"{client.client_id}-{site}",
                    f"{site}-",
                    times,
                ],
            )
    replace_sites(connection, registry)
    replace_zone_days(connection, registry, [])
    signer = Signer(Ed25519PrivateKey.from_private_bytes(b"story" + b"." * 27))
    hours = [FIRST + n * timedelta(hours=1) for n in range((LAST - FIRST) // timedelta(hours=1))]
    orders = [
        Order(client, export, tuple(client.calendar(export).named(day) for day in days))
        for client in registry.clients
        for export in client.exports
    ]
    failed = 0
    for report in deliver_all(
        connection,
        orders,
        lambda client: {
            name: Place(name, lambda at=at: LocalStore(at))
            for name, at in (
                ("backup", folder / "backup" / client.client_id),
                ("main", folder / client.client_id),
            )
        },
        ledger,
        Desk(folder, signer, software(), now=lambda: now),
        IngestedHours(hours, FIRST),
        moved_days=2,
    ):
        for outcome in (*report.asked, *report.others):
            failed += outcome.status == "failed"
            if outcome.status != "unchanged":
                said = (report.order.export.name, outcome.period_start, outcome.status, outcome.error)
                sys.stdout.write(" ".join(map(str, said)) + "\n")
    connection.close()
    return 1 if failed else 0


def _opened(path: Path):
    import duckdb

    connection = duckdb.connect(str(path))
    connection.execute("SET TimeZone = 'UTC'")
    return connection


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), sys.argv[3:]))
