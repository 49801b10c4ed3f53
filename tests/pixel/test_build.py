"""The built files: what the source gives, small, and with hashes that a page may rely on."""

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import brotli
import pytest

ROOT = Path(__file__).resolve().parents[2]
PIXEL = ROOT / "pixel"
DIST = PIXEL / "dist"
VERSION = json.loads((PIXEL / "package.json").read_text())["version"]

#: Bytes of each script as a browser fetches it: gzip -9, brotli -q 11.
BUDGETS = {
    "pixel.js": (4500, 4100),
    "pixel.whole.js": (7500, 7000),
    "pixel.vitals.js": (1500, 1500),
    "pixel.interactions.js": (1500, 1500),
    "pixel.clicks.js": (1500, 1500),
    "pixel.identity.js": (2500, 2500),
    "pixel.consent.js": (1000, 1000),
    "pixel.debug.js": (2500, 2500),
}


@pytest.fixture(scope="module")
def tools() -> Path:
    """pixel/node_modules, installed from the lock file where it is not there."""
    missing = None
    if shutil.which("npm") is None:
        missing = "npm is not installed"
    elif not (PIXEL / "node_modules" / "esbuild").is_dir():
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"], cwd=PIXEL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            missing = f"npm ci failed: {done.stderr.strip()[-300:]}"
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(f"{missing}; the built pixel is not compared with its source")
    return PIXEL / "node_modules"


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=PIXEL, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.usefixtures("tools")
def test_the_built_files_are_what_the_source_gives():
    done = run("node", "build.mjs", "--check")

    assert done.returncode == 0, done.stderr


def test_a_built_file_that_differs_is_named(tools, tmp_path):
    copy = tmp_path / "pixel"
    shutil.copytree(PIXEL, copy, ignore=shutil.ignore_patterns("node_modules", "demo-site"))
    (copy / "node_modules").symlink_to(tools)
    (copy / "dist" / "pixel.js").write_text("// by hand")
    (copy / "dist" / "pixel-0.1.0.js").write_text("// of no release")

    done = subprocess.run(
        ["node", "build.mjs", "--check"], cwd=copy, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 1
    assert "dist/pixel.js is not what the source gives; run `make pixel`" in done.stderr
    assert "dist/pixel-0.1.0.js is not what was released under this name" in done.stderr


@pytest.mark.usefixtures("tools")
def test_the_types_are_those_of_the_calls():
    done = run("node_modules/.bin/tsc", "-p", "../tests/pixel/unit")

    assert done.returncode == 0, done.stdout


@pytest.mark.usefixtures("tools")
def test_units():
    """The parts that need no browser, by node's own runner."""
    tests = sorted(str(path) for path in (ROOT / "tests" / "pixel" / "unit").glob("*.test.mjs"))

    done = run("node", "--test", *tests)

    assert done.returncode == 0, done.stdout[-4000:]
    assert "# fail 0" in done.stdout


@pytest.mark.parametrize("name", BUDGETS)
def test_every_script_is_small(name):
    content = (DIST / name).read_bytes()

    most_gzip, most_brotli = BUDGETS[name]
    assert len(gzip.compress(content, compresslevel=9, mtime=0)) <= most_gzip
    assert len(brotli.compress(content, quality=11)) <= most_brotli


@pytest.mark.parametrize("name", BUDGETS)
def test_every_script_has_a_name_for_ever_with_its_hash(name):
    versioned = name.removesuffix(".js") + f"-{VERSION}.js"
    content = (DIST / versioned).read_bytes()

    assert content == (DIST / name).read_bytes()
    integrity = json.loads((DIST / "integrity.json").read_text())
    assert integrity[versioned] == "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


@pytest.mark.parametrize("name", BUDGETS)
def test_no_script_evaluates_text_or_names_another_host(name):
    text = (DIST / name).read_text()

    for forbidden in ("eval(", "new Function", "innerHTML", "http://", "https://", "document.write"):
        assert forbidden not in text
