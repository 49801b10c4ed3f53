"""`python -m orchestration.discovery`: what `footfall domains` and `footfall webhooks` run."""

import argparse
import getpass
import json
import os
import sqlite3
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from footfall.clients import registry_of
from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.discovery import domains, rows
from orchestration.discovery.database import registry, transaction
from orchestration.discovery.hosts import Host, normal
from orchestration.discovery.posting import Endpoint, post_due
from orchestration.discovery.proofs import instructions, proven
from orchestration.webhooks import outbox


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Exit codes: 0 done, 1 something is wrong and was said."""
    options = _parser().parse_args(arguments)
    settings = Settings.from_environ(os.environ)
    try:
        with registry(settings.registry) as database:
            return int(options.command(options, database, settings))
    except FootfallError as error:
        print(f"footfall {options.what}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="footfall")
    what = parser.add_subparsers(dest="what", required=True)

    of_domains = what.add_parser("domains", help="the registry of domains")
    verbs = of_domains.add_subparsers(dest="verb", required=True)
    listed = verbs.add_parser("list", help="every domain, or those of a client or in a state")
    listed.add_argument("--client")
    listed.add_argument("--state", choices=["seen", "pending", "verified", "billable", "blocked", "retired"])
    listed.set_defaults(command=_list_domains)
    for verb, meaning in (
        ("approve", "the domain is the client's: you know it"),
        ("block", "never the client's: nobody is asked again"),
        ("retire", "no longer the client's"),
        ("verify", "look for the owner's proof now, and say how to give one"),
    ):
        each = verbs.add_parser(verb, help=meaning)
        each.add_argument("client")
        each.add_argument("domain")
        each.add_argument("--by", metavar="WHO", help="who decides (default: the user of this machine)")
        each.set_defaults(command=_decide)

    of_webhooks = what.add_parser("webhooks", help="billing messages")
    verbs = of_webhooks.add_subparsers(dest="verb", required=True)
    messages = verbs.add_parser(
        "list", help="every message, as JSON lines: the truth for a receiver that missed some"
    )
    messages.add_argument("--after", type=int, default=0, metavar="SEQUENCE")
    messages.set_defaults(command=_list_messages)
    again = verbs.add_parser(
        "replay", help="send a message again, or all that did not arrive; uses a disabled endpoint again"
    )
    again.add_argument("id", nargs="?")
    again.set_defaults(command=_replay)
    now = verbs.add_parser("send", help="send what is due, without waiting for the sensor")
    now.set_defaults(command=_send)
    return parser


def _list_domains(options: argparse.Namespace, database: sqlite3.Connection, settings: Settings) -> int:
    states = (options.state,) if options.state else ()
    found = rows.listing(database, client_id=options.client, states=states)
    is_known = not options.client or rows.listing(database, client_id=options.client)
    if not is_known and registry_of(settings).client(options.client) is None:
        raise FootfallError(
            f"no client {options.client!r} has a valid file or a domain; `footfall clients` lists them"
        )
    decided = rows.last_decisions(database)
    for row in found:
        decision = decided.get((row.client_id, row.domain))
        said = f"; {decision[0]} by {decision[1]} on {decision[2]:%Y-%m-%d}" if decision else ""
        print(
            f"{row.client_id:20} {row.domain:40} {row.state:9} {row.proof or '-':20} "
            f"{row.events:>9} events since {row.first_seen_hour:%Y-%m-%d}{said}"
        )
    for client_id, reason, hosts, events in rows.passed_over(database):
        print(f"{client_id:20} passed over: {hosts} hosts with {events} events ({reason})")
    if not found:
        print("none")
    return 0


def _decide(options: argparse.Namespace, database: sqlite3.Connection, settings: Settings) -> int:
    now = datetime.now(UTC)
    named = normal(options.domain)  # a person may write a host of it, or its name as a browser shows it
    row = rows.find(database, options.client, named.domain if isinstance(named, Host) else options.domain)
    proof = None
    decision = options.verb
    if options.verb == "verify":
        decision = ""
        if row is not None and row.state in ("seen", "pending"):
            hosts = rows.hosts_of(database, row.client_id, row.domain)
            proof = proven(row.domain, hosts, row.token, allow_private=settings.webhook_private)
    with transaction(database):
        if row is None:
            raise FootfallError(
                f"no events of {options.domain} were seen for client {options.client}; "
                "`footfall domains list` shows what was"
            )
        by = options.by or getpass.getuser()
        domains.decide(database, row.client_id, row.domain, decision, proof, by, now)
    row = rows.find(database, row.client_id, row.domain) or row
    print(f"{row.domain} of {row.client_id}: {row.state}" + (f", {row.proof}" if row.proof else ""))
    if options.verb == "verify" and row.state in ("seen", "pending"):
        print(f"no proof found; it takes {instructions(row.domain, row.token)}")
        return 1
    return 0


def _list_messages(options: argparse.Namespace, database: sqlite3.Connection, _: Settings) -> int:
    for message in outbox.listing(database, options.after):
        shown = {
            "sequence": message.sequence,
            "id": message.id,
            "state": message.state,
            "attempts": message.attempts,
            "said": message.said,
            "message": json.loads(message.body),
        }
        print(json.dumps(shown))
    why = outbox.disabled(database)
    if why:
        print(f"the endpoint is disabled: {why}; `footfall webhooks replay` uses it again", file=sys.stderr)
    return 0


def _replay(options: argparse.Namespace, database: sqlite3.Connection, _: Settings) -> int:
    with transaction(database):
        count = outbox.replay(database, datetime.now(UTC), options.id)
    if options.id and not count:
        raise FootfallError(f"there is no message {options.id}; `footfall webhooks list` shows them")
    print(f"{count} messages will be sent again")
    return 0


def _send(_: argparse.Namespace, database: sqlite3.Connection, settings: Settings) -> int:
    if not settings.billing_webhook or not settings.billing_secrets:
        raise FootfallError("set FOOTFALL_BILLING_WEBHOOK and FOOTFALL_BILLING_SECRET first")
    endpoint = Endpoint(settings.billing_webhook, settings.billing_secrets, settings.webhook_private)
    posted = post_due(database, endpoint, lambda: datetime.now(UTC))
    print(f"{posted.delivered} delivered, {posted.failed} failed")
    for said in posted.said:
        print(said, file=sys.stderr)
    return 1 if posted.failed else 0


if __name__ == "__main__":
    sys.exit(main())
