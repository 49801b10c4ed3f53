"""Dagster's entry: everything in `defs/`."""

import os
from pathlib import Path

import dagster as dg

from footfall.environment import add_env_file
from footfall.settings import Settings
from orchestration.loading import load


@dg.definitions
def defs() -> dg.Definitions:
    add_env_file(os.environ)
    settings = Settings.from_environ(os.environ)
    return load(Path(__file__).parent, settings.runbook_url, settings.dbt_docs_url)
