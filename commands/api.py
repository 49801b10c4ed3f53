"""`footfall api`: the API alone. `footfall up` starts it beside the rest."""

import os

import click

from commands.processes import require_free_port
from commands.state import enter, with_settings
from footfall.environments import require_safe
from footfall.errors import FootfallError
from footfall.settings import Settings


@click.command()
@with_settings
def command(settings: Settings) -> int:
    """Answer questions over HTTP until Ctrl-C: docs/api.md. `footfall up` starts it beside the rest."""
    if not settings.api_port:
        raise FootfallError("FOOTFALL_API_PORT is 0, which is no port to listen on")
    require_safe(settings, os.environ)
    enter(settings)
    require_free_port(settings.api_host, settings.api_port, "FOOTFALL_API_PORT")
    from api.request_counts import RequestCounts
    from api.serving import serve
    from commands.api_installation import HereInstallation
    from commands.state_metrics import metrics_of_state

    counts = RequestCounts("api")
    with metrics_of_state(settings, counts):
        try:
            serve(settings, HereInstallation(settings), counts)
        except KeyboardInterrupt:
            pass  # it has drained, and was told to end
    return 0
