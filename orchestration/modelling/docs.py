"""`make docs`: dbt's documentation with lineage as one self-contained page.

Uses a warehouse of its own with empty tables, so that it needs no data and no lock.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from footfall.installed import DBT_PROJECT, IS_INSTALLED
from footfall.settings import Settings
from footfall.sql import open_database, run
from orchestration.ingest.schema import create_statements
from orchestration.modelling.project import DBT, dbt_environment, dbt_folders


def main() -> int:
    """Load the seeds, build the models empty, generate the page. Returns dbt's exit code."""
    # Installed packages are not written to.
    home = Settings.from_environ(os.environ).home
    target = home / "dbt" / "docs" if IS_INSTALLED else DBT_PROJECT / "target"
    with TemporaryDirectory(prefix="footfall-docs-") as folder:
        warehouse = Path(folder) / "warehouse.duckdb"
        with open_database(warehouse) as connection:
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
