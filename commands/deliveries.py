"""`python -m commands.deliveries list|replay|restate|rebuild|usage`: the ledger, from a terminal."""

import argparse
import os
import sys
from datetime import UTC, datetime

from footfall.allowed import Allowed
from footfall.clients import Client, registry_of
from footfall.errors import FootfallError
from footfall.hours import parse
from footfall.settings import Settings
from footfall.store import ObjectStore
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.desk import Desk, posting_for
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.places import Places, places_of
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.redeliver import NotTaken, Redelivery, Wanted, as_json, as_line
from orchestration.delivery.usage import usage_daily
from orchestration.delivery.versions import software
from orchestration.partitions import first_hour
from orchestration.resources.destinations import Destinations
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse


class _Installation:
    """The parts of an installation that deliveries need."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.registry = registry_of(settings)
        self.ledger = Ledger(settings.ledger)
        state = State(home=str(settings.home), ledger_path=str(settings.ledger), dbt_folder="")
        allowed = Allowed.of(settings)
        self.desk = Desk(settings.home, state.signer(), software(), post=posting_for(allowed))
        self._destinations = Destinations(
            home=str(settings.home),
            backup_url=settings.backup,
            s3_endpoint=settings.s3_endpoint,
            rules=allowed.as_config(),
        )

    def places(self, client: Client) -> Places:
        """A client's buckets and the backup."""
        signer = self.desk.signer
        return places_of(
            self._destinations.openings(
                client,
                lambda url: signer.derived(f"challenge:{url}"),
                taken=self.registry.places_of_others(client.client_id),
            )
        )

    def backup(self) -> ObjectStore:
        """The whole backup bucket."""
        return self._destinations.backup()

    def redelivery(self) -> Redelivery:
        """What the ledger allows without the warehouse."""
        return Redelivery(self.registry, self.places, self.ledger, self.desk)


def _list(at: _Installation, options: argparse.Namespace) -> int:
    wanted = _wanted(at, options)
    rows = [row for row in at.ledger.all() if wanted.has(row)]
    if not options.all:
        rows = [row for row in rows if row.is_open or row.hold]
    for row in rows:
        print(as_json(row) if options.json else as_line(row))
    if not rows and not options.json:
        print("nothing waits" if not options.all else "nothing was delivered yet")
    return 0


def _replay(at: _Installation, options: argparse.Namespace) -> int:
    failed = done = 0
    for row, outcome in at.redelivery().replay(_wanted(at, options)):
        done += outcome.status != "failed"
        failed += outcome.status == "failed"
        error = f"  FAILED {outcome.error}" if outcome.status == "failed" else ""
        print(f"{as_line(at.ledger.row(row.identity))}{error}")
    print(f"{done} delivered, {failed} failed")
    return 1 if failed else 0


def _rebuild(at: _Installation, options: argparse.Namespace) -> int:
    taken = left = 0
    for each in at.redelivery().believe(_wanted(at, options)):
        if isinstance(each, NotTaken):
            left += 1
            print(f"not taken  {each}")
        else:
            taken += 1
    print(
        f"{taken} deliveries taken from the manifests in the clients' buckets into {at.settings.ledger}, "
        f"{left} not taken"
    )
    if left:
        public = at.settings.home / "keys" / "public"
        print(f"what an earlier key of ours signed is taken once its public half lies in {public}")
    return 1 if left else 0


def _usage(at: _Installation, options: argparse.Namespace) -> int:
    """What each client received and was delivered on a day, as CSV."""
    day = parse(options.day).strftime("%Y-%m-%d")
    print("date,client_id,site,kind,rows,bytes")
    not_counted: list[str] = []
    for one in usage_daily(at.backup(), day, at.desk.own_keys, not_counted.append):
        print(f"{one.date},{one.client_id},{one.site},{one.kind},{one.rows},{one.bytes}")
    for line in not_counted:
        print(f"not counted  {line}", file=sys.stderr)
    return 1 if not_counted else 0


def _restate(at: _Installation, options: argparse.Namespace) -> int:
    """Compare delivered periods with the warehouse; what differs is a new revision."""
    wanted = _wanted(at, options)
    now = datetime.now(UTC)
    failed = made = 0
    with Warehouse(path=str(at.settings.warehouse)).connect(*at.desk.folders) as connection:
        orders = []
        for client in at.registry.clients:
            for export in client.exports:
                if wanted.client_id in (None, client.client_id) and wanted.export in (None, export.name):
                    rows = at.ledger.latest_delivered(client.client_id, export.name).values()
                    starts = [row.period_start for row in rows if wanted.has(row) and row.period_start < now]
                    calendar = client.calendar(export)
                    periods = {calendar.at(start) for start in starts}
                    orders.append(Order(client, export, tuple(periods)))
        hours = IngestedHours.read(connection, first_hour())
        for report in deliver_all(
            connection,
            orders,
            at.places,
            at.ledger,
            at.desk,
            hours,
            reason=options.reason,
            is_with_restated=False,
        ):
            for outcome in report.asked:
                made += outcome.status == "delivered"
                failed += outcome.status == "failed"
                if outcome.status != "unchanged":
                    name = f"{report.order.client.client_id}/{report.order.export.name}"
                    print(f"{name} {outcome.period_start:%Y-%m-%dT%H:%M%z} {outcome.status} {outcome.error}")
    print(f"{made} new revisions, {failed} failed")
    return 1 if failed else 0


def _wanted(at: _Installation, options: argparse.Namespace) -> Wanted:
    """What the options ask for. Raises FootfallError for a client or an export that nobody knows."""
    client = at.registry.client(options.client) if options.client else None
    known = [client] if client else at.registry.clients if not options.client else []
    # What was delivered once stays known when its file is gone.
    rows = [row for row in at.ledger.all() if options.client in (None, row.client_id)]
    if options.client and not known and not rows:
        raise FootfallError(
            f"no client {options.client!r} has a valid file or was ever delivered to; "
            "`footfall clients` lists them"
        )
    names = {row.export for row in rows}
    if options.export and options.export not in names and not any(c.export(options.export) for c in known):
        raise FootfallError(f"no export {options.export!r} is ordered or was ever delivered")
    return Wanted(
        options.client,
        options.export,
        parse(options.start) if options.start else None,
        parse(options.end) if options.end else None,
    )


def main() -> int:
    """The command; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="footfall deliveries", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for name, command, text in (
        ("list", _list, "what has not arrived; with --all every delivery"),
        ("replay", _replay, "deliver at once what did not arrive or was lost by its bucket"),
        ("restate", _restate, "compare what was delivered with the warehouse, deliver what differs"),
        ("rebuild", _rebuild, "take the manifests in the clients' buckets into a ledger that was lost"),
    ):
        each = actions.add_parser(name, help=text)
        each.add_argument("--client")
        each.add_argument("--export")
        each.add_argument("--from", dest="start", metavar="HOUR", help="2026-11-20 or 2026-11-20T14, UTC")
        each.add_argument("--to", dest="end", metavar="HOUR", help="the hour to stop before")
        each.set_defaults(command=command)
        if name == "list":
            each.add_argument("--all", action="store_true")
            each.add_argument("--json", action="store_true", help="one JSON object a line")
        if name == "restate":
            each.add_argument(
                "--reason", default="correction", choices=["late", "correction", "erasure", "schema"]
            )
    usage = actions.add_parser(
        "usage", help="what each client received and was delivered on a UTC day, as CSV"
    )
    usage.add_argument("day", help="2026-11-20")
    usage.set_defaults(command=_usage)
    options = parser.parse_args()
    try:
        status: int = options.command(_Installation(Settings.from_environ(os.environ)), options)
    except FootfallError as error:
        print(f"footfall deliveries: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
