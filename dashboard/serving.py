"""The process: uvicorn on one port, ended by a signal."""

import gc
import logging
from importlib import import_module

import uvicorn

from api.installation import Installation
from api.request_counts import RequestCounts
from api.service import Service
from api.serving import DRAIN_SECONDS, lake_of
from dashboard.app import build_app
from dashboard.app_paths import KINDS, kind_of
from dashboard.house import house
from footfall import logs
from footfall.settings import Settings

_TEXT = "%(asctime)s %(levelname)s %(message)s"


def _take_over_logs() -> None:
    """Streamlit gives its loggers, and uvicorn's, a form of their own: all is said in one."""
    for each in logging.root.manager.loggerDict.values():
        if isinstance(each, logging.Logger) and each.name.startswith(("streamlit", "uvicorn", "websockets")):
            each.handlers.clear()
            each.propagate = True


def _ready() -> None:
    """Load what pages need before anybody looks, and have it counted as there for good.

    Streamlit collects garbage after each run of the script, over all that a process has.
    """
    import_module("dashboard.pages")
    import_module("pyarrow")
    gc.collect()
    gc.freeze()


def serve(settings: Settings, installation: Installation, counts: RequestCounts) -> None:
    """Show pages until a signal comes, and count. Raises FootfallError where it cannot begin."""
    logs.configure(settings.log_format, "dashboard", level=settings.log_level, text=_TEXT)
    service = Service(settings, lake_of(settings), installation)
    app = counts.around(build_app(service), lambda scope: kind_of(scope["path"]), KINDS)
    _take_over_logs()
    _ready()
    config = uvicorn.Config(
        app,
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
    except KeyboardInterrupt:
        pass  # it has drained, and was told to end
    finally:
        house().answers.close()
        service.close()
