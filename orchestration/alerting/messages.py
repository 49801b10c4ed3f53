"""Failures as text for a person: what failed, for whom, and what to do."""

from typing import Any


def failed_run(
    *, job: str, run_id: str, partition: str | None, message: str, step_errors: list[str]
) -> dict[str, Any]:
    """The alert of one failed run. `key` is the same for every run of a job and partition, so that a
    receiver can group repeats."""
    period = partition or "unpartitioned"
    return {
        "kind": "run_failed",
        "key": f"run_failed:{job}:{period}",
        "severity": "error",
        "title": f"Footfall: {job} failed for {period}",
        "text": "\n".join(step_errors) or message,
        "fix": "Open the run, read the failed step, mend its cause and re-execute from failure.",
        "run_id": run_id,
        "job": job,
        "partition": partition,
    }
