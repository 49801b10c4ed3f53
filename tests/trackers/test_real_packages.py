"""SDKs and trackers of other tools, as their makers ship them, send to a running collector.

The packages are pinned in this folder and installed into a temporary one. Where no index can be reached the
tests are skipped, and say so.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.browser import chromium
from support.collectors import KEYS, CollectorProcess
from support.waiting import wait_until

from footfall.access.api_keys import key_hash

pytestmark = pytest.mark.proof
HERE = Path(__file__).resolve().parent
BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
FORMS = ("plausible", "segment", "snowplow", "posthog")
CLIENT = f"""\
client_id: acme
name: Acme
sites:
  - site_id: shop
    key: pk_shop_acmeacme1
    domains: [shop.example, localhost]
    trackers:
      - {{form: plausible, id: shop.example}}
      - {{form: umami}}
      - {{form: matomo, id: "1"}}
      - {{form: posthog, id: phc_public0001}}
      - {{form: snowplow, id: web}}
      - {{form: segment, id: public-write-key}}
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/acme"}}
exports: [{{name: events, dataset: events, cadence: hourly}}]
api_keys:
  - {{name: backend, sha256: {key_hash(KEYS["write"])}, permissions: [write]}}
"""


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[CollectorProcess]:
    """A collector of one site that takes every form."""
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "acme.yaml").write_text(CLIENT)
    process = CollectorProcess(tmp_path).start()
    yield process
    process.end()


def installed(folder: Path, *command: str) -> Path:
    """A folder with this one's files, in which a command has installed packages."""
    for name in ("package.json", "package-lock.json", "requirements.txt", "send.py", "send.mjs", "page.mjs"):
        shutil.copy(HERE / name, folder)
    if shutil.which(command[0]) is None:
        missing = f"{command[0]} is not installed"
    else:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500, check=False)
        if done.returncode == 0:
            return folder
        missing = f"{command[0]} could not install the packages: {done.stderr.strip()[-300:]}"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("node"), "npm", "ci", "--no-audit", "--no-fund")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "own")], check=True, timeout=300)
    return installed(folder, str(folder / "own" / "bin" / "pip"), "install", "-q", "-r", "requirements.txt")


def events(collector: CollectorProcess, wanted: Callable[[list[dict]], bool]) -> list[dict]:
    """The stored lines, once they are what is wanted."""
    wait_until(lambda: wanted(collector.stored()), collector.stored, every=0.2)
    lines = collector.stored()
    assert {line["kind"] for line in lines} == {"event"}, lines
    return lines


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>T</title><p>x")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def pages() -> Iterator[str]:
    """The address of a site whose every path is a page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def said(lines: list[dict]) -> set[tuple]:
    return {(line["event"]["form"], line["type"], line["user_id"]) for line in lines}


def test_sdks_for_python(python, collector):
    program = str(python / "own" / "bin" / "python")
    command = [program, "send.py", f"http://127.0.0.1:{collector.port}", KEYS["write"]]
    done = subprocess.run(command, cwd=python, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 0, done.stderr
    lines = events(collector, lambda lines: len(lines) == 10)
    assert said(lines) == {
        ("segment", "identify", "python_1"),
        ("segment", "Order Completed", "python_1"),
        ("segment", "page_view", "python_1"),
        ("segment", "screen_view", "python_1"),
        ("segment", "group", "python_1"),
        ("segment", "alias", "python_1"),
        ("segment", "Rudder", "python_2"),
        ("posthog", "page_view", None),
        ("snowplow", "page_view", "python_4"),
        ("snowplow", "add", "python_4"),
    }
    assert len({line["visitor_id"] for line in lines}) == 4
    assert {line["user_agent"] for line in lines if line["type"] != "Order Completed"} == {""}
    text = json.dumps(lines)
    assert not any(gone in text for gone in (KEYS["write"], "203.0.113.9", "ann@mail.example"))
    kept = {line["type"]: line["event"]["segment"] for line in lines if line["event"]["form"] == "segment"}
    assert kept["identify"] == {
        "integrations": {},
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
    }


def test_sdks_for_node(node, collector):
    command = ["node", "send.mjs", f"http://127.0.0.1:{collector.port}", KEYS["write"]]
    done = subprocess.run(command, cwd=node, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 0, done.stderr
    lines = events(collector, lambda lines: len(lines) == 8)
    assert said(lines) == {
        ("segment", "Order", "node_1"),
        ("segment", "page_view", "node_1"),
        ("segment", "Rudder", "node_2"),
        ("posthog", "paid", None),
        ("snowplow", "page_view", "node_4"),
        ("umami", "page_view", "node_5"),
        ("matomo", "page_view", "node_6"),
        ("matomo", "play", None),
    }
    assert KEYS["write"] not in json.dumps(lines)


@pytest.mark.browser
def test_trackers_in_pages(node, collector):
    bundle = subprocess.run(
        ["node_modules/.bin/esbuild", "page.mjs", "--bundle", "--format=iife", "--log-level=error"],
        cwd=node,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    base = f"http://127.0.0.1:{collector.port}"
    with pages() as here, chromium() as browser:
        for name in FORMS:
            context = browser.new_context(user_agent=BROWSER)
            page = context.new_page()
            page.add_init_script("Object.defineProperty(navigator, 'webdriver', {get: () => false})")
            page.goto(f"{here}/{name}?utm_source=mail")
            page.add_script_tag(content=bundle)
            page.evaluate("([name, base]) => trackers[name](base)", [name, base])
            wanted = 1 if name == "snowplow" else 2
            lines = events(
                collector,
                lambda lines, name=name, wanted=wanted: (
                    len([line for line in lines if line["event"].get("form") == name]) >= wanted
                ),
            )
            context.close()
            mine = [line for line in lines if line["event"]["form"] == name]
            types = ["page_view"] if name == "snowplow" else ["page_view", "signup"]
            assert sorted({line["type"] for line in mine if line["type"] in types}) == types, mine
            view = next(line for line in mine if line["type"] == "page_view")
            assert view["event"]["url"] == f"{here}/{name}?utm_source=mail"
            assert (view["is_declared_host"], view["consent_tier"]) == (True, 1)
            assert view["visitor_id"] is not None
            assert "visitor" not in view["event"]
