"""What a production installation refuses: settings that are right on a developer's machine alone."""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from footfall.errors import FootfallError
from footfall.private import is_private
from footfall.settings import Settings

#: Site keys of the client files that are shipped: everybody knows them.
EXAMPLE_KEYS = ("pk_shop_Hn40rBy6", "pk_bakery_7Qm2xV", "pk_cycling_k3Tz9P", "pk_gallery_Wd81nC")
#: Characters below which a secret can be guessed.
SHORTEST_SECRET = 20
#: Passwords that a guess begins with, beside the user's own name.
FIRST_GUESSES = ("", "postgres", "password", "secret", "dagster", "footfall", "changeme")


def require_safe(settings: Settings, environ: Mapping[str, str]) -> None:
    """Raise FootfallError with a line for each unsafe setting of a production installation.

    To be asked before anything is touched: what lies open is closed by the start.
    """
    if settings.environment != "prod":
        return
    if found := [f"FOOTFALL_ENVIRONMENT=prod refuses {line}" for line in unsafe(settings, environ)]:
        raise FootfallError("\n".join(found))


def unsafe(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each setting that a production installation should not have: what, and what to do."""
    from footfall.clients import (
        registry_of,
    )  # a collector's supervisor, which stays small, asks nothing of it

    if "*" in settings.cors_origins:
        yield (
            "FOOTFALL_CORS_ORIGINS=*: name the origins of your sites, such as "
            "https://*.shop.example, or none "
            "that is real (https://nobody.invalid) where no script reads answers"
        )
    if not _is_this_machine(settings.ui_host) and settings.ui_login == "none":
        yield (
            f"FOOTFALL_UI_HOST={settings.ui_host} without a login: set it to 127.0.0.1, or put an "
            "authenticating proxy before it and say FOOTFALL_UI_LOGIN=proxy"
        )
    if settings.api_key_in_query:
        yield "FOOTFALL_API_KEY_IN_QUERY=yes: keys would end up in logs; set it to no"
    if settings.import_key is not None and len(settings.import_key) < SHORTEST_SECRET:
        yield f"a FOOTFALL_IMPORT_KEY of fewer than {SHORTEST_SECRET} characters: make a random one"
    if settings.postgres and (why := _guessable(settings.postgres)):
        yield f"a FOOTFALL_POSTGRES {why}: give its user a random password"
    for client in registry_of(settings).clients:
        for site in client.sites:
            if site.key in EXAMPLE_KEYS:
                yield (
                    f"the site key {site.key} of client {client.client_id}, which is that of an "
                    f"example: make "
                    f"another one, or move {client.client_id}.yaml out of {settings.clients}"
                )
    for path in _ours(settings, environ):
        if path.exists() and not is_private(path):
            yield f"{path}, which other users of this machine can read: chmod -R go= {path}"


def _ours(settings: Settings, environ: Mapping[str, str]) -> Iterator[Path]:
    yield settings.home
    yield settings.home / "keys"
    for url in (settings.lake, settings.backup):
        parts = urlsplit(url)
        if parts.scheme == "file":
            yield Path(unquote(parts.path))
    if (name := environ.get("FOOTFALL_ENV_FILE", os.devnull)) != os.devnull:
        yield Path(name)


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guessable(url: str) -> str:
    """Why the password of a database's address is none, empty where it is one."""
    parts = urlsplit(url)
    if not parts.hostname:
        return ""  # a socket of this machine, whose owner the server knows
    password = unquote(parts.password or "")
    if password.lower() in (*FIRST_GUESSES, unquote(parts.username or "").lower()):
        return "whose password can be guessed"
    return ""
