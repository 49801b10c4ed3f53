"""Hosts as people and old programs write them."""

import re

import idna

_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_SIX = re.compile(r"\[[0-9a-f:.]{2,45}\]")
_PORT = re.compile(r":[0-9]{1,5}")
#: Characters of a name, and of all that may stand around it.
_LONGEST_NAME, _LONGEST = 253, 2048


def authority_of(text: str) -> str | None:
    """`blog.shop.example:8443` of an address or a host, however it is written; None where it names none.

    A scheme, a path and a last dot go; letters become small, and international ones punycode.
    """
    text = text.strip()[:_LONGEST]
    text = text.partition("://")[2] if "://" in text else text.removeprefix("//")
    text = re.split(r"[/?#\\]", text, maxsplit=1)[0].lower()
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    six = _SIX.match(text)
    name, port = (six[0], text[six.end() :]) if six else (text.partition(":")[0], text[text.find(":") :])
    port = port if six or ":" in text else ""
    if port and not _PORT.fullmatch(port):
        return None
    if six is None:
        name = _ascii(name.rstrip("."))
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            return None
    return name + port


def host_of(authority: str) -> str:
    """The host of an authority without its port and brackets."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]


def _ascii(name: str) -> str:
    if name.isascii():
        return name
    try:
        return idna.encode(name, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return ""


def plain_address(url: str) -> str | None:
    """An http(s) address with scheme and host in their usual spelling; None where it is none."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "https", url.removeprefix("//")
        if rest == url:
            return None
    scheme = scheme.lower()
    if scheme not in ("http", "https"):
        return None
    end = next((at for at, character in enumerate(rest) if character in "/?#"), len(rest))
    authority = authority_of(rest[:end])
    return None if authority is None else f"{scheme}://{authority}{rest[end:]}"
