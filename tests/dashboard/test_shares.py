"""Share links and people in the register."""

from datetime import UTC, datetime, timedelta

import pytest

from footfall.access.dashboard import (
    Grant,
    grant_of,
    new_share,
    people,
    put_person,
    remove_person,
    revoke_share,
    share_of,
    shares,
)
from footfall.errors import FootfallError

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _made(home, secret="s", days=1):
    return new_share(
        home,
        secret,
        client_id="one",
        site_id="shop",
        pages=("overview",),
        label="for Carl",
        made_by="olga",
        now=NOW,
        expires_at=NOW + timedelta(days=days),
    )


def test_a_link_shows_what_it_was_made_for_until_its_time_is_over(tmp_path):
    share, token = _made(tmp_path)

    assert share_of(tmp_path, "s", token, NOW) == share
    assert share.grant == Grant("viewer", "one", "shop", ("overview",))
    assert share_of(tmp_path, "s", token, NOW + timedelta(days=1)) is None


def test_no_part_of_a_token_can_be_changed(tmp_path):
    _, token = _made(tmp_path)
    name, until, signature = token.split(".")

    for changed in (
        f"{name}.{int(until) + 9}.{signature}",
        f"{name}x.{until}.{signature}",
        f"{name}.{until}.",
    ):
        assert share_of(tmp_path, "s", changed, NOW) is None
    assert share_of(tmp_path, "another installation's", token, NOW) is None


def test_a_revoked_link_shows_nothing_and_stays_in_the_list(tmp_path):
    share, token = _made(tmp_path)

    revoke_share(tmp_path, share.id, NOW)

    assert share_of(tmp_path, "s", token, NOW) is None
    assert [each.revoked_at for each in shares(tmp_path)] == ["2026-11-20T12:00:00.000Z"]
    with pytest.raises(FootfallError, match="there is no share link"):
        revoke_share(tmp_path, "nothing", NOW)


@pytest.mark.parametrize("days", [0, 401])
def test_a_link_is_valid_for_a_time_that_has_an_end(tmp_path, days):
    with pytest.raises(FootfallError, match="1 to 400 days"):
        _made(tmp_path, days=days)


def test_a_person_is_known_by_their_name_in_whatever_letters(tmp_path):
    put_person(tmp_path, "Anna@agency.example", Grant("viewer", "one", "shop"))

    assert grant_of(tmp_path, "anna@AGENCY.example") == Grant("viewer", "one", "shop")
    put_person(tmp_path, "Karl@agency.example", Grant("operator"))
    assert grant_of(tmp_path, "\N{KELVIN SIGN}arl@agency.example") is None
    assert grant_of(tmp_path, "KARL@agency.example") == Grant("operator")
    remove_person(tmp_path, "karl@agency.example")
    assert list(people(tmp_path)) == ["anna@agency.example"]
    remove_person(tmp_path, "ANNA@agency.example")
    assert grant_of(tmp_path, "anna@agency.example") is None
