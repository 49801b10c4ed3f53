"""Billing messages: at least once, the same id, always signed, and never to an address that is not public."""

import base64
import json
import random
import socket
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from footfall.guard import Forbidden, Unresolved, checked
from orchestration.discovery.database import registry, transaction
from orchestration.discovery.posting import Endpoint, post_due
from orchestration.webhooks import outbox
from orchestration.webhooks.endpoint import Outcome, headers, send

SECRET = "whsec_" + base64.b64encode(b"first secret of 24 bytes").decode()
NEXT_SECRET = "whsec_" + base64.b64encode(b"the next secret, also 24").decode()


@pytest.fixture
def book(tmp_path):
    with registry(tmp_path / "registry.sqlite") as connection:
        yield connection


class Receiver:
    """A receiver of one's own: answers by a script, keeps what it got."""

    def __init__(self, answers):
        self.got = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = answers(headers["webhook-id"])
                if answer != "lost":
                    receiver.got.append((headers, body.decode()))
                if isinstance(answer, int):
                    self.send_response(answer)
                    if answer in (301, 302, 307):
                        self.send_header("location", "http://169.254.169.254/latest/meta-data")
                    if answer == 429:
                        self.send_header("retry-after", "120")
                    self.send_header("content-length", "0")
                    self.end_headers()
                else:  # hangs up, before or after it took the message
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/billing"


@contextmanager
def receiver(answers=lambda _: 204):
    made = Receiver(answers)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


class Clock:
    """A clock that the test turns. Signatures are checked against the true time, so it starts there."""

    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now

    def turn(self, **span):
        self.now += timedelta(**span)


def put(book, clock, count=1):
    with transaction(book):
        for n in range(count):
            outbox.add(
                book, f"domain.activated:demo:d{n}.example:1", "demo", "domain.activated", {"n": n}, clock()
            )


def post(book, made, clock, **options):
    endpoint = Endpoint(made.url, options.pop("secrets", (SECRET,)), allow_private=True)
    return post_due(book, endpoint, clock, **options)


def states(book):
    return Counter(message.state for message in outbox.listing(book))


def test_a_message_arrives_signed_and_says_whom_it_is_of(book):
    clock = Clock()
    put(book, clock)
    with receiver() as made:
        assert post(book, made, clock).delivered == 1
    headers, body = made.got[0]
    said = Webhook(SECRET).verify(body, headers)
    assert said["type"] == "domain.activated"
    assert said["data"] == {"client_id": "demo", "n": 0}
    assert headers["webhook-id"] == "domain.activated:demo:d0.example:1"


def test_while_a_secret_changes_both_verify_and_a_third_does_not(book):
    clock = Clock()
    put(book, clock)
    with receiver() as made:
        post(book, made, clock, secrets=(SECRET, NEXT_SECRET))
    headers, body = made.got[0]
    assert Webhook(SECRET).verify(body, headers)
    assert Webhook(NEXT_SECRET).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(base64.b64encode(b"somebody else's secret").decode()).verify(body, headers)


@pytest.mark.parametrize("answer", [301, 302, 307, 400, 404, 500, 503, "hang up", "lost"])
def test_all_but_success_is_tried_again_by_the_published_schedule(book, answer):
    clock = Clock()
    put(book, clock)
    with receiver(lambda _: answer) as made:
        post(book, made, clock)
        waits = []
        for _ in range(3):
            (message,) = outbox.listing(book)
            waits.append((message.next_at - clock()).total_seconds())
            clock.now = message.next_at
            post(book, made, clock)
    assert [5 <= waits[0] <= 6, 300 <= waits[1] <= 331, 1800 <= waits[2] <= 1981] == [True] * 3
    assert {headers["webhook-id"] for headers, _ in made.got} <= {"domain.activated:demo:d0.example:1"}


def test_the_schedule_lasts_three_days_and_then_the_endpoint_rests_and_nothing_is_lost(book):
    clock = Clock()
    put(book, clock)
    begun = clock()
    with receiver(lambda _: 500) as made:
        for _ in range(len(outbox.SCHEDULE)):
            post(book, made, clock)
            (message,) = outbox.listing(book)
            if message.state == "failed":
                break
            clock.now = message.next_at
    assert message.state == "failed"
    assert clock() - begun >= timedelta(hours=75)
    assert "500" in outbox.disabled(book)
    with transaction(book):
        assert outbox.replay(book, clock()) == 1
    with receiver() as made:
        clock.now = datetime.now(UTC)
        with transaction(book):
            outbox.replay(book, clock(), message.id)
        assert post(book, made, clock).delivered == 1
    assert outbox.disabled(book) is None


def test_what_waits_for_a_later_attempt_is_sent_at_once_when_somebody_says_so(book):
    clock = Clock()
    put(book, clock, 2)
    with receiver(lambda _: 500) as made:
        post(book, made, clock)
    with receiver() as made:
        assert post(book, made, clock).delivered == 0
        assert [outbox.replay(book, clock()), post(book, made, clock).delivered] == [2, 2]
        assert outbox.replay(book, clock()) == 0


def test_a_receiver_that_is_gone_gets_nothing_more_until_somebody_says_so(book):
    clock = Clock()
    put(book, clock, 3)
    with receiver(lambda _: 410) as made:
        post(book, made, clock)
        clock.turn(days=2)
        post(book, made, clock)
    assert len(made.got) == 1
    assert "410" in outbox.disabled(book)
    assert states(book) == {"waiting": 3}


def test_a_receiver_that_asks_for_time_gets_it(book):
    clock = Clock()
    put(book, clock)
    with receiver(lambda _: 429) as made:
        post(book, made, clock)
    (message,) = outbox.listing(book)
    assert message.next_at - clock() >= timedelta(seconds=119)


def test_the_same_change_is_one_message(book):
    clock = Clock()
    put(book, clock)
    put(book, clock)
    assert len(list(outbox.listing(book))) == 1


def test_a_change_that_is_rolled_back_leaves_no_message(book):
    clock = Clock()
    with pytest.raises(KeyboardInterrupt), transaction(book):
        outbox.add(book, "x", "demo", "domain.activated", {}, clock())
        raise KeyboardInterrupt
    assert list(outbox.listing(book)) == []


@pytest.mark.parametrize("messages", [200, pytest.param(1000, marks=pytest.mark.proof)])
def test_under_random_faults_every_message_arrives_signed_under_one_id(book, messages):
    clock = Clock()
    put(book, clock, messages)
    chance = random.Random(7)
    faults = [204, 204, 200, 500, 503, 429, 302, "hang up", "lost"]
    with receiver(lambda _: chance.choice(faults)) as made:
        for _ in range(60):
            # The signature's time is the sender's; a receiver allows five minutes.
            post(book, made, clock, budget_seconds=60)
            with transaction(book):
                book.execute("UPDATE outbox SET attempts = min(attempts, 3), next_at = created_at")
            if states(book) == {"delivered": messages}:
                break
    arrived = Counter()
    for fields, body in made.got:
        Webhook(SECRET).verify(body, fields)
        arrived[fields["webhook-id"]] += 1
    assert len(arrived) == messages
    assert states(book) == {"delivered": messages}


# Addresses that must not be connected to

FORBIDDEN = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "192.168.255.255",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "100.64.0.1",
    "100.127.255.254",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    *("192.0.0.192", "192.88.99.1", "168.63.129.16", "a" * 64 + ".example"),
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::]",
    "[2001:0:7f00:1::]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[100::1]",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "ip6-localhost",
]
URLS = [
    *(f"https://{host}/s3cret" for host in FORBIDDEN),
    "http://93.184.216.34/s3cret",
    "ftp://93.184.216.34/s3cret",
    "file:///etc/passwd",
    "gopher://127.0.0.1:25/",
    "https://user:password@93.184.216.34/",
    "https://93.184.216.34@127.0.0.1/",
    "https://93.184.216.34#@127.0.0.1/",
    "https://127.0.0.1\\@93.184.216.34/",
    "https://exa mple.com/",
    "https://%31%32%37.0.0.1/",
    "https://\u2460\u2461\u2466.0.0.1/",
    "https:///s3cret",
    "https://:443/s3cret",
    "https://93.184.216.34:99999/",
    "//127.0.0.1/",
    "s3cret",
    "",
]


class NoConnections:
    """Fails the test when anything connects while it is in force: the socket itself is watched."""

    def __init__(self, monkeypatch):
        self.made = []

        def connect(_socket, address):
            self.made.append(address)
            raise ConnectionRefusedError(f"the test forbids {address}")

        monkeypatch.setattr(socket.socket, "connect", connect)


def test_there_are_at_least_sixty_forms():
    assert len(set(URLS)) >= 60


@pytest.mark.parametrize("url", URLS)
def test_no_form_of_a_forbidden_address_is_connected_to(url, monkeypatch):
    watched = NoConnections(monkeypatch)
    attempt = send(url, "id", "{}", [SECRET], datetime.now(UTC))
    assert watched.made == []
    assert attempt.outcome in (Outcome.FORBIDDEN, Outcome.RETRY)
    assert "s3cret" not in attempt.said, "a path may hold a secret, and this is shown to people"


def test_every_address_of_a_name_must_be_public_not_the_first_alone():
    with pytest.raises(Forbidden, match="not public"):
        checked("https://two.example/", resolve=lambda *_: ["93.184.216.34", "10.0.0.1"])


def test_a_name_that_changes_between_check_and_connection_gains_nothing(monkeypatch):
    """The connection goes to the address that was checked; the name is not resolved again."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    watched = NoConnections(monkeypatch)
    send("https://rebind.example/", "id", "{}", [SECRET], datetime.now(UTC), resolve=lambda *_: next(answers))
    assert {address[0] for address in watched.made} == {"93.184.216.34"}


def test_a_redirect_is_a_failure_and_is_not_followed(book):
    clock = Clock()
    put(book, clock)
    with receiver(lambda _: 302) as made:
        assert post(book, made, clock).failed == 1
    assert len(made.got) == 1


def test_a_name_without_an_address_is_tried_again_later():
    def nothing(*_):
        raise socket.gaierror("no such name")

    with pytest.raises(Unresolved):
        checked("https://gone.example/", resolve=nothing)


def test_the_list_of_messages_is_complete_and_in_order(book):
    clock = Clock()
    put(book, clock, 25)
    first = list(islice(outbox.listing(book), 10))
    rest = list(outbox.listing(book, after=first[-1].sequence))
    assert [json.loads(m.body)["data"]["n"] for m in [*first, *rest]] == list(range(25))


def test_the_receiver_of_the_documents_takes_each_message_once_and_refuses_a_forged_one():
    text = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    billed = []
    names = {"bill": lambda kind, data: billed.append((kind, data))}
    exec(code, names)
    body = '{"type": "domain.activated", "data": {"domain": "shop.example"}}'
    signed = headers("id-1", body, [SECRET], datetime.now(UTC))
    seen = set()
    answers = [names["receive"](body, signed, SECRET, seen) for _ in range(2)]
    forged = names["receive"](body.replace("shop", "evil"), signed, SECRET, seen)
    assert (answers, forged, len(billed)) == ([204, 204], 401, 1)
