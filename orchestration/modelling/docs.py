"""`make docs`: dbt's documentation with lineage as one self-contained page.

Uses a warehouse of its own with empty tables, so that it needs no data and no lock, and a copy of the
project, in which each client's exports are known: lineage ends in the buckets of those who ordered.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from footfall.catalogue.tables import DATASETS
from footfall.clients import Client, registry_of
from footfall.installed import DBT_PROJECT, IS_INSTALLED
from footfall.settings import Settings
from footfall.sql import open_database, run
from orchestration.ingest.schema import create_statements
from orchestration.modelling.project import DBT, dbt_environment, dbt_folders


def exposures(clients: Iterable[Client]) -> str:
    """One for each export of each client, as YAML of dbt."""
    made = []
    names: Counter[str] = Counter()
    for client in clients:
        for export in client.exports:
            name = re.sub(r"\W", "_", f"{client.client_id}__{export.name}")
            names[name] += 1  # `a-b` and `a_b` are two clients, and one name for dbt
            where = " and ".join(client.destinations()[each].url for each in export.destinations)
            what = f"{export.dataset} for {client.name}, {export.cadence}, as {export.extension} in {where}"
            made.append(
                {
                    "name": name if names[name] == 1 else f"{name}__{names[name]}",
                    "label": f"{client.client_id}: {export.name}",
                    "type": "application",
                    "maturity": "high",
                    "description": _plain(what),
                    "depends_on": [f"ref('{model}')" for model in DATASETS[export.dataset].models],
                    "owner": {"name": client.client_id},
                }
            )
    return json.dumps({"version": 2, "exposures": made}, indent=2)


def _plain(text: str) -> str:
    """A client's own words: dbt would take braces for Jinja."""
    return re.sub(r"[{}]", lambda brace: f"&#{ord(brace[0])};", text)


def main() -> int:
    """Load the seeds, build the models empty, generate the page. Returns dbt's exit code."""
    settings = Settings.from_environ(os.environ)
    clients = registry_of(settings).clients
    # Installed packages are not written to.
    folder_of_docs = settings.home / "dbt-project" / "docs" if IS_INSTALLED else DBT_PROJECT / "target"
    made = folder_of_docs / "static_index.html"
    with TemporaryDirectory(prefix="footfall-docs-") as folder:
        warehouse = Path(folder) / "warehouse.duckdb"
        with open_database(warehouse) as connection:
            for statement in create_statements():
                run(connection, "{statement}", statement=statement)
        project, target = Path(folder) / "project", Path(folder) / "target"
        shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
        (project / "models" / "_client_exports.yml").write_text(exposures(clients))
        for command in (("seed",), ("run", "--empty"), ("docs", "generate", "--static")):
            done = subprocess.run(
                [DBT, "--quiet", *command, *dbt_folders(target, project)],
                env={**dbt_environment(), "FOOTFALL_WAREHOUSE": str(warehouse)},
                check=False,
            )
            if done.returncode:
                return done.returncode
        made.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(target / made.name, made)
    print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
