"""Logs that come in by `footfall import`, and what lies in the lake afterwards."""

import json
from pathlib import Path
from typing import Any

import zstandard

CLIENT = """\
client_id: shop
name: Shop
timezone: UTC
sites:
  - {site_id: shop, key: pk_shop_acmeacme1, domains: [shop.example, "*.shop.example"]}
destination: {url: "file://${FOOTFALL_HOME}/buckets/shop"}
exports:
  - {name: events, dataset: events, cadence: hourly}
"""


class Imports:
    """The command line, with one client, and the lake that it fills."""

    def __init__(self, footfall: Any, folder: Path) -> None:
        self._footfall = footfall
        self._home = footfall.home
        clients = folder / "clients"
        clients.mkdir()
        (clients / "shop.yaml").write_text(CLIENT)
        footfall.clients = clients
        self.folder = folder

    def __call__(self, *given: object, **more: Any) -> Any:
        """`footfall import … --client shop`."""
        return self._footfall("import", *map(str, given), "--client", "shop", **more)

    def text(self, text: str | bytes, *options: str, name: str = "a.log") -> Any:
        """The same of a file that holds this."""
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return self(path, *options)

    @classmethod
    def of(cls, home: Path) -> "Imports":
        """What lies in the lake of a state folder, whoever imported it."""
        found = cls.__new__(cls)
        found._home = home
        return found

    def lines(self) -> list[dict[str, Any]]:
        """Every stored line."""
        paths = sorted((self._home / "lake" / "raw").rglob("*.zst"))
        texts = (zstandard.decompress(path.read_bytes()).splitlines() for path in paths)
        return [json.loads(line) for each in texts for line in each]

    def views(self) -> list[dict[str, Any]]:
        """Every stored page view."""
        return [line for line in self.lines() if line.get("type") == "page_view"]
