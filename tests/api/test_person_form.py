"""The form by which visitors ask to be erased, by HTTP on a real installation: what it takes is a request."""

import base64
import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient
from support.api_builders import served, two_clients
from support.browser import chromium
from support.waiting import wait_until

from commands.api_installation import HereInstallation
from commands.cli import main
from footfall.access.request_limits import FORMS_AN_HOUR
from footfall.access.request_links import OPEN_FOR, RequestLink, link_secret, new_link, new_ticket
from footfall.privacy import first_party_visitor_id
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.privacy.request_book import MOST_AN_HOUR, MOST_WAITING, RequestBook

BROWSERS_OWN = "k3J9_first-party-id"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def api(tmp_path):
    with served(tmp_path, HereInstallation) as made:
        yield made


def link(api, client="one", site="shop", *, days=30, now=None, secret=None, number=1):
    opens = RequestLink(client, site, number)
    return new_link(secret or link_secret(api.settings), opens, now or datetime.now(UTC), days)


def show(api, at, **headers):
    return api.ask("GET", f"/v1/privacy/form/{at}", role=None, headers=headers)


def ticket(reply):
    return re.search(r'name="ticket" value="([^"]+)"', reply.body.decode())[1]


def send(api, at, **fields):
    body = fields.pop("body", None) or urlencode(fields).encode()
    return api.ask("POST", f"/v1/privacy/form/{at}", role=None, body=body, headers=FORM)


def ask(api, at, **fields):
    """Open the form and send it."""
    return send(api, at, **{"wanted": "erasure", "ticket": ticket(show(api, at)), **fields})


def waiting(api):
    return RequestBook(api.settings.home).all()


def test_the_form_loads_nothing_runs_its_own_script_alone_and_may_stand_in_pages_of_its_site_alone(api):
    reply = show(api, link(api))

    page = reply.body.decode()
    assert reply.status == 200
    digests = {
        kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for kind, text in re.findall(r"<(style|script)>(.*?)</\1>", page, re.DOTALL)
    }
    assert reply.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{digests['style']}'; "
        f"script-src 'sha256-{digests['script']}'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors https://shop.example"
    )
    assert (reply.headers["referrer-policy"], reply.headers["cache-control"]) == ("no-referrer", "no-store")
    assert not re.search(r"https?://|src=|href=|<link|<img", page)
    assert "Nothing is erased or given out by this form itself" in page
    assert "answer within a month" in page
    german = show(api, link(api), **{"accept-language": "de-AT,de;q=0.9"}).body.decode()
    assert '<html lang="de">' in german
    assert "binnen eines Monats" in german


def test_what_is_sent_is_a_request_of_that_sites_visitor_that_its_clients_administrator_sees(api):
    reply = ask(api, link(api), visitor=BROWSERS_OWN, user=' 4711"<b> ')

    assert reply.status == 200
    (asked,) = waiting(api)
    assert asked.id in reply.body.decode()
    assert "4711" not in reply.body.decode()
    assert (asked.client_id, asked.site_id, asked.wanted, asked.decision) == ("one", "shop", "erasure", None)
    assert set(asked.ids) == {
        ("visitor", first_party_visitor_id("shop", BROWSERS_OWN)),
        ("user", '4711"<b>'),
    }
    shown = api.ask("GET", "/v1/privacy/requests", role="admin").json["requests"]
    assert [each["id"] for each in shown] == [asked.id]
    assert api.ask("GET", "/v1/privacy/requests", role="other").json["requests"] == []
    assert ErasureBook(api.settings.home).all() == []


def test_a_year_of_requests_is_read_page_by_page_and_each_is_seen_once(api):
    book = RequestBook(api.settings.home)
    now = datetime.now(UTC)
    days = [now + timedelta(n) for n in range(5)]
    asked = [book.ask("one", "shop", "erasure", [("user", "u")], f"form of {day}", day) for day in days]
    book.ask("two", "shop", "erasure", [("user", "of another")], "other", now)
    book.decide(asked[0].id, "refused", "us", now, because="not theirs")
    seen, path = [], "/v1/privacy/requests?limit=2"
    while path:
        reply = api.ask("GET", path, role="admin").json
        seen += [each["id"] for each in reply["requests"]]
        path = f"/v1/privacy/requests?limit=2&cursor={reply['next']}" if reply["next"] else None

    assert seen == [each.id for each in (*asked[1:], asked[0])]
    assert api.ask("GET", "/v1/privacy/requests?cursor=nonsense", role="admin").status == 422


@pytest.mark.browser
def test_in_a_browser_the_id_in_the_fragment_goes_with_the_form_and_leaves_the_address_bar(api):
    with chromium() as browser:
        page = browser.new_page()
        blocked = []
        page.on("console", lambda message: blocked.append(message.text))
        page.goto(f"http://127.0.0.1:{api.port}/v1/privacy/form/{link(api)}#v={BROWSERS_OWN}")
        assert page.locator("#found").is_visible()
        assert not page.locator("#missing").is_visible()
        assert BROWSERS_OWN not in page.url
        page.reload()
        assert page.locator("#found").is_visible()
        page.check("input[value=erasure]")
        page.click("button")
        page.wait_for_selector("text=Your request has arrived")

    (asked,) = waiting(api)
    assert asked.ids == (("visitor", first_party_visitor_id("shop", BROWSERS_OWN)),)
    assert blocked == []


def test_a_form_that_is_sent_again_as_it_is_asks_nothing_more(api):
    at = link(api)
    form = {"wanted": "erasure", "ticket": ticket(show(api, at)), "user": "4711"}
    first = send(api, at, **form)

    assert send(api, at, **form).body == first.body
    (asked,) = waiting(api)
    api.ask("POST", f"/v1/privacy/requests/{asked.id}/refuse", role="admin", body={"because": "not theirs"})
    assert send(api, at, **form).body == first.body
    assert [each.decision for each in waiting(api)] == ["refused"]


def test_whoever_goes_back_and_sends_another_wish_through_the_same_form_asks_anew(api):
    at = link(api)
    form = {"wanted": "erasure", "ticket": ticket(show(api, at)), "user": "471"}

    numbers = [
        send(api, at, **{**form, **changed}).body
        for changed in ({}, {"user": "4711"}, {"user": "4711", "wanted": "access"})
    ]

    assert len(set(numbers)) == 3
    assert {(each.wanted, each.ids) for each in waiting(api)} == {
        ("erasure", (("user", "471"),)),
        ("erasure", (("user", "4711"),)),
        ("access", (("user", "4711"),)),
    }


def test_a_stranger_who_names_somebody_is_not_told_that_he_asked_before(api):
    ask(api, link(api), user="anna")
    (anna,) = waiting(api)

    told = ask(api, link(api), user="anna").body.decode()

    assert anna.id not in told
    assert [each.ids for each in waiting(api)] == [anna.ids, anna.ids]


def test_what_no_valid_form_of_a_site_sends_is_not_written_down(api):
    now, at = datetime.now(UTC), link(api)
    signature = at.rpartition(".")[2]
    other = link(api, "two", "two")
    foreign = {
        "of another installation": link(api, secret="another"),
        "over": link(api, now=now - timedelta(days=31)),
        "changed": f"{other.rpartition('.')[0]}.{signature}",
        "of another number than the client file's": link(api, number=2),
        "of no site": link(api, "one", "gone"),
        "of no client": link(api, "nobody", "shop"),
        "no link": "x",
    }
    for said, each in foreign.items():
        assert show(api, each).status == 404, said
        assert send(api, each, wanted="erasure", user="4711", ticket=ticket(show(api, at))).status == 404, (
            said
        )
    secret, late = link_secret(api.settings), now - OPEN_FOR - timedelta(minutes=1)
    good = ticket(show(api, at))
    wrong = {
        "of another form": {"ticket": ticket(show(api, other))},
        "too old": {"ticket": new_ticket(secret, at, late)},
        "of tomorrow": {"ticket": new_ticket(secret, at, now + timedelta(days=1))},
        "without a form": {"ticket": ""},
        "of another kind": {"wanted": "everything"},
        "of nobody": {"user": "  "},
        "too long": {"user": "x" * 201},
        "a line end": {"user": "bob\n20261130-00  acme/shop  erasure  refused by you"},
        "a terminal's command": {"user": "bob\x1b[2K"},
        "turned around": {"user": "bob\u202egro"},
        "a line of Unicode": {"user": "bob\u2028x"},
        "twice": {"body": f"wanted=erasure&user=a&user=b&ticket={good}".encode()},
        "no text": {"body": b"\xff\xfe"},
        "too many fields": {"body": b"&".join(b"a%d=1" % n for n in range(50))},
    }
    for said, each in wrong.items():
        fields = {"wanted": "erasure", "user": "4711", "ticket": good, **each}
        assert send(api, at, **fields).status == 422, said
    as_json = api.ask("POST", f"/v1/privacy/form/{at}", role=None, body={"wanted": "erasure", "user": "4711"})
    assert as_json.status == 422
    assert (
        api.ask("POST", f"/v1/privacy/form/{at}", role=None, body=b"x" * 70_000, headers=FORM).status == 413
    )
    assert waiting(api) == []


def test_an_id_counts_for_the_site_of_the_link_alone(api):
    ask(api, link(api, "one", "blog"), visitor=BROWSERS_OWN)
    ask(api, link(api, "two", "two"), visitor=BROWSERS_OWN)

    found = {(each.client_id, each.ids) for each in waiting(api)}

    assert found == {
        ("one", (("visitor", first_party_visitor_id("blog", BROWSERS_OWN)),)),
        ("two", (("visitor", first_party_visitor_id("two", BROWSERS_OWN)),)),
    }


def test_a_flood_of_requests_is_refused_by_site_and_one_of_another_site_gets_through(api):
    at = link(api)
    for n in range(MOST_AN_HOUR):
        assert ask(api, at, user=f"user-{n}").status == 200

    assert ask(api, at, user="one-too-many").status == 429
    assert ask(api, link(api, "one", "blog"), user="anna").status == 200
    assert len(waiting(api)) == MOST_AN_HOUR + 1


def test_an_address_sends_a_few_forms_an_hour_and_another_is_not_kept_out_by_that(api):
    at = link(api)
    form = {"wanted": "erasure", "ticket": ticket(show(api, at))}

    def sent_from(address, user):
        with TestClient(api.app, client=(address, 50_000)) as browser:
            return browser.post(f"/v1/privacy/form/{at}", data={**form, "user": user})

    for n in range(FORMS_AN_HOUR):
        assert sent_from(f"2001:db8::{n:x}", f"user-{n}").status_code == 200
    refused = sent_from("2001:db8::ffff", "one-too-many")

    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert "open the form from the page of shop.example once more" in refused.text
    assert sent_from("2001:db8:0:1::1", "anna").status_code == 200
    assert len(waiting(api)) == FORMS_AN_HOUR + 1


def test_requests_of_one_site_that_wait_close_no_other_sites_form(api):
    book, long_ago = RequestBook(api.settings.home), datetime.now(UTC) - timedelta(days=2)
    for n in range(MOST_WAITING):
        at = long_ago + timedelta(minutes=2 * n)
        book.ask("one", "shop", "erasure", [("user", f"user-{n}")], f"form {n}", at)

    assert ask(api, link(api), user="anna").status == 429
    assert ask(api, link(api, "one", "blog"), user="anna").status == 200


def test_links_are_taken_back_by_a_number_in_the_client_file(api, monkeypatch, capsys):
    monkeypatch.setattr(
        os,
        "environ",
        {
            **os.environ,
            "FOOTFALL_HOME": str(api.settings.home),
            "FOOTFALL_CLIENTS": str(api.settings.clients),
        },
    )

    def made():
        assert main(["privacy", "link", "--client", "one", "--site", "shop"]) == 0
        return capsys.readouterr().out.strip().rpartition("/")[2]

    before = made()
    ticket_before = ticket(show(api, before))
    [document, _] = two_clients()
    document["sites"][0]["request_links"] = 2
    api.write(document)

    assert show(api, before).status == 404
    assert send(api, before, wanted="erasure", user="anna", ticket=ticket_before).status == 404
    assert show(api, made()).status == 200
    assert show(api, link(api, "one", "blog")).status == 200


def test_who_confirms_begins_an_erasure_of_these_ids_and_the_request_forgets_them(api):
    ask(api, link(api), user="anna-user-4711")
    (asked,) = waiting(api)
    path = f"/v1/privacy/requests/{asked.id}"

    assert api.ask("POST", f"{path}/confirm", role="other", body=b"").json["code"] == "unknown_request"
    assert ErasureBook(api.settings.home).all() == []
    done = api.ask("POST", f"{path}/confirm", role="admin", body=b"")

    assert (done.status, done.json["decision"], done.json["ids"]) == (202, "confirmed", [])
    (erasure,) = ErasureBook(api.settings.home).all()
    assert (erasure.id, erasure.reason) == (done.json["erasure"], f"request {asked.id}")
    assert [(each.kind, each.value) for each in erasure.person.asked] == [("user", "anna-user-4711")]
    assert not erasure.person.is_linked
    assert api.ask("POST", f"{path}/refuse", role="admin", body={"because": "late"}).status == 409
    wait_for_jobs(api, [erasure.id])


def test_of_two_who_decide_at_once_one_is_first_and_the_other_is_told_so_and_erases_nobody(api):
    for n in range(4):
        ask(api, link(api), user=f"anna-{n}")
    for asked in waiting(api):
        path = f"/v1/privacy/requests/{asked.id}"
        acts = [("confirm", b""), ("confirm", b""), ("refuse", {"because": "not theirs"})]
        with ThreadPoolExecutor(len(acts)) as pool:
            going = [
                pool.submit(api.ask, "POST", f"{path}/{act}", role="admin", body=body) for act, body in acts
            ]
            replies = [each.result() for each in going]

        assert sorted(each.status // 100 for each in replies) == [2, 4, 4]
        assert {each.json["code"] for each in replies if each.status == 409} == {"not_decided"}
    confirmed = {each.erasure for each in waiting(api) if each.decision == "confirmed"}
    begun = {each.id for each in ErasureBook(api.settings.home).all()}
    assert begun == confirmed
    wait_for_jobs(api, begun)


def wait_for_jobs(api, names):
    """The job of an erasure is a process of its own."""
    for each in names:
        log = api.settings.home / "logs" / f"erasure-{each}.log"
        wait_until(lambda log=log: log.exists() and log.read_text(), seconds=240)


def test_who_refuses_says_why_and_nothing_of_the_ids_stays_in_the_file(api):
    ask(api, link(api), user="anna-user-4711", visitor=BROWSERS_OWN)
    (asked,) = waiting(api)
    file = api.settings.home / "erasures.sqlite"
    ids = [value.encode() for _, value in asked.ids]
    assert all(each in file.read_bytes() for each in ids)

    done = api.ask(
        "POST", f"/v1/privacy/requests/{asked.id}/refuse", role="admin", body={"because": "not the owner"}
    )

    assert (done.json["decision"], done.json["because"]) == ("refused", "not the owner")
    assert not any(each in file.read_bytes() for each in ids)
    acts = [each["act"] for each in api.ask("GET", "/v1/audit", role="admin").json["acts"]]
    assert "privacy.request.refuse" in acts
