"""Resource name → instance: the only wiring. Settings are read when Dagster loads the code location."""

import os

import dagster as dg

from footfall.allowed import Allowed
from footfall.durable import take_up
from footfall.private import keep_private
from footfall.settings import Settings
from orchestration.resources.billing import Billing
from orchestration.resources.clients import Clients
from orchestration.resources.destinations import Destinations
from orchestration.resources.domains import DomainRegistry
from orchestration.resources.lake import Lake
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse


@dg.definitions
def resources() -> dg.Definitions:
    settings = Settings.from_environ(os.environ)
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
            "lake": Lake(url=settings.lake, s3_endpoint=settings.s3_endpoint),
            "warehouse": Warehouse(path=str(settings.warehouse)),
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
            ),
            # As they are: who decides of a domain is shown the decision alone to fill in, and no page of the
            # UI shows a secret.
            "domains": dg.ResourceDefinition.hardcoded_resource(
                DomainRegistry(path=str(settings.registry), grace_hours=settings.billing_grace_hours),
                description=DomainRegistry.__doc__,
            ),
            "billing": dg.ResourceDefinition.hardcoded_resource(
                Billing(
                    url=settings.billing_webhook,
                    secrets=",".join(settings.billing_secrets),
                    allow_private=settings.webhook_private,
                ),
                description=Billing.__doc__,
            ),
        }
    )
