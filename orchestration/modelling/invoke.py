"""dbt in this process: no second interpreter, no second import, nothing parsed twice.

A process of its own costs seconds before it does anything, and a run needs dbt twice.
"""

import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from footfall.errors import FootfallError
from orchestration.modelling.project import dbt_environment, dbt_folders

#: Folder of prepared models → what dbt parsed of it in this process: a run needs dbt twice.
_parsed: dict[Path, Any] = {}
#: What dbt has parsed before, where it looks for it.
_PARSED = "partial_parse.msgpack"


@dataclass(frozen=True)
class NodeResult:
    """What became of one model, seed or test."""

    unique_id: str
    kind: str
    """model, seed or test."""
    status: str
    """success or pass, warn, or error, fail, skipped, as dbt says it."""
    seconds: float
    failures: int
    """Rows that a test found."""
    message: str

    @property
    def is_good(self) -> bool:
        """Whether what depends on it may go on."""
        return self.status in ("success", "pass", "warn")


def failures(results: Iterable[NodeResult]) -> list[str]:
    """`model: what dbt said` of what failed, without what was skipped because of it."""
    bad = (result for result in results if not result.is_good and result.status != "skipped")
    return [f"{result.unique_id.split('.')[2]}: {result.message}" for result in bad]


def invoke(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    target: Path,
    threads: int = 1,
    *,
    known: Path | None = None,
) -> list[NodeResult]:
    """Run a dbt command on the project, with artefacts and logs in `target`. Returns a result for each node.

    `known`: the folder of the prepared models; without it dbt parses the project, which takes seconds.
    `threads`: models side by side, 1 to 8. DuckDB uses every core for each; more only use more memory.
    Raises FootfallError where dbt did not get as far as the nodes. The warehouse is closed again after it.
    """
    target.mkdir(parents=True, exist_ok=True)
    if known is not None and not (target / _PARSED).exists() and (known / _PARSED).exists():
        shutil.copy(known / _PARSED, target / _PARSED)
    # Nobody reads the manifest and the results again; the log is `_note`'s.
    fixed = [
        "--quiet",
        "--no-write-json",
        "--log-level",
        "none",
        "--log-level-file",
        "none",
        *dbt_folders(target),
    ]
    with warnings.catch_warnings(), _environment(dbt_environment()):
        # dbt's dependencies use names that Python and click have deprecated; nothing we could change.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        # Imported here: it takes a second, and most of what imports this module never runs dbt.
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner
        from dbt.contracts.graph.manifest import Manifest
        from dbt_common.events.event_manager_client import cleanup_event_logger

        # Stopped in the middle of its start, dbt writes a traceback: it belongs to its logs. Until it has
        # read its own flags, it logs to what was the standard output when it was imported.
        cleanup_event_logger()
        try:
            with (
                (target / "stderr.log").open("a") as quiet,
                (target / "dbt.log").open("a") as log,
                redirect_stderr(quiet),
                redirect_stdout(quiet),
            ):
                callbacks: list[Callable[[Any], None]] = [partial(_note, log)]
                parsed = _parsed.get(known) if known is not None else None
                if parsed is None:
                    # Without `environment`: for another warehouse than the one it knows, dbt parses all anew.
                    done = dbtRunner(callbacks=callbacks).invoke(["parse", *fixed])
                    parsed = done.result
                if isinstance(parsed, Manifest):
                    if known is not None:
                        _parsed[known] = parsed
                    with _environment(environment):
                        runner = dbtRunner(manifest=parsed, callbacks=callbacks)
                        done = runner.invoke([*arguments, *fixed, "--threads", str(threads)])
        finally:
            DuckDBConnectionManager.close_all_connections()
    results = getattr(done.result, "results", None)
    if results is None:
        raise FootfallError(f"dbt {arguments[0]} failed: {done.exception or 'it said nothing'}")
    hooks = [result for result in results if str(result.node.resource_type) == "operation"]
    for hook in hooks:
        if str(hook.status) not in ("success", "pass"):
            raise FootfallError(f"dbt {arguments[0]} failed before its models: {hook.message}")
    return [
        NodeResult(
            unique_id=result.node.unique_id,
            kind=str(result.node.resource_type),
            status=str(result.status),
            seconds=result.execution_time,
            failures=result.failures or 0,
            message=(result.message or "").strip(),
        )
        for result in results
        # Hooks and exposures have results as well.
        if str(result.node.resource_type) in ("model", "seed", "test")
    ]


def _note(log: TextIO, event: Any) -> None:
    """Write what dbt says to its log, but for what is said of each query.

    dbt makes a line of each for both of its logs and looks for secrets in it, before it asks whether the log
    wants it: a twelfth of a small run.
    """
    if event.info.level != "debug":
        log.write(f"{event.info.ts.ToDatetime():%H:%M:%S}  {event.info.msg}\n")


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """dbt reads the process's environment; ours is put back."""
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
