"""Rates of a client's own, to turn revenue into one currency: a field of its file. None is ever fetched."""

import datetime
import hashlib

from pydantic import Field, model_validator

from footfall.fields import Currency
from footfall.strict import Strict


class Rate(Strict):
    """What one unit of a currency is in the reporting one, from a day on."""

    currency: Currency
    """The currency of the amounts."""
    date: datetime.date
    """First day on which it holds, up to the next rate of the currency; days before the first have none."""
    rate: float = Field(gt=0, lt=1e9)
    """What one unit is in the reporting currency."""


class Rates(Strict):
    """A currency that revenue is reported in, and how much of it others are."""

    currency: Currency
    """The currency that amounts are turned into."""
    rates: list[Rate] = Field(default_factory=list, max_length=100_000)
    """How much of it a unit of another is; the newest up to a day counts."""

    @model_validator(mode="after")
    def _one_rate_a_day(self) -> "Rates":
        seen = set()
        for each in self.rates:
            if each.currency == self.currency:
                raise ValueError(f"rates: {each.currency} is the reporting currency itself")
            if (each.currency, each.date) in seen:
                raise ValueError(f"rates: two of {each.currency} on {each.date}")
            seen.add((each.currency, each.date))
        return self

    def digest(self) -> str:
        """Stands for all of it: another text means that something changed."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
