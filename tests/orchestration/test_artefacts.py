"""dbt's artefacts do not fill the disk."""

import os

from orchestration.modelling.artefacts import prune


def test_only_the_newest_runs_are_kept(tmp_path):
    for age in range(5):
        run = tmp_path / f"run-{age}"
        run.mkdir()
        (run / "manifest.json").write_text("{}")
        os.utime(run, (1_000_000 - age, 1_000_000 - age))

    assert prune(tmp_path, keep=2) == 3

    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["run-0", "run-1"]


def test_a_folder_that_is_not_there_yet_has_nothing_to_prune(tmp_path):
    assert prune(tmp_path / "dbt") == 0
