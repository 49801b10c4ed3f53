"""What stands around events never vetoes them: each costs itself alone. Over HTTP, to the stored line."""

import gzip
import json
import uuid
from itertools import product

import pytest
from support.collectors import KEYS, SITE, CollectorProcess, wire_event
from support.waiting import wait_until


def post(collector: CollectorProcess, body: bytes, path: str = "/collect"):
    return collector.ask("POST", path, body, {"content-type": "text/plain"})


def text_of(**fields) -> str:
    """A batch of one event with a mark as its id, as JSON text; `…` is where more may be put."""
    return json.dumps({"site": SITE, "events": [wire_event(str(uuid.uuid4()), **fields)]})


def stored_events(collector: CollectorProcess, event_id: str):
    return [line for line in collector.stored() if line.get("event_id") == event_id]


@pytest.fixture
def event_id():
    return str(uuid.uuid4())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"site":"SITE","sent_at":1795950003764.5,', ""),
        ('"site":"SITE","sent_at":"soon",', ""),
        ('"site":"SITE","sent_at":{"at":1},', ""),
        ('"site":"SITE",', ',"lost":"many"'),
        ('"site":"SITE",', ',"lost":-1,"sent_at":null'),
        ('"site":5,"x":"\\ud83d","site":"SITE",', ""),
    ],
)
def test_odd_fields_of_a_batch_cost_themselves(collector, event_id, before, after):
    event = json.dumps(wire_event(event_id))
    body = "{" + before.replace("SITE", SITE) + f'"events":[{event}]' + after + "}"

    assert post(collector, body.encode()).status == 204
    line = collector.await_stored(event_id)
    assert line["occurred_at"] == line["received_at"]


def test_a_site_that_is_no_text_leaves_the_word_to_the_query(collector, event_id):
    body = json.dumps({"site": {}, "events": [wire_event(event_id)]}).encode()

    assert post(collector, body, f"/collect?site={SITE}").status == 204
    assert collector.await_stored(event_id)["site_id"] == "shop"


def test_a_byte_order_mark_changes_nothing(collector, event_id):
    for n, body in enumerate((wire_event(f"{event_id}-0"), [wire_event(f"{event_id}-1")])):
        text = "\ufeff" + json.dumps(body)
        assert post(collector, text.encode(), f"/collect?site={SITE}").status == 204
        assert collector.await_stored(f"{event_id}-{n}")


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "\\uD83D"])
@pytest.mark.parametrize("where", ['"title":"cut HALF"', '"props":{"t":"HALF x"}', '"more":["HALF"]'])
def test_half_a_surrogate_becomes_a_mark_and_its_neighbour_is_untouched(collector, event_id, half, where):
    odd = json.dumps(wire_event(f"{event_id}-a"))[:-1] + "," + where.replace("HALF", half) + "}"
    sound = json.dumps(wire_event(f"{event_id}-b"))
    body = f'{{"site":"{SITE}","events":[{odd},{sound}],"lost":0}}'

    assert post(collector, body.encode()).status == 204
    assert "�" in json.dumps(collector.await_stored(f"{event_id}-a")["event"], ensure_ascii=False)
    assert collector.await_stored(f"{event_id}-b")["event"] == wire_event(f"{event_id}-b")


@pytest.mark.parametrize("odd", [b"cut \xff here", b"cut \xed\xa0\x80 here", b"Gr\xfcn", b"\xc3"])
def test_bytes_that_are_no_utf8_become_a_mark_and_their_neighbours_are_untouched(collector, event_id, odd):
    sound = json.dumps(wire_event(f"{event_id}-b")).encode()
    event = json.dumps(wire_event(f"{event_id}-a", title="HERE")).encode().replace(b"HERE", odd)

    reply = post(collector, b'{"site":"%b","events":[%b,%b]}' % (SITE.encode(), event, sound))

    assert (reply.status, reply.reason) == (204, None)
    assert collector.await_stored(f"{event_id}-a")["event"]["title"] == odd.decode("utf-8", "replace")
    assert collector.await_stored(f"{event_id}-b")["event"] == wire_event(f"{event_id}-b")


def test_a_gzip_that_nobody_declared_is_read(collector, event_id):
    body = json.dumps({"site": SITE, "events": [wire_event(event_id)]}).encode()

    assert post(collector, gzip.compress(body)).status == 204
    assert collector.await_stored(event_id)


@pytest.mark.parametrize("odd", ["", "x", "17", "a b", "a" * 65, "jane@mail.example", 5, [1], {}])
def test_an_id_that_is_none_costs_itself_and_not_the_event(collector, event_id, odd):
    event = wire_event("none", mark=event_id) | {"id": odd}

    reply = post(collector, json.dumps({"site": SITE, "events": [event]}).encode())

    assert (reply.status, reply.reason) == (204, None)
    (line,) = wait_until(
        lambda: [line for line in collector.stored() if (line.get("event") or {}).get("mark") == event_id],
        "the event is not stored",
    )
    kept = "redacted-email" if odd == "jane@mail.example" else odd
    assert (len(line["event_id"]), line["event"]["id_as_sent"]) == (36, kept)


@pytest.mark.parametrize("odd", ["ord:48291", 48291])
def test_a_retry_of_an_event_with_an_odd_id_is_the_same_event_and_another_of_that_id_is_not(
    collector, event_id, odd
):
    """A shop's own number, or one page's, may stand in several events."""
    events = [wire_event("none", mark=event_id) | {"id": odd, "title": title} for title in ("a", "b", "a")]

    for event in events:
        post(collector, json.dumps({"site": SITE, "events": [event]}).encode())

    lines = wait_until(
        lambda: (
            found
            if len(found := [e for e in collector.stored() if (e.get("event") or {}).get("mark") == event_id])
            == 3
            else None
        ),
        "three events are not stored",
    )
    by_title = {title: {e["event_id"] for e in lines if e["event"]["title"] == title} for title in "ab"}
    assert [len(ids) for ids in by_title.values()] == [1, 1]
    assert by_title["a"] != by_title["b"]


#: What each optional field of a body may be by mistake.
OF_EVERY_TYPE = [
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    12345678901234567890,
    "",
    "x",
    "\ud83d",
    [],
    ["a", {}],
    {},
    {"a": 1},
]
OPTIONAL = (
    "id title referrer lang tz screen viewport props session visitor user user_id session_id visitor_id "
    "anonymous_id consent gpc dnt occurred_at timestamp view_id value revenue currency user_agent ip country "
    "region city device_type locale tags sent_at shape client_id site"
)
PERSON = {"user-agent": "python-requests/2.32"}
EVENT = {"type": "page_view", "url": "https://shop.example/p"}
OLDER = {
    "collect": {"event_type": "page_view", "page": "/x"},
    "events": {"event_type": "page_view", "properties": {"page_url": "https://shop.example/x"}},
}


@pytest.mark.parametrize(
    ("path", "keyed", "event", "fields"),
    [
        (f"/collect?site={SITE}", False, EVENT, OPTIONAL),
        ("/events/", True, EVENT, OPTIONAL),
        (
            f"/collect?site={SITE}",
            False,
            OLDER["collect"],
            "timestamp page session_id user_agent custom_data referrer title screen viewport event_id",
        ),
        ("/events/", True, OLDER["events"], "user_id session_id timestamp ip user_agent page title"),
    ],
    ids=["a page", "a program", "the shape collect", "the shape events"],
)
def test_any_optional_field_of_any_type_costs_itself_and_not_the_event(
    collector, event_id, path, keyed, event, fields
):
    headers = {"X-API-Key": KEYS["admin"], **PERSON} if keyed else PERSON
    refused, sent = {}, []
    for number, (field, odd) in enumerate(product(fields.split(), OF_EVERY_TYPE)):
        mark = f"{event_id}-{number}"
        body = json.dumps({**event, field: odd, "mark": mark}).encode()
        reply = collector.ask("POST", path, body, headers)
        if reply.status >= 300:
            refused[f"{field}: {odd!r}"] = (reply.status, reply.reason)
        sent.append(mark)

    assert refused == {}

    def stored():
        lines = (line.get("event") or {} for line in collector.stored())
        return sorted(each["mark"] for each in lines if str(each.get("mark")).startswith(event_id))

    wait_until(lambda: stored() == sorted(sent), "an event is not stored, or twice")


@pytest.mark.parametrize("field", ["title", "referrer", "props"])
@pytest.mark.parametrize("odd", [5, True, [1, "two"]])
def test_an_optional_field_of_a_wrong_type_is_kept_as_it_was_sent(collector, event_id, field, odd):
    body = json.dumps({"site": SITE, "events": [wire_event(event_id, **{field: odd})]}).encode()

    reply = post(collector, body)

    assert (reply.status, reply.reason) == (204, None)
    event = collector.await_stored(event_id)["event"]
    assert field not in event
    assert event[f"{field}_as_sent"] == odd


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        (1795950003764.25, 1795950003764),
        ("2026-11-29T10:00:00Z", 1795946400000),
        ("Sun, 29 Nov 2026 11:00:00 +0100", 1795946400000),
        (1795946400000000000, 1795946400000000000),
        ("yesterday", None),
        ({}, None),
    ],
)
def test_a_time_is_understood_or_the_receipt_stands_for_it(collector, event_id, said, moment):
    body = json.dumps({"site": SITE, "events": [wire_event(event_id, occurred_at=said)]}).encode()

    assert post(collector, body).status == 204
    assert collector.await_stored(event_id)["event"].get("occurred_at") == moment


@pytest.mark.parametrize(
    "bad", ["{}", '{"type":"x"}', "5", "null", '{"type":"x","url":"https://a.example/","n":01}', "oops"]
)
def test_an_event_that_is_none_goes_to_quarantine_alone(collector, event_id, bad):
    mark = f'"{event_id}-mark"'
    bad = bad.replace('"x"', mark) if '"x"' in bad else bad
    body = f'{{"site":"{SITE}","events":[{bad},{json.dumps(wire_event(event_id))}]}}'

    reply = post(collector, body.encode())

    assert (reply.status, reply.reason, reply.headers["x-footfall-refused"]) == (204, "invalid_event", "1")
    assert collector.await_stored(event_id)
    if mark in bad:
        [line] = [line for line in collector.stored() if mark in line.get("body", "")]
        assert (line["kind"], line["client_id"]) == ("refused", "demo")


@pytest.mark.parametrize("is_batch", [True, False])
@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("NaN", None),
        ("-Infinity", None),
        ("undefined", None),
        ('"a\tb\nc"', "a\tb\nc"),
        ('"say \\"NaN\\" \t"', 'say "NaN" \t'),
        ('["NaN", NaN, 1]', ["NaN", None, 1]),
    ],
)
def test_json_as_some_writers_write_it_costs_no_event(collector, event_id, written, kept, is_batch):
    event = json.dumps(wire_event(event_id)).removesuffix("}") + f', "odd": {written}}}'
    body = f'{{"site":"{SITE}","events":[{event}]}}' if is_batch else event

    reply = post(collector, body.encode(), f"/collect?site={SITE}")

    assert (reply.status, reply.reason) == (204, None)
    assert collector.await_stored(event_id)["event"]["odd"] == kept


def test_personal_data_beside_a_control_character_is_taken_out(collector, event_id):
    event = json.dumps(wire_event(event_id)).removesuffix("}")
    event += ', "note": "mail \\"jane\\"\tjane.doe@mail.example", "n": NaN}'

    assert post(collector, event.encode(), f"/collect?site={SITE}").status == 204

    assert collector.await_stored(event_id)["event"]["note"] == 'mail "jane"\tredacted-email'


def test_a_body_that_was_cut_off_is_no_batch(collector, event_id):
    body = f'{{"site":"{SITE}","events":[{json.dumps(wire_event(event_id))},{{"type":"pa'

    reply = post(collector, body.encode(), f"/collect?site={SITE}")

    assert (reply.status, reply.reason) == (400, "malformed_json")
    assert stored_events(collector, event_id) == []


def test_a_name_given_twice_means_one_thing_for_host_and_address(collector, event_id):
    body = json.dumps(wire_event(event_id))[:-1] + ',"url":"https://www.shop.example/last"}'

    assert post(collector, body.encode(), f"/collect?site={SITE}").status == 204
    line = collector.await_stored(event_id)
    assert (line["host"], line["event"]["url"]) == ("www.shop.example", "https://www.shop.example/last")
    assert json.dumps(line).count("shop.example/") == 1


# Images ----------------------------------------------------------------------------------------------


def image(collector: CollectorProcess, event_id: str, method: str = "GET", **headers: str):
    path = f"/pixel.gif?site={SITE}&id={event_id}&url=https%3A%2F%2Fshop.example%2Fi"
    return collector.ask(method, path, None, {n.replace("_", "-"): v for n, v in headers.items()})


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Purpose": "prefetch;prerender"},
        {"Sec_Purpose": "prefetch"},
        {"Purpose": "prefetch"},
        {"Purpose": "preview"},
        {"X_Purpose": "preview"},
        {"X_Moz": "prefetch"},
    ],
)
def test_an_image_that_is_fetched_ahead_is_answered_and_not_counted(collector, event_id, headers):
    reply = image(collector, event_id, **headers)

    assert (reply.status, reply.headers["content-type"]) == (200, "image/gif")
    assert image(collector, f"{event_id}-view").status == 200
    assert collector.await_stored(f"{event_id}-view")
    assert stored_events(collector, event_id) == []


@pytest.mark.parametrize("path", ["/pixel.gif?site=" + SITE, "/t/shop.gif?x=1"])
def test_the_head_of_an_image_is_no_view(collector, path):
    before = len(collector.stored())

    assert collector.ask("HEAD", f"{path}&url=https%3A%2F%2Fshop.example%2Fh").status == 200
    assert len(collector.stored()) == before


@pytest.mark.parametrize(
    ("agent", "proxy"),
    [
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko (via ggpht.com GoogleImageProxy)", "GoogleImageProxy"),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "YahooMailProxy"),
        ("Mozilla/5.0", "AppleMailPrivacy"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", None),
    ],
)
def test_a_proxy_of_an_e_mail_provider_is_marked_and_stands_for_nobody(collector, event_id, agent, proxy):
    assert image(collector, event_id, User_Agent=agent).status == 200

    line = collector.await_stored(event_id)
    assert line["event"].get("mail_proxy") == proxy
    assert (line["visitor_id"] is None) == (proxy is not None)


# Paths, agents, apps ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/collect/", "//collect", "/t//shop", "/t/shop/", "//t/shop//"])
def test_a_slash_too_many_is_the_same_path(collector, event_id, path):
    body = json.dumps(wire_event(event_id)).encode()

    assert collector.ask("POST", f"{path}?site={SITE}", body).status == 204
    assert collector.await_stored(event_id)["site_id"] == "shop"
    assert collector.ask("GET", path).status == 405


def test_text_in_the_user_agent_is_utf8_where_it_is(collector, event_id):
    for n, agent in enumerate(("Büro-App/1.0 (日本)".encode(), "Büro-App/1.0".encode("latin-1"))):
        body = json.dumps({"site": SITE, **wire_event(f"{event_id}-{n}")}).encode()
        assert collector.ask("POST", "/collect", body, {"User-Agent": agent}).status == 204
    assert collector.await_stored(f"{event_id}-0")["user_agent"] == "Büro-App/1.0 (日本)"
    assert collector.await_stored(f"{event_id}-1")["user_agent"] == "Büro-App/1.0"
