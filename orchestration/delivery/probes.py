"""The daily probe of every destination: would the next delivery arrive? And where its results are kept."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from footfall.allowed import Allowed
from footfall.clients import Registry
from footfall.exports import Destination
from footfall.owners import running
from footfall.probe import Step, probe

#: Destinations that are probed at once. Each waits for the network only; more would be a burst at one store.
AT_ONCE = 8
#: How often a destination is tried before it counts as failing: one answer of 503 is no trouble.
TRIES = 2


@dataclass(frozen=True)
class Probed:
    """The result for one destination. `step` is empty where all that deliveries need is there."""

    client_id: str
    destination: str
    url: str
    at: str
    step: str = ""
    said: str = ""
    missing: str = ""


def probe_all(registry: Registry, allowed: Allowed, token: Callable[[str], str]) -> list[Probed]:
    """Probe every destination of every client. `token`: URL → what its owner must confirm it with."""
    wanted = [
        (client.client_id, name, destination)
        for client in running(registry)
        for name, destination in client.destinations().items()
    ]

    def one(client_id: str, name: str, destination: Destination) -> Probed:
        for _ in range(TRIES):
            taken = registry.places_of_others(client_id)
            steps = probe(destination, allowed, token(destination.url), taken=taken)
            result = _result(client_id, name, destination, steps)
            if not result.step:
                break
        return result

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="probe") as threads:
        return list(threads.map(lambda each: one(*each), wanted))


def _result(client_id: str, name: str, destination: Destination, steps: Iterable[Step]) -> Probed:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    for step in steps:
        if step.is_needed and not step.is_good:
            return Probed(client_id, name, destination.url, at, step.name, step.said, step.missing)
    return Probed(client_id, name, destination.url, at)


def write_probes(path: Path, results: Iterable[Probed]) -> None:
    """Replace the last results, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n")
    part.replace(path)


def read_probes(path: Path) -> list[Probed]:
    """The last results; none where nothing was probed yet."""
    if not path.exists():
        return []
    return [Probed(**each) for each in json.loads(path.read_text())]
