"""Many deliveries in one run: clients side by side in a bounded pool, each in its own turn.

What fails is an outcome like any other, so that trouble with one client holds up nobody else.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import duckdb

from footfall.catalogue.periods import Period
from footfall.clients import Client, Export
from footfall.errors import FootfallError
from footfall.failures import Trouble, sorted_out
from orchestration.delivery.datasets import LATE_TOLERANCE, utc_cursor
from orchestration.delivery.deliver import Deliverer
from orchestration.delivery.desk import Desk
from orchestration.delivery.digests import Digests
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.log_writing import publish
from orchestration.delivery.moved_days import follow
from orchestration.delivery.places import Places
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.receipts import Receipts
from orchestration.delivery.restated import MOVED_DAYS
from orchestration.delivery.selection import Marts
from orchestration.delivery.send import Outcome
from orchestration.delivery.slices import Slices, sliced
from orchestration.delivery.together import AHEAD

#: Clients delivered to at a time. More wait less for slow buckets and take more memory: a file of each is
#: held while it is sent.
WORKERS = 4
#: So many of the newest periods of a run are shown with a few rows: each is a query.
PREVIEWS = 24
#: How far back each run looks for changed periods, beside the one sweep a day over everything, and days that
#: a newer time zone database tells otherwise.
LOOK_BACK = LATE_TOLERANCE + timedelta(days=2)


@dataclass(frozen=True)
class Order:
    """One export and the periods of it that are asked for."""

    client: Client
    export: Export
    periods: tuple[Period, ...]


@dataclass(frozen=True)
class Report:
    """What became of an order: of the asked periods, and of others that had changed or were unfinished."""

    order: Order
    asked: tuple[Outcome, ...] = ()
    others: tuple[Outcome, ...] = ()
    previews: Mapping[datetime, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def has_arrived(self) -> bool:
        """Whether anything was delivered."""
        return any(outcome.status == "delivered" for outcome in (*self.asked, *self.others))

    @property
    def failed(self) -> list[Outcome]:
        """Those that did not arrive."""
        return [outcome for outcome in (*self.asked, *self.others) if outcome.status == "failed"]


def deliver_all(
    connection: duckdb.DuckDBPyConnection,
    orders: Iterable[Order],
    places_of: Callable[[Client], Places],
    ledger: Ledger,
    desk: Desk,
    hours: IngestedHours,
    *,
    is_sweep: bool = False,
    workers: int = WORKERS,
    reason: str = "late",
    is_with_restated: bool = True,
    moved_days: int = MOVED_DAYS,
) -> Generator[Report, None, None]:
    """Deliver every order, in the order given, each report as soon as it and those before it are done.

    `is_sweep`: look for changes in periods of any age; `moved_days`: so many of those that a newer time zone
    database tells otherwise, of an export. An exception that is no failure of a delivery (a person stops the
    run) ends the pool after the deliveries that are under way.
    """
    todo = list(orders)
    asked = [period.start for order in todo for period in order.periods]
    since = min([desk.now() - LOOK_BACK, *asked])
    digests = Digests(connection, None if is_sweep else since)
    receipts = Receipts(connection)
    receipts.load(asked)
    marts = Marts()
    by_client: dict[str, list[Order]] = {}
    for order in todo:
        by_client.setdefault(order.client.client_id, []).append(order)
    stopped = threading.Event()

    def work(mine: list[Order], slices: Slices) -> list[Report]:
        reports = []
        with utc_cursor(connection) as cursor:
            places = places_of(mine[0].client)
            for order in mine:
                if stopped.is_set():
                    break
                follow(ledger, desk, order.client, order.export)
                deliverer = Deliverer(
                    cursor,
                    order.client,
                    order.export,
                    places,
                    ledger,
                    desk,
                    hours=hours,
                    digests=digests,
                    receipts=receipts,
                    slices=slices,
                    marts=marts,
                    moved_days=moved_days,
                )
                reports.append(_deliver(deliverer, order, desk, reason, is_with_restated, stopped))
        troubles = publish(ledger, desk, mine[0].client, places)
        if troubles and not any(report.failed for report in reports):
            failures = tuple(_failure(desk.now(), trouble) for trouble in troubles)
            reports[-1:] = [replace(last, others=(*last.others, *failures)) for last in reports[-1:]]
        ledger.close()
        return reports

    wanted = ((order.export, period) for order in todo for period in order.periods)
    with (
        sliced(connection, desk.folder / "slices", wanted) as slices,
        ThreadPoolExecutor(max_workers=max(1, min(workers, len(by_client) or 1))) as pool,
    ):
        futures = [pool.submit(work, mine, slices) for mine in by_client.values()]
        try:
            for future in futures:
                yield from future.result()
        finally:
            stopped.set()
            for future in futures:
                future.cancel()


def _deliver(
    deliverer: Deliverer,
    order: Order,
    desk: Desk,
    reason: str,
    is_with_restated: bool,
    stopped: threading.Event,
) -> Report:
    asked: list[Outcome] = []
    others: list[Outcome] = []
    previews = {}
    wanted = sorted(order.periods, key=attrgetter("start"))
    shown = {period.start for period in wanted[-PREVIEWS:]}
    while len(asked) < len(wanted):
        if stopped.is_set():
            return Report(order, tuple(asked))
        at = len(asked)
        asked += deliverer.together(wanted[at : at + AHEAD]) or [_one(deliverer, wanted[at], reason)]
        for period, outcome in zip(wanted[at : len(asked)], asked[at:], strict=True):
            if outcome.status == "delivered" and outcome.rows and period.start in shown:
                previews[outcome.period_start] = deliverer.preview(period)
            if order.export.is_live and outcome.status != "failed":
                deliverer.drop_parts(period)
    if is_with_restated:
        try:
            due = {*deliverer.restated(), *deliverer.open(desk.now())} - set(order.periods)
        except FootfallError as error:
            due = set()
            if not asked:
                others.append(_failure(desk.now(), error))
        for period in sorted(due, key=attrgetter("start")):
            if stopped.is_set():
                break
            others.append(_one(deliverer, period, reason))
    return Report(order, tuple(asked), tuple(others), previews)


def _one(deliverer: Deliverer, period: Period, reason: str) -> Outcome:
    try:
        return deliverer.deliver(period, reason)
    except Exception as error:
        # The ledger itself, or a mistake of ours: told like any other failure, after all others are done.
        return _failure(period.start, error)


def _failure(start: datetime, error: Exception) -> Outcome:
    trouble: Trouble = sorted_out(error)
    return Outcome(period_start=start, status="failed", trouble=trouble)
