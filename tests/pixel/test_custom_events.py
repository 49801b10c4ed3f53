"""What `footfall(type, options)` takes and what becomes of it."""

import pytest

pytestmark = pytest.mark.browser


def stub(early):
    """What a site puts ahead of the pixel to call it before it has loaded, and its early calls."""
    return (
        "<script>window.footfall = window.footfall || function () "
        "{ (footfall.q = footfall.q || []).push(arguments) };" + early + "</script>"
    )


def call(site, *scripts):
    """Opens a page, runs the scripts on it, leaves it; the events sent without the page view."""
    tab = site.visit()
    for script in scripts:
        tab.evaluate(script)
    tab.close()
    return [
        event for event in site.collector.wait_for_events(1 + len(scripts)) if event["type"] != "page_view"
    ]


def test_an_event_carries_its_properties_and_its_page(site):
    [event] = call(
        site, "footfall('signup', {props: {plan: 'team', seats: 3, trial: true, note: 'é \"x\"'}})"
    )

    assert event["type"] == "signup"
    assert event["props"] == {"plan": "team", "seats": 3, "trial": True, "note": 'é "x"'}
    assert event["url"] == site.server.origin + "/"
    assert event["title"] == "Title"


def test_a_purchase_carries_its_revenue(site):
    [event] = call(
        site, "footfall('purchase', {props: {order: 'A1'}, revenue: {amount: 49.9, currency: 'EUR'}})"
    )

    assert event["type"] == "purchase"
    assert event["props"] == {"order": "A1", "revenue": 49.9, "currency": "EUR"}


#: The second argument of a call, and the properties of the event that comes of it.
OPTIONS = [
    ("{revenue: {amount: '12.50', currency: 'usd'}}", {"revenue": 12.5, "currency": "USD"}),
    ("{revenue: {amount: 0, currency: 'EUR'}}", {"revenue": 0, "currency": "EUR"}),
    ("{revenue: {amount: -5, currency: 'EUR'}}", {"revenue": -5, "currency": "EUR"}),
    ("{revenue: {amount: '12,50', currency: 'EUR'}}", None),
    ("{revenue: {amount: Infinity, currency: 'EUR'}}", None),
    ("{revenue: {amount: '', currency: 'EUR'}}", None),
    ("{revenue: {amount: 5}}", None),
    ("{revenue: {amount: 5, currency: 'Euro'}}", None),
    ("{revenue: 5}", None),
    ("{revenue: {amount: 1, currency: 'EUR'}, props: {revenue: 9}}", {"revenue": 1, "currency": "EUR"}),
    ("{props: {}}", None),
    ("{props: ['a']}", None),
    ("{props: 'a'}", None),
    ("'props'", None),
    ("null", None),
    ("{props: {a: undefined, b: NaN}}", {"b": None}),
    ("{props: {when: new Date(0)}}", {"when": "1970-01-01T00:00:00.000Z"}),
    ("{props: {n: 10n}}", None),
    ("{props: (() => { const a = {}; a.a = a; return a })()}", None),
    ("{props: {cut: '🌿'.slice(0, 1), path: '\\\\\\\\ud800'}}", {"cut": "�", "path": "\\\\ud800"}),
    (
        "{props: Object.fromEntries([...Array(99).keys()].map((n) => ['p' + n, n]))}",
        {f"p{n}": n for n in range(64)},
    ),
]


def test_what_is_wrong_is_left_out_and_the_event_still_counts(site):
    sent = call(site, *(f"footfall('case {n}', {options})" for n, (options, _) in enumerate(OPTIONS)))

    props = {event["type"]: event.get("props") for event in sent}
    for n, (options, expected) in enumerate(OPTIONS):
        assert props[f"case {n}"] == expected, options


def test_without_a_type_there_is_no_event(site):
    wrong = ["", "5", "''", "'x'.repeat(65)", "'a\\nb'", "{type: 'x'}", "null"]

    [event] = call(site, "".join(f"footfall({arguments});" for arguments in wrong) + "footfall('last')")

    assert event["type"] == "last"


def test_an_event_is_what_it_was_when_it_happened(site):
    [event] = call(
        site, "const props = {step: 1}; footfall('step', {props}); props.step = 2; document.title = 'Later'"
    )

    assert event["props"] == {"step": 1}
    assert event["title"] == "Title"


def test_an_event_too_large_for_the_collector_takes_no_other_with_it(site):
    [event] = call(site, "footfall('big', {props: {text: 'ä'.repeat(20000)}}); footfall('small')")

    assert event["type"] == "small"


def test_ids_are_unique_and_keep_the_order_of_one_millisecond(site):
    tab = site.visit()

    tab.evaluate("for (let n = 0; n < 90; n++) footfall('n', {props: {n}})")
    events = site.collector.wait_for_events(91)

    assert len({event["id"] for event in events}) == 91
    by_id = sorted((event for event in events if event["type"] == "n"), key=lambda event: event["id"])
    assert [event["props"]["n"] for event in by_id] == list(range(90))
    assert max(len(post.events) for post in site.collector.posted) <= 20


def test_calls_made_before_the_pixel_has_loaded_are_sent(site, types):
    site.add("/", head=stub("footfall('first'); footfall('second', {props: {n: 2}})"))

    site.open("/")
    events = site.collector.wait_for_events(3)

    assert sorted(types()) == ["first", "page_view", "second"]
    ordered = sorted(events, key=lambda event: (event["occurred_at"], event["id"]))
    assert [event["type"] for event in ordered] == ["page_view", "first", "second"]


def test_a_stub_that_was_kept_goes_on_working(site, types):
    own_queue = "kept = function () { (kept.q = kept.q || []).push(arguments) }; footfall = kept"
    site.add("/", head=stub("kept = footfall"))
    site.add("/other", head=f"<script>{own_queue}</script>")

    for path in ("/", "/other"):
        tab = site.visit(path)
        tab.evaluate("kept('late')")
        tab.close()
        site.collector.wait_for(lambda collector: collector.events[-1]["type"] == "late")

    assert types() == ["page_view", "late"] * 2


def test_an_event_waits_three_seconds_at_most(site):
    tab = site.visit()
    start = site.collector.posted[0].at

    tab.evaluate("footfall('quiet')")
    site.collector.wait_for_events(2)

    assert 2.5 < site.collector.posted[1].at - start < 4.5
