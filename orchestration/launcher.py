"""Runs as processes of this machine, as Dagster starts them, with one thing more: whether they still live.

Dagster's own launcher leaves that to the code server which started the run. Where that died as well (the
daemon was started again, the machine was) nobody notices: the run counts as going on, and holds the
warehouse's slot, until `max_runtime_seconds`. Here the monitoring asks for the process itself, fails the run
that has none, and the retries of dagster.yaml start it again.
"""

import os
from pathlib import Path
from typing import Any

from dagster import DagsterEventType, DagsterRun
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

#: Seconds by which a process may seem younger than its own first message: clocks of /proc tick in hundredths.
_TOLERANCE = 5.0


class Launcher(DefaultRunLauncher):
    """Dagster's launcher for one machine, whose runs can be looked for by their process id."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: see the module."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the process of a run that has started is there. What cannot be told counts as living."""
        if "socket" not in run.tags.get(GRPC_INFO_TAG, ""):
            return CheckRunHealthResult(WorkerStatus.RUNNING, "not started by a code server of this machine")
        found = _process(self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT))
        if found is None or is_alive(*found):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {found[0]} is gone")


def _process(entries: Any) -> tuple[int, float] | None:
    """(process id, when it said so as seconds since 1970) of the newest message that names one."""
    named = [
        (int(str(data.metadata["pid"].value)), entry.timestamp)
        for entry in entries
        if (event := entry.dagster_event) is not None
        and (data := event.event_specific_data) is not None
        and "pid" in data.metadata
    ]
    return named[-1] if named else None


def is_alive(pid: int, since: float) -> bool:
    """Whether a process is there that is as old as `since`: numbers are given out again."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # ours would be ours
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        booted = next(
            float(line.split()[1])
            for line in Path("/proc/stat").read_text().splitlines()
            if line.startswith("btime")
        )
    except (OSError, StopIteration):
        return True  # no /proc here
    started = booted + int(fields[18]) / os.sysconf("SC_CLK_TCK")
    return state != "Z" and started <= since + _TOLERANCE
