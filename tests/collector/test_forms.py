"""Trackers of other tools, as they send: what is stored, what stays below the tool's name, and the answer."""

import base64
import gzip
import json
import uuid
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from support.collectors import KEYS, CollectorProcess
from support.waiting import wait_until

from footfall.access.api_keys import key_hash

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
PAGE = {"Origin": "https://shop.example", "User-Agent": BROWSER, "Content-Type": "text/plain"}
URL = "https://shop.example/p?utm_source=mail"
CIP = "203.0.113.9"
WEBSITE = "0a5f1c9e-8f4e-4f5e-9f7e-1d2c3b4a5f60"
CLIENTS = {
    "acme": f"""\
client_id: acme
name: Acme
sites:
  - site_id: shop
    key: pk_shop_acmeacme1
    domains: [shop.example, "*.shop.example"]
    trackers:
      - {{form: plausible, id: shop.example}}
      - {{form: umami, id: {WEBSITE}}}
      - {{form: matomo, id: "1"}}
      - {{form: ga4, id: G-ABC123}}
      - {{form: posthog, id: phc_public0001, origins: ["https://app.partner.example"]}}
      - {{form: snowplow, id: web}}
      - {{form: segment, id: public-write-key}}
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/acme"}}
exports: [{{name: events, dataset: events, cadence: hourly}}]
api_keys:
  - {{name: backend, sha256: {key_hash(KEYS["write"])}, permissions: [write]}}
""",
    "other": f"""\
client_id: other
name: Other
sites:
  - site_id: blog
    key: pk_blog_otherother
    domains: [blog.example]
    trackers: [{{form: matomo, id: "1"}}]
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/other"}}
exports: [{{name: events, dataset: events, cadence: hourly}}]
api_keys:
  - {{name: backend, sha256: {key_hash(KEYS["admin"])}, permissions: [write]}}
""",
}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """A collector for two clients, of which one takes the trackers of every tool."""
    home = tmp_path_factory.mktemp("tools")
    (home / "clients").mkdir()
    for name, text in CLIENTS.items():
        (home / "clients" / f"{name}.yaml").write_text(text)
    process = CollectorProcess(home, settings={"FOOTFALL_SEGMENT_SECONDS": "3600"}).start()
    yield process
    process.end()


@pytest.fixture
def mark():
    return f"mark-{uuid.uuid4()}"


def send(tools, path, body=None, headers=None, method="POST"):
    content = json.dumps(body).encode() if isinstance(body, dict | list) else body
    return tools.ask(method, path, content, PAGE if headers is None else headers)


def lines_with(tools, mark: str, count: int = 1) -> list[dict]:
    """The stored lines that hold a mark, as many as are waited for."""

    def found() -> list[dict]:
        return [line for line in tools.stored() if mark in json.dumps(line)]

    wait_until(lambda: len(found()) >= count, found)
    lines = found()
    assert len(lines) == count, lines
    return lines


def basic(key: str) -> str:
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"


# Plausible --------------------------------------------------------------------------------------------


def test_plausible_page_view_purchase_and_engagement(tools, mark):
    base = {"u": URL, "d": "shop.example", "r": "https://google.com/", "v": 27, "h": 1}
    bodies = [
        {"n": "pageview", **base, "p": {"plan": mark}, "i": False},
        {
            "n": "Purchase",
            **base,
            "p": json.dumps({"plan": mark}),
            "$": {"amount": "49.90", "currency": "EUR"},
        },
        {"n": "engagement", **base, "sd": 70, "e": 15000, "p": {"plan": mark}},
    ]

    for body in bodies:
        reply = send(tools, "/api/event", body)
        assert (reply.status, reply.body) == (202, b"ok")

    view, purchase, engagement = lines_with(tools, mark, 3)
    assert (view["type"], view["client_id"], view["source"]) == ("page_view", "acme", "web")
    assert (view["event"]["url"], view["event"]["referrer"]) == (URL, "https://google.com/")
    assert (view["event"]["props"], view["event"]["form"]) == ({"plan": mark}, "plausible")
    assert view["event"]["plausible"] == {"i": False}
    assert purchase["event"]["props"] == {"plan": mark, "revenue": "49.90", "currency": "EUR"}
    assert engagement["type"] == "engagement"
    assert engagement["event"]["props"] == {"plan": mark, "engaged_ms": 15000, "scroll": 70}
    assert view["visitor_id"] == purchase["visitor_id"] is not None


# Umami ------------------------------------------------------------------------------------------------


def test_umami_page_view_event_and_batch(tools, mark):
    payload = {
        "website": WEBSITE,
        "hostname": "shop.example",
        "language": "de-CH",
        "referrer": "",
        "screen": "1920x1080",
        "title": mark,
        "url": "/p?x=1",
    }
    view = {"type": "event", "payload": payload}
    event = {"type": "event", "payload": {**payload, "name": "signup", "data": {"plan": "team"}, "tag": "a"}}

    reply = send(tools, "/api/send", view)
    assert (reply.status, set(json.loads(reply.body))) == (200, {"cache", "sessionId", "visitId"})
    reply = send(tools, "/api/batch", [event, {"type": "event", "payload": {**payload, "url": URL}}])
    assert json.loads(reply.body) == {"size": 2, "processed": 2, "errors": 0, "details": []}

    one, two, three = lines_with(tools, mark, 3)
    assert (one["type"], one["event"]["url"]) == ("page_view", "https://shop.example/p?x=1")
    assert (one["event"]["lang"], one["event"]["screen"]) == ("de-CH", "1920x1080")
    assert (two["type"], two["event"]["props"]) == ("signup", {"plan": "team"})
    assert two["event"]["umami"] == {"payload": {"tag": "a"}}
    assert three["event"]["url"] == URL


# Matomo -----------------------------------------------------------------------------------------------


def matomo(mark, **more):
    return {
        "idsite": "1",
        "rec": "1",
        "url": URL,
        "action_name": mark,
        "urlref": "https://google.com/",
        "_id": "ab12cd34ef56ab78",
        "res": "1920x1080",
        "lang": "de",
        "pv_id": "Ab3dE6",
        "java": "0",
        **more,
    }


def test_matomo_by_image_form_and_bulk(tools, mark):
    image = send(tools, f"/matomo.php?{urlencode(matomo(mark))}", method="GET")
    assert (image.status, image.headers["content-type"]) == (200, "image/gif")
    event = matomo(mark, e_c="video", e_a="play", e_n="intro", e_v="3", send_image="0")
    form = send(tools, "/matomo.php", urlencode(event).encode())
    assert form.status == 204
    order = matomo(mark, idgoal="0", ec_id="A1", revenue="49.90", ec_items='[["sku1","Mug","",49.9,1]]')
    requests = [f"?{urlencode(each)}" for each in (order, matomo(mark, search="mug", search_count="2"))]
    bulk = send(tools, "/piwik.php", {"requests": [*requests, 5]})
    assert json.loads(bulk.body) == {"status": "success", "tracked": 2, "invalid": 1}

    view, play, bought, searched = lines_with(tools, mark, 4)
    assert (view["type"], view["event"]["title"], view["event"]["view_id"]) == ("page_view", mark, "Ab3dE6")
    assert view["event"]["matomo"] == {"java": "0"}
    assert "ab12cd34ef56ab78" not in json.dumps(view)  # an id of the device needs tier 3
    assert (play["type"], play["event"]["props"]["category"]) == ("play", "video")
    assert bought["event"]["props"]["revenue"] == 49.9
    assert bought["event"]["props"]["items"] == [["sku1", "Mug", "", 49.9, 1]]
    assert (searched["type"], searched["event"]["props"]["query"]) == ("search", "mug")


def test_an_id_is_bound_to_the_pages_of_its_site(tools, mark):
    """Two clients have a site 1 in Matomo; the page that sends decides, and one of neither is refused."""
    for origin, client in (("https://www.shop.example", "acme"), ("https://blog.example", "other")):
        here = f"{mark}-{client}"
        body = urlencode(matomo(here, url=f"{origin}/")).encode()
        assert send(tools, "/matomo.php", body, PAGE | {"Origin": origin}).status == 200
        assert lines_with(tools, here)[0]["client_id"] == client

    reply = send(
        tools, "/matomo.php", urlencode(matomo(mark)).encode(), PAGE | {"Origin": "https://evil.example"}
    )
    assert (reply.status, reply.reason) == (403, "unknown_site")


def test_a_program_may_tell_matomo_whose_visit_it_was_with_a_write_key(tools, mark):
    token = KEYS["write"]
    visit = matomo(mark, cip="203.0.113.9", cdt="2026-11-29 10:00:00", country="ch", ua=BROWSER, uid="u1")
    headers = {"User-Agent": "python-requests/2", "Content-Type": "application/json"}

    reply = send(tools, "/matomo.php", {"requests": [f"?{urlencode(visit)}"], "token_auth": token}, headers)

    assert json.loads(reply.body)["tracked"] == 1
    [line] = lines_with(tools, mark)
    assert (line["user_agent"], line["country"], line["user_id"]) == (BROWSER, "CH", "u1")
    assert line["event"]["sender"]["key"] == "backend"
    assert not any(secret in json.dumps(line) for secret in ("203.0.113.9", token))


def test_a_page_speaks_for_itself_whatever_it_says(tools, mark):
    body = urlencode(matomo(mark, cip="203.0.113.9", ua="Else/1", country="ch")).encode()

    assert send(tools, "/matomo.php", body).status == 200
    [line] = lines_with(tools, mark)
    assert (line["user_agent"], line["country"]) == (BROWSER, None)
    assert "203.0.113.9" not in json.dumps(line)


# Segment ----------------------------------------------------------------------------------------------


def a_track(mark, **more):
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": str(uuid.uuid4()),
        "userId": "u-1",
        "anonymousId": "a-1-anonymous",
        "timestamp": "2026-11-29T10:00:00.123Z",
        "properties": {"revenue": 49.99, "currency": "EUR", "mark": mark},
        "context": {
            "library": {"name": "analytics-python", "version": "2.3.4"},
            "ip": "203.0.113.9",
            "userAgent": BROWSER,
            "locale": "de-DE",
            "device": {"advertisingId": "7A3CBEA0"},
        },
        "integrations": {},
        **more,
    }


@pytest.mark.parametrize("compressed", [False, True])
def test_segment_batch_of_a_program_with_a_write_key(tools, mark, compressed):
    page = a_track(mark, type="page", name="Thanks", properties={"url": URL, "title": "T", "mark": mark})
    traits = {"plan": mark, "email": "ann@mail.example"}
    identify = a_track(mark, type="identify", properties={}, traits=traits)
    alias = a_track(mark, type="alias", previousId="guest-17", context={"mark": mark})
    group = a_track(mark, type="group", groupId="g-1", properties={}, traits={"mark": mark})
    screen = a_track(mark, type="screen", name="Home Screen", properties={"mark": mark})
    body = json.dumps({"batch": [a_track(mark), page, identify, alias, group, screen],
                       "sentAt": "2026-11-29T10:00:01.000Z"}).encode()  # fmt: skip
    headers = {"Authorization": basic(KEYS["write"]), "User-Agent": "analytics-python/2.3.4"}
    if compressed:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"

    reply = send(tools, "/v1/batch", body, headers)

    assert (reply.status, json.loads(reply.body)) == (200, {"success": True})
    lines = lines_with(tools, mark, 6)
    track, page, identify, alias, group, screen = lines
    assert [line["type"] for line in lines] == [
        "Order Completed", "page_view", "identify", "alias", "group", "screen_view",
    ]  # fmt: skip
    assert track["event"]["props"] == {"revenue": 49.99, "currency": "EUR", "mark": mark}
    assert (track["user_agent"], track["user_id"], track["event"]["lang"]) == (BROWSER, "u-1", "de-DE")
    assert track["event"]["segment"] == {
        "context": {"library": {"name": "analytics-python", "version": "2.3.4"}},
        "integrations": {},
    }
    assert (page["event"]["url"], page["event"]["title"]) == (URL, "T")
    assert identify["event"]["props"] == {"plan": mark, "email": "redacted-email"}
    assert alias["event"]["props"]["previous"] == "guest-17"
    assert group["event"]["props"] == {"mark": mark, "group": "g-1"}
    assert screen["event"]["url"] == "https://shop.example/Home%20Screen"
    text = json.dumps(lines)
    assert not any(gone in text for gone in ("203.0.113.9", "7A3CBEA0", "a-1-anonymous"))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/track", "Order Completed"),
        ("/v1/page", "page_view"),
        ("/v1/t", "Order Completed"),
        ("/v1/p", "page_view"),
    ],
)
def test_segment_one_call_of_a_page_names_its_public_key(tools, mark, path, kind):
    body = a_track(mark, writeKey="public-write-key", sentAt="2026-11-29T10:00:01.000Z")
    del body["type"]
    body["context"]["page"] = {"url": URL, "title": "T", "referrer": "https://google.com/"}

    reply = send(tools, path, body)

    assert (reply.status, json.loads(reply.body)) == (200, {"success": True})
    [line] = lines_with(tools, mark)
    assert (line["type"], line["event"]["url"], line["consent_tier"]) == (kind, URL, 1)
    assert (line["user_agent"], "sender" in line["event"]) == (BROWSER, False)


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({}, 400, "missing_site"),
        ({"Authorization": basic("guess")}, 403, "unknown_site"),
        ({"Authorization": basic(KEYS["admin"])}, 403, "permission_denied"),  # a client that takes no Segment
        ({"Authorization": basic(KEYS["write"]), "Origin": "https://shop.example"}, 403, "unknown_site"),
    ],
)
def test_segment_without_a_key_that_may_is_refused(tools, mark, headers, status, reason):
    reply = send(tools, "/v1/batch", {"batch": [a_track(mark)]}, headers)

    assert (reply.status, reply.reason) == (status, reason)
    assert set(json.loads(reply.body)) == {"error", "message"}
    assert not [line for line in tools.stored() if mark in json.dumps(line) and line["kind"] == "event"]


def test_a_message_that_comes_twice_has_one_id(tools, mark):
    body = {"batch": [a_track(mark)]}
    for _ in range(2):
        assert send(tools, "/v1/batch", body, {"Authorization": basic(KEYS["write"])}).status == 200

    assert len({line["event_id"] for line in lines_with(tools, mark, 2)}) == 1


# GA4, PostHog, Snowplow -------------------------------------------------------------------------------


def test_ga4_measurement_protocol(tools, mark):
    body = {
        "client_id": "1234567.7654321",
        "user_id": "u1",
        "timestamp_micros": "1795946400000000",
        "user_agent": BROWSER,
        "ip_override": "203.0.113.9",
        "user_location": {"city": "Bern", "region_id": "CH-BE", "country_id": "CH"},
        "events": [
            {"name": "page_view", "params": {"page_location": URL, "page_title": mark, "session_id": "s9"}},
            {"name": "purchase", "params": {"currency": "EUR", "value": 49.99, "transaction_id": mark}},
        ],
    }

    reply = send(tools, f"/mp/collect?measurement_id=G-ABC123&api_secret={KEYS['write']}", body, {})

    assert (reply.status, reply.body) == (204, b"")
    view, purchase = lines_with(tools, mark, 2)
    assert (view["type"], view["event"]["url"], view["session_id"]) == ("page_view", URL, "s9")
    assert (view["country"], view["region"], view["city"]) == ("CH", "BE", "Bern")
    assert view["event"]["occurred_at"] == 1795946400000
    assert purchase["event"]["props"] == {"revenue": 49.99, "currency": "EUR", "transaction_id": mark}
    assert view["visitor_id"] == purchase["visitor_id"] is not None
    assert KEYS["write"] not in json.dumps([view, purchase])


def test_posthog_of_a_page_and_of_a_program(tools, mark):
    properties = {"$current_url": URL, "$referrer": "$direct", "$lib": "web", "title": mark, "plan": "x",
                  "$screen_width": 1920, "$screen_height": 1080, "token": "phc_public0001"}  # fmt: skip
    view = {
        "event": "$pageview",
        "distinct_id": "d-1-device",
        "uuid": str(uuid.uuid4()),
        "properties": properties,
    }
    page = PAGE | {"Origin": "https://app.partner.example"}
    packed = gzip.compress(json.dumps([view]).encode())
    assert send(tools, "/e/?compression=gzip-js&ip=0", packed, page).status == 200
    coded = urlencode({"data": base64.b64encode(json.dumps(view | {"uuid": str(uuid.uuid4())}).encode())})
    assert send(tools, "/i/v0/e/", coded.encode(), page).status == 200
    batch = {
        "api_key": KEYS["write"],
        "batch": [{"event": "paid", "distinct_id": "u-5", "timestamp": "2026-11-29T10:00:00+00:00",
                   "properties": {"$lib": "posthog-python", "plan": mark, "$ip": "203.0.113.9"}}],
    }  # fmt: skip
    reply = send(tools, "/batch/", batch, {"User-Agent": "posthog-python/6"})
    assert json.loads(reply.body) == {"status": "Ok"}

    one, two, paid = lines_with(tools, mark, 3)
    for line in (one, two):
        assert (line["type"], line["event"]["url"], line["event"]["screen"]) == (
            "page_view",
            URL,
            "1920x1080",
        )
        assert (line["event"]["props"], "referrer" in line["event"]) == ({"plan": "x"}, False)
        assert "d-1-device" not in json.dumps(line)
    assert (paid["type"], paid["event"]["props"]) == ("paid", {"plan": mark})
    assert paid["event"]["posthog"] == {"$lib": "posthog-python"}
    assert paid["visitor_id"] not in (None, one["visitor_id"])


def self_describing(name: str, data) -> dict:
    """Snowplow's envelope."""
    return {"schema": f"iglu:com.snowplowanalytics.snowplow/{name}/jsonschema/1-0-0", "data": data}


def in_base64(document) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def test_snowplow_of_a_page(tools, mark):
    def event(**more):
        return {
            "e": "pv",
            "aid": "web",
            "p": "web",
            "tv": "js-4",
            "url": URL,
            "page": mark,
            "refr": "https://google.com/",
            "eid": str(uuid.uuid4()),
            "dtm": "1795946400000",
            "stm": "1795946401000",
            "res": "1920x1080",
            "duid": "5f0c6f1e-device",
            "sid": "7b1c-session",
            **more,
        }

    contexts = self_describing("contexts", [self_describing("web_page", {"id": "view-1"})])
    click = self_describing("link_click", {"targetUrl": "https://x.example/"})
    body = self_describing(
        "payload_data",
        [
            event(cx=in_base64(contexts)),
            event(e="se", se_ca="video", se_ac="play", se_va="3", co=json.dumps(contexts)),
            event(e="ue", ue_px=in_base64(self_describing("unstruct_event", click))),
        ],
    )

    reply = send(tools, "/com.snowplowanalytics.snowplow/tp2", body)
    assert (reply.status, reply.body) == (200, b"ok")
    image = send(tools, f"/i?{urlencode(event())}", method="GET")
    assert image.headers["content-type"] == "image/gif"

    view, played, clicked, by_image = lines_with(tools, mark, 4)
    assert (view["type"], view["event"]["view_id"], view["event"]["title"]) == ("page_view", "view-1", mark)
    assert (played["type"], played["event"]["props"]["category"]) == ("play", "video")
    assert (clicked["type"], clicked["event"]["props"]) == ("link_click", {"targetUrl": "https://x.example/"})
    assert by_image["event"]["url"] == URL
    assert not any(gone in json.dumps(view) for gone in ("5f0c6f1e-device", "7b1c-session"))


# All of them ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/api/event", "/api/send", "/matomo.php", "/v1/batch", "/batch", "/mp/collect"]
)
def test_what_nobody_can_read_is_refused_and_never_an_error(tools, path):
    for body in (b"", b"{", b"[]", b"5", b"\xff\xfe", b'{"batch":5}', b"[" * 100_000, b"\x1f\x8bxx", b"{}"):
        reply = send(tools, path, body)
        assert 400 <= reply.status < 500, (body[:20], reply.status)
        assert reply.reason


def test_one_bad_event_of_a_batch_costs_itself(tools, mark):
    body = {"batch": [a_track(mark), {"type": "track", "mark": mark, "x": "y" * 40_000}, "nothing"]}

    reply = send(tools, "/v1/batch", body, {"Authorization": basic(KEYS["write"])})

    assert (reply.status, reply.headers["x-footfall-refused"]) == (200, "2")
    kinds = [line["kind"] for line in tools.stored() if mark in json.dumps(line)]
    assert sorted(kinds) == ["event", "refused"]


@pytest.mark.parametrize("odd", ["NaN", '"a\tb"', "9" * 5000, "1e999"])
@pytest.mark.parametrize(
    ("path", "name", "event", "said"),
    [
        ("/v1/batch", "batch", {"type": "track", "event": "T", "userId": "u"}, "properties"),
        ("/batch", "batch", {"event": "T", "distinct_id": "u"}, "properties"),
        ("/mp/collect?measurement_id=G-ABC123", "events", {"name": "t"}, "params"),
    ],
)
def test_json_as_some_writers_write_it_costs_no_event_of_a_batch(tools, mark, path, name, event, said, odd):
    texts = [
        json.dumps({**event, said: {"mark": mark, "odd": "ODD"}}).replace('"ODD"', value)
        for value in (odd, "1")
    ]
    body = f'{{"{name}": [{", ".join(texts)}]}}'

    reply = send(tools, path, body.encode(), {"X-API-Key": KEYS["write"]})

    assert (reply.status // 100, reply.reason) == (2, None)
    stored = [line["event"]["props"]["mark"] for line in lines_with(tools, mark, 2)]
    assert stored == [mark, mark]


def test_an_event_of_a_batch_that_is_no_json_goes_to_quarantine_alone(tools, mark):
    broken = json.dumps(a_track(mark)).removesuffix("}") + ",}"
    body = f'{{"batch": [{json.dumps(a_track(mark))}, {broken}], "sentAt": null}}'

    reply = send(tools, "/v1/batch", body.encode(), {"Authorization": basic(KEYS["write"])})

    assert (reply.status, reply.headers["x-footfall-refused"]) == (200, "1")
    kinds = {line["kind"]: line["client_id"] for line in lines_with(tools, mark, 2)}
    assert kinds == {"event": "acme", "refused": "acme"}


def test_a_body_that_nobody_can_read_belongs_to_the_client_of_the_key_in_its_head(tools, mark):
    body = f'{{"batch": [{{"mark": "{mark}", "context": {{"ip": "{CIP}"'

    reply = send(tools, "/v1/batch", body.encode(), {"Authorization": basic(KEYS["write"])})

    assert (reply.status, reply.reason) == (400, "malformed_json")
    [line] = lines_with(tools, mark)
    assert (line["kind"], line["client_id"]) == ("refused", "acme")
    assert CIP not in json.dumps(line)


SHOP, BLOG = "https%3A%2F%2Fshop.example%2F", "https%3A%2F%2Fblog.example%2F"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/matomo.php", {"requests": [f"?idsite=1&url={SHOP}MARK", f"?idsite=1&url={BLOG}MARK"]}),
        ("/matomo.php", {"requests": [f"?idsite=1&url={SHOP}MARK", f"?idsite=7&url={SHOP}MARK"]}),
        (
            "/api/batch",
            [
                {"type": "event", "payload": {"website": website, "hostname": "shop.example", "url": "/MARK"}}
                for website in (WEBSITE, "7a5f1c9e-8f4e-4f5e-9f7e-1d2c3b4a5f60")
            ],
        ),
        (
            "/v1/batch",
            {
                "batch": [
                    {"type": "page", "writeKey": key, "properties": {"url": "https://shop.example/MARK"}}
                    for key in ("public-write-key", "of-somebody-else")
                ]
            },
        ),
    ],
)
def test_no_event_of_a_batch_is_counted_for_a_site_that_it_does_not_name(tools, mark, path, body):
    text = json.dumps(body).replace("MARK", mark)

    reply = send(tools, path, text.encode(), {"User-Agent": BROWSER})

    assert (reply.status, reply.headers["x-footfall-refused"]) == (200, "1")
    stored = {line["kind"]: line for line in lines_with(tools, mark, 2)}
    assert stored["event"]["host"] == "shop.example"
    assert stored["refused"]["reason"] == "unknown_site"


def test_events_of_a_batch_that_name_no_page_are_of_the_page_of_the_first(tools, mark):
    queries = [f"?idsite=1&url={SHOP}{mark}", f"?idsite=1&e_c={mark}&e_a=click"]

    reply = send(tools, "/matomo.php", {"requests": queries}, {"User-Agent": BROWSER})

    assert json.loads(reply.body) == {"status": "success", "tracked": 2, "invalid": 0}
    assert {line["client_id"] for line in lines_with(tools, mark, 2)} == {"acme"}


def test_what_a_form_does_not_understand_of_a_field_stays_below_its_name(tools, mark):
    body = {
        "type": "page",
        "name": {"de": mark},
        "messageId": ["m"],
        "properties": [1, 2],
        "anonymousId": {"device": "d-1"},
        "timestamp": "gestern",
        "context": {"page": {"title": {"x": 1}}, "locale": False},
    }

    reply = send(tools, "/v1/page", body, {"Authorization": basic(KEYS["write"])})

    assert reply.status == 200
    [line] = lines_with(tools, mark)
    assert line["event"]["segment"] == {
        "name": {"de": mark},
        "messageId": ["m"],
        "properties": [1, 2],
        "context": {"page": {"title": {"x": 1}}, "locale": False},
    }
    assert line["event"]["occurred_at_as_sent"] == "gestern"
    assert "d-1" not in json.dumps(line)


SECRET = KEYS["write"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/matomo.php", {"token_auth": SECRET, "requests": [f"?idsite=1&cip={CIP}&x=MARK&e_c=1&e_a=%0A"]}),
        ("/matomo.php", {"token_auth": SECRET, "requests": [{"cip": CIP, "m": "MARK"}] * 501}),
        ("/batch", {"api_key": SECRET, "batch": [{"properties": {"$ip": CIP, "m": "MARK"}}]}),
        ("/v1/batch", {"writeKey": SECRET, "batch": [{"context": {"ip": CIP}, "m": "MARK"}]}),
    ],
)
def test_an_address_or_key_of_what_is_refused_is_written_nowhere(tools, mark, path, body):
    text = json.dumps(body).replace("MARK", mark)

    send(tools, path, text.encode(), {"Content-Type": "application/json"})

    stored = tools.stored_bytes().decode()
    assert "203.0.113.9" not in stored
    assert KEYS["write"] not in stored


@pytest.mark.parametrize("path", ["/api/event", "/i/v0/e/", "/v1/t", "/com.snowplowanalytics.snowplow/tp2"])
def test_a_browser_may_ask_before_it_sends(tools, path):
    reply = tools.ask("OPTIONS", path, None, {"Origin": "https://shop.example"})

    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == "*"
