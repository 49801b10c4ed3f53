"""dbt's models, seeds and tests as Dagster's assets and checks, by dagster-dbt's translator."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject
from dagster_dbt.asset_utils import get_asset_check_key_for_test

from orchestration.modelling.command import WHOLE
from orchestration.modelling.versions import model_version, variables

_WHEN_RED = (
    "When it is red: the step names the model or the test and what dbt said; a test that fails shows the "
    "rows it found. Mend the model, then re-execute from failure: an hour is replaced, never added to."
)


class _Translator(DagsterDbtTranslator):
    """A node's layer (staging, intermediate, marts, reports) is its group, its dbt group's owner its team."""

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        layer = "seeds" if node["resource_type"] == "seed" else node["fqn"][1]
        group = node.get("config", {}).get("group")
        is_made = unique_id in manifest["nodes"]  # and no table of ingest
        return spec.replace_attributes(
            group_name=layer,
            owners=[f"team:{group}" if group else "team:data"],
            kinds={"dbt", "duckdb", node.get("config", {}).get("materialized", "source")},
            code_version=model_version(manifest, unique_id, variables()) if is_made else None,
            description=(f"{str(node.get('description') or spec.description or '').strip()}\n\n{_WHEN_RED}"),
        )


#: Two tables that one step of ingest writes are one asset.
TRANSLATOR = _Translator(settings=DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))


def nodes_of(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """dbt's id → node, of all models and seeds."""
    return {
        unique_id: node
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed")
    }


def specs_of(
    manifest: Mapping[str, Any], *, whole: bool
) -> tuple[list[dg.AssetSpec], list[dg.AssetCheckSpec]]:
    """Assets and checks of the models that are made whole, or of all others.

    Not by `dbt_assets`: that asks dbt's own selection, whose graph is 19 MB in each process that loads the
    definitions, for what one tag says.
    """
    specs: list[dg.AssetSpec] = []
    checks: dict[dg.AssetCheckKey, dg.AssetCheckSpec] = {}
    tag = WHOLE.removeprefix("tag:")
    for unique_id, node in nodes_of(manifest).items():
        if (tag in node["tags"]) != whole:
            continue
        spec = TRANSLATOR.get_asset_spec(manifest, unique_id, None)
        specs.append(spec)
        for test in manifest["child_map"][unique_id]:
            # None where the test is another model's, that reads this one.
            if test.startswith("test.") and (
                check := TRANSLATOR.get_asset_check_spec(spec, manifest, test, None)
            ):
                checks[check.key] = check
    return specs, list(checks.values())


def check_of(manifest: Mapping[str, Any], test: str) -> dg.AssetCheckKey | None:
    """The check that a test of dbt, by its id, is; None where it is none."""
    return get_asset_check_key_for_test(manifest, TRANSLATOR, test, None)
