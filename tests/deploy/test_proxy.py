"""deploy/Caddyfile in a real Caddy: TLS for each part, and no way to Dagster's UI without the login."""

import base64
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from support.repository import ROOT

FILE = ROOT / "deploy" / "Caddyfile"
SECONDS = 120


@contextmanager
def served(handler):
    """A server of one kind of answers on a free port: its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def part(name):
    """A part that says who it is, by which method it was asked and what reached it of the login."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            told = [self.headers.get(each) for each in ("authorization", "x-forwarded-user")]
            said = f"{name} {self.command} {told[0]}{f' {told[1]}' if told[1] else ''}".encode()
            self.send_response(200)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with served(Handler) as address:
        yield address


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    found = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return found


@contextmanager
def provider():
    """What oauth2-proxy answers: by its cookie who somebody is, by a group whether that is enough."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            who = {"anna": ("anna@acme.example", "clients"), "olga": ("olga@ops.example", "operators")}
            email, group = who.get(self.headers.get("cookie", ""), ("", ""))
            path, _, query = self.path.partition("?")
            asked = query.removeprefix("allowed_groups=")
            judged = 401 if not email else 202 if asked in ("", group) else 403
            status = judged if path == "/oauth2/auth" else 200
            self.send_response(status)
            if status == 202:
                self.send_header("X-Auth-Request-Email", email)
            # It believes a path; of an address only one of domains that it was told of.
            wanted = self.headers.get("x-auth-request-redirect", "")
            back = f", then {wanted}" if re.match("/[^/]", wanted) else ""
            said = f"{self.command} signs in {self.path}{back}".encode()
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with served(Handler) as address:
        yield address


@pytest.fixture
def login():
    """Settings of the login, where a test wants others than the one user's."""
    return {"FOOTFALL_LOGIN": "password"}


@pytest.fixture
def ask(tmp_path, login):
    """Asks a name of the proxy over TLS that is checked: (status, body), or where it sends one."""
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed (Debian: apt-get install caddy)")
    port, admin = free_ports(2)
    hashed = subprocess.run(
        [program, "hash-password", "--plaintext", "the password"], capture_output=True, text=True, check=True
    ).stdout.strip()
    with ExitStack() as stack:
        names = {
            "FOOTFALL_COLLECTOR": "collector",
            "FOOTFALL_API": "api",
            "FOOTFALL_UI": "webserver",
            "FOOTFALL_DASHBOARD": "dashboard",
        }
        parts = {variable: stack.enter_context(part(name)) for variable, name in names.items()}
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"),
            "XDG_CONFIG_HOME": str(tmp_path / "config"), "FOOTFALL_DOMAIN": "localhost",
            "FOOTFALL_PROXY_PORT": f":{port}", "FOOTFALL_PROXY_ADMIN": f"127.0.0.1:{admin}",
            "FOOTFALL_UI_USER": "admin", "FOOTFALL_UI_PASSWORD_HASH": hashed, **parts,
            "FOOTFALL_UI_GROUP": "operators", "FOOTFALL_OAUTH2_PROXY": stack.enter_context(provider()),
            **login,
        }  # fmt: skip
        with (tmp_path / "log").open("wb") as log:
            caddy = subprocess.Popen(
                [program, "run", "--config", FILE, "--adapter", "caddyfile"],
                env=environment, cwd=tmp_path, stdout=log, stderr=log,
            )  # fmt: skip
        authority = tmp_path / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"

        def call(name, method="GET", path="/", password=None, **more):
            context = ssl.create_default_context(cafile=authority)
            headers = {"host": f"{name}.localhost", **more}
            if password:
                headers["authorization"] = "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
            with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.sock = context.wrap_socket(plain, server_hostname=f"{name}.localhost")
                with connection.sock:
                    connection.request(method, path, headers=headers)
                    answer = connection.getresponse()
                    return answer.status, answer.getheader("location") or answer.read().decode()

        try:
            give_up = time.monotonic() + SECONDS
            while True:
                try:
                    call("collect")
                    break
                except OSError:
                    assert caddy.poll() is None and time.monotonic() < give_up, (tmp_path / "log").read_text()
                    time.sleep(0.1)
            yield call
        finally:
            caddy.terminate()
            caddy.wait(SECONDS)


def test_each_name_leads_to_its_part_and_the_ui_asks_for_a_login(ask):
    assert ask("collect", "POST", "/collect") == (200, "collector POST None")
    assert ask("api") == (200, "api GET None")

    for method, path in (("GET", "/"), ("POST", "/graphql"), ("GET", "/runs/../server_info")):
        assert ask("ui", method, path) == (401, "")
        assert ask("ui", method, path, password="a guess") == (401, "")

    # Dagster has no use for the password.
    assert ask("ui", "POST", "/graphql", password="the password") == (200, "webserver POST None")


def test_compose_gives_the_proxy_what_its_file_asks_for():
    service = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["proxy"]
    asked = set(re.findall(r"\{\$(\w+)\}", FILE.read_text()))

    assert asked - {"FOOTFALL_PROXY_PORT"} == set(service["environment"])


def test_with_the_proxy_of_compose_everybody_is_charged_by_his_own_address():
    file = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    address = file["services"]["proxy"]["networks"]["inside"]["ipv4_address"]

    for name in ("collector", "api", "dashboard"):
        believed = file["services"][name]["environment"]["FOOTFALL_TRUSTED_PROXIES"]
        assert believed.split(",")[0] == f"{address}/32", name


def test_no_login_by_oidc_lets_everybody_into_the_ui():
    service = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["proxy"]

    assert service["environment"]["FOOTFALL_UI_GROUP"] == "${FOOTFALL_UI_GROUP:-operators}", "empty, too"


def test_the_dashboard_is_told_who_has_logged_in_by_the_proxy_alone(ask):
    forged = {"x-forwarded-user": "operator"}

    assert ask("figures")[0] == 401
    assert ask("figures", **forged)[0] == 401
    assert ask("figures", password="another")[0] == 401
    assert ask("figures", password="the password", **forged) == (200, "dashboard GET None admin")


def test_a_share_link_opens_the_dashboard_without_a_login_and_says_nobody(ask):
    forged = {"x-forwarded-user": "operator"}

    assert ask("figures", path="/?share=abc", **forged) == (200, "dashboard GET None")
    assert ask("figures", cookie="a=1; footfall_share=abc", **forged) == (200, "dashboard GET None")
    assert ask("figures", path="/?shared=abc")[0] == 401


def test_nobody_reports_by_the_ui_that_something_was_made(ask):
    for what in ("materialization", "check", "observation"):
        path = f"/report_asset_{what}/ingest/events"
        assert ask("ui", "POST", path, password="the password")[0] == 403
    assert ask("ui", "POST", "/graphql", password="the password")[0] == 200


OIDC = {"FOOTFALL_LOGIN": "oidc"}


@pytest.mark.parametrize("login", [OIDC], ids=["oidc"])
def test_with_oidc_who_is_nobody_yet_signs_in_and_the_dashboard_is_told_who_that_is(ask):
    forged = {"x-forwarded-user": "operator"}

    for name in ("figures", "ui"):
        back = "GET signs in /oauth2/sign_in, then /a?b=1&c=https%3A%2F%2Fx"
        assert ask(name, path="/a?b=1&c=https%3A%2F%2Fx", **forged) == (200, back)
        assert ask(name, "POST", "/graphql") == (200, "GET signs in /oauth2/sign_in, then /graphql")
        assert ask(name, path="/oauth2/start?rd=/a") == (200, "GET signs in /oauth2/start?rd=/a")
    assert ask("figures", cookie="anna", **forged) == (200, "dashboard GET None anna@acme.example")
    assert ask("figures", path="/?share=abc", **forged) == (200, "dashboard GET None")
    assert ask("collect", "POST", "/collect") == (200, "collector POST None")


@pytest.mark.parametrize("login", [OIDC], ids=["oidc"])
def test_with_oidc_the_ui_is_for_one_group_alone(ask):
    assert ask("ui", "POST", "/graphql", cookie="olga") == (200, "webserver POST None")
    assert ask("ui", cookie="anna")[0] == 403
    assert ask("ui", "POST", "/report_asset_check/x", cookie="olga")[0] == 403
