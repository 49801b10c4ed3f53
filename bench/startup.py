"""Start-up of the pixel on the main thread, in an installed Chromium: python bench/startup.py [--times N].

Each time a fresh page is loaded with the CPU slowed down four times (Chrome DevTools Protocol), and the main
thread's CPU time of evaluating pixel.js is read from the browser's own trace. Prints least, median and most,
in ms. Other work on the machine lengthens it a lot: measure in quiet.
"""

import argparse
import json
import statistics
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# Before this file's folder, as in bench/run.py; and the helpers of the tests find and start the browser.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.browser import chromium

from bench.measure import Aim, Row, say

DIST = Path(__file__).resolve().parents[1] / "pixel" / "dist"
PAGE = (
    b'<!doctype html><title>Page</title><link rel="icon" href="data:,"><h1>Page</h1>'
    b'<script defer src="/empty.js"></script><script defer src="/pixel.js" data-site="pk_measure_1"></script>'
)
#: How much slower than this machine: what a middling phone is to a desk.
THROTTLE = 4


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        script = DIST / self.path.lstrip("/")
        if script.name == "empty.js":
            self._answer("text/javascript", b"window.empty = 1")
        elif script.suffix == ".js" and script.is_file():
            self._answer("text/javascript", script.read_bytes())
        else:
            self._answer("text/html", PAGE)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer("text/plain", b"")

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass  # the page is gone

    def log_message(self, *_: object) -> None:
        """Quiet."""


def work_of(trace: list[dict[str, Any]], script: str) -> float:
    """ms of main-thread CPU that evaluating a script took, compilation included."""
    named = [
        event["tdur"]
        for event in trace
        if event["name"] == "EvaluateScript" and script in json.dumps(event.get("args", {}))
    ]
    return max(named) / 1000


def measure(times: int) -> list[tuple[float, float]]:
    """ms of the pixel and of an empty script, for each of so many first loads with nothing cached."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server, chromium() as browser:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = []
        for _ in range(times):
            context = browser.new_context()
            page = context.new_page()
            session = context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
            browser.start_tracing(page=page, categories=["devtools.timeline"])
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_function("window.footfall && footfall.loaded")
            trace = json.loads(browser.stop_tracing())["traceEvents"]
            found.append((work_of(trace, "/pixel.js"), work_of(trace, "/empty.js")))
            context.close()
        server.shutdown()
    return found


def run() -> list[Row]:
    """The row for `make bench`."""
    say("pixel: start-up")
    found = measure(15)
    ours, empty = zip(*found, strict=True)
    return [
        Row(
            f"pixel start-up, main thread, CPU {THROTTLE}× slower",
            f"{statistics.median(ours):.1f} ms (least {min(ours):.1f})",
            f"{statistics.median(empty):.1f} ms (least {min(empty):.1f})",
            [reference / mine for mine, reference in found],
            "an empty script: the price of any",
            Aim(statistics.median(ours), 5, "ms", is_most=True),
        )
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the start-up of the pixel.")
    parser.add_argument("--times", type=int, default=15, help="page loads (default: 15)")
    options = parser.parse_args()
    found = [ours for ours, _ in measure(options.times)]
    sys.stdout.write(
        f"pixel.js, first load, CPU {THROTTLE}× slower, {len(found)} times: "
        f"median {statistics.median(found):.1f} ms, least {min(found):.1f} ms, most {max(found):.1f} ms\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
