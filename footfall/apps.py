"""Addresses of apps that show web pages from their own files: `capacitor://localhost/cart`, `file:///…`."""

import re
from collections.abc import Collection
from typing import Literal

import msgspec

from footfall.json_text import without_unreadable

#: Schemes of such pages: Capacitor and Ionic on iOS, Cordova and Electron from files, Tauri.
App = Literal["capacitor", "ionic", "file", "tauri", "app"]

_ADDRESS = re.compile(r"([a-z]+)://(?:[^/?#]*)([/?#].*|)", re.DOTALL)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode


def of_app(raw: bytes, apps: Collection[str]) -> bytes | None:
    """The JSON of an event whose page is one of an app, with an address that every reader can take apart.

    Its host is the scheme: `capacitor://localhost/cart` is `https://capacitor/cart`; `url_as_sent` is what
    it was. None where it is no page of these apps.
    """
    try:
        fields = _fields(without_unreadable(raw))
        url = _text(fields["url"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        return None
    found = _ADDRESS.fullmatch(url)
    if found is None or found[1] not in apps:
        return None
    fields["url_as_sent"] = fields["url"]
    path = found[2] if found[2].startswith("/") else f"/{found[2]}"
    fields["url"] = msgspec.Raw(_encode(f"https://{found[1]}{path}"))
    return _encode(fields)
