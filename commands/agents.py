"""`footfall agents`: whose signed requests are known, by keys that are fetched when a person says so."""

import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import click

from commands.state import with_installation
from footfall.agent_keys import MOST_BYTES, WELL_KNOWN, forget, is_old, keep, known
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.web_bot_auth import origin_of

#: Seconds that an agent's server may take.
_SECONDS = 20


@click.group()
def command() -> None:
    """AI agents that sign their requests: whose keys are known."""


@command.command("fetch")
@click.argument("agents", metavar="URL…", nargs=-1)
@with_installation
def fetch(settings: Settings, agents: tuple[str, ...]) -> int:
    """Fetch the keys of agents, such as https://chatgpt.com, now; without a URL those of all that are known.

    An agent publishes them under /.well-known/http-message-signatures-directory.
    """
    named = agents or tuple(each.agent for each in known(settings.agents)[0])
    if not named:
        raise FootfallError("no agent is known yet: name one, as `footfall agents fetch https://chatgpt.com`")
    failed = 0
    for each in named:
        try:
            document = _fetched(each, is_private_allowed=settings.webhook_private)
            found = keep(settings.agents, each, document, datetime.now(UTC))
            print(f"{found.agent}: {len(found.keys)} keys")
        except FootfallError as error:
            failed += 1
            print(f"footfall agents: {error}", file=sys.stderr)
    return 1 if failed else 0


@command.command("add")
@click.argument("agent", metavar="URL")
@click.argument("file", type=click.Path(path_type=Path))
@with_installation
def add(settings: Settings, agent: str, file: Path) -> int:
    """Take the keys of an agent from a FILE, its directory of keys as it was downloaded."""
    try:
        document = file.read_bytes()
    except OSError as error:
        raise FootfallError(f"{file} cannot be read: {error.strerror}") from None
    found = keep(settings.agents, agent, document, datetime.now(UTC))
    print(f"{found.agent}: {len(found.keys)} keys")
    return 0


@command.command("list")
@with_installation
def list_(settings: Settings) -> int:
    """Whose keys are known, and since when."""
    agents, mistakes = known(settings.agents)
    now = datetime.now(UTC)
    for each in agents:
        old = "  older than a week: fetch again" if is_old(each, now) else ""
        print(f"{each.agent:40} {len(each.keys):>3} keys  fetched {each.fetched_at:%Y-%m-%d %H:%M}{old}")
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    if not agents:
        print("none: an agent that signs its requests is not known by its signature")
    return 1 if mistakes else 0


@command.command("remove")
@click.argument("agent", metavar="URL")
@with_installation
def remove(settings: Settings, agent: str) -> int:
    """Forget the keys of an agent."""
    if not forget(settings.agents, agent):
        raise FootfallError(f"no keys of {agent} are known; `footfall agents list` says whose are")
    print(f"{agent}: forgotten")
    return 0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Keys are those of the address that was named."""


def _fetched(agent: str, *, is_private_allowed: bool) -> bytes:
    origin = origin_of(agent)
    if origin is None or not (origin.startswith("https://") or is_private_allowed):
        raise FootfallError(f"{agent[:80]!r}: write the agent's address, as https://agent.example")
    request = urllib.request.Request(origin + WELL_KNOWN, headers={"User-Agent": "footfall"})
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_SECONDS) as answer:
            document: bytes = answer.read(MOST_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise FootfallError(f"the keys of {origin} could not be fetched: {error}") from None
    if len(document) > MOST_BYTES:
        raise FootfallError(f"the keys of {origin} are more than {MOST_BYTES} bytes")
    return document
