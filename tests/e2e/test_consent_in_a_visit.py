"""Consent in the middle of a visit, over HTTP: one visitor and one session, credited to where he came from.

The rules are in docs/privacy.md; each has a unit test of its name beside the model int_session_bridges.
"""

import pytest
from support.told.consent import STORY
from support.told.run import rows_of
from support.told.story import Rows


@pytest.fixture
def rows(told) -> Rows:
    """What the models say of the clients of this story."""
    return rows_of(told, STORY)


def _sessions(rows: Rows, site: str) -> list[tuple[object, ...]]:
    return rows(
        "SELECT landing_page, page_views, conversions, source, consent_tier FROM sessions "
        f"WHERE site_id = '{site}' ORDER BY started_at"
    )


def _day(rows: Rows, site: str) -> tuple[object, ...]:
    [found] = rows(f"SELECT visitors, new_visitors, sessions FROM daily_metrics WHERE site_id = '{site}'")
    return found


def test_who_consents_in_a_visit_and_buys_is_one_visitor_in_one_session_of_the_newsletter(rows):
    """What the same device did half an hour before is another session, and stays another visitor's."""
    assert _sessions(rows, "store") == [
        ("/morning", 1, 0, "(direct)", 1),
        ("/", 2, 1, "newsletter", 3),
    ]
    assert _day(rows, "store") == (2, 1, 2)
    bought = rows("SELECT source, medium, revenue FROM conversions WHERE site_id = 'store'")
    assert bought == [("newsletter", "email", 80)]


def test_events_keep_the_ids_that_they_came_with(rows):
    found = rows(
        "SELECT count(DISTINCT visitor_id), count(DISTINCT session_id) FROM events "
        "WHERE site_id = 'store' AND occurred_at > '2026-11-10T09:00:00Z'"
    )
    kinds = rows("SELECT id_kind, sessions, first_source FROM visitors WHERE site_id = 'store' ORDER BY 1")

    assert found == [(2, 1)]
    assert kinds == [("daily", 1, "(direct)"), ("first_party", 1, "newsletter")]


def test_a_page_that_is_loaded_anew_with_the_consent_goes_on_with_the_visit(rows):
    assert _sessions(rows, "reload") == [("/", 2, 1, "newsletter", 3)]
    assert _day(rows, "reload") == (1, 1, 1)


def test_two_people_who_claim_one_hash_are_not_linked(rows):
    assert _sessions(rows, "office") == [("/", 1, 0, "newsletter", 1), (None, 0, 1, "(direct)", 3)]
    assert _day(rows, "office") == (2, 1, 2)


def test_nothing_is_linked_beyond_a_withdrawal(rows):
    assert _sessions(rows, "back") == [
        ("/", 1, 1, "newsletter", 3),
        ("/after", 1, 0, "(direct)", 1),
        (None, 0, 1, "(direct)", 3),
    ]
    assert _day(rows, "back") == (2, 1, 3)


def test_a_site_that_links_nothing_has_two_visitors_and_stores_no_hash_with_an_id(rows):
    assert _sessions(rows, "apart")[1:] == [("/", 1, 0, "newsletter", 1), ("/cart", 1, 1, "(direct)", 3)]
    linking = rows(
        "SELECT count(*) FROM intermediate.int_events_sessionised WHERE site_id = 'apart' "
        "AND previous_visitor_id IS NOT NULL"
    )
    assert linking == [(0,)]
