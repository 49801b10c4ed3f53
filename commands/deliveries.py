"""`footfall deliveries`: the ledger, from a terminal. What it does is commands.ledger_work."""

import functools
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from commands.parameters import DAY, client, hours
from commands.state import with_installation
from footfall.settings import Settings

if TYPE_CHECKING:
    from orchestration.delivery.redeliver import Wanted


@click.group()
def command() -> None:
    """The ledger of deliveries: what waits and why, deliver it now, compare it with the warehouse."""


def _which(work: Callable[..., int]) -> Callable[..., int]:
    """Options that say which deliveries; `work` gets them as one Wanted, after the settings."""

    @functools.wraps(work)
    def command(
        settings: Settings,
        client_id: str | None,
        export: str | None,
        start: datetime | None,
        end: datetime | None,
        **more: Any,
    ) -> int:
        from orchestration.delivery.redeliver import Wanted

        return work(settings, Wanted(client_id, export, start, end), **more)

    of_export = click.option("--export", metavar="NAME", help="Of this export only.")
    return client()(of_export(hours()(with_installation(command))))


@command.command("list")
@click.option("--all", "is_all", is_flag=True, help="Every delivery, also what arrived.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
@_which
def list_(settings: Settings, wanted: "Wanted", is_all: bool, is_json: bool) -> int:
    """What has not arrived, why, and when it is tried next."""
    from commands import ledger_work as work

    return work.list_deliveries(work.Installation(settings), wanted, is_all=is_all, is_json=is_json)


@command.command()
@_which
def replay(settings: Settings, wanted: "Wanted") -> int:
    """Deliver at once what did not arrive, or was lost by its bucket."""
    from commands import ledger_work as work

    return work.replay(work.Installation(settings), wanted)


@command.command()
@click.option(
    "--reason",
    default="correction",
    show_default=True,
    type=click.Choice(["late", "correction", "erasure", "schema", "zone"]),
    help="Why, as the manifests say it.",
)
@_which
def restate(settings: Settings, wanted: "Wanted", reason: str) -> int:
    """Compare what was delivered with the warehouse, and deliver what differs."""
    from commands import ledger_work as work

    return work.restate(work.Installation(settings), wanted, reason)


@command.command()
@_which
def rebuild(settings: Settings, wanted: "Wanted") -> int:
    """Take the manifests in the clients' buckets into a ledger that was lost."""
    from commands import ledger_work as work

    return work.rebuild(work.Installation(settings), wanted)


@command.command()
@click.argument("day", type=DAY)
@with_installation
def usage(settings: Settings, day: str) -> int:
    """What each client received and was delivered on a UTC day, as CSV.

    DAY is written 2026-11-20.
    """
    from commands import ledger_work as work

    return work.usage(work.Installation(settings), day)
