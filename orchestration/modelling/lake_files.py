"""dbt's plugin (dbt_project/profiles.yml): its connections read the lake's files of hours, and no others."""

from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from footfall.sql import confine


class Plugin(BasePlugin):
    """`folder`: where the files lie that `ingest.events` is a view of; empty: no file is read."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        self._folder = str(plugin_config.get("folder") or "")

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        confine(conn, *([Path(self._folder)] if self._folder else []))
