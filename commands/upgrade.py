"""`footfall upgrade URL`: the state of an earlier release brought to this one, after a backup of it.

Any command takes up what it needs when it starts. This one does all at once, says what, and first writes a
snapshot that the earlier release can restore.
"""

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from commands.apart import ask_apart
from commands.backup import backup
from commands.installation import require_unheld
from commands.noting import noted
from commands.rebuild import rebuild_all
from commands.state import enter, with_settings
from footfall.access.register import key_register
from footfall.durable import (
    DOES,
    FILE_STEPS,
    STEPS,
    found_versions,
    known_version,
    mark_lake,
    open_lake,
    require_known,
    require_known_state,
)
from footfall.errors import FootfallError
from footfall.keys import LAKE_VERSION
from footfall.settings import Settings
from orchestration.alerting.book import alert_book
from orchestration.delivery.ledger import Ledger
from orchestration.discovery.database import registry as domain_registry
from orchestration.ingest.listing import read_digests
from orchestration.modelling.project import content
from orchestration.modelling.untouched import is_built
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.resources.warehouse import Warehouse

_WAREHOUSE, _LAKE, _MODELS = "warehouse.duckdb", "the lake", "the models"


def _open_ledger(path: Path) -> None:
    with closing(Ledger(path)):
        pass


def _open_registry(path: Path) -> None:
    with domain_registry(path):
        pass


def _open_alerts(path: Path) -> None:
    with alert_book(path):
        pass


def _open_register(path: Path) -> None:
    with key_register(path.parent):
        pass


#: File → what opens it, which brings it up.
OPENS: Mapping[str, Callable[[Path], object]] = {
    "ledger.sqlite": _open_ledger,
    "registry.sqlite": _open_registry,
    "alerts.sqlite": _open_alerts,
    "access.sqlite": _open_register,
    "erasures.sqlite": lambda path: ErasureBook(path.parent).all(),
    "listings.sqlite": lambda path: read_digests(path, [datetime.now(UTC)]),
}


@click.command()
@click.argument("url", required=False)
@click.option("--look", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--no-rebuild", is_flag=True, help="Leave the models to `footfall rebuild`.")
@with_settings
def command(settings: Settings, url: str | None, look: bool, no_rebuild: bool) -> int:
    """Bring the state of an earlier release to this one, after a backup of it.

    URL is where backups go, as for `backup`; nothing is done without one. Stop the installation before. Said
    again, it does what is left; where nothing is, it writes no backup.
    """
    return upgrade(settings, url, is_look=look, rebuilds=not no_rebuild)


def upgrade(settings: Settings, url: str | None, *, is_look: bool = False, rebuilds: bool = True) -> int:
    """Do it, and say what. Returns the exit code. Raises FootfallError, before anything is touched, for a
    state of a newer release, one that is in use, and one whose backup cannot be written.
    """
    if not settings.home.is_dir():
        raise FootfallError(f"there is no installation in {settings.home}; set FOOTFALL_HOME")
    # Each apart, for a rebuild is a copy of this process, which must have asked no store by then.
    apart = partial(ask_apart, dict(os.environ))
    due = apart(partial(_due, settings))
    if not due:
        print("nothing to do: all of it is of this release")
        return 0
    for name, (found, known) in due.items():
        print(f"{name}: {_said(name, found, known)}")
    if is_look:
        return 0
    if url is None:
        raise FootfallError(
            "say where a backup goes first: `footfall upgrade URL`, a folder or a bucket for "
            "backups alone, as s3://, gs:// or az://"
        )
    require_unheld(settings)
    code = apart(partial(backup, settings, url))
    if code:
        raise FootfallError("the backup is not whole, so nothing was upgraded: mend what it names first")
    enter(settings)
    noted(settings, "upgrade", "", ", ".join(due))
    apart(partial(_bring_up, settings, due))
    if _MODELS in due and rebuilds and (code := rebuild_all()):
        return code
    left = apart(partial(_due, settings))
    if left.keys() - {_MODELS}:
        raise FootfallError(f"still of an earlier release: {', '.join(left)}; say it again")
    print("left: the models, by `footfall rebuild`" if left else "done: all of it is of this release")
    return 0


def _bring_up(settings: Settings, due: Collection[str]) -> None:
    for name, bring_up in OPENS.items():
        if name in due:
            bring_up(settings.home / name)
    if _WAREHOUSE in due:
        with Warehouse(database=str(settings.warehouse)).exclusive():
            pass
    if _LAKE in due:
        mark_lake(open_lake(settings.lake, settings.s3_endpoint, settings.home))


def _due(settings: Settings) -> dict[str, tuple[int, int]]:
    """Name → (version found, version of this release) of what is older. Raises FootfallError for newer."""
    home = settings.home
    require_known_state(home)
    found = found_versions(home)
    # Of what is not there yet only that which a step makes of something else.
    made = {name: 0 for name, _ in DOES if name in FILE_STEPS and name not in found}
    due = {name: (version, known_version(name)) for name, version in (found | made).items()}
    lake = open_lake(settings.lake, settings.s3_endpoint, settings.home)
    if lake.head(LAKE_VERSION) is None and any(True for _ in lake.list("raw/")):
        due[_LAKE] = (0, 1)
    if settings.warehouse.exists():
        warehouse = Warehouse(database=str(settings.warehouse))
        version = warehouse.found_version()
        require_known(_WAREHOUSE, settings.warehouse, version, known_version(_WAREHOUSE))
        due[_WAREHOUSE] = (version, known_version(_WAREHOUSE))
        if due[_WAREHOUSE][0] < due[_WAREHOUSE][1] or not _are_models_ours(settings):
            due[_MODELS] = (0, 1)
    return {name: versions for name, versions in due.items() if versions[0] < versions[1]}


def _are_models_ours(settings: Settings) -> bool:
    with Warehouse(database=str(settings.warehouse)).connect() as connection:
        return is_built(connection, content())


def _said(name: str, found: int, known: int) -> str:
    if name == _MODELS:
        return "made by others than those of this release, and made anew"
    steps = [DOES[name, number] for number in range(found + 1, known + 1) if (name, number) in DOES]
    return f"version {found} to {known}" + "".join(f"; {each}" for each in steps)


def unsaid() -> list[tuple[str, int]]:
    """Steps after a first one of which nothing is said."""
    later = [(name, number) for name in (*STEPS, *FILE_STEPS) for number in range(2, known_version(name) + 1)]
    return [step for step in later if step not in DOES]
