"""Where a referrer leads back to: rules as functions, and accuracy on a public list."""

import csv
from pathlib import Path

import pytest
from support.orchestration_builders import client

from footfall.clients import Client, Site
from orchestration.ingest.enrichment.referrers import classify, host_of

HOSTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "referrers" / "matomo_hosts.csv"


def test_referrers_are_classed_as_in_the_public_list():
    kinds = {"search": "search", "social": "social", "ai": "ai_assistant"}
    if not HOSTS.exists():
        pytest.skip(f"{HOSTS} is not on this machine")
    with HOSTS.open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if "/" not in r["host"]]

    wrong = []
    for row in rows:
        found = classify(row["host"].replace("{}", "de" if row["host"].endswith("{}") else "x"), None, "shop")
        if found is None or found.referrer_class != kinds[row["medium"]]:
            wrong.append((row["host"], found))

    assert len(wrong) / len(rows) <= 0.03, wrong


OWNER = client()
SHOP = Client.model_validate(
    {
        **OWNER.model_dump(exclude_unset=True),
        "sites": [
            Site(
                site_id="shop",
                key="pk_demo_0000",
                domains=["demo.example"],
                linked_domains=["*.booking.example"],
            ),
            Site(site_id="blog", key="pk_demo_0001", domains=["*.blog.example"]),
        ],
    }
)


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("www.google.com", ("search", "google")),
        ("google.com.au", ("search", "google")),
        ("google.nu", ("search", "google")),
        ("google.evil.example", ("other", "google.evil.example")),
        ("mail.google.com", ("email", "gmail")),
        ("CHATGPT.com:443", ("ai_assistant", "chatgpt")),
        ("l.facebook.com", ("social", "facebook")),
        ("checkout.paypal.com", ("payment", "paypal")),
        ("demo.example", ("internal", "demo.example")),
        ("news.blog.example", ("internal", "news.blog.example")),
        ("rooms.booking.example", ("internal", "rooms.booking.example")),
        ("www.elsewhere.example?x=1", ("other", "elsewhere.example")),
        ("0-0.fr", ("spam", "0-0.fr")),
        ("cheap.0-0.fr", ("spam", "cheap.0-0.fr")),
    ],
)
def test_a_referrer_is_classed_by_its_host(authority, expected):
    found = classify(authority, SHOP, "shop")

    assert found is not None
    assert (found.referrer_class, found.source) == expected


@pytest.mark.parametrize("authority", ["bücher.example", "xn--bcher-kva.example", "www.BÜCHER.example:443"])
def test_an_own_host_is_internal_in_unicode_and_in_punycode(authority):
    site = Site(
        site_id="shop", key="pk_demo_0000", domains=["xn--bcher-kva.example", "www.xn--bcher-kva.example"]
    )

    found = classify(authority, SHOP.model_copy(update={"sites": [site]}), "shop")

    assert found is not None
    assert found.referrer_class == "internal"


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("business.facebook.com", ("social", "facebook")),
        ("de.search.yahoo.com", ("search", "yahoo")),
        ("docs.google.com", ("other", "google-docs")),
        ("support.google.com", ("other", "support.google.com")),
        ("myaccount.google.com", ("other", "myaccount.google.com")),
        ("articulo.mercadolibre.com.mx", ("shopping", "mercadolibre")),
        ("news.example", ("other", "news.example")),
    ],
)
def test_a_host_below_a_listed_one_is_its_owners_unless_it_is_no_search(authority, expected):
    found = classify(authority, None, "shop")

    assert found is not None
    assert (found.referrer_class, found.source) == expected


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("webmail.provider.example", "email"),
        ("mail2.provider.example", "email"),
        ("suche.provider.example", "search"),
        ("ads.network.example", "ads"),
        ("trc.taboola.com", "ads"),
        ("fosstodon.social", "social"),
        ("mail.example", "other"),
        ("link.mail.letters.example", "email"),
        ("deref-provider.example", "email"),
        ("secure.pay.bank.example", "payment"),
        ("checkout.provider.example", "payment"),
        ("acs2.bank.example", "payment"),
        ("3dsecure.bank.example", "payment"),
        ("login.provider.example", "sign_in"),
        ("sso.provider.example", "sign_in"),
        ("oauth.vk.com", "sign_in"),
        # What somebody registered has no form.
        ("www.dailymail.co.uk", "other"),
        ("pay.co.uk", "other"),
        ("gate.qwpayments.example", "payment"),
        ("www.qwpay.co.uk", "payment"),
        ("www.securepay.example", "payment"),
        # Companies whose name ends in .ai have chats and pages for questions of their own.
        ("chat.qwjkz.ai", "other"),
        ("ask.qwjkz.ai", "other"),
        ("equalpay.org", "other"),
        ("www.fightforpay.org", "other"),
        ("equal-pay.example", "other"),
        ("payback.example", "other"),
        ("pubs.acs.org", "other"),
        ("acs.psu.edu", "other"),
        ("docs.keycloak.org", "other"),
        ("blog.3ds.com", "other"),
        ("blogs.em.com.br", "other"),
        ("apps.mpi.govt.nz", "other"),
        ("login.example", "other"),
        ("pay-per-click.blog.example", "other"),
        ("accountsdaily.news.example", "other"),
    ],
)
def test_a_host_that_nobody_listed_is_known_by_the_form_of_its_name(authority, expected):
    found = classify(authority, None, "shop")

    assert found is not None
    assert found.referrer_class == expected


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("com.google.android.gm", "gmail"),
        ("com.slack", "slack"),
        ("com.Twitter.android", "x"),
        ("com.pinterest", "pinterest"),
        ("com.duckduckgo.mobile.android", "duckduckgo"),
        ("com.xing.android", "xing"),
        ("com.example.notes", "com.example.notes"),
    ],
)
def test_an_app_for_android_has_the_source_of_its_maker(package, source):
    found = classify(package, None, "shop")

    assert found is not None
    assert found.source == source


def test_a_linked_domain_is_internal_on_its_own_site_only():
    found = classify("rooms.booking.example", SHOP, "blog")

    assert found is not None
    assert found.referrer_class == "other"


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("", ""),
        ("me@Host.Example.:8080", "host.example"),
        ("a.example?x", "a.example"),
        ("[::1]:80", "[::1]:80"),
    ],
)
def test_a_host_is_what_is_left_of_an_authority(authority, host):
    assert host_of(authority) == host
