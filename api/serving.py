"""The process: uvicorn on one port, a few threads, ended by a signal."""

import logging
import sys

import uvicorn

from api.app import build_app
from api.installation import Installation
from api.service import Service
from footfall.durable import open_lake
from footfall.settings import Settings

#: Seconds in which answers that are on their way may end once a signal has come.
DRAIN_SECONDS = 10
#: DuckDB loads them with its first parameter, to see whether that is one of theirs: more than a second, and
#: 90 MB. None ever is, and it does without where they cannot be loaded.
_UNUSED = ("pandas", "pyarrow")


def serve(settings: Settings, installation: Installation) -> None:
    """Answer until a signal comes. Raises FootfallError where the lake is of another version."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, force=True
    )
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    service = Service(settings, open_lake(settings.lake, settings.s3_endpoint), installation)
    config = uvicorn.Config(
        build_app(service),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        # Whose requests these are is what the socket says, unless a proxy is told of.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=",".join(settings.trusted_proxies) or None,
    )
    try:
        uvicorn.Server(config).run()
    finally:
        service.close()
