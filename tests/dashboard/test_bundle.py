"""Streamlit's own files through the dashboard's door: packed, kept for good, and asked for ahead."""

import gzip
import http.client
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from streamlit import file_util
from support.dashboard_builders import served_dashboard

from dashboard.bundle import ELEMENTS
from dashboard.page_names import PAGE_NAMES
from dashboard.pages import PAGES

BUNDLE = Path(file_util.get_static_dir())
LINKED = re.compile(r'<link rel="modulepreload" crossorigin href="\./([^"]+)">')


@pytest.fixture(scope="module")
def got(dashboard):
    """`got(path, encodings)`: status, headers and body of what the dashboard answers."""
    with served_dashboard(dashboard) as url:

        def ask(path, encodings="gzip, br", method="GET"):
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
            connection.request(method, path, headers={"accept-encoding": encodings})
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

        yield ask


def test_a_script_comes_packed_and_is_kept_for_good(got):
    _, _, page = got("/overview", "identity")
    name = LINKED.findall(page.decode())[0]

    status, said, body = got(f"/{name}")

    plain = (BUNDLE / name).read_bytes()
    assert (status, said["content-encoding"], said["vary"]) == (200, "gzip", "accept-encoding")
    assert said["content-type"].startswith("text/javascript")
    assert "immutable" in said["cache-control"] and "default-src 'self'" in said["content-security-policy"]
    assert gzip.decompress(body) == plain
    # Whoever cannot unpack it has it as it is.
    _, said, body = got(f"/{name}", "identity")
    assert "content-encoding" not in said and body == plain


def test_the_document_names_all_that_the_first_screen_is_made_of(got):
    status, said, page = got("/overview")

    linked = LINKED.findall(gzip.decompress(page).decode())
    manifest = json.loads((BUNDLE / "manifest.json").read_text())
    files = {Path(name).stem: each["file"] for name, each in manifest.items() if name.endswith(".tsx")}
    assert status == 200 and said["cache-control"] == "no-cache"
    assert "default-src 'self'" in said["content-security-policy"]
    assert {files[each] for each in ELEMENTS} <= set(linked)
    assert all((BUNDLE / each).is_file() for each in linked) and len(set(linked)) == len(linked)


def test_whoever_names_no_page_is_sent_to_the_first_with_all_that_was_said(got):
    status, said, _ = got("/?period=7d&f=page%3Ais%3A%2Fa")

    assert (status, said["location"]) == (303, "/overview?period=7d&f=page%3Ais%3A%2Fa")


@pytest.mark.parametrize("path", ["/static/js/../../index.html", "/static/js/%2e%2e/%2e%2e/manifest.json"])
def test_what_is_no_script_of_streamlits_is_not_given_as_one(got, path):
    _, said, _ = got(path)

    assert said.get("content-type", "").partition(";")[0] != "text/javascript"
    assert "immutable" not in said.get("cache-control", "")


def test_every_page_has_its_name_in_addresses():
    assert set(PAGE_NAMES) == {page.name for page in PAGES}
