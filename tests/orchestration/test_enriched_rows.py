"""Columns that ingest fills from a line: page, referrer, bot, clock, requests."""

import json
from datetime import timedelta

import pytest
from support.orchestration_builders import HOUR, client, event, land
from support.stored_events import show

from footfall.clients import Registry
from footfall.event import Receipt, check_event, event_line
from footfall.page_rules import PageGroup, PageRules
from orchestration.ingest.enrichment.tables import IMPOSSIBLE_VIEWS_A_MINUTE, enrichment_version, make_tables
from orchestration.ingest.hour import ingest_hours


def _ingested(lake, connection, *lines, columns, rules=None):
    land(lake, HOUR, *lines)
    owner = client()
    if rules is not None:
        site = owner.sites[0].model_copy(update={"pages": rules})
        owner = owner.model_copy(update={"sites": [site]})
    ingest_hours(connection, lake, [HOUR], Registry((owner,), ()))
    return show(connection, lake).execute(f"SELECT {columns} FROM ingest.events ORDER BY event_id").fetchall()


def test_a_page_is_the_path_of_its_address(lake, connection):
    pages = {
        "https://shop.example": "/",
        "https://shop.example/": "/",
        "http://s/a/b": "/a/b",
        "https://shop.example/A/b/?x=/y#/z": "/A/b/",
        "https://shop.example?x=/y": "/",
        "https://shop.example#/y": "/",
    }
    lines = [event(f"event-{n:04d}", url=url) for n, url in enumerate(pages)]

    assert _ingested(lake, connection, *lines, columns="url, page") == list(pages.items())


RULES = PageRules(
    trailing_slash="strip",
    lower_case=True,
    query=["id", "b"],
    groups=[PageGroup(name="posts", path="/blog/*"), PageGroup(name="100%", path="/a_b*")],
)


def test_site_rules_make_one_page_of_many_addresses(lake, connection):
    pages = {
        "/Blog/One/?utm_source=x": ("/blog/one", "posts"),
        "/?b=2&id=1&c=3#f": ("/?b=2&id=1", None),
        "/p/?id=A": ("/p?id=A", None),
        "/axb": ("/axb", None),
        "/a_b": ("/a_b", "100%"),
        "///": ("/", None),
    }
    urls = [f"https://shop.example{path}" for path in pages]
    lines = [event(f"event-{n:04d}", url=url) for n, url in enumerate(urls)]

    rows = _ingested(lake, connection, *lines, columns="url, page, page_group", rules=RULES)

    assert rows == [(url, *found) for url, found in zip(urls, pages.values(), strict=True)]


def test_a_slash_may_be_added_and_other_sites_keep_theirs(lake, connection):
    lines = [
        event("event-0001", url="https://shop.example/a"),
        event("event-0002", url="https://shop.example/a", client_id="agency"),
    ]

    rows = _ingested(lake, connection, *lines, columns="page", rules=PageRules(trailing_slash="add"))

    assert rows == [("/a/",), ("/a",)]


def _enveloped(event_id, **fields):
    """A stored line whose envelope has other fields."""
    return json.dumps({**json.loads(event(event_id)), **fields}, separators=(",", ":")).encode()


def test_lines_of_the_first_version_are_read_with_nulls(lake, connection):
    old = json.loads(event("event-0001"))
    first = (
        "v",
        "kind",
        "client_id",
        "site_id",
        "event_id",
        "type",
        "received_at",
        "occurred_at",
        "visitor_id",
        "user_agent",
        "host",
    )
    line = {name: old[name] for name in (*first, "is_declared_host", "gpc", "dnt", "event")}

    rows = _ingested(
        lake,
        connection,
        json.dumps({**line, "v": 1}).encode(),
        columns="source, consent_tier, country, browser",
    )

    assert rows == [("web", None, None, "Firefox")]


def test_the_fields_of_a_line_are_columns(lake, connection):
    line = _enveloped(
        "event-0001", consent_tier=2, session_id="s-1", user_id="u-1", country="SE", region="SE-AB",
        city="Stockholm", lost=3, source="import", previous_visitor_id="v-0", consent_declared=3,
        event={"url": "https://shop.example/", "view_id": "w-1", "lang": "sv", "screen": "1x2", "x": [1]},
    )  # fmt: skip

    [row] = _ingested(
        lake,
        connection,
        line,
        columns="consent_tier, consent_declared, first_party_session_id, user_id, country, region, city, "
        "lost, source, previous_visitor_id, view_id, language, screen, payload, enrichment_version",
    )

    assert row == (
        *(
            2,
            3,
            "s-1",
            "u-1",
            "SE",
            "SE-AB",
            "Stockholm",
            3,
            "import",
            "v-0",
            "w-1",
            "sv",
            "1x2",
            '{"x":[1]}',
        ),
        enrichment_version(),
    )


def test_a_request_of_a_log_brings_what_the_edge_said(lake, connection):
    fields = {
        "status": 404,
        "edge_location": "ARN1",
        "edge_result": "Miss",
        "time_taken": "0.25",
        "bytes_sent": "9",
    }
    line = _enveloped("event-0001", source="cloudfront", event={"url": "https://shop.example/x", **fields})

    rows = _ingested(
        lake, connection, line, columns="status, edge_location, edge_result, time_taken, bytes_sent, source"
    )

    assert rows == [(404, "ARN1", "Miss", 0.25, 9, "cloudfront")]


def _told(event_id, occurred, sent=None):
    """A line that the collector received at HOUR, of an event and a batch by the sender's clock."""

    def milliseconds(offset):
        return None if offset is None else int((HOUR + offset).timestamp() * 1000)

    wire = {"id": event_id, "type": "page_view", "url": "https://shop.example/"}
    made = check_event(json.dumps({**wire, "occurred_at": milliseconds(occurred)}).encode())
    receipt = Receipt("demo", "shop", HOUR, None, "")
    return event_line(made, receipt, sent_at=milliseconds(sent), is_declared_host=True)


def test_a_clock_is_corrected_by_what_sending_and_receipt_differ_and_it_is_said(lake, connection):
    second, day = timedelta(seconds=1), timedelta(days=1)
    cases = [
        # by the sender's clock: occurred, sent; then the true time, and what was done
        (0 * second, None, 0 * second, "ok"),
        # A second on its way is the network.
        (-2 * second, -second, -2 * second, "ok"),
        (-90 * second, 60 * second, -150 * second, "corrected"),
        (3600 * second, None, 0 * second, "future"),
        (-8 * day, None, 0 * second, "ancient"),
        # A clock of another year, in a batch: the true order and distance, and equal times stay equal.
        (-400 * day - 9 * second, -400 * day, -9 * second, "corrected"),
        (-400 * day - 9 * second, -400 * day, -9 * second, "corrected"),
        (-400 * day, -400 * day, 0 * second, "corrected"),
        (700 * day - 5 * second, 700 * day, -5 * second, "corrected"),
        # Older than a week when it was sent, whatever the clock.
        (-400 * day, -390 * day, 0 * second, "ancient"),
        (700 * day, 699 * day, 0 * second, "future"),
        (None, None, 0 * second, "missing"),
        (None, -second, 0 * second, "missing"),
    ]
    lines = [_told(f"event-{n:04d}", occurred, sent) for n, (occurred, sent, _, _) in enumerate(cases)]

    rows = _ingested(lake, connection, *lines, columns="occurred_at, clock")

    assert rows == [(HOUR + true, clock) for _, _, true, clock in cases]


def test_lines_from_before_the_time_of_sending_was_kept_say_it_in_the_event(lake, connection):
    sent = int((HOUR - timedelta(days=400)).timestamp() * 1000)
    wire = {"url": "https://shop.example/", "occurred_at": sent, "sent_at": sent}
    line = json.loads(_enveloped("event-0001", occurred_at=HOUR.isoformat(), event=wire))
    del line["sent_at"]

    assert _ingested(lake, connection, json.dumps(line).encode(), columns="clock") == [("corrected",)]


def test_every_signal_of_a_bot_is_named(lake, connection):
    driven = _enveloped("event-0001", event={"url": "https://shop.example/", "webdriver": True})
    named = _enveloped(
        "event-0002", user_agent="curl/8.5.0", event={"url": "https://shop.example/", "webdriver": True}
    )
    person = event("event-0003")

    rows = _ingested(
        lake, connection, driven, named, person, columns="is_bot, bot_class, bot_name, bot_signals, device"
    )

    assert rows == [
        (True, "headless", None, "webdriver", "bot"),
        (True, "library", "curl", "user_agent,webdriver", "bot"),
        (False, None, None, None, "desktop"),
    ]


def test_a_data_centre_is_one_more_sign_of_a_program_and_never_the_only_one(lake, connection):
    """Of its events those are a program's that show another sign, or nothing of the browser they claim."""
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"
    hints = '{"Sec-CH-UA": "\\"Chromium\\";v=\\"140\\""}'
    cases = {
        "person": ({"user_agent": firefox}, (False, None, None)),
        "hinted": ({"user_agent": chrome, "client_hints": hints}, (False, None, None)),
        "plain-http": ({"user_agent": chrome, "event": {"url": "http://shop.example/"}}, (False, None, None)),
        "of-a-server": ({"user_agent": chrome, "source": "server"}, (False, None, None)),
        "bare-chrome": ({"user_agent": chrome}, (True, "other", "data_center,no_browser")),
        "nameless": ({"user_agent": ""}, (True, "other", "data_center,no_browser")),
        "named": ({"user_agent": "curl/8.5.0"}, (True, "library", "user_agent,data_center")),
    }
    usual = {"asn_class": "hosting", "client_hints": None, "event": {"url": "https://shop.example/"}}
    lines = [_enveloped(f"event-{name}", **(usual | said)) for name, (said, _) in cases.items()]
    elsewhere = _enveloped("event-elsewhere", user_agent="", event={"url": "https://shop.example/"})

    rows = _ingested(lake, connection, *lines, elsewhere, columns="event_id, is_bot, bot_class, bot_signals")

    expected = {f"event-{name}": found for name, (_, found) in cases.items()}
    assert {row[0]: row[1:] for row in rows} == expected | {"event-elsewhere": (False, None, None)}


@pytest.mark.parametrize(("more", "is_bot"), [(0, False), (1, True)])
def test_more_pages_in_a_minute_than_a_person_can_view_are_a_bots(lake, connection, more, is_bot):
    lines = [event(f"event-{n:04d}", visitor_id="fast") for n in range(IMPOSSIBLE_VIEWS_A_MINUTE + more)]

    rows = _ingested(
        lake,
        connection,
        *lines,
        event("other-0001", visitor_id="calm"),
        columns="visitor_id, is_bot, bot_signals",
    )

    assert set(rows) == {("fast", is_bot, "behaviour" if is_bot else None), ("calm", False, None)}


def test_a_referrer_is_classed_and_spam_is_marked(lake, connection):
    lines = [
        event("event-0001", referrer="https://www.google.com/search?q=x"),
        event("event-0002", referrer="http://0-0.fr"),
        event("event-0003"),
        event("event-0004", referrer="https://demo.example/other"),
        event("event-0005", referrer="not an address"),
    ]

    rows = _ingested(lake, connection, *lines, columns="referrer_class, referrer_source, is_referrer_spam")

    assert rows == [
        ("search", "google", False),
        ("spam", "0-0.fr", True),
        (None, None, False),
        ("internal", "demo.example", False),
        (None, None, False),
    ]


def test_of_a_flood_of_user_agents_those_that_most_events_have_are_looked_at(connection):
    connection.execute(
        "CREATE TEMP TABLE judged AS SELECT true AS is_event, 'curl/' || least(n, 7) AS user_agent, "
        "'' AS client_hints, 'demo' AS client_id, 'shop' AS site_id, '' AS authority, true AS is_page_view, "
        "NULL::VARCHAR AS visitor_id, NULL::TIMESTAMPTZ AS occurred_at FROM range(10) AS t(n)"
    )

    make_tables(connection, Registry((), ()), most_agents=3)

    agents = connection.execute("SELECT user_agent, bot_class FROM agents ORDER BY 1").fetchall()
    assert agents == [("curl/0", "library"), ("curl/1", "library"), ("curl/7", "library")]


def test_an_app_that_the_site_declares_is_a_persons_and_on_no_other_site(lake, connection):
    owner = client()
    apps = {"app_user_agents": ["okhttp", "AcmeShop/"]}
    owner = owner.model_copy(update={"sites": [owner.sites[0].model_copy(update=apps)]})
    lines = [
        _enveloped("event-0001", user_agent="okhttp/4.12.0"),
        _enveloped("event-0002", user_agent="acmeshop/3.1 (Dart)"),
        _enveloped("event-0003", user_agent="Dart/3.5 (dart:io)"),
        _enveloped("event-0004", user_agent="okhttp/4.12.0", client_id="agency"),
        _enveloped("event-0005", user_agent="okhttp/4.12.0", event={"url": "https://s/", "webdriver": True}),
    ]
    land(lake, HOUR, *lines)

    ingest_hours(connection, lake, [HOUR], Registry((owner,), ()))

    asked = "SELECT is_bot, bot_class, bot_name, bot_signals FROM ingest.events ORDER BY event_id"
    rows = show(connection, lake).execute(asked).fetchall()
    assert rows == [
        (False, None, None, None),
        (False, None, None, None),
        (True, "library", "Dart", "user_agent"),
        (True, "library", "okhttp", "user_agent"),
        (True, "headless", None, "webdriver"),
    ]


def test_a_referrer_without_its_scheme_is_a_host_and_other_texts_are_none(lake, connection):
    texts = ("chatgpt.com", "chatgpt.com/c/1", "$direct", "about:blank", "-", "file.txt?")
    lines = [event(f"event-{n:04d}", referrer=text) for n, text in enumerate(texts)]

    rows = _ingested(lake, connection, *lines, columns="referrer_source")

    assert rows == [("chatgpt",), ("chatgpt",), (None,), (None,), (None,), (None,)]


def test_an_agent_of_a_verified_signature_is_a_class_of_its_own_and_one_that_claims_is_none(lake, connection):
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    said = [None, "verified agent.example", "invalid agent.example", "unknown_key agent.example"]
    lines = []
    for n, agent in enumerate(said):
        raw = json.dumps({"id": f"event-{n:04d}", "type": "page_view", "url": "https://shop.example/"})
        receipt = Receipt(client().client_id, "shop", HOUR, f"v{n}", firefox, agent=agent)
        lines.append(event_line(check_event(raw.encode()), receipt, sent_at=None, is_declared_host=True))

    rows = _ingested(lake, connection, *lines, columns="is_bot, bot_class, bot_name, bot_signals, device")

    person = (False, None, None, None, "desktop")
    assert rows == [person, (True, "ai_agent", "agent.example", "signature", "bot"), person, person]
