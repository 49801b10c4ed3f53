"""Reports by the channels of alerts: a real mail over SMTP, with the page in it and attached."""

import email
import email.policy
import socket
import threading
from contextlib import contextmanager

import pytest
from support.reported import MONTHLY, Reporting

from footfall.errors import FootfallError
from footfall.report.letter import Letter
from orchestration.alerting.alert import Alert
from orchestration.alerting.letters import mailing_for, send
from orchestration.alerting.printing import NoChromium, to_pdf
from orchestration.alerting.routes import load_routes

ROUTES = """\
routes:
  - {name: mail, to: env:MAIL_URL, alerts: false}
  - {name: others, to: env:MAIL_URL, clients: [agency]}
  - {name: hook, to: env:HOOK_URL}
"""


@contextmanager
def mail_server():
    """A server that takes one mail, and its text once the block is over."""
    got = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)

        def serve():
            connection, _ = listening.accept()
            with connection, connection.makefile("rwb", buffering=0) as peer:
                peer.write(b"220 mail.example\r\n")
                while line := peer.readline():
                    word = line[:4].upper()
                    if word == b"DATA":
                        peer.write(b"354 go on\r\n")
                        lines = iter(peer.readline, b".\r\n")
                        got.append(b"".join(part.removeprefix(b".") for part in lines))
                    peer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                    if word == b"QUIT":
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], got
        thread.join(timeout=60)


@pytest.fixture
def letter(tmp_path):
    at = Reporting(tmp_path / "delivered")
    outcome = at.report()
    at.connection.close()
    return Letter("report-20261101-0123abcd.html", at.page(outcome).encode())


@pytest.fixture
def routes(tmp_path):
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES)
    return path


def mail_url(port):
    return f"mailto://127.0.0.1:{port}/?from=footfall@agency.example&to=ann@shop.example&mode=insecure"


def test_a_mail_has_the_page_as_its_body_and_attached_as_it_was_delivered(routes, letter, monkeypatch):
    monkeypatch.setenv("PATH", "")  # no Chromium
    with mail_server() as (port, got):
        mailing_for(routes, {"MAIL_URL": mail_url(port)})("mail", "demo", letter)

    message = email.message_from_bytes(got[0], policy=email.policy.default)
    body = message.get_body(("html",)).get_content()
    [attached] = message.iter_attachments()
    assert message["subject"] == "Demo: Monthly report, November 2026"
    assert "Sessions rose by 50" in body
    assert "<svg" not in body
    assert attached.get_filename() == "report-20261101-0123abcd.html"
    assert attached.get_payload(decode=True) == letter.page


@pytest.mark.parametrize(
    ("name", "environ", "said"),
    [
        ("nobody", {}, "there is no route 'nobody'"),
        ("others", {"MAIL_URL": "mailto://x"}, "the route 'others' is for other clients"),
        ("mail", {}, "the environment variable MAIL_URL is not set"),
        ("hook", {"HOOK_URL": "https://hooks.example/s3cret"}, "a plain webhook, which takes no report"),
        ("mail", {"MAIL_URL": "nonsense://s3cret"}, "none that Apprise knows"),
    ],
)
def test_a_route_that_cannot_be_used_is_said_without_its_address(routes, letter, name, environ, said):
    with pytest.raises(FootfallError) as error:
        mailing_for(routes, environ)(name, "demo", letter)

    assert said in str(error.value)
    assert "s3cret" not in str(error.value)


def test_without_a_file_of_routes_a_report_waits_for_a_person(tmp_path):
    at = Reporting(tmp_path)
    at._mail = mailing_for(None, {})

    outcome = at.report(MONTHLY.model_copy(update={"notify": ["channel:mail"]}))

    [row] = at.ledger.all()
    assert (outcome.status, row.is_delivered, row.kind) == ("delivered", True, "config")
    assert "FOOTFALL_ALERT_ROUTES, which is not set" in row.error
    at.connection.close()


def test_a_server_that_does_not_answer_is_tried_again(letter):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(OSError, match="mailto did not take the report"):
        send(mail_url(port), letter)


def test_a_route_for_reports_is_told_of_no_alert(routes):
    told = {
        route.name for route in load_routes(routes, False) if route.takes(Alert("test", "", "x", "y", {}))
    }

    assert told == {"hook"}


@pytest.mark.browser
def test_where_chromium_is_the_page_is_printed_as_a_pdf(tmp_path, letter):
    page = tmp_path / "page.html"
    page.write_bytes(letter.page)

    assert to_pdf(page).startswith(b"%PDF-")


def test_where_no_chromium_is_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(NoChromium, match="apt-get install chromium"):
        to_pdf(tmp_path / "page.html")
