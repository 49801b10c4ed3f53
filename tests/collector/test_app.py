"""What each request is answered, and what is stored of it. All over HTTP, against a real collector."""

import gzip
import json
import socket
import threading
import time
import uuid
import zlib

import pytest
from support.collectors import KEYS, SITE, CollectorProcess, batch, free_port, wire_event
from support.waiting import wait_until

from footfall.event import MAX_BATCH_EVENTS, MAX_BODY_BYTES, MAX_EVENT_BYTES, MAX_PROPERTIES, Refusal

NAMED = f"/collect?site={SITE}"
NAMED_TRACK = f"/track?site={SITE}"
IMPORT = {"x-footfall-import-key": "import-secret", "x-footfall-received-at": "2015-05-17T10:05:03Z"}


def new_id() -> str:
    return str(uuid.uuid4())


def refused_lines(collector: CollectorProcess) -> list[dict]:
    return [line for line in collector.stored() if line["kind"] == "refused"]


# Taken ----------------------------------------------------------------------------------------------


def test_a_batch_is_answered_204_and_each_event_is_a_stored_line(collector):
    ids = [new_id(), new_id()]

    reply = collector.ask("POST", "/collect", batch(*[wire_event(i, extra=[1, {"a": None}]) for i in ids]))

    assert (reply.status, reply.reason, reply.body) == (204, None, b"")
    for event_id in ids:
        line = collector.await_stored(event_id)
        assert (line["client_id"], line["site_id"], line["kind"]) == ("demo", "shop", "event")
        assert line["event"] == wire_event(event_id, extra=[1, {"a": None}])
        assert line["is_declared_host"] is True


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain;charset=UTF-8", "application/json"])
def test_one_event_may_come_bare_and_as_plain_text(collector, content_type):
    event = wire_event(new_id(), site=SITE, sent_at=1)

    reply = collector.ask("POST", "/collect", json.dumps(event).encode(), {"content-type": content_type})

    assert reply.status == 204
    assert collector.await_stored(event["id"])["event"]["site"] == SITE


def test_the_query_names_the_site_where_the_body_does_not(collector):
    event = wire_event(new_id())

    assert collector.ask("POST", NAMED, json.dumps(event).encode()).status == 204
    assert collector.await_stored(event["id"])["site_id"] == "shop"


def test_good_events_of_a_batch_are_taken_and_bad_ones_kept_as_refused(collector):
    good, mark = wire_event(new_id()), new_id()

    reply = collector.ask("POST", "/collect", batch(good, {"type": "x", "mark": mark}, {"mark": mark}))

    assert (reply.status, reply.reason) == (204, "invalid_event")
    assert reply.headers["x-footfall-refused"] == "2"
    collector.await_stored(good["id"])
    kept = [line for line in refused_lines(collector) if mark in line["body"]]
    assert [line["reason"] for line in kept] == ["invalid_event"] * 2


def test_an_image_request_is_an_event_and_answers_a_transparent_image(collector):
    event_id = new_id()
    query = f"site={SITE}&id={event_id}&title=Caf%C3%A9&url=https%3A%2F%2Fshop.example%2Fa&plan=pro&empty="

    reply = collector.ask("GET", f"/pixel.gif?{query}")

    assert reply.status == 200
    assert reply.headers["content-type"] == "image/gif"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.body.startswith(b"GIF89a\x01\x00\x01\x00") and len(reply.body) == 43
    event = collector.await_stored(event_id)["event"]
    assert event == {
        "type": "page_view",
        "url": "https://shop.example/a",
        "id": event_id,
        "title": "Café",
        "props": {"plan": "pro"},
    }


def test_an_image_on_a_page_without_scripts_belongs_to_the_page_that_refers_to_it(collector):
    event_id = new_id()

    collector.ask(
        "GET", f"/pixel.gif?site={SITE}&id={event_id}", headers={"referer": "https://shop.example/plain"}
    )

    assert collector.await_stored(event_id)["event"]["url"] == "https://shop.example/plain"


def test_do_not_track_and_global_privacy_control_are_recorded(collector):
    asked, silent = wire_event(new_id()), wire_event(new_id())

    collector.ask("POST", "/collect", batch(asked), {"dnt": "1", "sec-gpc": "1"})
    collector.ask("POST", "/collect", batch(silent), {"dnt": "0"})

    assert [collector.await_stored(asked["id"])[k] for k in ("dnt", "gpc")] == [True, True]
    assert [collector.await_stored(silent["id"])[k] for k in ("dnt", "gpc")] == [False, False]


def test_a_visitor_is_an_address_and_a_browser_and_neither_the_address_nor_its_claims_are_stored(collector):
    def visitor(address: str, agent: str) -> str:
        event = wire_event(new_id())
        headers = {"x-forwarded-for": f"192.0.2.77, {address}", "user-agent": agent}
        assert collector.ask("POST", "/collect", batch(event), headers).status == 204
        return collector.await_stored(event["id"])["visitor_id"]

    one = visitor("198.51.100.23", "Firefox")

    assert visitor("198.51.100.23", "Firefox") == visitor("198.51.100.23:4711", "Firefox") == one
    assert visitor("198.51.100.24", "Firefox") != one
    assert visitor("198.51.100.23", "Chrome") != one
    for path in collector.home.rglob("*"):
        if path.is_file():
            assert b"198.51.100.2" not in path.read_bytes(), path
            assert b"192.0.2.77" not in path.read_bytes(), path


def test_a_trusted_import_states_its_own_receipt_time(collector):
    event = wire_event(new_id())

    reply = collector.ask("POST", "/collect", batch(event), IMPORT)

    assert reply.status == 204
    assert collector.await_stored(event["id"])["received_at"] == "2015-05-17T10:05:03.000Z"
    assert list((collector.home / "spool").glob("*/20150517T10-*"))


# Refused --------------------------------------------------------------------------------------------

OVER = {f"p{n}": n for n in range(MAX_PROPERTIES + 1)}
DEEP = json.loads("[" * 40 + "]" * 40)
MANY = "&".join(f"p{n}=1" for n in range(200))
ONE = batch(wire_event("a" * 8))


def post(body: bytes, path: str = NAMED, **headers: str) -> tuple:
    return "POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()}


def stating(time: str, key: str = "import-secret") -> tuple:
    return post(ONE, x_footfall_received_at=time, x_footfall_import_key=key)


def post_event(**fields) -> tuple:
    return post(batch(wire_event("a" * 8, **fields)))


def get(path: str) -> tuple:
    return "GET", path, None, {}


def keyed(permission: str) -> tuple:
    return post(ONE, "/events/", x_api_key=KEYS[permission])


TIMED = {"x_footfall_received_at": "2015-05-17T10:05:03Z", "x_footfall_import_key": "import-secret"}


#: What is sent → its refusal. Nothing of it is kept: nobody is known to own it, or it may be sent again.
DROPPED = {
    "no such path": (get("/"), Refusal.NOT_FOUND),
    "wrong method": (get(NAMED), Refusal.METHOD),
    "wrong method of the image": (("PUT", f"/pixel.gif?site={SITE}", b"", {}), Refusal.METHOD),
    "nothing at all": (post(b"", "/collect"), Refusal.MALFORMED_JSON),
    "key without permission": (keyed("read"), Refusal.PERMISSION),
    "reading without a key": (get("/events/recent"), Refusal.API_KEY_MISSING),
    "a time on an unknown site": (
        post(ONE, "/collect?site=pk_nobody_1", **TIMED),
        Refusal.UNKNOWN_SITE,
    ),
    "time without key": (post(ONE, x_footfall_received_at="2015-05-17T10:05:03Z"), Refusal.IMPORT_KEY),
    "wrong key": (stating("2015-05-17T10:05:03Z", "guess"), Refusal.IMPORT_KEY),
    "time is none": (stating("noon"), Refusal.RECEIPT_TIME),
    "time without zone": (stating("2015-05-17T10:05:03"), Refusal.RECEIPT_TIME),
    "time to come": (stating("2999-01-01T00:00:00Z"), Refusal.RECEIPT_TIME),
    "time at the edge": (stating("0001-01-01T00:00:00+23:00"), Refusal.RECEIPT_TIME),
}

#: Nobody is known to own it: kept as a sample, in a quarantine of its own.
UNCLAIMED = {
    "no site": (post(b'{"events":[{}]}', "/collect"), Refusal.MISSING_SITE),
    "image without site": (get("/pixel.gif?url=https://a.example/"), Refusal.MISSING_SITE),
    "unknown site": (post(ONE, "/collect?site=pk_nobody_1"), Refusal.UNKNOWN_SITE),
    "unknown site in the body": (post(b'{"site":"pk_x","events":[{}]}', "/collect"), Refusal.UNKNOWN_SITE),
    "image of an unknown site": (get("/pixel.gif?site=pk_nobody_1"), Refusal.UNKNOWN_SITE),
    "unreadable, no site": (post(b"{", "/collect"), Refusal.MALFORMED_JSON),
    "no key": (post(ONE, "/events/"), Refusal.API_KEY_MISSING),
    "unknown key": (post(ONE, "/events/", x_api_key="guess"), Refusal.API_KEY_UNKNOWN),
}

#: The same, of a site that is known: its bytes are kept for quarantine.
KEPT = {
    "empty body": (post(b""), Refusal.MALFORMED_JSON),
    "half a body": (post(b'{"events":[{"type":"pa'), Refusal.MALFORMED_JSON),
    "bytes": (post(b"\xff\xfe\x00"), Refusal.MALFORMED_JSON),
    "array": (post(b"[]"), Refusal.EMPTY_BATCH),
    "half an array": (post(b"[{]"), Refusal.MALFORMED_JSON),
    "other encoding": (post(ONE, content_encoding="br"), Refusal.UNREADABLE_ENCODING),
    "no gzip": (post(ONE, content_encoding="gzip"), Refusal.UNREADABLE_ENCODING),
    "half a deflate": (
        post(zlib.compress(ONE)[:-9], content_encoding="deflate"),
        Refusal.UNREADABLE_ENCODING,
    ),
    "bomb by deflate": (
        post(zlib.compress(bytes(1 << 24)), content_encoding="deflate"),
        Refusal.BODY_TOO_LARGE,
    ),
    "half a gzip": (post(gzip.compress(ONE)[:-9], content_encoding="gzip"), Refusal.UNREADABLE_ENCODING),
    "bomb": (post(gzip.compress(b"0" * (50 << 20)), content_encoding="gzip"), Refusal.BODY_TOO_LARGE),
    "fields for a stored event": (
        ("PUT", "/events/evt_a1b2/enrich/", b'{"additional_properties":{}}', {"x-api-key": KEYS["write"]}),
        Refusal.ENRICHMENT,
    ),
    "another's bucket": (
        post(b'{"bucket":"theirs","eventType":"x","timestamp":"2026-11-20T10:00:00Z"}', NAMED_TRACK),
        Refusal.BUCKET_MISMATCH,
    ),
    "no events": (post(b'{"events":[]}'), Refusal.EMPTY_BATCH),
    "too many": (post(b'{"events":[' + b"{}," * MAX_BATCH_EVENTS + b"{}]}"), Refusal.TOO_MANY_EVENTS),
    "too large": (post(b"x" * (MAX_BODY_BYTES + 1)), Refusal.BODY_TOO_LARGE),
    "far too large": (post(b"x" * (MAX_BODY_BYTES * 10)), Refusal.BODY_TOO_LARGE),
    "large event": (post_event(pad="x" * MAX_EVENT_BYTES), Refusal.EVENT_TOO_LARGE),
    "deep": (post_event(x=DEEP), Refusal.TOO_DEEP),
    "too many pairs": (post_event(x="a%3Db&" * 4000), Refusal.TOO_MUCH_WORK),
    "properties": (post_event(props=OVER), Refusal.TOO_MANY_PROPERTIES),
    "image with properties": (
        get(f"/pixel.gif?site={SITE}&" + "&".join(f"{k}={v}" for k, v in OVER.items())),
        Refusal.TOO_MANY_PROPERTIES,
    ),
    "image with very many": (get(f"/pixel.gif?site={SITE}&{MANY}"), Refusal.TOO_MANY_PROPERTIES),
    "image without a page": (get(f"/pixel.gif?site={SITE}"), Refusal.INVALID_EVENT),
    "no url": (post(batch({"type": "page_view"})), Refusal.INVALID_EVENT),
    "other scheme": (post_event(url="file:///etc/passwd"), Refusal.INVALID_EVENT),
}


@pytest.mark.parametrize("case", [*DROPPED, *UNCLAIMED, *KEPT])
def test_each_refusal_has_its_status_its_name_and_its_place_in_quarantine(collector, case):
    (method, path, body, headers), refusal = (DROPPED | UNCLAIMED | KEPT)[case]
    before = collector.metric("refusals_total", reason=refusal.code)
    lines = len(refused_lines(collector))

    reply = collector.ask(method, path, body, headers)

    assert (reply.status, reply.reason) == (refusal.status, refusal.code)
    assert reply.headers["access-control-allow-origin"] == "*"
    if path.startswith(("/collect", "/pixel")):
        assert reply.body.decode().startswith(f"{refusal.code}: ")
    elif path != "/":
        assert json.loads(reply.body)["error"] == refusal.code
    assert collector.metric("refusals_total", reason=refusal.code) == before + 1
    kept = refused_lines(collector)[lines:]
    owner = {**dict.fromkeys(KEPT, "demo"), **dict.fromkeys(UNCLAIMED, "_unknown")}.get(case)
    assert [(line["reason"], line["client_id"]) for line in kept] == (
        [(refusal.code, owner)] if owner else []
    )


def test_every_refusal_is_in_the_tables_above_or_shown_elsewhere():
    of_http = {
        Refusal.BODY_UNFINISHED,
        Refusal.BAD_REQUEST,
        Refusal.HEAD_TOO_LARGE,
        Refusal.HEAD_UNFINISHED,
        Refusal.OVERLOADED,
    }
    elsewhere = of_http | {
        Refusal.NOT_DURABLE,
        Refusal.MALFORMED_LOG_LINE,
        Refusal.RATE_LIMITED,
        Refusal.SITES_UNCERTAIN,
        Refusal.UNREADABLE_LOG,
    }

    assert {refusal for _, refusal in (DROPPED | UNCLAIMED | KEPT).values()} | elsewhere == set(Refusal)


def test_a_body_that_ends_early_is_kept_as_far_as_it_came(collector):
    mark = new_id()
    with socket.create_connection(("127.0.0.1", collector.port)) as connection:
        head = f"POST {NAMED} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
        connection.sendall(head.encode() + mark.encode())

    kept = wait_until(lambda: [line for line in refused_lines(collector) if line["body"] == mark])
    assert kept[0]["reason"] == "body_unfinished"


def test_clients_that_go_away_during_the_sync_leave_the_others_unharmed(collector):
    body = batch(*[wire_event(new_id()) for _ in range(5)])
    request = f"POST /collect HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body

    def leave() -> None:
        for _ in range(60):
            with socket.create_connection(("127.0.0.1", collector.port)) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # reset
                connection.sendall(request)

    leavers = [threading.Thread(target=leave) for _ in range(4)]
    for thread in leavers:
        thread.start()
    replies = [collector.ask("POST", "/collect", batch(wire_event(new_id()))).status for _ in range(100)]
    for thread in leavers:
        thread.join()

    assert replies == [204] * 100


# Everything else ------------------------------------------------------------------------------------


def test_browsers_of_every_page_may_send_here(collector):
    reply = collector.ask("OPTIONS", "/collect", headers={"origin": "https://shop.example"})

    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert "content-type" in reply.headers["access-control-allow-headers"]
    assert reply.headers["access-control-max-age"] == "3600"
    assert (
        collector.ask("POST", "/collect", batch(wire_event(new_id()))).headers["access-control-allow-origin"]
        == "*"
    )


def test_a_wrong_method_is_told_the_right_ones(collector):
    assert collector.ask("PUT", "/collect", b"").headers["allow"] == "POST, OPTIONS"
    assert collector.ask("DELETE", "/health").headers["allow"] == "GET, HEAD, OPTIONS"


def test_health_is_json_and_answers_head_without_a_body(collector):
    health = collector.ask("GET", "/health")
    head = collector.ask("HEAD", "/health")

    report = json.loads(health.body)
    assert (health.status, report["status"]) == (200, "ok")
    assert (head.status, head.body) == (200, b"")


def test_health_says_ok_or_degraded_of_each_dependency_and_counts_nothing(collector):
    collector.ask("POST", "/collect", b"{")

    report = collector.health()

    names = {"disk", "spool", "lake", "shipping", "client_files", "clock"}
    assert report == {"status": "ok", "dependencies": dict.fromkeys(names, "ok")}


def test_a_client_file_that_appears_is_taken_up_and_a_broken_one_harms_nobody(tmp_path):
    metrics = {"FOOTFALL_METRICS_PORT": str(free_port())}
    collector = CollectorProcess(tmp_path, settings=metrics).start()
    clients = tmp_path / "clients"
    demo = (clients / "demo.yaml").read_text().partition("api_keys:")[0]
    (clients / "broken.yaml").write_text("client_id: [")
    (clients / "late.yaml").write_text(
        demo.replace("client_id: demo", "client_id: late")
        .replace(SITE, "pk_late_12345678")
        .replace("site_id: shop", "site_id: late")
        .replace("shop.example", "late.example")
        .replace("/t/shop", "/t/late")
        .replace("buckets/demo", "buckets/late")
    )
    wait_until(lambda: collector.metric("sites") >= 2)

    event = json.dumps(wire_event(new_id())).encode()
    assert collector.ask("POST", "/collect?site=pk_late_12345678", event).status == 204
    assert collector.ask("POST", NAMED, event).status == 204
    assert collector.metric("client_mistakes") == 1
    assert collector.health()["dependencies"]["client_files"] == "degraded"
    time.sleep(2.5)  # one more look at the same files
    assert collector.end().count("broken.yaml") == 1
