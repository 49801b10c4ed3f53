"""What tests/e2e/test_rules_of_money.py tells: purchases and refunds, in several currencies."""

from support.told.story import Story, client_of_one_site, shared_cases, told_event

#: What the file of the client has whose money is told.
TILL = """\
    currency: EUR
reporting:
  currency: EUR
  rates: [{currency: USD, date: 2026-11-01, rate: 0.9}]
"""


def _bought(at: str, visitor: str, kind: str = "purchase", **props: object) -> str:
    return told_event(at, visitor, kind, "/thanks", "till", props=props)


SOLD = [
    _bought("09:00:00", "one", revenue="1.234,50 €", order_id="A1"),
    # The page of thanks again, a day later, by the shop's server under another name.
    _bought("20:00:00", "other", "order_completed", revenue=1234.5, currency="EUR", transaction_id="A1"),
    _bought("09:10:00", "two", revenue=20, currency="USD", order_id="A2"),
    _bought("09:20:00", "three", revenue="1.996", currency="EUR"),
    _bought("10:00:00", "one", "refund", revenue=100, currency="EUR", order_id="A1"),
    # Direct, bought, then a campaign, bought again.
    told_event("11:00:00", "four", site="till"),
    _bought("11:01:00", "four", revenue=1, currency="EUR"),
    told_event("11:02:00", "four", page="/?utm_source=letter&utm_medium=email", site="till"),
    _bought("11:03:00", "four", revenue=2, currency="EUR"),
    told_event("11:04:00", "four", page="/?utm_source=google&utm_medium=cpc", site="till"),
]
STORY = Story(
    clients={
        "till": client_of_one_site("till", TILL),
        "cart": client_of_one_site("cart"),
        "cash": client_of_one_site("cash"),
    },
    files={
        "till": ("ndjson", "\n".join(SOLD) + "\n"),
        "cart": ("ndjson", shared_cases("campaign_inside_a_session")),
        "cash": ("ndjson", shared_cases("money")),
    },
)
