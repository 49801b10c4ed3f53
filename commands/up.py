"""`footfall up`: collector, API, dashboard, Dagster UI and daemon on the state folder, kept alive."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from commands import code_server, installation
from commands.client_files import Reloader
from commands.keeping import Keeper, Teller
from commands.preflight import Part, require_ready
from commands.processes import Children
from commands.registry import put_in_force
from commands.speaking import banner, relay, speaker
from commands.state import enter, with_settings
from footfall.environments import require_safe
from footfall.errors import FootfallError
from footfall.hours import lower_first_hour
from footfall.settings import Settings


@click.command()
@with_settings
def command(settings: Settings) -> int:
    """Serve: collector, API, dashboard, Dagster UI and daemon until Ctrl-C; what ends is started again."""
    require_safe(settings, os.environ)
    require_ready(settings, Part.COLLECTOR, Part.API, Part.DASHBOARD, Part.DAGSTER)
    enter(settings)
    installation.prepare(settings)
    installation.prepare_models(settings)
    put_in_force(settings)
    lower_first_hour(
        settings.first_hour_file, datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    say = speaker(settings, "up")
    environment = installation.environment(settings, os.environ)
    with (
        installation.sole_instance(settings),
        Children(Path.cwd(), environment, settings.home / "logs", relay(settings)) as children,
    ):
        show = banner(settings, "up")
        show("starting the collector, the API, the dashboard, the Dagster UI and the daemon …")
        teller = Teller(Path.cwd(), environment, say)
        keeper = Keeper(children, teller, say, tend=(code_server.Watch(children).look, children.shorten_logs))
        try:
            collector = installation.start_collector(children, settings)
            api = installation.start_api(children, settings, keeper.look)
            dashboard = installation.start_dashboard(children, settings, keeper.look)
            interface = installation.start_dagster(children, settings, keeper.look)
            show(
                f"dashboard   {dashboard or '(off: FOOTFALL_DASHBOARD_PORT is 0)'}\n"
                f"collector   {collector}\nAPI         {api or '(off: FOOTFALL_API_PORT is 0)'}\n"
                f"Dagster UI  {interface}\nCtrl-C ends all of it"
            )
            reloader = Reloader(settings, say)
            while True:
                keeper.look()
                reloader.look()
                time.sleep(0.5)
        except KeyboardInterrupt:
            show("\nstopping …")
        except FootfallError as error:
            keeper.give_up(error)
            raise
        finally:
            keeper.close()
    return 0
