"""`build_defs`: everything in `defs/` for one installation.

With links to what is written about each asset, and how fresh it should be.
"""

import warnings
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import dagster as dg

from footfall.clients import registry_of
from footfall.hours import read_first_hour
from footfall.settings import Settings
from orchestration.given import Given, giving
from orchestration.modelling.project import prepared

#: Each client's exports are a group, `deliveries_<client>`; together they are a layer.
DELIVERIES = "deliveries"
#: Layer of assets → the section of docs/runbook.md that says what to do when one of them is red.
SECTIONS = {
    "ingest": "ingest-red",
    "discovery": "new_domain",
    "privacy": "erasure_due",
    DELIVERIES: "delivery-red",
}
MODELS = "models-red"
#: When what is made of each hour, or day, begins to be late, and is: a run takes minutes and is tried again.
#: The alert `delivery_overdue` goes by the same times; this is what the UI shows.
HOURLY = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=2), fail_window=timedelta(hours=3))
DAILY = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=28))

#: Tables without periods: one is written by each hour's run, one by the probe of each day.
TABLES = {"deliveries/ledger": HOURLY, "deliveries/destinations": DAILY}


def build_defs(settings: Settings) -> dg.Definitions:
    """All definitions, of the client files as they are now. Reads, and starts no process.

    Without looking what other packages offer, which takes a second. Raises FootfallError where the models are
    not prepared.
    """
    what = Given(
        settings,
        registry_of(settings),
        read_first_hour(settings.first_hour_file, datetime.now(UTC)),
        prepared(settings.home),
    )
    project = Path(__file__).parent
    with warnings.catch_warnings(), giving(what):
        # Of what Dagster itself calls for this, and of what it imports.
        for category in (dg.PreviewWarning, dg.BetaWarning, dg.SupersessionWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        # By the module, as an installed package has no pyproject.toml in a folder above it.
        shells = import_module("orchestration.defs")
        found = dg.ComponentTree.from_module(shells, project).build_defs(project / "defs")
        return found.map_asset_specs(
            func=lambda spec: _fresh(_linked(spec, settings.runbook_url, settings.dbt_docs_url))
        )


def _linked(spec: dg.AssetSpec, runbook: str, dbt_docs: str) -> dg.AssetSpec:
    """With metadata `runbook`, and `dbt docs` where dbt makes it: the page of that very model.

    `runbook` and `dbt_docs` are where these can be read: addresses, or paths.

    Its layer becomes a tag as well, by which the UI can search: its group, or what all exports are.
    """
    group = spec.group_name or "none"
    layer = DELIVERIES if group.startswith(f"{DELIVERIES}_") else group
    links = {"runbook": f"{runbook}#{SECTIONS.get(layer, MODELS)}"}
    node = spec.metadata.get("dagster_dbt/unique_id")
    if node:
        links["dbt docs"] = f"{dbt_docs}#!/{node.partition('.')[0]}/{node}"
    return spec.merge_attributes(
        metadata={name: _link(where) for name, where in links.items()},
        tags={"layer": layer},
    )


def _link(where: str) -> dg.MetadataValue:
    is_address = where.startswith(("http://", "https://"))
    return dg.MetadataValue.url(where) if is_address else dg.MetadataValue.text(where)


def _fresh(spec: dg.AssetSpec) -> dg.AssetSpec:
    """With a freshness policy, where every period is made, or a table is written with each of them."""
    if spec.key.to_user_string() in TABLES:
        policy = TABLES[spec.key.to_user_string()]
    elif spec.key.path[0] == "sources":
        return spec  # log buckets are read only where a client has one
    elif isinstance(spec.partitions_def, dg.HourlyPartitionsDefinition):
        policy = HOURLY
    elif isinstance(spec.partitions_def, dg.DailyPartitionsDefinition):
        policy = DAILY
    else:
        return spec
    fresh: dg.AssetSpec = dg.apply_freshness_policy(spec, policy)
    return fresh
