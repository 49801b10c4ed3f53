"""A code version changes with what decides the bytes, and with nothing else."""

import pytest
from support.orchestration_builders import EVENTS

from orchestration.delivery.versions import export_version
from orchestration.modelling.versions import model_version

VARIABLES = {"timeout": 30, "other": 1}


def _manifest(**node):
    """One model, which uses one macro, which uses another."""
    return {
        "nodes": {
            "model.footfall.visits": {
                "package_name": "footfall",
                "raw_code": "select {{ gap() }} from {{ ref('events') }}",
                "description": "Visits.",
                "columns": {"gap": {"data_type": "integer", "description": "Minutes."}},
                "config": {"materialized": "table", "tags": []},
                "depends_on": {"macros": ["macro.footfall.gap", "macro.dbt.ref"]},
                "checksum": {"checksum": "1"},
                **node,
            }
        },
        "macros": {
            "macro.footfall.gap": _macro("gap", "{{ minutes() }}", "macro.footfall.minutes"),
            "macro.footfall.minutes": _macro("minutes", "{{ var('timeout') }}"),
            "macro.footfall.unused": _macro("unused", "{{ var('other') }}"),
            "macro.dbt.ref": {**_macro("ref", "of dbt"), "package_name": "dbt"},
        },
    }


def _macro(name, text, *uses):
    return {"name": name, "package_name": "footfall", "macro_sql": text, "depends_on": {"macros": uses}}


def _version(manifest, variables=VARIABLES):
    return model_version(manifest, "model.footfall.visits", variables)


def test_a_models_version_is_that_of_its_sql_columns_and_macros():
    before = _version(_manifest())
    changed = _manifest()
    changed["macros"]["macro.footfall.minutes"]["macro_sql"] = "{{ var('timeout') }} + 1"

    assert _version(_manifest(raw_code="select 1")) != before
    assert _version(_manifest(columns={"gap": {"data_type": "bigint"}})) != before
    assert _version(_manifest(config={"materialized": "view"})) != before
    assert _version(changed) != before
    assert _version(_manifest(), {**VARIABLES, "timeout": 20}) != before


def test_a_models_version_is_not_that_of_its_texts_nor_of_what_it_does_not_use():
    before = _version(_manifest())
    told = _manifest(description="Other words.", columns={"gap": {"data_type": "integer"}})
    told["macros"]["macro.footfall.unused"]["macro_sql"] = "something else"

    assert _version(told) == before
    assert _version(_manifest(), {**VARIABLES, "other": 2}) == before


@pytest.mark.parametrize(
    "change",
    [
        {"format": "jsonl"},
        {"columns": ["event_id"]},
        {"filter": "site_id = 'shop'"},
        {"hash": ["event_id"]},
        {"formula_guard": False},
        {"split": "site"},
    ],
    ids=str,
)
def test_an_exports_version_changes_with_the_bytes_of_its_files(change):
    assert export_version(EVENTS.model_copy(update=change)) != export_version(EVENTS)


def test_an_exports_version_is_not_that_of_where_its_files_go():
    moved = EVENTS.model_copy(
        update={"name": "all", "destinations": ["archive"], "notify": ["https://hooks.example"]}
    )

    assert export_version(moved) == export_version(EVENTS)
