"""All stories in one installation: told, imported and run once, and read by each as if it were alone.

A run costs as much for one client as for a dozen, and twenty times what is asked of its rows.
"""

from pathlib import Path

import duckdb
from support.collectors import CollectorProcess
from support.command_line import command_line
from support.preloaded import run_command
from support.told import consent, days, money, programs, visits, who
from support.told.story import Rows, Story

from footfall.store import LocalStore

STORIES = tuple(each.STORY for each in (visits, money, consent, days, programs, who))


def tell_all(folder: Path) -> None:
    """Fill a folder with the installation in which all of it came to pass."""
    footfall = command_line(folder / "state")
    footfall.clients = folder / "clients"
    footfall.clients.mkdir()
    for story in STORIES:
        for client, text in story.clients.items():
            (footfall.clients / f"{client}.yaml").write_text(text)
        if story.before is not None:
            story.before(LocalStore(footfall.home / "lake"))
    collector = CollectorProcess(footfall.home, settings={"FOOTFALL_CLIENTS": str(footfall.clients)}).start()
    for story in STORIES:
        if story.send is not None:
            story.send(collector)
    assert "Traceback" not in collector.end()

    def must(*arguments: str) -> None:
        done = run_command(arguments, footfall.environment(), seconds=900)
        assert done.returncode == 0, done.stdout + done.stderr

    for story in STORIES:
        for client, (form, text) in story.files.items():
            if text:
                path = folder / f"{client}.log"
                path.write_text(text)
                must("import", str(path), "--client", client, "--format", form)
    must("run", "--from", "2026-11-09T22", "--to", "2026-11-11T10")


def rows_of(folder: Path, story: Story) -> Rows:
    """What the models of `tell_all(folder)` say of a story's clients to a query, in UTC."""
    clients = ", ".join(f"'{client}'" for client in story.clients)

    def read(query: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(folder / "state" / "warehouse.duckdb"), read_only=True) as warehouse:
            warehouse.execute("SET TimeZone = 'UTC'")
            models = warehouse.execute(
                "SELECT DISTINCT table_name FROM duckdb_columns() "
                "WHERE schema_name = 'main' AND column_name = 'client_id' AND NOT internal"
            ).fetchall()
            for (model,) in models:
                told = f"SELECT * FROM warehouse.main.{model} WHERE client_id IN ({clients})"
                warehouse.execute(f"CREATE TEMP VIEW {model} AS {told}")
            return warehouse.execute(query).fetchall()

    return read
