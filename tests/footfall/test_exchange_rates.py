"""Rates of a client's own: what its file may say."""

import pytest
from pydantic import ValidationError

from footfall.exchange_rates import Rates


def _rates(*rates, currency="EUR"):
    return Rates.model_validate({"currency": currency, "rates": rates})


def test_other_rates_have_another_digest_and_the_same_the_same():
    usd = {"currency": "USD", "date": "2026-11-20", "rate": 0.92}

    assert _rates(usd).digest() == _rates(usd).digest()
    assert len({_rates(usd).digest(), _rates(usd | {"rate": 0.93}).digest(), _rates().digest()}) == 3


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ([{"currency": "EUR", "date": "2026-11-20", "rate": 1}], "EUR is the reporting currency itself"),
        ([{"currency": "USD", "date": "2026-11-20", "rate": 1}] * 2, "two of USD on 2026-11-20"),
        ([{"currency": "usd", "date": "2026-11-20", "rate": 1}], "currency"),
        ([{"currency": "USD", "date": "2026-11-20", "rate": 0}], "greater than 0"),
        ([{"currency": "USD", "date": "2026-11-20", "rate": float("nan")}], "rate"),
        ([{"currency": "USD", "date": "yesterday", "rate": 1}], "date"),
    ],
)
def test_a_rate_that_says_nothing_is_refused(rates, said):
    with pytest.raises(ValidationError, match=said):
        _rates(*rates)
