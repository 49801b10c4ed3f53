"""Dagster's entry: everything in `defs/`."""

import os
from pathlib import Path

import dagster as dg

from footfall.settings import Settings
from orchestration.loading import load


@dg.definitions
def defs() -> dg.Definitions:
    return load(Path(__file__).parent, Settings.from_environ(os.environ).runbook_url)
