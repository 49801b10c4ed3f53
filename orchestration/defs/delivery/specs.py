"""An export as an asset: what it is made of, where it goes, its columns, what its code is."""

import re

import dagster as dg

from footfall.catalogue.tables import DATASETS
from footfall.clients import Client, Export
from orchestration.defs.columns import column_schema
from orchestration.defs.delivery.showing import asset_key, group_of
from orchestration.delivery.described import export_columns
from orchestration.delivery.versions import export_version

#: Signs of Markdown in a client's name: pages would take them for it, and lists would show what escapes them.
_SIGNS = re.compile(r"[\\`*_~<>\[\]]")


def spec(client: Client, export: Export) -> dg.AssetSpec:
    """The asset of an export, or of the parts of a live one."""
    mapping = dg.LastPartitionMapping() if export.kind.is_day else None
    where = ", ".join(f"`{client.destinations()[name].url}`" for name in export.destinations)
    whose = _SIGNS.sub("", client.name)
    return dg.AssetSpec(
        asset_key(client.client_id, export.name),
        # A local day does not line up with UTC hours for Dagster; that all its hours are ingested is
        # checked before the day is delivered.
        deps=[dg.AssetDep(key, partition_mapping=mapping) for key in _made_of(client, export)],
        description=(
            f"{export.dataset} for {whose}, {export.cadence}, as {export.extension} in {where} and in the "
            "backup bucket.\n\n"
            "When it is red: the failure names the bucket, what it answered and what to do. Mend that; "
            "what waits is sent by itself, or at once with the job `redeliver`. Nothing is sent twice."
        ),
        group_name=group_of(client.client_id),
        owners=["team:delivery"],
        kinds={export.format},
        tags={"client": client.client_id},
        metadata=column_schema(export_columns(export)),
        code_version=export_version(export),
        skippable=True,
    )


def _made_of(client: Client, export: Export) -> list[dg.AssetKey]:
    """The export's tables; where rows are held back, also what says which."""
    tables = [dg.AssetKey([model]) for model in DATASETS[export.dataset].models]
    is_holding = client.unverified_domains == "hold"
    return [*tables, dg.AssetKey(["discovery", "domains"])] if is_holding else tables
