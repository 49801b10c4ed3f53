"""Asks the Dagster UI that runs on this machine to load the client files anew."""

import json
import urllib.request
from http.client import HTTPException

from footfall.errors import FootfallError
from footfall.settings import Settings

#: Seconds that a load of the definitions may take; five on an idle machine. As the limits of dagster.yaml.
LOAD_SECONDS = 300
#: The UI is on this machine: a proxy that the environment names cannot reach it.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def reload(settings: Settings) -> str:
    """Let the running Dagster UI load the client files anew. Returns what it has now.

    Raises FootfallError where no UI answers, or where it cannot load.
    """
    query = (
        'mutation { reloadRepositoryLocation(repositoryLocationName: "footfall") { __typename '
        "... on WorkspaceLocationEntry { loadStatus locationOrLoadError { __typename "
        "... on PythonError { message } } } ... on UnauthorizedError { message } } }"
    )
    url = f"{settings.dagster_url}/graphql"
    request = urllib.request.Request(
        url, data=json.dumps({"query": query}).encode(), headers={"content-type": "application/json"}
    )
    try:
        with _direct.open(request, timeout=LOAD_SECONDS) as answer:
            told = json.load(answer)["data"]["reloadRepositoryLocation"] or {}
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise FootfallError(
            f"no Dagster UI answers at {url} ({error}); it is started by `footfall up`"
        ) from None
    failed = (told.get("locationOrLoadError") or {}).get("message")
    if failed or told.get("loadStatus") != "LOADED":
        raise FootfallError(f"the code location does not load: {failed or told}")
    return "reloaded"
