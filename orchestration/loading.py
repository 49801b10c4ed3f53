"""Everything in `defs/`, with a link to the runbook on every asset."""

import warnings
from pathlib import Path

import dagster as dg

#: Group of assets → the section of docs/runbook.md that says what to do when one of them is red.
SECTIONS = {
    "sources": "ingest-red",
    "ingest": "ingest-red",
    "discovery": "new_domain",
    "deliveries": "delivery-red",
}
MODELS = "models-red"


def load(project: Path, runbook: str) -> dg.Definitions:
    """All definitions, without looking what other packages offer, which takes a second."""
    with warnings.catch_warnings():
        # Of what Dagster itself calls for this, and of what it imports.
        for category in (dg.PreviewWarning, dg.BetaWarning, dg.SupersessionWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        return linked(dg.ComponentTree.for_project(project).build_defs(project / "defs"), runbook)


def linked(definitions: dg.Definitions, runbook: str) -> dg.Definitions:
    """The definitions, with metadata `runbook` on every asset. `runbook`: an address, or a path."""

    def link(spec: dg.AssetSpec) -> dg.AssetSpec:
        where = f"{runbook}#{SECTIONS.get(spec.group_name or '', MODELS)}"
        is_address = runbook.startswith(("http://", "https://"))
        value = dg.MetadataValue.url(where) if is_address else dg.MetadataValue.text(where)
        return spec.merge_attributes(metadata={"runbook": value})

    return definitions.map_asset_specs(func=link)
