"""Who sees and does what on pages, as Streamlit runs them, and until when."""

from functools import partial
from types import SimpleNamespace

import pytest
from support.dashboard_builders import NOON, Dashboard, texts

from api.service import Service
from dashboard.address import View
from dashboard.desk import Desk, Gone
from dashboard.doors import Door
from dashboard.house import house
from dashboard.visitors import Visitor, visitor_of
from footfall.access import audit
from footfall.access.dashboard import Grant, put_person, remove_person, revoke_share, shares
from footfall.clients import Registry


@pytest.fixture(autouse=True)
def _at_this_machine(dashboard):
    dashboard.door = Door("open")


@pytest.mark.parametrize("page", ["overview", "acquisition", "content", "quality"])
def test_nobody_sees_anything_of_another_client_whatever_the_address_says(dashboard, page):
    put_person(dashboard.api.settings.home, "eve@two.example", Grant("client", "two"))
    dashboard.door = Door("person", "Eve@two.example")

    test = dashboard.look(page, client="one", site="shop", p_pages="entry_pages")

    said = texts(test)
    assert not test.exception
    assert dashboard.canary["one"] not in said and "shop" not in said
    if page == "overview":
        assert dashboard.canary["two"].replace("-", "\\-") in said


def test_who_was_let_see_an_owner_of_an_id_does_not_see_the_next_one(dashboard):
    next_owner = dashboard.service.client("one").model_copy(update={"client_id": "one.2"})
    later = SimpleNamespace(registry=Registry((next_owner,), ()))
    later.client = partial(Service.client, later)

    assert later.client("one") == next_owner
    assert Visitor("carl", Grant("client", "one")).clients(later) == []
    assert Visitor("carl", Grant("client", "one.2")).clients(later) == [next_owner]


def test_a_client_may_not_act_where_only_operators_do(dashboard):
    put_person(dashboard.api.settings.home, "carl@one.example", Grant("client", "one"))
    dashboard.door = Door("person", "carl@one.example")

    keys = {
        each.key
        for page in ("deliveries", "alerts", "usage")
        for each in dashboard.look(page).button
        if each.key
    }

    assert not [
        key for key in keys if key.startswith(("w_verify", "w_run", "w_approve", "FormSubmitter:ack"))
    ]


def test_the_operator_verifies_approves_and_acknowledges_and_the_audit_says_who(dashboard):
    put_person(dashboard.api.settings.home, "olga@agency.example", Grant("operator"))
    dashboard.door = Door("person", "olga@agency.example")
    already = len(list(audit.lines(dashboard.api.settings.audit)))
    done = len(dashboard.api.installation.done)

    dashboard.look("usage").button(key="w_approve_new-of-one.example").click().run()
    alerts = dashboard.look("alerts")
    next(each for each in alerts.button if "ack_0" in str(each.key)).click().run()

    assert [each[0] for each in dashboard.api.installation.done[done:]] == ["approve", "ack"]
    lines = list(audit.lines(dashboard.api.settings.audit))[already:]
    acts = [line for line in lines if line["act"] in ("domains.approve", "alerts.ack")]
    assert len(acts) >= 2
    assert {(line["who"], line["door"]) for line in acts} == {("olga@agency.example", "dashboard")}


def test_somebody_whom_nobody_let_in_is_told_so(dashboard):
    dashboard.door = Door("person", "stranger@x.example")

    test = dashboard.look()

    assert not test.button and "nobody let you in" in test.warning[0].value


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"email": "stranger@x.example"}, "nobody let you in yet"),
        ({"email_verified": False}, "has not verified that olga"),
        ({"email": None}, "gave no e-mail address"),
        ({"aud": "another", "azp": "this"}, "something else than this dashboard"),
        ({"aud": ["another"]}, "something else than this dashboard"),
    ],
)
def test_whoever_signed_in_elsewhere_or_with_an_address_of_others_is_told_why_not(tmp_path, claims, said):
    made = Dashboard(tmp_path, FOOTFALL_DASHBOARD_OIDC_CLIENT="this")
    put_person(made.api.settings.home, "olga@agency.example", Grant("operator"))
    made.door = Door("oidc")
    right = {"is_logged_in": True, "aud": ["this"], "email": "olga@agency.example", "email_verified": True}

    refused = made.look(user={**right, **claims})
    let_in = made.look("alerts", user=right)

    assert said in refused.warning[0].value.replace("\\", "")
    assert [each.label for each in refused.button] == ["Sign out"]
    assert [each.value for each in let_in.title] == ["Alerts"]
    made.close()


def test_a_share_link_shows_its_site_and_pages_until_it_is_revoked(dashboard):
    dashboard.door = Door("share", dashboard.share("overview", "live"))
    test = dashboard.look(client="two", site="blog")

    assert not test.exception
    assert dashboard.canary["two"].replace("-", "\\-") not in texts(test)
    assert "shop" in texts(test) and "blog" not in [each.label for each in test.selectbox]

    made = shares(dashboard.api.settings.home)[-1]
    revoke_share(dashboard.api.settings.home, made.id, dashboard.service.now())
    test.run()
    assert "shows nothing any more" in test.warning[0].value
    assert not [each for each in test.button if each.key.startswith("w_card")]


@pytest.mark.parametrize("token", ["", "x", "a.1797768000.0000", "a.b.c", "🦆.1.2"])
def test_a_link_that_we_did_not_sign_shows_nothing(dashboard, token):
    dashboard.door = Door("share", token)

    assert dashboard.look().warning


def test_an_operator_who_was_refused_does_nothing_by_a_page_that_is_open_still(dashboard):
    home = dashboard.api.settings.home
    put_person(home, "otto@agency.example", Grant("operator"))
    dashboard.door = Door("person", "otto@agency.example")
    pages = {
        page: dashboard.look(page, opened=("x_notes",) if page == "overview" else ())
        for page in ("overview", "usage", "deliveries", "alerts")
    }
    done = list(dashboard.api.installation.done)
    seen = list(audit.lines(dashboard.api.settings.audit))  # what he looked at while he might

    remove_person(home, "otto@agency.example")
    pages["overview"].text_input(key="w_note_text").set_value("by nobody")
    for page, begins in {
        "overview": ":note-",
        "usage": "w_approve_",
        "deliveries": "w_verify_",
        "alerts": "ack_0",
    }.items():
        button = next(each for each in pages[page].button if begins in str(each.key))
        button.click().run()
        assert "nobody let you in" in pages[page].warning[0].value

    assert dashboard.api.installation.done == done
    assert list(audit.lines(dashboard.api.settings.audit)) == seen


def test_what_is_asked_anew_by_itself_ends_with_the_link(dashboard):
    dashboard.open()
    dashboard.door = Door("share", dashboard.share("live"))
    visitor = visitor_of(house(), dashboard.door)
    client = dashboard.service.client("one")
    desk = Desk(dashboard.service, visitor, client, visitor.sites(client)[0], View())
    assert desk.fresh("/v1/realtime", site_id="shop")["visitors"] == 0

    revoke_share(dashboard.api.settings.home, shares(dashboard.api.settings.home)[-1].id, NOON)

    with pytest.raises(Gone):
        desk.fresh("/v1/realtime", site_id="shop")
