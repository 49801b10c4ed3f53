"""Method and path → what answers, with the further paths that an operator or a client file gives."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from collector.targets import Target

#: Name of a route, for counters, and the function that answers a request.
Entry = tuple[str, Callable[..., Any]]
Table = dict[tuple[str, str], Entry]


#: How two older collectors were deployed: a path → the route that it is, unless a site takes it for itself.
STAGED = {
    "/dev/collect": "/collect",
    "/prod/collect": "/collect",
    "/dev/track": "/track",
    "/prod/track": "/track",
}


class Routes:
    """The routes of a collector. A GET answers HEAD too."""

    def __init__(
        self, table: Table, paths: Iterable[tuple[str, str]], weak: Mapping[str, str] | None = None
    ) -> None:
        """`paths` are pairs of a further path and the route that it stands for; `weak` are more of them,
        which a site may take for itself.
        """
        self._own = dict(table)
        self._weak = {
            (method, path): entry
            for path, route in (weak or {}).items()
            for (method, own), entry in table.items()
            if own == route
        }
        for path, route in paths:
            for (method, own), entry in table.items():
                if own == route:
                    self._own.setdefault((method, path), entry)
            if route == "/collect":
                for method, suffix in (("GET", ".gif"), ("POST", ".gif"), ("GET", ".js")):
                    self._own.setdefault((method, path + suffix), table[method, f"/pixel{suffix}"])
        self._table: Table = {}
        self.alias({})

    def alias(self, paths: Mapping[str, Target]) -> None:
        """Let each of these paths stand for a site: events, image and pixel need no key there."""
        table: Table = {}
        for path, target in paths.items():
            for method, route, alias in (
                ("POST", "/collect", path),
                ("GET", "/pixel.gif", f"{path}.gif"),
                ("POST", "/pixel.gif", f"{path}.gif"),
            ):
                name, function = self._own[method, route]
                table[method, alias] = (name, partial(function, target=target))
            name, function = self._own["GET", "/pixel.js"]
            table["GET", f"{path}.js"] = (name, partial(function, target=target))
        table = self._weak | table | self._own
        table |= {("HEAD", path): entry for (method, path), entry in table.items() if method == "GET"}
        self._table = table

    def find(self, method: str, path: str) -> Entry | None:
        """What answers a method on a path, also where it ends with a slash or doubles one."""
        entry = self._table.get((method, path))
        if entry is None and "/" in path[1:]:
            entry = self._table.get((method, plain_path(path)))
            if entry is not None and entry[0] == "pixel":
                return None  # a file has one name
        return entry

    def part(self, path: str) -> str:
        """The pixel's file for a path: `/t/shop.vitals.js` is the part that `/t/shop.js` asks for."""
        found = re.fullmatch(r"(/.*)\.([a-z]+)\.js", path)
        if found and self.find("GET", f"{found[1]}.js"):
            return f"pixel.{found[2]}.js"
        return path[1:]

    def methods(self, path: str) -> list[str]:
        """The methods that a path takes; none where it does not exist."""
        return sorted({method for method, _ in self._table if self.find(method, path) is not None})


def plain_path(path: str) -> str:
    """`/t/shop` of `//t//shop/`: how proxies and people write the same path."""
    return "/" + re.sub("//+", "/", path).strip("/")
