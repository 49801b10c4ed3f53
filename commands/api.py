"""`footfall api`: the API alone. `footfall up` starts it beside the rest."""

import click

from commands.processes import require_free_port
from commands.state import with_state
from footfall.errors import FootfallError
from footfall.settings import Settings


@click.command()
@with_state
def command(settings: Settings) -> int:
    """Answer questions over HTTP until Ctrl-C: docs/api.md. `footfall up` starts it beside the rest."""
    if not settings.api_port:
        raise FootfallError("FOOTFALL_API_PORT is 0, which is no port to listen on")
    require_free_port(settings.api_host, settings.api_port, "FOOTFALL_API_PORT")
    from api.serving import serve
    from commands.api_installation import HereInstallation

    serve(settings, HereInstallation(settings))
    return 0
