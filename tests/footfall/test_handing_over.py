"""What goes with a client that is handed over: each place has a rule, and an identity goes alone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from footfall.catalogue import handing_over, state
from footfall.catalogue.handing_over import Goes
from footfall.identities import Had, History, Identity

NOW = datetime(2026, 11, 20, tzinfo=UTC)
HAD = Had(frozenset({("shop", "pk_shop_1234")}), frozenset({("s3://acme", "")}))


@pytest.mark.parametrize(
    ("places", "rules"),
    [
        (state.HOME, handing_over.HOME),
        (state.LAKE, handing_over.LAKE),
        (state.BESIDE, handing_over.BESIDE),
    ],
)
def test_every_place_says_whether_and_how_it_goes_with_a_client(places, rules):
    assert {place.name for place in places} == rules.keys()
    assert all(rule.how for rule in rules.values())


def test_what_a_backup_may_not_have_goes_with_no_client():
    for place in state.LAKE:
        if place.keep is state.Keep.NEVER:
            assert handing_over.LAKE[place.name].goes is Goes.STAYS, place.name
    assert handing_over.HOME["spool"].goes is Goes.STAYS


def test_of_earlier_owners_of_an_id_only_that_there_were_any_goes_on():
    first = Identity("acme", NOW, ended_at=NOW).with_file(HAD)
    last = Identity("acme.2", NOW).with_file(Had(frozenset({("other", "pk_other_1234")})))

    alone = History("acme", 4, (first, last)).alone()

    assert alone.name == "acme.2"
    assert alone.identities == (Identity("acme", NOW, ended_at=NOW), last)


def test_an_end_by_handing_over_is_stored_and_an_end_without_is_as_it_always_was(tmp_path):
    history = History("acme", 1, (Identity("acme", NOW).with_file(HAD),))
    over, ended = history.ended(NOW, is_handed_over=True), history.ended(NOW)

    assert History.of_document(over.as_document()) == over
    assert "handed_over" not in ended.as_document()["identities"][0]
    assert over.handed_over(HAD, tmp_path) == over.identities[0]
    assert over.handed_over(Had(frozenset({("third", "pk_third_123")})), tmp_path) is None
    assert ended.handed_over(HAD, Path(tmp_path)) is None
