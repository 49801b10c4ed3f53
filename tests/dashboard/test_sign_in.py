"""Signing in by OIDC at a provider on this machine; what is no good token signs nobody in."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from playwright.sync_api import expect
from support.browser import chromium
from support.client_files import client
from support.command_line import command_line
from support.oidc_provider import CLIENT, SECRET, provider
from support.waiting import wait_until_it_works

from dashboard.doors import FAILED
from footfall.access.dashboard import Grant, put_person

PATIENCE = 120_000
pytestmark = pytest.mark.browser
#: What is wrong → the claims of the token.
WRONG = {
    "for somebody else": {"aud": "another-client"},
    "expired": {"iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600},
    "of another sign-in": {"nonce": "another"},
    "of another issuer": {"iss": "https://elsewhere.example"},
    "without an end": {"exp": None},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The command `footfall dashboard`, its provider, and a page of a browser."""
    footfall = command_line(tmp_path_factory.mktemp("sign-in") / "home")
    footfall.clients = footfall.home.parent / "clients"
    footfall.clients.mkdir()
    footfall.home.mkdir()
    (footfall.clients / "one.yaml").write_text(yaml.safe_dump(client("one")))
    put_person(footfall.home, "anna@agency.example", Grant("client", "one"))
    url = f"http://127.0.0.1:{footfall.ports['FOOTFALL_DASHBOARD_PORT']}"
    kept = footfall.home.parent / "secret"
    kept.write_text(f"{SECRET}\n")
    with provider(f"{url}/oauth2callback") as made:
        footfall.settings = {
            "FOOTFALL_DASHBOARD_URL": url,
            "FOOTFALL_DASHBOARD_OIDC_URL": f"{made.url}/.well-known/openid-configuration",
            "FOOTFALL_DASHBOARD_OIDC_CLIENT": CLIENT,
            "FOOTFALL_DASHBOARD_OIDC_SECRET": f"file:{kept}",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "commands.entry", "dashboard"],
            env=footfall.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:

            def health():
                assert process.poll() is None
                with urllib.request.urlopen(f"{url}/health", timeout=60) as answer:
                    return answer.read()

            wait_until_it_works(health, (urllib.error.URLError, ConnectionError), every=0.2)
            with chromium() as browser:
                page = browser.new_page(locale="en-GB")
                page.set_default_timeout(PATIENCE)
                yield made, url, page
        finally:
            process.terminate()
            process.communicate(timeout=60)


@pytest.fixture
def at(place):
    """The same, with a provider that says what is right, and nobody signed in."""
    made, _, page = place
    made.who, made.claims, made.is_forged = "anna@agency.example", {}, False
    page.context.clear_cookies()
    return place


@pytest.fixture(scope="module")
def login(place):
    """The address behind the button."""
    _, url, page = place
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/auth/login" in request.url else None)
    page.goto(url, wait_until="commit")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    return asked[0]


def test_whoever_was_let_in_signs_in_sees_their_client_and_signs_out(at):
    _, url, page = at
    page.goto(url, wait_until="commit")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="Overview")).to_be_visible(timeout=PATIENCE)
    # Text, and no link, as it is copied too.
    expect(page.get_by_text("anna@agency.example")).to_be_visible(timeout=PATIENCE)
    assert page.locator("a[href^='mailto:']").count() == 0
    assert urlsplit(page.url).path == "/overview"
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for()
    assert not [
        each for each in page.context.cookies() if each["name"] == "_streamlit_user" and each["value"]
    ]


def test_whose_token_is_refused_is_told_that_signing_in_did_not_work(at, login):
    made, _, page = at
    made.claims = WRONG["expired"]

    page.goto(login, wait_until="commit")

    expect(page.get_by_text("Signing in did not work")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=PATIENCE)


@pytest.mark.parametrize("what", [*WRONG, "forged"])
def test_a_token_that_is_not_right_signs_nobody_in(at, login, what):
    made, _, page = at
    made.claims, made.is_forged = WRONG.get(what, {}), what == "forged"

    answer = page.context.request.get(login)

    assert list(parse_qs(urlsplit(answer.url).query)) == [FAILED]
    assert "_streamlit_user" not in {each["name"] for each in page.context.cookies()}


def test_a_code_is_taken_in_the_browser_that_asked_for_it_alone(at):
    _, url, page = at

    answer = page.context.request.get(f"{url}/oauth2callback?code=stolen&state=of-another")

    assert list(parse_qs(urlsplit(answer.url).query)) == [FAILED]
    assert "_streamlit_user" not in {each["name"] for each in page.context.cookies()}
