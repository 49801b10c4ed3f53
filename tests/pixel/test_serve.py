"""The demo site's server: what it serves, what it does not, and how it starts and ends."""

import http.client
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.waiting import PATIENCE

SERVE = Path(__file__).resolve().parents[2] / "pixel" / "serve.py"
KEY = "pk_shop_Hn40rBy6"


@contextmanager
def demo_site(collector: str = "http://127.0.0.1:8080") -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`python pixel/serve.py` on a free port: the process and the port that it names."""
    command = [sys.executable, SERVE, "--port", "0", "--collector", collector, "--site-key", KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.fullmatch(r"demo site: http://127\.0\.0\.1:(\d+)/\n", line)
            assert found, line
            yield process, int(found[1])
        finally:
            process.kill()


def get(port: int, path: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with demo_site() as (_, listening):
        yield listening


PAGES = [
    "/",
    "/products/",
    "/products",
    "/products/mug.html",
    "/products/bowl.html",
    "/cart.html?item=mug",
    "/about.html",
    "/journal/",
    "/journal/glaze",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_loads_the_pixel_from_the_collector(port, path):
    answer, body = get(port, path)

    assert answer.status == 200
    assert f'<script defer src="http://127.0.0.1:8080/pixel.js" data-site="{KEY}" ' in body.decode()
    assert b"{{" not in body


def test_nothing_is_loaded_from_another_host(port):
    answer, _ = get(port, "/")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert set(re.findall(r"https?://[^\s;]+", policy)) == {"http://127.0.0.1:8080"}


def test_an_unknown_page_is_a_404_that_still_looks_like_the_shop(port):
    answer, body = get(port, "/nothing-here")

    assert answer.status == 404
    assert b"There is no such page" in body


def test_a_head_request_gets_the_same_headers_and_no_body(port):
    answer, body = get(port, "/style.css", "HEAD")

    assert answer.status == 200
    assert int(answer.headers["content-length"]) > 1000
    assert body == b""


@pytest.mark.parametrize(
    "path",
    [
        "/../serve.py",
        "/..%2fserve.py",
        "/%2e%2e/serve.py",
        "/products/../../build.mjs",
        "/products/..%5c..%5cbuild.mjs",
        "//etc/passwd",
        "/%00",
        "/journal/../../serve.py",
        "/img",
    ],
)
def test_no_path_leads_out_of_the_site(port, path):
    assert get(port, path)[0].status == 404


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to(ending):
    with demo_site() as (process, listening):
        get(listening, "/")

        process.send_signal(ending)

        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SERVE, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_a_port_in_use_is_one_clear_line(port):
    ended = run("--port", str(port), "--site-key", KEY)

    assert ended.returncode == 1
    assert ended.stderr == f"pixel/serve.py: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_a_port_that_cannot_be_is_one_clear_line():
    ended = run("--port", "70000", "--site-key", KEY)

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "collector",
    [
        "127.0.0.1:8080",
        "ftp://a",
        "http://a/b",
        "http://a;script-src *",
        "http://a b",
        "http://a:x",
        "http://",
    ],
)
def test_a_collector_is_an_origin(collector):
    ended = run("--collector", collector, "--site-key", KEY)

    assert ended.returncode == 2
    assert "is not an origin such as" in ended.stderr
