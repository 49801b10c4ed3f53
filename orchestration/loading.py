"""Everything in `defs/`, with a link to the runbook on every asset, and how fresh it should be."""

import warnings
from datetime import timedelta
from pathlib import Path

import dagster as dg

#: Group of assets → the section of docs/runbook.md that says what to do when one of them is red.
SECTIONS = {
    "ingest": "ingest-red",
    "discovery": "new_domain",
    "deliveries": "delivery-red",
}
MODELS = "models-red"
#: When what is made of each hour, or day, begins to be late, and is: a run takes minutes and is tried again.
#: The alert `delivery_overdue` goes by the same times; this is what the UI shows.
HOURLY = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=2), fail_window=timedelta(hours=3))
DAILY = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=28))


def load(project: Path, runbook: str) -> dg.Definitions:
    """All definitions, without looking what other packages offer, which takes a second."""
    with warnings.catch_warnings():
        # Of what Dagster itself calls for this, and of what it imports.
        for category in (dg.PreviewWarning, dg.BetaWarning, dg.SupersessionWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        found = dg.ComponentTree.for_project(project).build_defs(project / "defs")
        return found.map_asset_specs(func=lambda spec: _fresh(_linked(spec, runbook)))


def _linked(spec: dg.AssetSpec, runbook: str) -> dg.AssetSpec:
    """With metadata `runbook`: an address, or a path."""
    where = f"{runbook}#{SECTIONS.get(spec.group_name or '', MODELS)}"
    is_address = runbook.startswith(("http://", "https://"))
    value = dg.MetadataValue.url(where) if is_address else dg.MetadataValue.text(where)
    return spec.merge_attributes(metadata={"runbook": value})


def _fresh(spec: dg.AssetSpec) -> dg.AssetSpec:
    """With a freshness policy, where every period is made."""
    if spec.key.path[0] == "sources":
        return spec  # log buckets are read only where a client has one
    if isinstance(spec.partitions_def, dg.HourlyPartitionsDefinition):
        return dg.apply_freshness_policy(spec, HOURLY)
    if isinstance(spec.partitions_def, dg.DailyPartitionsDefinition):
        return dg.apply_freshness_policy(spec, DAILY)
    return spec
