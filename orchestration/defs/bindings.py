"""Resource name → instance: the only wiring."""

import dagster as dg

from footfall.allowed import Allowed
from footfall.durable import take_up
from footfall.private import keep_private
from orchestration.given import given
from orchestration.resources.billing import Billing
from orchestration.resources.clients import Clients
from orchestration.resources.destinations import Destinations
from orchestration.resources.domains import DomainRegistry
from orchestration.resources.lake import Lake
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse


@dg.definitions
def resources() -> dg.Definitions:
    settings = given().settings
    # A run worker of the daemon comes in here, and by no command.
    keep_private(settings, is_first=take_up(settings.home))
    rules = Allowed.of(settings).as_config()
    return dg.Definitions(
        resources={
            "clients": Clients(
                folder=str(settings.clients),
                rules=rules,
                last_good=str(settings.last_good_clients),
                ledger=str(settings.ledger),
            ),
            "lake": Lake.of(settings),
            "warehouse": Warehouse(database=str(settings.warehouse)),
            "destinations": Destinations(
                home=str(settings.home),
                backup_url=settings.backup,
                s3_endpoint=settings.s3_endpoint,
                rules=rules,
            ),
            "state": State(
                home=str(settings.home),
                ledger_path=str(settings.ledger),
                dbt_folder=str(settings.home / "dbt"),
                geoip=str(settings.geoip) if settings.geoip is not None else None,
            ),
            "settings": dg.ResourceDefinition.hardcoded_resource(
                settings, description="The settings, as they were when the code location was loaded."
            ),
            # As they are: who decides of a domain is shown the decision alone to fill in, and no page of the
            # UI shows a secret.
            "domains": dg.ResourceDefinition.hardcoded_resource(
                DomainRegistry.of(settings), description=DomainRegistry.__doc__
            ),
            "billing": dg.ResourceDefinition.hardcoded_resource(
                Billing.of(settings), description=Billing.__doc__
            ),
        }
    )
