"""What `footfall deliveries` does with the ledger, and what it says of it."""

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime

from commands.pages import Pages
from footfall.allowed import Allowed
from footfall.clients import Client, Registry, registry_of
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.identity_files import read_histories, synchronise
from footfall.owners import named, note_delivered
from footfall.settings import Settings
from footfall.store import ObjectStore, StoreError
from orchestration.alerting.letters import mailing_for
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.desk import Desk, posting_for
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.moved_days import follow
from orchestration.delivery.places import Places, places_of
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.redeliver import NotTaken, Redelivery, Wanted, as_json, as_line
from orchestration.delivery.usage import usage_daily
from orchestration.delivery.versions import software
from orchestration.resources.destinations import Destinations
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse


class Installation:
    """The parts of an installation that deliveries need."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.registry = known_owners(settings)
        self.ledger = Ledger(settings.ledger)
        self.state = State(home=str(settings.home), ledger_path=str(settings.ledger), dbt_folder="")
        allowed = Allowed.of(settings)
        self.desk = Desk(
            settings.home,
            self.state.signer(),
            software(),
            post=posting_for(allowed),
            mail=mailing_for(settings.alert_routes, os.environ),
        )
        self._destinations = Destinations(
            home=str(settings.home),
            backup_url=settings.backup,
            s3_endpoint=settings.s3_endpoint,
            rules=allowed.as_config(),
        )

    def places(self, client: Client) -> Places:
        """A client's buckets and the backup; of one that has ended the backup alone."""
        if self.registry.client(client.client_id) is None:
            return places_of(self._destinations.backup_of(client.client_id))
        return places_of(
            self._destinations.openings(
                client,
                self.desk.signer.challenge,
                taken=self.registry.places_of_others(client.client_id),
            )
        )

    def backup(self) -> ObjectStore:
        """The whole backup bucket."""
        return self._destinations.backup()

    def redelivery(self) -> Redelivery:
        """What the ledger allows without the warehouse."""
        return Redelivery(self.registry, self.places, self.ledger, self.desk)


def known_owners(settings: Settings) -> Registry:
    """The clients, and whose each is by the lake too; it may be away where that is known here."""
    try:
        synchronise(settings.home, open_lake(settings.lake, settings.s3_endpoint, settings.home))
    except StoreError:
        if not read_histories(settings.identities):
            raise
    return registry_of(settings)


def list_deliveries(at: Installation, wanted: Wanted, *, is_all: bool, is_json: bool) -> int:
    """What has not arrived, or everything, a line each."""
    wanted = _require_known(at, wanted)
    is_empty = True
    for row in wanted.among(at.ledger):
        if is_all or row.is_open or row.hold:
            print(as_json(row) if is_json else as_line(row))
            is_empty = False
    if is_empty and not is_json:
        print("nothing waits" if not is_all else "nothing was delivered yet")
    return 0


def replay(at: Installation, wanted: Wanted) -> int:
    """Deliver at once what did not arrive or was lost by its bucket."""
    wanted = _require_known(at, wanted)
    failed = done = 0
    redelivery = at.redelivery()
    pages = Pages(at.registry)
    for row, outcome in redelivery.replay(wanted):
        pages.note(row.client_id, row.export, outcome)
        client = at.registry.client(row.client_id)
        if client is not None and outcome.status == "delivered":
            note_delivered(at.settings.home, client, datetime.now(UTC))
        row = at.ledger.row(row.identity)
        said = ""
        if outcome.status == "failed":
            failed += 1
            said = f"  FAILED {outcome.error}"
        elif row.is_open:
            said = "  the next run of its export renders it again"
        else:
            done += 1
        print(f"{as_line(row)}{said}")
    for mended in redelivery.mend(wanted):
        for key in mended.keys:
            print(f"{mended.client_id}  {mended.place}  put back {key}")
        if mended.trouble:
            failed += 1
            print(f"{mended.client_id}  {mended.place}  FAILED {mended.trouble.text}")
    pages.tell(at.ledger)
    print(f"{done} delivered, {failed} failed")
    return 1 if failed else 0


def rebuild(at: Installation, wanted: Wanted) -> int:
    """Take what the buckets say was delivered into the ledger."""
    wanted = _require_known(at, wanted)
    taken = left = 0
    for each in at.redelivery().believe(wanted):
        if isinstance(each, NotTaken):
            left += 1
            print(f"not taken  {each}")
        else:
            taken += 1
            owner = at.registry.client(each.client_id)
            if owner is not None:
                note_delivered(at.settings.home, owner, datetime.now(UTC))
    Pages(at.registry).tell(at.ledger)
    print(
        f"{taken} deliveries taken from the manifests in the clients' buckets into {at.settings.ledger}, "
        f"{left} not taken"
    )
    if left:
        public = at.settings.home / "keys" / "public"
        print(f"what an earlier key of ours signed is taken once its public half lies in {public}")
    return 1 if left else 0


def usage(at: Installation, day: str) -> int:
    """What each client received and was delivered on a day (`2026-11-20`, UTC), as CSV."""
    print("date,client_id,site,kind,rows,bytes")
    not_counted: list[str] = []
    for one in usage_daily(at.backup(), day, at.desk.own_keys, not_counted.append):
        print(f"{one.date},{one.client_id},{one.site},{one.kind},{one.rows},{one.bytes}")
    for line in not_counted:
        print(f"not counted  {line}", file=sys.stderr)
    return 1 if not_counted else 0


def restate(at: Installation, wanted: Wanted, reason: str) -> int:
    """Compare delivered periods with the warehouse; what differs is a new revision."""
    wanted = _require_known(at, wanted)
    now = datetime.now(UTC)
    failed = made = 0
    pages = Pages(at.registry)
    with Warehouse(database=str(at.settings.warehouse)).connect(*at.desk.folders) as connection:
        orders = []
        for client in at.registry.clients:
            if client.client_id in at.registry.stopped:
                if wanted.client_id in (None, client.client_id):
                    failed += 1
                    print(f"{client.client_id} FAILED {at.registry.stopped[client.client_id]}")
                continue
            for export in client.exports:
                if wanted.client_id in (None, client.client_id) and wanted.export in (None, export.name):
                    follow(at.ledger, at.desk, client, export)
                    key, calendar = (client.client_id, export.name), client.calendar(export)
                    rows = at.ledger.newest(*key, wanted.start)
                    starts = [row.period_start for row in rows if row.period_start < now]
                    periods = {calendar.at(start) for start in starts if wanted.covers(*key, start)}
                    orders.append(Order(client, export, tuple(periods)))
        hours = IngestedHours.read(connection, at.state.first_hour())
        for report in deliver_all(
            connection,
            orders,
            at.places,
            at.ledger,
            at.desk,
            hours,
            reason=reason,
            is_with_restated=False,
        ):
            if report.has_arrived:
                note_delivered(at.settings.home, report.order.client, now)
            for outcome in report.asked:
                pages.note(report.order.client.client_id, report.order.export.name, outcome)
                made += outcome.status == "delivered"
                failed += outcome.status == "failed"
                if outcome.status != "unchanged":
                    name = f"{report.order.client.client_id}/{report.order.export.name}"
                    print(f"{name} {outcome.period_start:%Y-%m-%dT%H:%M%z} {outcome.status} {outcome.error}")
    pages.tell(at.ledger)
    print(f"{made} new revisions, {failed} failed")
    return 1 if failed else 0


def _require_known(at: Installation, wanted: Wanted) -> Wanted:
    """The same by identity. Raises FootfallError for a client or an export that nobody knows."""
    if wanted.client_id:
        wanted = replace(wanted, client_id=named(at.registry, wanted.client_id))
    client = at.registry.client(wanted.client_id) if wanted.client_id else None
    known = [client] if client else at.registry.clients if not wanted.client_id else []
    # What was delivered once stays known when its file is gone.
    delivered = at.ledger.exports(wanted.client_id)
    if wanted.client_id and not known and not delivered:
        raise FootfallError(
            f"no client {wanted.client_id!r} has a valid file or was ever delivered to; "
            "`footfall clients` lists them"
        )
    names = {export for _, export in delivered}
    if wanted.export and wanted.export not in names and not any(c.export(wanted.export) for c in known):
        raise FootfallError(f"no export {wanted.export!r} is ordered or was ever delivered")
    return wanted
