"""What a click in the Dagster UI asks of its server, asked without a browser."""

import json
import urllib.request
from typing import Any

_BACKFILL = """
mutation($of: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $of) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
_RELOAD = """
mutation { reloadRepositoryLocation(repositoryLocationName: "footfall") {
  ... on WorkspaceLocationEntry { locationOrLoadError { __typename } } } }
"""
_RUNS = "{ runsOrError(limit: 500) { ... on Runs { results { runId status tags { key value } } } } }"
#: How a run can have ended.
OVER = ("SUCCESS", "FAILURE", "CANCELED")


def ask(ui: str, query: str, variables: dict[str, Any] | None = None, seconds: float = 300) -> dict[str, Any]:
    """One GraphQL question."""
    request = urllib.request.Request(
        f"{ui}/graphql",
        json.dumps({"query": query, "variables": variables or {}}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        return json.load(answer)["data"]


def backfill(ui: str, assets: list[list[str]], partition: str) -> str:
    """Materialise one partition of assets, as *Launch backfill* does it. Returns the backfill's id."""
    of = {"assetSelection": [{"path": path} for path in assets], "partitionNames": [partition]}
    said = ask(ui, _BACKFILL, {"of": of})["launchPartitionBackfill"]
    assert said["__typename"] == "LaunchBackfillSuccess", said
    return said["backfillId"]


def runs_of(ui: str, backfill_id: str) -> list[tuple[str, str]]:
    """(run, status) of the runs of a backfill, newest first."""
    return [
        (run["runId"], run["status"])
        for run in ask(ui, _RUNS)["runsOrError"]["results"]
        if {"key": "dagster/backfill", "value": backfill_id} in run["tags"]
    ]


def reloads(ui: str) -> bool:
    """*Reload definitions*. Whether they load."""
    try:
        entry = ask(ui, _RELOAD)["reloadRepositoryLocation"]
        return bool(entry["locationOrLoadError"]["__typename"] == "RepositoryLocation")
    except (OSError, ValueError, KeyError, TypeError):
        return False
