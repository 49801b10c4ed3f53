"""How runs are started, by configuration: each example is loaded by Dagster and starts a run."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import dagster as dg
import pytest
import yaml
from dagster._core.launcher import LaunchRunContext
from dagster._core.test_utils import create_run_for_test
from moto import mock_aws
from support.repository import ROOT

from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.instance_file import instance_file

EXAMPLES = ROOT / "deploy" / "launchers"


class Engine:
    """What a container engine answers to its client, and what it was asked to make and start."""

    def __init__(self):
        self.made, self.started = [], []
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(200, {"ApiVersion": "1.43", "Id": "c1"})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if "/containers/create" in self.path:
                    engine.made.append(json.loads(body))
                    self.answer(201, {"Id": "c1", "Warnings": []})
                elif self.path.endswith("/start"):
                    engine.started.append(self.path)
                    self.answer(204, None)
                else:
                    self.answer(200, {})

            def answer(self, status, document):
                text = json.dumps(document).encode() if document is not None else b""
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Opens an instance that starts its runs as a file says."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    def open_it(launcher):
        settings = Settings.from_environ(
            {"FOOTFALL_HOME": str(tmp_path), "FOOTFALL_RUN_LAUNCHER": str(launcher)}
        )
        (tmp_path / "dagster.yaml").write_text(instance_file((ROOT / "dagster.yaml").read_text(), settings))
        return dg.DagsterInstance.get()

    return open_it


def a_run(instance):
    from dagster._core.code_pointer import ModuleCodePointer
    from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
    from dagster._core.remote_origin import (
        RegisteredCodeLocationOrigin,
        RemoteJobOrigin,
        RemoteRepositoryOrigin,
    )

    remote = RemoteJobOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("footfall"), "__repository__"), "hourly"
    )
    python = JobPythonOrigin(
        "hourly",
        RepositoryPythonOrigin("python", ModuleCodePointer("orchestration.definitions", "defs")),
    )
    return create_run_for_test(instance, job_name="hourly", remote_job_origin=remote, job_code_origin=python)


def test_the_example_for_processes_is_what_there_is_without_one(opened):
    with opened(EXAMPLES / "process.yaml") as instance:
        own = yaml.safe_load((ROOT / "dagster.yaml").read_text())["run_launcher"]

        assert yaml.safe_load((EXAMPLES / "process.yaml").read_text()) == own
        assert type(instance.run_launcher).__module__ == "orchestration.launcher"


def test_the_example_for_containers_starts_one_for_a_run(opened, monkeypatch):
    engine = Engine()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{engine.server.server_port}")
    named = yaml.safe_load((EXAMPLES / "docker.yaml").read_text())["config"]["env_vars"]
    for name in named:
        if name not in os.environ:
            monkeypatch.setenv(name, f"value of {name}")
    try:
        with opened(EXAMPLES / "docker.yaml") as instance:
            run = a_run(instance)
            instance.run_launcher.launch_run(LaunchRunContext(run, None))
    finally:
        engine.end()

    (made,) = engine.made
    assert made["Image"] == "footfall:latest"
    assert "dagster api execute_run" in " ".join(made["Cmd"]) and run.run_id in made["Cmd"][-1]
    assert "FOOTFALL_POSTGRES=value of FOOTFALL_POSTGRES" in made["Env"]
    assert made["HostConfig"]["ReadonlyRootfs"] is True
    assert "footfall_state:/var/lib/footfall" in str(made["HostConfig"]["Binds"])
    assert len(engine.started) == 1


@mock_aws
def test_the_example_for_ecs_is_taken_and_names_its_container(opened, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    boto3.client("ecs").register_task_definition(
        family="footfall-run",
        containerDefinitions=[{"name": "run", "image": "footfall:latest", "memory": 4096}],
    )

    with opened(EXAMPLES / "ecs.yaml") as instance:
        launcher = instance.run_launcher

        assert type(launcher).__name__ == "EcsRunLauncher"
        assert launcher.container_name == "run"
        assert launcher.run_task_kwargs["launchType"] == "EC2"


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "there is no file"), ("module: x", "must say module, class"), ("- {", "cannot be read")],
)
def test_a_file_that_says_no_launcher_is_named_in_one_line(tmp_path, text, said):
    path = tmp_path / "launcher.yaml"
    if text is not None:
        path.write_text(text)
    settings = Settings.from_environ({"FOOTFALL_HOME": str(tmp_path), "FOOTFALL_RUN_LAUNCHER": str(path)})

    with pytest.raises(FootfallError, match=f"^FOOTFALL_RUN_LAUNCHER: .*{said}") as caught:
        instance_file((ROOT / "dagster.yaml").read_text(), settings)
    assert "\n" not in str(caught.value)
