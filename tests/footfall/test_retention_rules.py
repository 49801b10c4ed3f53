"""The rule of a client file: what it means, and which rules are refused because they cannot be kept."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from footfall.retention.rules import CLASSES, LOOK_BACK_DAYS, Retention, frozen_until
from orchestration.modelling.versions import variables

NOW = datetime(2026, 3, 31, 2, 50, tzinfo=UTC)


def _day(text):
    return datetime.fromisoformat(f"{text}T00:00+00:00")


def test_without_a_rule_all_is_kept():
    assert [Retention().horizon(kind, NOW) for kind in CLASSES] == [None] * len(CLASSES)


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("45d", "2026-02-14"),
        ("45 days", "2026-02-14"),
        ("8 weeks", "2026-02-03"),
        ("13 months", "2025-02-28"),
        ("2 years", "2024-03-31"),
        ("9999 years", None),
    ],
)
def test_a_time_is_counted_back_from_the_day_that_runs(text, since):
    rule = Retention(raw="30d", quarantine="30d", delivered=text)

    assert rule.horizon("delivered", NOW) == (_day(since) if since else None)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"events": "44d", "raw": "44d", "quarantine": "44d"}, "events: 44d is shorter than 45d"),
        ({"raw": "9d"}, "raw: 9d is shorter than 10d"),
        ({"delivered": "1 week"}, "delivered: 1 week is shorter than 10d"),
        ({"events": "90d", "quarantine": "30d"}, "raw: keep is longer than events: 90d"),
        (
            {"events": "3 months", "raw": "90d", "quarantine": "30d"},
            "raw: 90d is longer than events: 3 months",
        ),
        ({"sessions": "7d"}, "sessions are made of events"),
        ({"published": "30d"}, "published are made of events"),
        ({"figures": "90d"}, "figures of days are about nobody"),
        ({"raw": "soon"}, "should match"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused_and_says_why(rule, said):
    with pytest.raises(ValidationError, match=said):
        Retention(**rule)


def test_figures_look_back_no_further_than_the_days_that_are_frozen():
    known = variables()
    reach = int(known["session_max_hours"]) // 24 + 2

    assert int(known["attribution_days"]) + 1 + reach <= LOOK_BACK_DAYS
    assert frozen_until(_day("2026-01-01")).isoformat() == "2026-02-05"
