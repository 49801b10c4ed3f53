"""`footfall domains`: the registry of domains, and what a person decides about them."""

import getpass
from datetime import UTC, datetime
from typing import get_args

import click

from commands.parameters import CLIENT, client, who
from commands.state import with_installation
from footfall.clients import registry_of
from footfall.errors import FootfallError
from footfall.owners import named
from footfall.settings import Settings
from orchestration.discovery import domain_rows, domains
from orchestration.discovery.database import registry, transaction
from orchestration.discovery.domain_rows import State
from orchestration.discovery.hosts import Host, normal
from orchestration.discovery.proofs import instructions, proven


@click.group()
def command() -> None:
    """The registry of domains: whose events were seen, and whose they are."""


@command.command("list")
@client()
@click.option("--state", type=click.Choice(get_args(State)), help="In this state only.")
@with_installation
def list_(settings: Settings, client_id: str | None, state: State | None) -> int:
    """Every domain, or those of a client or in a state."""
    client_id = named(registry_of(settings), client_id) if client_id else None
    with registry(settings.registry) as database:
        found = domain_rows.listing(database, client_id=client_id, states=(state,) if state else ())
        is_known = not client_id or domain_rows.listing(database, client_id=client_id)
        if not is_known and registry_of(settings).client(client_id or "") is None:
            raise FootfallError(
                f"no client {client_id!r} has a valid file or a domain; `footfall clients` lists them"
            )
        decided = domain_rows.last_decisions(database)
        passed_over = domain_rows.passed_over(database)
    for row in found:
        decision = decided.get((row.client_id, row.domain))
        said = f"; {decision[0]} by {decision[1]} on {decision[2]:%Y-%m-%d}" if decision else ""
        print(
            f"{row.client_id:20} {row.domain:40} {row.state:9} {row.proof or '-':20} "
            f"{row.events:>9} events since {row.first_seen_hour:%Y-%m-%d}{said}"
        )
    for passed_id, reason, hosts, events in passed_over:
        print(f"{passed_id:20} passed over: {hosts} hosts with {events} events ({reason})")
    if not found:
        print("none")
    return 0


def _add_decision(name: str, meaning: str) -> None:
    @command.command(name, help=meaning)
    @click.argument("client_id", metavar="CLIENT", type=CLIENT)
    @click.argument("domain")
    @who()
    @with_installation
    def decide(settings: Settings, client_id: str, domain: str, by: str | None) -> int:
        return _decide(settings, name, client_id, domain, by or getpass.getuser())


for _name, _meaning in (
    ("approve", "The domain is the client's: you know it."),
    ("block", "Never the client's: nobody is asked again."),
    ("retire", "No longer the client's."),
    ("verify", "Look for the owner's proof now, and say how to give one."),
):
    _add_decision(_name, _meaning)


def _decide(settings: Settings, verb: str, client_id: str, written: str, by: str) -> int:
    now = datetime.now(UTC)
    client_id = named(registry_of(settings), client_id)
    host = normal(written)  # a person may write a host of it, or its name as a browser shows it
    with registry(settings.registry) as database:
        row = domain_rows.find(database, client_id, host.domain if isinstance(host, Host) else written)
        proof = None
        decision = verb
        if verb == "verify":
            decision = ""
            if row is not None and row.state in ("seen", "pending"):
                hosts = domain_rows.hosts_of(database, row.client_id, row.domain)
                proof = proven(row.domain, hosts, row.token, allow_private=settings.webhook_private)
        with transaction(database):
            if row is None:
                raise FootfallError(
                    f"no events of {written} were seen for client {client_id}; "
                    "`footfall domains list` shows what was"
                )
            domains.decide(database, row.client_id, row.domain, decision, proof, by, now)
        row = domain_rows.find(database, row.client_id, row.domain) or row
    print(f"{row.domain} of {row.client_id}: {row.state}" + (f", {row.proof}" if row.proof else ""))
    if verb == "verify" and row.state in ("seen", "pending"):
        print(f"no proof found; it takes {instructions(row.domain, row.token)}")
        return 1
    return 0
