"""Streamlit's own files as a browser has them soonest: packed, and asked for before a page needs them.

Streamlit serves its scripts as they are, four times as many bytes, and a browser learns which of them a page
needs one element after the other. Names of files change with what is in them.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

#: What the first screen is made of, as sources of Streamlit's are called.
ELEMENTS = ("Html", "Button", "ButtonGroup", "Selectbox", "Checkbox", "BidiComponent")
_KINDS = {".js": "text/javascript", ".css": "text/css"}
_KEPT = "public, immutable, max-age=31536000"


class Bundle:
    """ASGI: answers for Streamlit's scripts, and for the document of the pages of these names.

    `folder`: what Streamlit serves at `/`, with its manifest. `pages`: the first is where people begin.
    """

    def __init__(self, app: ASGIApp, folder: Path, pages: Sequence[str]) -> None:
        self._app = app
        self._files = {
            f"/{path.relative_to(folder).as_posix()}": path
            for path in folder.glob("static/*/*")
            if path.suffix in _KINDS
        }
        self._first = pages[0]
        self._pages = {f"/{name}" for name in pages}
        self._document = document(folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: Response | None = None
        if scope["type"] == "http" and scope["method"] == "GET":
            is_packed = "gzip" in Headers(scope=scope).get("accept-encoding", "")
            if scope["path"] == "/":
                # Whoever names no page would have the script run twice: once to learn which is the first.
                query = scope["query_string"].decode("latin-1")
                answer = RedirectResponse(f"/{self._first}{'?' if query else ''}{query}", 303)
            elif scope["path"] in self._pages:
                answer = _answer(self._document, "text/html", "no-cache", is_packed=is_packed)
            elif is_packed and scope["path"] in self._files:
                path = self._files[scope["path"]]
                packed = await run_in_threadpool(_packed, path)
                answer = Response(
                    packed, headers=_headers(_KEPT, is_packed=True), media_type=_KINDS[path.suffix]
                )
        await (answer or self._app)(scope, receive, send)


def document(folder: Path) -> bytes:
    """Streamlit's document, which names what the first screen needs. What it does not know is left out."""
    text = (folder / "index.html").read_text("utf-8")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    links = "".join(
        f'    <link rel="modulepreload" crossorigin href="./{file}">\n'
        for file in sorted(set(_needed(manifest, ELEMENTS)))
        if file not in text
    )
    return text.replace("  </head>", f"{links}  </head>", 1).encode()


def _needed(manifest: Mapping[str, Any], elements: Iterable[str]) -> Iterator[str]:
    """Files of elements, and of all that they import."""
    seen: set[str] = set()
    todo = [name for name in manifest if Path(name).stem in elements and name.endswith(".tsx")]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += manifest[name].get("imports", [])
            yield manifest[name]["file"]


@cache
def _packed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 6, mtime=0)


def _headers(kept: str, *, is_packed: bool) -> dict[str, str]:
    packed = {"content-encoding": "gzip"} if is_packed else {}
    return {"cache-control": kept, "vary": "accept-encoding", **packed}


def _answer(body: bytes, kind: str, kept: str, *, is_packed: bool) -> Response:
    said = gzip.compress(body, 6, mtime=0) if is_packed else body
    return Response(said, headers=_headers(kept, is_packed=is_packed), media_type=kind)
