"""Who is let in, before any page runs: by address, headers, cookies, and the origin of a websocket."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard.doors import COOKIE, HEADER, Door, Doors, Ways, door_of
from footfall.address import networks

LOCAL = Ways(is_local=True)
PROXY = Ways(is_local=False, user_header="X-Forwarded-Email", proxies=networks(["10.0.0.0/8"]))
OIDC = Ways(is_local=False, has_oidc=True)
HERE = {"host": "localhost:8060"}
ANNA = {"x-forwarded-email": "anna@agency.example"}


@pytest.mark.parametrize(
    ("ways", "peer", "headers", "expected"),
    [
        (LOCAL, "127.0.0.1", HERE, Door("open")),
        (LOCAL, "::1", {"host": "[::1]:8060"}, Door("open")),
        # Another machine, another name that leads to this one, and a proxy on this machine.
        (LOCAL, "192.0.2.7", HERE, Door("closed")),
        (LOCAL, "127.0.0.1", {"host": "evil.example"}, Door("closed")),
        (LOCAL, "127.0.0.1", {}, Door("closed")),
        (LOCAL, "127.0.0.1", {**HERE, "x-forwarded-for": "192.0.2.7"}, Door("closed")),
        (LOCAL, "127.0.0.1", {**HERE, "forwarded": "for=192.0.2.7"}, Door("closed")),
        (LOCAL, "127.0.0.1", {**HERE, "x-forwarded-proto": "https"}, Door("closed")),
        (LOCAL, "127.0.0.1", {**HERE, "cf-connecting-ip": "192.0.2.7"}, Door("closed")),
        # Whoever listens for others is never open, nor is what has a way to sign in.
        (Ways(is_local=False), "127.0.0.1", HERE, Door("closed")),
        (Ways(is_local=True, has_oidc=True), "127.0.0.1", HERE, Door("oidc")),
        (PROXY, "10.1.2.3", ANNA, Door("person", "anna@agency.example")),
        (PROXY, "192.0.2.7", ANNA, Door("closed")),
        (PROXY, "10.1.2.3", {}, Door("closed")),
        (OIDC, "192.0.2.7", {}, Door("oidc")),
        (PROXY, "192.0.2.7", {"cookie": f"a=b; {COOKIE}=t.1.s"}, Door("share", "t.1.s")),
        (LOCAL, "127.0.0.1", {**HERE, "cookie": f"{COOKIE}=t.1.s"}, Door("share", "t.1.s")),
        # Another program of the host has cookies that no standard knows.
        (PROXY, "192.0.2.7", {"cookie": f'a={{"b": [1, 2]}}; {COOKIE}=t.1.s'}, Door("share", "t.1.s")),
    ],
)
def test_the_door_follows_from_the_socket_and_from_who_may_speak_for_somebody(ways, peer, headers, expected):
    assert door_of(ways, peer, headers) == expected


def _client(ways, peer="127.0.0.1"):
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.headers.get(HEADER, "none"))

    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(socket.headers[HEADER])
        await socket.close()

    routes = [
        Route("/", page),
        Route("/health", page),
        Route("/overview", page),
        WebSocketRoute("/s", stream),
    ]
    return TestClient(
        Doors(Starlette(routes=routes), ways), base_url="http://localhost:8060", client=(peer, 4000)
    )


def test_what_somebody_says_of_their_own_door_is_taken_away():
    answer = _client(LOCAL).get("/", headers={HEADER: Door("person", "boss").text})

    assert Door.of(answer.text) == Door("open")


def test_a_name_that_is_said_twice_is_nobodys():
    twice = [("X-Forwarded-Email", "boss@agency.example"), ("x-forwarded-email", "eve@x.example")]

    assert Door.of(_client(PROXY, peer="10.1.2.3").get("/", headers=twice[1:]).text).said == "eve@x.example"
    assert _client(PROXY, peer="10.1.2.3").get("/", headers=twice).status_code == 403


def test_without_a_door_nothing_is_shown_but_whether_the_process_answers():
    client = _client(LOCAL, peer="192.0.2.7")

    assert client.get("/").status_code == 403
    assert client.get("/health").status_code == 200
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://localhost:8060/s"):
        pass


def test_a_page_of_another_site_cannot_open_our_websocket():
    client = _client(LOCAL)

    own = {"origin": "http://localhost:8060"}
    with client.websocket_connect("ws://localhost:8060/s", headers=own) as socket:
        assert Door.of(socket.receive_text()) == Door("open")
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://localhost:8060/s", headers={"origin": "https://evil.example"}),
    ):
        pass


def test_an_origin_that_is_none_opens_no_websocket():
    origin = {"origin": "http://["}

    with (
        pytest.raises(WebSocketDisconnect),
        _client(LOCAL).websocket_connect("ws://localhost:8060/s", headers=origin),
    ):
        pass


def test_a_token_that_nobody_gave_out_is_a_cookie_too_and_shows_nothing():
    answer = _client(PROXY).get("/", params={"share": "☃\n;"}, follow_redirects=False)

    assert answer.status_code == 303
    kept = _client(PROXY).get("/", headers={"cookie": answer.headers["set-cookie"].partition(";")[0]})
    assert Door.of(kept.text).kind == "share"


def test_the_token_of_a_link_becomes_a_cookie_that_no_script_reads_and_leaves_the_address():
    answer = _client(PROXY).get(
        "/overview?share=t.1.s&period=7d", headers={"x-forwarded-proto": "https"}, follow_redirects=False
    )

    assert (answer.status_code, answer.headers["location"]) == (303, "/overview?period=7d")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in (f"{COOKIE}=t.1.s", "httponly", "secure", "samesite=lax"))


def test_a_link_cannot_send_somebody_to_another_host():
    answer = _client(PROXY).get("http://localhost:8060//evil.example/?share=t", follow_redirects=False)

    assert answer.headers["location"] == "/evil.example/"


def test_every_answer_says_that_nothing_comes_from_elsewhere_and_that_nobody_may_frame_it():
    for path in ("/", "/health"):
        headers = _client(LOCAL).get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert "http" not in policy and "*" not in policy
        assert headers["referrer-policy"] == "no-referrer"
