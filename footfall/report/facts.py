"""What a report says, as plain values: numbers of a period, and of the one before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from footfall.catalogue.periods import Period


@dataclass(frozen=True)
class Counts:
    """What is counted of some days. `seconds`: of all sessions together."""

    visitors: int = 0
    sessions: int = 0
    page_views: int = 0
    bounces: int = 0
    seconds: Decimal = Decimal(0)
    events: int = 0
    bot_events: int = 0
    received: int = 0
    duplicates: int = 0
    quarantined: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        mine, others = vars(self), vars(other)
        return Counts(**{name: mine[name] + others[name] for name in mine})

    @property
    def views_per_session(self) -> Decimal | None:
        """None without sessions."""
        return Decimal(self.page_views) / self.sessions if self.sessions else None

    @property
    def bounce_rate(self) -> Decimal | None:
        """0 to 1; None without sessions."""
        return Decimal(self.bounces) / self.sessions if self.sessions else None

    @property
    def seconds_per_session(self) -> Decimal | None:
        """None without sessions."""
        return self.seconds / self.sessions if self.sessions else None


@dataclass(frozen=True)
class Point:
    """One day of the timeline, or one hour of a day, beside the same one of the period before.

    `at`: the day, or the local moment at which the hour begins. `before`: None where the other has no such.
    """

    at: date | datetime
    now: int
    before: int | None


@dataclass(frozen=True)
class Item:
    """One row of a ranking: what it is called, by the columns of the ranking, and what it counts.

    `further`: other counts of the period, by name.
    """

    names: tuple[str, ...]
    now: int
    before: int
    further: Mapping[str, int] = field(default_factory=dict)

    @property
    def change(self) -> int:
        return self.now - self.before


@dataclass(frozen=True)
class Ranking:
    """The first of what there is, the largest first. `items` are those of the period; `moved` those that
    changed most since the one before, of either. `count`: how many there are; `total`: of them all together.
    """

    items: tuple[Item, ...] = ()
    moved: tuple[Item, ...] = ()
    count: int = 0
    total: int = 0


@dataclass(frozen=True)
class Money:
    """Orders and amounts of one currency, and those of the period before."""

    currency: str
    orders: int
    gross: Decimal
    refunds: Decimal
    orders_before: int
    gross_before: Decimal
    refunds_before: Decimal


@dataclass(frozen=True)
class Late:
    """What came for a day after it had ended."""

    day: date
    events: int


@dataclass(frozen=True)
class Note:
    """Something that a person, or the installation, notes of a day."""

    day: date
    text: str


@dataclass(frozen=True)
class Facts:
    """All that a report says of a client, or of one site of it.

    `complete_through`: up to where everything is in, no later than the period's end; None where nothing is.
    `began`: the first day of the period before that has figures; None where none has. `days` holds every day
    of both periods, `hours` those of one day. `rankings`: name of a ranking (`asking.RANKINGS`) → its rows.
    """

    period: Period
    before: Period
    complete_through: datetime | None
    began: date | None
    now: Counts
    then: Counts
    days: Mapping[date, Counts]
    points: tuple[Point, ...]
    rankings: Mapping[str, Ranking]
    money: tuple[Money, ...]
    late: tuple[Late, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether all hours of the period are in."""
        through = self.complete_through
        return through is not None and through >= self.period.window[1]

    @property
    def is_comparable(self) -> bool:
        """Whether the period before has figures."""
        return self.began is not None
