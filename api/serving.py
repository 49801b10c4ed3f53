"""The process: uvicorn on one port, a few threads, ended by a signal."""

import logging
import signal
import sys
import threading
import time

import uvicorn

from api.app import ROUTES, build_app
from api.installation import Installation
from api.request_counts import RequestCounts
from api.service import Service
from footfall import logs
from footfall.durable import open_lake, require_known_lake
from footfall.errors import FootfallError
from footfall.raw_keys import give_keys
from footfall.settings import Settings
from footfall.store import ObjectStore, StoreError, open_store

#: Seconds in which answers that are on their way may end once a signal has come.
DRAIN_SECONDS = 10
#: Seconds between looks at a lake that did not answer when we began.
LOOK_SECONDS = 5.0
#: DuckDB loads them with its first parameter, to see whether that is one of theirs: more than a second, and
#: 90 MB. None ever is, and it does without where they cannot be loaded.
_UNUSED = ("pandas", "pyarrow")


def serve(settings: Settings, installation: Installation, counts: RequestCounts) -> None:
    """Answer until a signal comes, and count. Raises FootfallError where the lake is of another version."""
    logs.configure(
        settings.log_format, "api", level=settings.log_level, text="%(asctime)s %(levelname)s %(message)s"
    )
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    service = Service(settings, lake_of(settings), installation)
    config = uvicorn.Config(
        counts.around(
            build_app(service),
            lambda scope: str(scope["state"].get("route", "")),
            (path for routes in ROUTES for path in routes.paths),
        ),
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


def lake_of(settings: Settings) -> ObjectStore:
    """The lake; one that does not answer too, for each question is told so, and it may come back."""
    try:
        return open_lake(settings.lake, settings.s3_endpoint, settings.home)
    except StoreError as error:
        logging.getLogger("footfall.api").warning("the lake does not answer yet: %s", error)
    lake = open_store(settings.lake, s3_endpoint=settings.s3_endpoint)
    give_keys(lake, settings.home)
    threading.Thread(target=_look_again, args=(lake,), name="lake", daemon=True).start()
    return lake


def _look_again(lake: ObjectStore) -> None:
    """End the process once the lake says that it is of another version."""
    while True:
        try:
            require_known_lake(lake)
        except StoreError:
            time.sleep(LOOK_SECONDS)
            continue
        except FootfallError as error:
            logging.getLogger("footfall.api").error("%s", error)
            signal.raise_signal(signal.SIGTERM)
        return
