"""`bucket_holds_what_was_delivered`: a check of every export, daily and by hand, in a job of its own.

What a run delivers it reads back itself. This looks later: what has the owner of the bucket, a lifecycle rule
or a disk done to it since? Each check lists a bucket, so that none is part of an hour.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from footfall.clients import Client, Export, Registry
from footfall.errors import FootfallError
from footfall.exports import MAIN
from orchestration.defs.delivery.showing import asset_key
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Held, Ledger, LedgerRow, text_of
from orchestration.delivery.log_book import LogBook
from orchestration.delivery.look_beside import look_beside
from orchestration.delivery.places import Place, places_of
from orchestration.delivery.pointer import astray
from orchestration.delivery.presence import IN_TURN, RECENT, Presence, look
from orchestration.given import given
from orchestration.resources.clients import Clients
from orchestration.resources.destinations import Destinations
from orchestration.resources.state import State

NAME = "bucket_holds_what_was_delivered"
#: Place → what it holds, or why nobody can say.
Found = dict[str, Presence | str]
#: Lines of what is wrong that a page shows, and the alert of a check that fails.
SHOWN = 20


def _specs(ordered: list[tuple[Client, Export]]) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            NAME,
            asset=asset_key(client.client_id, export.name),
            description=(
                "Each bucket has every revision of every period: manifest and files of the newest "
                f"{RECENT} periods byte by byte, of all others and of older revisions by name and size, "
                f"{IN_TURN} of them each day byte by byte; and the pointer. With a client's first export "
                "schemas, keys, pages, the log and exports that are ordered no more are looked at. What is "
                "missing is sent again with `footfall deliveries replay --client "
                f"{client.client_id} --export {export.name}`; what was changed of the deliveries stays as "
                "it is until a person moves it."
            ),
        )
        for client, export in ordered
    ]


def _checks(ordered: list[tuple[Client, Export]]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name="look_into_buckets", specs=_specs(ordered), can_subset=True)
    def look_into_buckets(
        context: dg.AssetCheckExecutionContext, clients: Clients, destinations: Destinations, state: State
    ) -> Iterator[dg.AssetCheckResult]:
        wanted = {key.asset_key for key in context.selected_asset_check_keys}
        ledger = Ledger(state.ledger())
        first = {client.client_id: export for client, export in reversed(ordered)}
        registry = clients.registry()
        for client, export in ordered:
            key = asset_key(client.client_id, export.name)
            if key not in wanted:
                continue
            if client.client_id in registry.stopped:
                # The buckets of its file are another owner's, and the ledger's rows are not.
                yield _result(key, {MAIN: registry.stopped[client.client_id]})
            else:
                look_at = _Look(client, registry, destinations, state, ledger)
                beside = look_at.beside() if export == first[client.client_id] else {}
                yield _result(key, look_at.deliveries(export.name), beside)
        ledger.close()

    return look_into_buckets


class _Look:
    """A look into all buckets of one client."""

    def __init__(
        self, client: Client, registry: Registry, destinations: Destinations, state: State, ledger: Ledger
    ) -> None:
        taken = registry.places_of_others(client.client_id)
        signer = state.signer()
        openings = destinations.openings(client, signer.challenge, taken=taken)
        self._client = client
        self._places = places_of(openings)
        self._own_keys = Desk(state.folder(), signer).own_keys
        self._ledger = ledger
        self._today = datetime.now(UTC).date()

    def deliveries(self, export: str) -> Found:
        """Place → what it holds of an export, or why nobody can say."""
        found: dict[str, Presence | str] = {}
        for name, place in self._places.items():
            held = self._ledger.held(self._client.client_id, export, name)
            if not held:
                continue
            try:
                found[name] = self._presence(place, export, held)
            except FootfallError as error:
                found[name] = str(error)
        return found

    def _presence(self, place: Place, export: str, held: list[Held]) -> Presence:
        def row_of(each: Held) -> LedgerRow:
            identity = self._client.client_id, export, text_of(each.period_start), each.revision
            return self._ledger.row(identity)

        store = place.store()
        gone = LogBook(self._ledger, self._client.client_id, place.name).gone()
        found = look(store, held, row_of, self._today, gone=gone)
        if place.is_backup:
            return found
        line = astray(store, row_of(held[0]), self._own_keys)
        return replace(found, wrong=(*found.wrong, line)) if line else found

    def beside(self) -> dict[str, list[str] | str]:
        """Place → what is wrong beside the deliveries and of exports that are ordered no more, or why nobody
        can say.
        """
        found: dict[str, list[str] | str] = {}
        for name, place in self._places.items():
            try:
                book = LogBook(self._ledger, self._client.client_id, name)
                found[name] = list(look_beside(place.store(), book, self._own_keys, self._today))
            except FootfallError as error:
                found[name] = str(error)
        for _, export in sorted(self._ledger.exports(self._client.client_id)):
            if self._client.export(export) is None:
                for name, what in self.deliveries(export).items():
                    lines = found[name]
                    if isinstance(what, Presence) and isinstance(lines, list):
                        lines += what.wrong
        return found


def _result(
    key: dg.AssetKey, found: Found, beside: Mapping[str, list[str] | str] | None = None
) -> dg.AssetCheckResult:
    looked = {place: what for place, what in found.items() if isinstance(what, Presence)}
    lines = [(place, line) for place, what in looked.items() for line in what.wrong]
    lines += [
        (place, line) for place, what in (beside or {}).items() if not isinstance(what, str) for line in what
    ]
    is_damaged = bool(lines)
    closed = {place: what for place, what in (found | dict(beside or {})).items() if isinstance(what, str)}
    lines += [(place, f"cannot be looked at: {why}") for place, why in closed.items()]
    wrong = [f"{place}: {line}" for place, line in lines]
    return dg.AssetCheckResult(
        check_name=NAME,
        asset_key=key,
        passed=not wrong,
        severity=dg.AssetCheckSeverity.ERROR if is_damaged else dg.AssetCheckSeverity.WARN,
        metadata={
            "wrong_objects": len(wrong),
            "wrong": dg.MetadataValue.text("\n".join(wrong[:SHOWN]) or "none"),
            **{f"periods in {place}": what.periods for place, what in looked.items()},
            **{f"read whole in {place}": what.read for place, what in looked.items()},
        },
    )


@dg.definitions
def bucket_checks() -> dg.Definitions:
    """The checks of all exports, the parts of live ones included, and the job that runs them once a day."""
    clients = given().registry.clients
    ordered = [(client, each) for client in clients for export in client.exports for each in export.series()]
    if not ordered:
        return dg.Definitions()
    checks = _checks(ordered)
    job = dg.define_asset_job(
        "check_buckets",
        selection=dg.AssetSelection.checks(checks),
        executor_def=dg.in_process_executor,
        description=(
            "Does every bucket still hold what was delivered? One that does not fails its export's check and "
            "no run. When it is red: the ledger, the signing key or the state folder cannot be used; the "
            "message says which."
        ),
    )
    daily = dg.ScheduleDefinition(
        name="check_buckets",
        job=job,
        cron_schedule="10 5 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="At ten past five, UTC.",
    )
    return dg.Definitions(asset_checks=[checks], jobs=[job], schedules=[daily])
