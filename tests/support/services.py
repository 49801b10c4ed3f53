"""Collector, webserver and daemon as systemd runs them: each by itself, started again when it has ended."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from orchestration.modelling.project import prepare

ROOT = Path(__file__).resolve().parents[2]
#: What to look for in the command line of a process that is no service of ours but a child of one.
MARKS = {"run worker": "spawn_main", "code server": "api\0grpc"}
_LAUNCH = """
mutation($run: ExecutionParams!) { launchRun(executionParams: $run) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
_RELOAD = (
    'mutation { reloadRepositoryLocation(repositoryLocationName: "footfall") { __typename '
    "... on WorkspaceLocationEntry { loadStatus } } }"
)
_RUNS = "{ runsOrError(limit: 500) { ... on Runs { results { runId jobName status tags { key value } } } } }"


class Services:
    """The three services of one state folder."""

    def __init__(self, environment: dict[str, str]) -> None:
        home = Path(environment["FOOTFALL_HOME"])
        self.environment = {
            **environment,
            "DAGSTER_HOME": str(home / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }
        self.home = home
        self.ui = f"http://127.0.0.1:{environment['FOOTFALL_UI_PORT']}"
        self.collector_port = int(environment["FOOTFALL_COLLECTOR_PORT"])
        (home / "dagster").mkdir(parents=True, exist_ok=True)
        (home / "dagster" / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
        prepare(home)
        binaries = Path(sys.executable).parent
        workspace = ["-w", str(ROOT / "workspace.yaml")]
        self._commands = {
            "collector": [sys.executable, "-m", "collector"],
            "webserver": [
                str(binaries / "dagster-webserver"), "-h", "127.0.0.1",
                "-p", environment["FOOTFALL_UI_PORT"], *workspace,
            ],
            "daemon": [str(binaries / "dagster-daemon"), "run", *workspace],
        }  # fmt: skip
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts = 0

    def __enter__(self) -> "Services":
        self.tend()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            if process.poll() is None:
                process.terminate()
        for process in self._running.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                pass
            _kill_group(process)
            process.wait()
        for pid in [pid for mark in MARKS.values() for pid in self._pids(mark)]:
            os.kill(pid, signal.SIGKILL)

    def tend(self) -> None:
        """Start what is not running."""
        for name, command in self._commands.items():
            process = self._running.get(name)
            if process is not None and process.poll() is None:
                continue
            if process is not None:
                _kill_group(process)  # as systemd does with what a dead service leaves
                self.restarts += 1
            with (self.home / f"{name}.log").open("ab") as log:
                self._running[name] = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def kill(self, name: str) -> bool:
        """SIGKILL a service, or one of the children that `MARKS` names. Whether there was one."""
        if name in self._running:
            self._running[name].kill()
            self._running[name].wait()
            return True
        pids = self._pids(MARKS[name])
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return bool(pids)

    def _pids(self, mark: str) -> list[int]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                is_ours = f"FOOTFALL_HOME={self.home}\0".encode() in (entry / "environ").read_bytes()
                if is_ours and mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def wait_until_up(self, seconds: float = 240) -> None:
        """Until the collector and the UI answer, with the code location loaded."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            self.tend()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.collector_port}/health", timeout=5):
                    pass
                if self.ask(
                    "{ repositoriesOrError { __typename ... on RepositoryConnection { nodes { name }}}}"
                )["repositoriesOrError"].get("nodes"):
                    return
                self.reload()
            except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
                pass
            time.sleep(0.5)
        raise AssertionError(f"not up after {seconds} s; see the logs in {self.home}")

    def ask(self, query: str, variables: dict | None = None) -> dict:
        """One GraphQL question to the UI."""
        request = urllib.request.Request(
            f"{self.ui}/graphql",
            json.dumps({"query": query, "variables": variables or {}}).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def launch(self, job: str, partition: str, seconds: float = 240) -> str:
        """Start a run as a person does in the UI; again where the code server has just died."""
        run = {
            "selector": {
                "repositoryLocationName": "footfall",
                "repositoryName": "__repository__",
                "jobName": job,
            },
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}]},
        }
        give_up = time.monotonic() + seconds
        said: object = None
        while time.monotonic() < give_up:
            self.tend()
            try:
                said = self.ask(_LAUNCH, {"run": run})["launchRun"]
                if said["__typename"] == "LaunchRunSuccess":
                    return said["run"]["runId"]
            except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
                said = error
                self.reload()
            time.sleep(1)
        raise AssertionError(f"{job} {partition} cannot be launched: {said}")

    def reload(self) -> None:
        """What a person does where the UI has lost its code server: *Reload definitions*."""
        try:
            self.ask(_RELOAD)
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            pass

    def runs(self) -> list[tuple[str, str, str]]:
        """(job, partition, status) of all runs, newest first."""
        found = self.ask(_RUNS)["runsOrError"]["results"]
        return [
            (
                run["jobName"],
                {t["key"]: t["value"] for t in run["tags"]}.get("dagster/partition", ""),
                run["status"],
            )
            for run in found
        ]

    def waiting(self) -> list[tuple[str, str, str]]:
        """The runs that have not begun; none where the UI does not answer."""
        try:
            return [run for run in self.runs() if run[2] in ("QUEUED", "NOT_STARTED", "STARTING")]
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            return []

    def wait_until_quiet(self, seconds: float = 600) -> None:
        """Until no run is queued or going on."""
        give_up = time.monotonic() + seconds
        calm = 0
        while time.monotonic() < give_up and calm < 3:
            self.tend()
            try:
                going = [each for each in self.runs() if each[2] not in ("SUCCESS", "FAILURE", "CANCELED")]
                calm = 0 if going else calm + 1
            except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
                calm = 0
            time.sleep(2)
        assert calm == 3, f"still going on after {seconds} s: {self.runs()[:5]}"


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
