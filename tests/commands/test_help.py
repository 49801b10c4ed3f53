"""Help, completion, and what is no command line."""

import subprocess
import sys

from support.command_line import ROOT


def test_help_loads_no_command():
    """It must come at once: what commands need takes seconds to load."""
    script = "import sys; from commands import cli; cli.main(['--help']); print(*sys.modules, sep='\\n')"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )

    loaded = set(done.stdout.splitlines())
    assert "click" in loaded
    assert loaded & {"pydantic", "dagster", "duckdb", "boto3", "rich", "commands.state"} == set()


def test_the_api_and_the_dashboard_hold_no_dagster_in_memory():
    """Forty megabytes each, all day, for what they ask Dagster's server over HTTP."""
    script = (
        "import sys, api.serving, dashboard.serving, commands.api_installation, commands.state_metrics\n"
        "print(*sys.modules, sep='\\n')"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )

    loaded = set(done.stdout.splitlines())
    assert {"api.serving", "dashboard.serving", "commands.api_installation"} <= loaded
    assert loaded & {"dagster", "dbt", "dagster_dbt"} == set()


def test_who_loads_the_definitions_holds_no_graph_of_dbt_and_no_data_frames_in_memory():
    """The code server all day, and each run that builds no model: the graph of dbt's selection is 19 MB."""
    script = (
        "import os, sys\n"
        "from footfall.settings import Settings\n"
        "from orchestration.loading import build_defs\n"
        "graph = build_defs(Settings.from_environ(os.environ)).get_repository_def().asset_graph\n"
        "print(len(graph.asset_check_keys), *sys.modules, sep='\\n')"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )

    checks, *loaded = done.stdout.splitlines()
    assert int(checks) > 40, "the tests of dbt are checks all the same"
    assert {"dagster_dbt", "orchestration.defs.modelling.specs"} <= set(loaded)
    absent = {"networkx", "dbt.graph", "pandas", "numpy", "pyarrow", "boto3", "botocore", "rich"}
    assert set(loaded) & absent == set()


def test_a_shell_completes_commands_options_and_clients(footfall):
    assert "_FOOTFALL_COMPLETE=bash_complete" in footfall("completion", "bash").stdout
    for words, completed in (
        ("footfall deli", "deliveries"),
        ("footfall deliveries list --js", "--json"),
        ("footfall import x --client de", "demo"),
    ):
        footfall.settings = {
            "_FOOTFALL_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        assert footfall().stdout.splitlines() == [f"plain,{completed}"]


def test_what_is_no_command_line_is_exit_code_2(footfall):
    for arguments in (
        (),
        ("run", "--form", "2026-11-20"),
        ("import", "a.log"),
        ("domains", "approve", "demo"),
    ):
        assert footfall(*arguments).returncode == 2
