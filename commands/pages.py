"""What a command delivered, on Dagster's pages: an export's partitions, and the ledger's page."""

import sys

import dagster as dg

from footfall.clients import Registry
from orchestration.defs.delivery.showing import delivered, ledger_now
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.send import Outcome


class Pages:
    """Collects what arrived outside of a run, and tells Dagster of it at the end."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._made: list[dg.AssetMaterialization] = []

    def note(self, client_id: str, export_name: str, outcome: Outcome) -> None:
        """A delivery that a command brought on; only what arrived is told, of what a client file orders."""
        client = self._registry.client(client_id)
        ordered = [each for export in client.exports for each in export.series()] if client else []
        export = next((each for each in ordered if each.name == export_name), None)
        if client and export and outcome.status == "delivered":
            self._made.append(delivered(client, export, outcome))

    def tell(self, ledger: Ledger) -> None:
        """What arrived, and what the ledger says now. Without Dagster's history the deliveries stand."""
        try:
            with dg.DagsterInstance.get() as instance:
                for each in (*self._made, ledger_now(ledger)):
                    instance.report_runless_asset_event(each)
        except Exception as error:
            print(
                f"the deliveries stand, but the Dagster UI shows them with the next run: {error}",
                file=sys.stderr,
            )
