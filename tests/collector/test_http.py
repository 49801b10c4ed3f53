"""The server on raw sockets: what it reads, in which order it answers, and whom it does not wait for."""

import asyncio
import json
import re
import socket
from dataclasses import replace

import pytest
import uvloop
from support.waiting import PATIENCE

from collector.app import REFUSALS
from collector.server.connection import SLICE
from collector.server.http import Limits, Server
from collector.server.message import Answer, Pending, Request, Trouble
from footfall.event import MAX_BODY_BYTES

#: So long that no request meets them on a busy machine; a test of one of them makes that one short.
LIMITS = Limits(
    MAX_BODY_BYTES,
    head_seconds=PATIENCE,
    body_seconds=PATIENCE,
    idle_seconds=PATIENCE,
    write_seconds=PATIENCE,
    linger_seconds=0.3,
)
#: So short that a test can wait for it.
SOON = 0.3
POST = b"POST /x HTTP/1.1\r\nhost: a\r\n"


class Echo:
    """Answers what it was asked. /pending waits for `commit`, /later is a coroutine that waits for it."""

    def __init__(self):
        self.seen: list[Request] = []
        self.refused: list[Trouble] = []
        self.settled = 0
        self.commit = asyncio.get_running_loop().create_future()

    def handle(self, request):
        self.seen.append(request)
        told = {
            "method": request.method,
            "path": request.path,
            "query": request.query.decode("latin-1"),
            "body": len(request.body),
            "trouble": request.trouble and request.trouble.name,
        }
        status = REFUSALS[request.trouble].status if request.trouble else 200
        answer = Answer(status, [(b"x-path", request.path.encode())], json.dumps(told).encode())
        if request.path == "/pending":
            return Pending(self.commit, answer)
        if request.path == "/later":
            return self._later(answer)
        if request.path == "/large":
            return Answer(200, [], b"x" * 4_000_000)
        if request.path == "/nothing":
            return Answer(204, [])
        return answer

    async def _later(self, answer):
        await asyncio.wait([self.commit])
        return answer

    def settle(self, pending):
        self.settled += 1
        return pending.answer if pending.durable.exception() is None else Answer(503, [])

    def refuse(self, trouble):
        self.refused.append(trouble)
        refusal = REFUSALS[trouble]
        return Answer(refusal.status, [(b"x-footfall-reason", refusal.code.encode())])


class Peer:
    """The other end of a connection: sends bytes, reads answers."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, head=False):
        """Status, headers and body of the next answer; None where the connection has ended."""
        try:
            first = await asyncio.wait_for(self.reader.readline(), 120)
        except ConnectionError:
            first = b""
        if not first:
            return None
        headers = {}
        while (line := await self.reader.readline()) != b"\r\n":
            name, _, value = line.decode().strip().partition(": ")
            headers[name] = value
        body = b"" if head else await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(first.split()[1]), headers, body

    async def ends(self):
        """Whether the server ends the connection, without another byte."""
        try:
            return await asyncio.wait_for(self.reader.read(1), PATIENCE) == b""
        except ConnectionError:
            return True


def serving(test, limits=LIMITS, loop=uvloop.run):
    """Run `test(application, server, connect)` against a server."""

    async def go():
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        application = Echo()
        server = Server(application, limits)
        await server.start(listener, backlog=100)
        peers = []

        async def connect(data=b""):
            peers.append(Peer(*await asyncio.open_connection(*address)))
            if data:
                await peers[-1].send(data)
            return peers[-1]

        try:
            await asyncio.wait_for(test(application, server, connect), 300)
        finally:
            for peer in peers:
                peer.writer.transport.abort()
            await server.drain(0.5)
        assert server.unfinished == 0 and not server._waiting

    loop(go())


def ask(raw, **options):
    """The answers to raw bytes, up to the end that the server makes, and what was seen and refused."""
    found = []

    async def test(application, _server, connect):
        peer = await connect(raw)
        head = raw.startswith(b"HEAD")
        while (answer := await peer.answer(head=head)) is not None:
            found.append(answer)
        found.append([application.seen, application.refused])

    serving(test, **options)
    return found[:-1], *found[-1]


# What is read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", [uvloop.run, asyncio.run])
def test_a_request_arrives_as_it_was_sent(loop):
    raw = (
        b"POST /a%20b/%C3%BC?x=%41&y HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nUser-Agent:  F  \r\n"
        b"x-forwarded-for: 2.2.2.2\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
    )
    answers, [request], _ = ask(raw, loop=loop)

    assert (request.method, request.path, request.query) == ("POST", "/a b/ü", b"x=%41&y")
    assert request.headers[b"x-forwarded-for"] == b"1.1.1.1, 2.2.2.2"
    assert request.headers[b"user-agent"].strip() == b"F"
    assert (request.body, request.trouble, request.peer) == (b"body", None, "127.0.0.1")
    [(status, headers, _)] = answers
    assert (status, headers["connection"]) == (200, "close")
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", headers["date"])


def test_a_request_that_comes_byte_by_byte_is_the_same():
    raw = POST + b"content-length: 4\r\nconnection: close\r\n\r\nbody"

    async def test(application, _server, connect):
        peer = await connect()
        for byte in raw:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await peer.answer())[0] == 200
        assert application.seen[0].body == b"body"
        assert application.seen[0].path == "/x"

    serving(test)


def test_chunks_are_one_body_and_trailers_are_no_headers():
    raw = POST + b"transfer-encoding: chunked\r\nx-forwarded-for: 1.1.1.1\r\n\r\n"
    raw += b"2;ext=1\r\nab\r\n3\r\ncde\r\n0\r\nx-forwarded-for: 6.6.6.6\r\n\r\n"
    answers, [first, second], _ = ask(raw + b"GET /2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")

    assert (first.body, first.headers[b"x-forwarded-for"]) == (b"abcde", b"1.1.1.1")
    assert (second.path, b"x-forwarded-for" in second.headers) == ("/2", False)
    assert [status for status, _, _ in answers] == [200, 200]


def test_the_form_for_proxies_names_the_same_path():
    _, [request], _ = ask(b"GET http://a.example/p?q=/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")

    assert (request.path, request.query) == ("/p", b"q=/1")


@pytest.mark.parametrize(
    ("first", "status", "stays"),
    [
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", 200, True),
        (b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 200, False),
        (b"GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, close\r\n\r\n", 200, False),
        (b"GET / HTTP/1.0\r\n\r\n", 200, False),
        (b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", 200, True),
        (POST + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 1\r\n\r\nx", 200, False),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", 200, False),
        (b"GET / HTTP/1.1\r\n\r\n", 400, False),
    ],
)
def test_a_connection_stays_as_its_request_says(first, status, stays):
    async def test(_application, _server, connect):
        peer = await connect(first)
        answer = await peer.answer()
        assert (answer[0], answer[1].get("connection") == "close") == (status, not stays)
        if b"1.0" in first and stays:
            assert answer[1]["connection"] == "keep-alive"
        if stays:
            await peer.send(b"GET /again HTTP/1.1\r\nhost: a\r\n\r\n")
            assert (await peer.answer())[1]["x-path"] == "/again"
        else:
            assert await peer.ends()

    serving(test)


def test_head_is_answered_without_its_body_and_204_without_a_length():
    (answer,), _, _ = ask(b"HEAD /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert int(answer[1]["content-length"]) > 0

    (answer,), _, _ = ask(b"POST /nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert (answer[0], "content-length" in answer[1]) == (204, False)


def test_who_asks_first_is_told_to_go_on():
    async def test(application, _server, connect):
        peer = await connect(POST + b"content-length: 2\r\nexpect: 100-continue\r\n\r\n")
        assert await peer.reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await peer.send(b"ab")
        assert (await peer.answer())[0] == 200
        assert application.seen[0].body == b"ab"
        # Behind a request that is not answered yet, its answer comes first.
        await peer.send(b"GET /pending HTTP/1.1\r\nhost: a\r\n\r\n")
        await peer.send(POST + b"content-length: 2\r\nexpect: 100-continue\r\n\r\n")
        await asyncio.sleep(0.05)
        application.commit.set_result(None)
        assert (await peer.answer())[1]["x-path"] == "/pending"
        assert await peer.reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await peer.send(b"cd")
        assert (await peer.answer())[0] == 200

    serving(test)


# What is refused ------------------------------------------------------------------------------------

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
END = b"0\r\n\r\n"
IN_DOUBT = {
    "length and chunks": POST + b"content-length: 5\r\n" + CHUNKED + b"\r\n" + END,
    "chunks and length": POST + CHUNKED + b"content-length: 5\r\n\r\n" + END,
    "two lengths": POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\n" + END,
    "the same length twice": POST + b"content-length: 5\r\ncontent-length: 5\r\n\r\n" + END,
    "a list of lengths": POST + b"content-length: 5, 5\r\n\r\n" + END,
    "a signed length": POST + b"content-length: +5\r\n\r\n" + END,
    "a hexadecimal length": POST + b"content-length: 0x5\r\n\r\n" + END,
    "an endless length": POST + b"content-length: 99999999999999999999\r\n\r\n" + END,
    "another coding first": POST + b"transfer-encoding: gzip, chunked\r\n\r\n" + END,
    "another coding last": POST + b"transfer-encoding: chunked, gzip\r\n\r\n" + END,
    "an unknown coding": POST + b"transfer-encoding: xchunked\r\n\r\n" + END,
    "chunked twice": POST + CHUNKED + CHUNKED + b"\r\n" + END,
    "chunks in HTTP/1.0": b"POST /x HTTP/1.0\r\nconnection: keep-alive\r\n" + CHUNKED + b"\r\n" + END,
    "a blank before the colon": POST + b"transfer-encoding : chunked\r\n\r\n" + END,
    "a folded header": POST + b"a: b\r\n transfer-encoding: chunked\r\n\r\n",
    "bare line feeds": b"POST /x HTTP/1.1\nhost: a\ncontent-length: 5\n\n" + END,
    "a bare carriage return": POST + b"a: b\rcontent-length: 5\r\n\r\n",
    "a zero byte": POST + b"a: b\x00c\r\n\r\n",
    "an empty header name": POST + b": b\r\n\r\n",
    "a length in a trailer": POST + CHUNKED + b"\r\n1\r\na\r\n0\r\ncontent-length: 9\r\n\r\n",
    "a chunk size that is none": POST + CHUNKED + b"\r\nzz\r\nab\r\n" + END,
    "a signed chunk size": POST + CHUNKED + b"\r\n+2\r\nab\r\n" + END,
    "a chunk longer than its size": POST + CHUNKED + b"\r\n1\r\nab\r\n" + END,
    "two hosts": POST + b"host: b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3": b"GET / HTTP/3.0\r\nhost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
    "an unknown method": b"FETCH / HTTP/1.1\r\nhost: a\r\n\r\n",
    "a blank in the path": b"GET /a b HTTP/1.1\r\nhost: a\r\n\r\n",
}


@pytest.mark.parametrize("case", IN_DOUBT)
def test_a_request_whose_end_is_in_doubt_is_refused_and_nothing_behind_it_is_read(case):
    answers, seen, refused = ask(IN_DOUBT[case] + SMUGGLED)

    assert [status for status, _, _ in answers] == [400]
    assert answers[0][1]["connection"] == "close"
    assert "/smuggled" not in [request.path for request in seen]
    assert all(request.trouble for request in seen) and len(seen) + len(refused) == 1


LONG = b"x" * (LIMITS.head_bytes + SLICE)
HEADS = {
    "a long target": b"GET /" + LONG + b" HTTP/1.1\r\nhost: a\r\n\r\n",
    "an endless target": b"GET /" + LONG * 40,
    "a long header": POST + b"a: " + LONG + b"\r\n\r\n",
    "an endless header": POST + b"a: " + LONG * 40,
    "an endless name": POST + LONG * 40,
    "many headers": POST + b"".join(b"h%d: 1\r\n" % n for n in range(101)) + b"\r\n",
    "endless headers": POST + b"".join(b"h%d: 1\r\n" % n for n in range(100_000)),
    "one header again and again": POST + b"a: 12345678\r\n" * 1000 + b"\r\n",
}


@pytest.mark.parametrize("case", HEADS)
def test_a_head_beyond_its_limits_is_431(case):
    answers, seen, refused = ask(HEADS[case])

    assert [(s, h["x-footfall-reason"]) for s, h, _ in answers] == [(431, "head_too_large")]
    assert not seen and refused == [Trouble.HEAD_TOO_LARGE]


def test_no_more_of_a_large_body_is_kept_than_its_limit_and_the_sender_can_read_why():
    small = replace(LIMITS, body_bytes=50_000)
    lengthy = POST + b"content-length: 9000000\r\n\r\n" + b"x" * 9_000_000
    chunked = POST + CHUNKED + b"\r\n" + (b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 300

    for raw in (lengthy, chunked):
        answers, [request], _ = ask(raw, limits=small)
        assert [status for status, _, _ in answers] == [413]
        assert request.trouble is Trouble.BODY_TOO_LARGE
        assert 50_000 < len(request.body) <= 50_000 + 0x4000


def test_a_large_body_that_was_announced_first_is_refused_before_it_is_sent():
    answers, [request], _ = ask(POST + b"content-length: 512001\r\nexpect: 100-continue\r\n\r\n")

    assert [status for status, _, _ in answers] == [413]
    assert (request.trouble, request.body) == (Trouble.BODY_TOO_LARGE, b"")


@pytest.mark.parametrize("chunk", [b"1\r\nx\r\n", b"1;" + b"e" * 500 + b"\r\nx\r\n"])
def test_framing_that_outweighs_its_body_is_bounded(chunk):
    small = replace(LIMITS, body_bytes=20_000)
    answers, [request], _ = ask(POST + CHUNKED + b"\r\n" + chunk * (800_000 // len(chunk)), limits=small)

    assert [status for status, _, _ in answers] == [413]
    assert len(request.body) <= 20_001


def test_endless_trailers_are_bounded():
    small = replace(LIMITS, body_bytes=20_000)
    trailers = b"".join(b"t%d: 1\r\n" % n for n in range(20_000))
    answers, [request], _ = ask(POST + CHUNKED + b"\r\n1\r\nx\r\n0\r\n" + trailers, limits=small)

    assert [status for status, _, _ in answers] == [413]
    assert request.body == b"x"


def test_unfinished_bodies_of_all_connections_together_are_bounded():
    small = replace(LIMITS, unfinished_bytes=100_000)
    part = POST + b"content-length: 60000\r\n\r\n" + b"x" * 40_000

    async def test(application, server, connect):
        peers = [await connect(part) for _ in range(2)]
        while server.unfinished != 80_000:
            await asyncio.sleep(0.01)
        third = await connect(part)
        assert (await third.answer())[0] == 503
        for peer in peers:
            await peer.send(b"x" * 20_000)
            assert (await peer.answer())[0] == 200
        assert application.refused == [Trouble.OVERLOADED]

    serving(test, limits=small)


def test_a_connection_too_many_is_503_and_a_place_that_gets_free_is_given():
    async def test(application, server, connect):
        peers = [await connect() for _ in range(3)]
        while len(server.connections) < 3:
            await asyncio.sleep(0.01)
        fourth = await connect()
        assert (await fourth.answer())[0] == 503
        assert await fourth.ends()
        peers[0].writer.close()
        while len(server.connections) == 3:
            await asyncio.sleep(0.01)
        assert (await (await connect(POST + b"content-length: 0\r\n\r\n")).answer())[0] == 200
        assert application.refused == [Trouble.OVERLOADED]

    serving(test, limits=replace(LIMITS, connections=3))


# Who is not waited for ------------------------------------------------------------------------------


def test_who_says_nothing_is_let_go():
    async def test(_application, _server, connect):
        assert await (await connect()).ends()

    serving(test, limits=replace(LIMITS, head_seconds=SOON))


@pytest.mark.parametrize("drip", [b"x", b"\r\n"])
def test_a_head_that_comes_too_slowly_is_let_go_however_it_drips(drip):
    async def test(application, _server, connect):
        peer = await connect(b"GET / HTTP/1.1\r\n" if drip == b"x" else b"")

        async def drop():
            while True:
                await asyncio.sleep(0.02)
                peer.writer.write(drip)

        dripping = asyncio.create_task(drop())
        found = await peer.answer()
        dripping.cancel()
        await asyncio.wait([dripping])
        assert found is None or found[0] == 408
        assert not application.seen

    serving(test, limits=replace(LIMITS, head_seconds=SOON))


def test_a_body_that_comes_too_slowly_is_handed_over_as_far_as_it_came():
    slow = replace(LIMITS, body_seconds=SOON)
    answers, [request], _ = ask(POST + b"content-length: 9\r\n\r\nhalf", limits=slow)

    assert [(status, headers["connection"]) for status, headers, _ in answers] == [(400, "close")]
    assert (request.trouble, request.body) == (Trouble.BODY_UNFINISHED, b"half")


def test_an_idle_connection_is_closed_and_one_that_waits_for_its_commit_is_not():
    async def test(application, server, connect):
        idle = await connect(POST + b"content-length: 0\r\n\r\n")
        assert (await idle.answer())[0] == 200
        waiting = await connect(b"GET /pending HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        assert await idle.ends()
        await asyncio.sleep(2 * SOON)
        assert len(server.connections) == 1
        application.commit.set_result(None)
        assert (await waiting.answer())[0] == 200

    serving(test, limits=replace(LIMITS, idle_seconds=SOON))


def test_who_does_not_read_its_answers_is_not_read_from_and_let_go():
    async def test(application, server, connect):
        peer = await connect()
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.reader._transport.pause_reading()
        for _ in range(10):
            peer.writer.write(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
            await asyncio.sleep(0.02)
        assert len(application.seen) == 1
        while server.connections:
            await asyncio.sleep(0.02)
        assert len(application.seen) == 1

    serving(test, limits=replace(LIMITS, write_seconds=SOON))


def test_half_a_body_of_a_sender_that_went_away_is_handed_over():
    async def test(application, server, connect):
        peer = await connect(POST + b"content-length: 9\r\n\r\nhalf")
        while not server.connections:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        peer.writer.transport.abort()
        while not application.seen:
            await asyncio.sleep(0.01)
        assert application.seen[0].trouble is Trouble.BODY_UNFINISHED

    serving(test)


# Order and waiting ----------------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_their_order():
    async def test(application, _server, connect):
        paths = ["/later", "/now", "/pending", "/nothing", "/pending", "/later", "/end"]
        peer = await connect(b"".join(f"GET {p} HTTP/1.1\r\nhost: a\r\n\r\n".encode() for p in paths))
        while len(application.seen) < len(paths):
            await asyncio.sleep(0.01)
        assert not peer.reader._buffer
        application.commit.set_result(None)
        found = [(await peer.answer())[1].get("x-path", "/nothing") for _ in paths]
        assert found == paths
        assert application.settled == 2

    serving(test)


def test_pipelined_requests_beyond_the_bound_wait_unread_and_none_is_lost():
    few = replace(LIMITS, pipelined=4)
    count = 20_000

    async def test(application, server, connect):
        peer = await connect(b"GET /pending HTTP/1.1\r\nhost: a\r\n\r\n")

        async def send():
            for n in range(count):
                await peer.send(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % n)

        sending = asyncio.create_task(send())
        await asyncio.sleep(0.2)
        held = len(application.seen)
        assert held < SLICE / 30 + few.pipelined
        application.commit.set_result(None)
        assert (await peer.answer())[1]["x-path"] == "/pending"
        for n in range(count):
            assert (await peer.answer())[1]["x-path"] == f"/{n}"
        await sending
        assert len(server.connections) == 1

    serving(test, limits=few)


def test_many_connections_wait_for_one_commit_and_one_that_is_gone_harms_no_other():
    async def test(application, server, connect):
        peers = [await connect(b"GET /pending HTTP/1.1\r\nhost: a\r\n\r\n") for _ in range(50)]
        while len(application.seen) < 50:
            await asyncio.sleep(0.01)
        for peer in peers[::2]:
            peer.writer.transport.abort()
        await asyncio.sleep(0.05)
        assert len(server._waiting) == 1
        application.commit.set_result(None)
        for peer in peers[1::2]:
            assert (await peer.answer())[0] == 200
        assert application.settled == 50  # counted, whether or not anybody heard

    serving(test)


def test_a_commit_that_fails_is_the_answer_of_the_application():
    async def test(application, _server, connect):
        peer = await connect(b"GET /pending HTTP/1.1\r\nhost: a\r\n\r\n")
        while not application.seen:
            await asyncio.sleep(0.01)
        application.commit.set_exception(OSError("disk"))
        assert (await peer.answer())[0] == 503

    serving(test)


def test_who_has_said_everything_still_gets_its_answers():
    async def test(application, _server, connect):
        peer = await connect(b"GET /pending HTTP/1.1\r\nhost: a\r\n\r\nGET /now HTTP/1.1\r\nhost: a\r\n\r\n")
        peer.writer.write_eof()
        await asyncio.sleep(0.1)
        application.commit.set_result(None)
        assert (await peer.answer())[1]["x-path"] == "/pending"
        assert (await peer.answer())[1]["x-path"] == "/now"
        assert await peer.ends()

    serving(test)


# The end --------------------------------------------------------------------------------------------


def test_a_drain_finishes_what_is_under_way_and_closes_what_is_idle():
    async def test(application, server, connect):
        idle = await connect(POST + b"content-length: 0\r\n\r\n")
        assert (await idle.answer())[0] == 200
        waiting = await connect(b"GET /pending HTTP/1.1\r\nhost: a\r\n\r\n")
        half = await connect(POST + b"content-length: 4\r\n\r\nbo")
        while len(application.seen) < 2:
            await asyncio.sleep(0.01)
        draining = asyncio.create_task(server.drain(PATIENCE))
        assert await idle.ends()
        with pytest.raises(ConnectionRefusedError):
            await connect()
        await half.send(b"dy")
        assert (await half.answer())[1]["connection"] == "close"
        application.commit.set_result(None)
        assert (await waiting.answer())[0] == 200
        await draining
        assert not server.connections

    serving(test)


def test_a_drain_does_not_wait_for_ever():
    async def test(application, server, connect):
        peer = await connect(b"GET /pending HTTP/1.1\r\nhost: a\r\n\r\n")
        while not application.seen:
            await asyncio.sleep(0.01)
        await server.drain(0.1)
        assert await peer.ends()
        application.commit.set_result(None)
        await asyncio.sleep(0)

    serving(test)
