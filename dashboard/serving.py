"""The process: uvicorn on one port, ended by a signal."""

import logging
import sys

import uvicorn

from api.installation import Installation
from api.service import Service
from api.serving import DRAIN_SECONDS, lake_of
from dashboard.app import build_app
from footfall.settings import Settings


def serve(settings: Settings, installation: Installation) -> None:
    """Show pages until a signal comes. Raises FootfallError where it cannot begin."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, force=True
    )
    service = Service(settings, lake_of(settings), installation)
    config = uvicorn.Config(
        build_app(service),
        host=settings.dashboard_host,
        port=settings.dashboard_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        # Who may speak for a person is judged by the address of the socket.
        proxy_headers=False,
    )
    try:
        uvicorn.Server(config).run()
    finally:
        service.close()
