"""Dagster's entry: everything in `defs/`, without looking what other packages offer, which takes a second."""

import warnings
from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    here = Path(__file__).parent
    with warnings.catch_warnings():
        # Of what Dagster itself calls for this, and of what it imports.
        for category in (dg.PreviewWarning, dg.BetaWarning, dg.SupersessionWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        return dg.ComponentTree.for_project(here).build_defs(here / "defs")
