"""`make docs`: dbt's documentation with lineage as one self-contained page.

Uses a warehouse of its own with empty tables, so that it needs no data and no lock.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from footfall.installed import IS_INSTALLED
from footfall.settings import Settings
from footfall.sql import run
from orchestration.ingest.schema import create_statements
from orchestration.modelling.project import DBT, PROJECT_FOLDER, dbt_environment, dbt_folders


def main() -> int:
    """Load the seeds, build the models empty, generate the page. Returns dbt's exit code."""
    # Installed packages are not written to.
    home = Settings.from_environ(os.environ).home
    target = home / "dbt-project" / "docs" if IS_INSTALLED else PROJECT_FOLDER / "target"
    with TemporaryDirectory(prefix="footfall-docs-") as folder:
        warehouse = Path(folder) / "warehouse.duckdb"
        with duckdb.connect(str(warehouse)) as connection:
            for statement in create_statements():
                run(connection, "{statement}", statement=statement)
        for command in (("seed",), ("run", "--empty"), ("docs", "generate", "--static")):
            done = subprocess.run(
                [DBT, "--quiet", *command, *dbt_folders(target)],
                env={**dbt_environment(), "FOOTFALL_WAREHOUSE": str(warehouse)},
                check=False,
            )
            if done.returncode:
                return done.returncode
    print(target / "static_index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
