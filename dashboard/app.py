"""The dashboard as an ASGI application: doors before Streamlit, its settings, a probe, shapes of the map."""

import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from streamlit import config, file_util

from api.service import Service
from dashboard.answers import Answers
from dashboard.app_paths import SHAPES
from dashboard.atlas import outlines
from dashboard.bundle import Bundle
from dashboard.doors import HEADER, Door, Doors, Ways
from dashboard.house import House, open_house
from dashboard.links import address_of, share_secret
from dashboard.page_names import PAGE_NAMES
from footfall.address import networks
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.signatures import load_signer

HERE = Path(__file__).parent

_LOCAL = ("127.0.0.1", "::1", "localhost")
#: Settings of Streamlit. Nothing is sent to anybody, no file is watched, no traceback is shown.
OPTIONS: dict[str, object] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "client.showSidebarNavigation": True,
    "global.developmentMode": False,
    "logger.hideWelcomeMessage": True,
    "runner.magicEnabled": False,
    "server.enableAgentApi": False,
    "server.enableCORS": True,
    "server.enableStaticServing": False,
    "server.enableXsrfProtection": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": 1,
    "theme.light.primaryColor": "#3b5bdb",
    "theme.dark.primaryColor": "#748ffc",
}


def ways_of(settings: Settings) -> Ways:
    """How people may come in. Raises FootfallError where that is half set up."""
    proxies = networks(settings.trusted_proxies)
    if settings.dashboard_user_header and not proxies:
        raise FootfallError(
            "FOOTFALL_DASHBOARD_USER_HEADER is believed of proxies alone: "
            "name them in FOOTFALL_TRUSTED_PROXIES"
        )
    oidc = {
        "FOOTFALL_DASHBOARD_OIDC_URL": settings.dashboard_oidc_url,
        "FOOTFALL_DASHBOARD_OIDC_CLIENT": settings.dashboard_oidc_client,
        "FOOTFALL_DASHBOARD_OIDC_SECRET": settings.dashboard_oidc_secret,
    }
    missing = [name for name, value in oidc.items() if not value]
    if missing and len(missing) < len(oidc):
        raise FootfallError(f"to sign in by OIDC, set {' and '.join(missing)} too")
    return Ways(
        settings.dashboard_host in _LOCAL, settings.dashboard_user_header, proxies, has_oidc=not missing
    )


def build_app(service: Service) -> st.App:
    """The application over one service; a process has one. Raises FootfallError."""
    settings = service.settings
    ways = ways_of(settings)
    signer = load_signer(settings.home / "keys")
    open_house(House(service, share_secret(settings), _door, Answers()))
    address = urlsplit(address_of(settings))
    for name, value in OPTIONS.items():
        config.set_option(name, value)
    # Known, so that Streamlit asks nobody on the internet what our address is.
    config.set_option("browser.serverAddress", address.hostname or "localhost")
    config.set_option("server.cookieSecret", signer.derived("dashboard: cookies"))
    logging.getLogger("streamlit").setLevel(logging.WARNING)
    secrets: dict[str, Any] = {}
    if ways.has_oidc:
        secrets["auth"] = {
            "redirect_uri": f"{address_of(settings)}/oauth2callback",
            "cookie_secret": signer.derived("dashboard: cookies"),
            "client_id": settings.dashboard_oidc_client,
            "client_secret": settings.dashboard_oidc_secret,
            "server_metadata_url": settings.dashboard_oidc_url,
        }
    return st.App(
        HERE / "main.py",
        secrets=secrets or None,
        routes=[Route("/health", _health), Route(SHAPES, _shapes)],
        middleware=[
            Middleware(Doors, ways=ways),
            Middleware(Bundle, folder=Path(file_util.get_static_dir()), pages=PAGE_NAMES),
        ],
    )


def _door() -> Door:
    return Door.of(st.context.headers.get(HEADER))


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"}, headers={"cache-control": "no-store"})


async def _shapes(_request: Request) -> Response:
    headers = {"cache-control": "private, max-age=86400"}
    return Response(outlines(), headers=headers, media_type="application/json")
