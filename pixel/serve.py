"""Serves the demo site: python pixel/serve.py --collector http://127.0.0.1:8080 --site-key KEY [--port 8090].

Two placeholders in its HTML are filled in, {{COLLECTOR}} and {{SITE_KEY}}; nothing else is dynamic. It
listens on 127.0.0.1 unless told, ends with exit code 0 on SIGTERM and SIGINT, and with one line and exit
code 1 where it cannot start. Only the standard library.

The site comes with a strict Content-Security-Policy: what the pixel needs on a real site is exactly what is
allowed here, its script and its endpoint.
"""

import argparse
import html
import signal
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

SITE = Path(__file__).resolve().parent / "demo-site"
#: Every kind of file that the site has. Others are not served.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
#: Below these paths one page draws every address itself.
SINGLE_PAGE = ("/journal/",)


def find(path: str, site: Path = SITE) -> Path | None:
    """The file for the path of a request, or None where there is none, or none inside the site."""
    decoded = unquote(path)
    if "\x00" in decoded or "\\" in decoded or ".." in decoded.split("/"):
        return None
    for single_page in SINGLE_PAGE:
        if decoded.startswith(single_page):
            decoded = single_page
    file = (site / decoded.lstrip("/")).resolve()
    if file.is_dir():
        file /= "index.html"
    inside = file.is_relative_to(site.resolve())
    return file if inside and file.is_file() and file.suffix in TYPES else None


class DemoSite(ThreadingHTTPServer):
    """The demo site on `host`:`port` (0: any free one), with the pixel of `collector` (an origin)."""

    def __init__(self, port: int, collector: str, site_key: str, host: str = "127.0.0.1") -> None:
        self.collector = collector
        self.site_key = site_key
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def filled(self, file: Path) -> bytes:
        """The file's bytes; in HTML with the placeholders filled in."""
        content = file.read_bytes()
        if file.suffix != ".html":
            return content
        for name, value in (("COLLECTOR", self.collector), ("SITE_KEY", self.site_key)):
            content = content.replace(b"{{%s}}" % name.encode(), html.escape(value).encode())
        return content


class _Handler(BaseHTTPRequestHandler):
    server: DemoSite
    protocol_version = "HTTP/1.1"
    server_version = "footfall-demo"
    sys_version = ""
    #: Seconds of silence after which a connection is closed.
    timeout = 30

    def do_GET(self) -> None:
        file = find(urlsplit(self.path).path)
        status = HTTPStatus.OK if file else HTTPStatus.NOT_FOUND
        found = file or SITE / "404.html"
        content = self.server.filled(found)
        self.send_response(status)
        self.send_header("content-type", TYPES[found.suffix])
        self.send_header("content-length", str(len(content)))
        self.send_header("cache-control", "no-cache")
        self.send_header("x-content-type-options", "nosniff")
        collector = self.server.collector
        self.send_header(
            "content-security-policy",
            f"default-src 'self'; script-src 'self' {collector}; connect-src {collector}; "
            f"img-src 'self' {collector}; "
            "base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
        )
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Quiet: the demo's terminal belongs to the demo."""


def _origin(text: str) -> str:
    """The collector's origin, `http://host:port`. Raises argparse.ArgumentTypeError."""
    parts = urlsplit(text)
    try:
        named = (
            parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        named = False
    # It goes into a header and into HTML: nothing but an origin may be in it.
    if not named or parts.path not in ("", "/") or parts.query or parts.fragment or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is not an origin such as http://127.0.0.1:8080")
    if any(character in parts.netloc for character in " ;,'\"<>@"):
        raise argparse.ArgumentTypeError(f"{text!r} is not an origin such as http://127.0.0.1:8080")
    return f"{parts.scheme}://{parts.netloc}"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="pixel/serve.py", description="Serves the demo site.")
    parser.add_argument("--port", type=int, default=8090, help="0 takes any free one (default: 8090)")
    parser.add_argument("--host", default="127.0.0.1", help="the address it listens on (default: 127.0.0.1)")
    parser.add_argument("--collector", type=_origin, default="http://127.0.0.1:8080", help="its origin")
    parser.add_argument("--site-key", required=True, help="a site key from clients/*.yaml")
    options = parser.parse_args(arguments)
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGINT, _interrupt)
        with DemoSite(options.port, options.collector, options.site_key, options.host) as server:
            sys.stdout.write(f"demo site: {server.url}\n")
            sys.stdout.flush()
            server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        return 0
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not between 0 and 65535"
        sys.stderr.write(f"pixel/serve.py: cannot listen on {options.host}:{options.port}: {reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
