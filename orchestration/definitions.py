"""Dagster's entry: the definitions of the installation that the environment names."""

import os

import dagster as dg

from footfall.environment import add_env_file
from footfall.settings import Settings
from orchestration.loading import build_defs


@dg.definitions
def defs() -> dg.Definitions:
    add_env_file(os.environ)
    return build_defs(Settings.from_environ(os.environ))
