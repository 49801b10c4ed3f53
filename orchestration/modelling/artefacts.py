"""What dbt leaves behind: one folder a run, of which the newest few are kept."""

import shutil
from pathlib import Path

#: Folders of dbt runs that are kept: a day of hourly runs. Each takes about 4 MB.
KEPT_RUNS = 24


def prune(folder: Path, keep: int = KEPT_RUNS) -> int:
    """Delete all but the `keep` newest folders in `folder`. Returns how many went."""
    runs = sorted((f for f in folder.glob("*") if f.is_dir()), key=lambda f: f.stat().st_mtime, reverse=True)
    for old in runs[keep:]:
        shutil.rmtree(old, ignore_errors=True)
    return len(runs[keep:])
