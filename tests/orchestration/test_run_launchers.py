"""How runs are started, by configuration: each example is loaded by Dagster and starts a run."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import dagster as dg
import pytest
import yaml
from dagster._core.launcher import LaunchRunContext
from dagster._core.test_utils import create_run_for_test
from dotenv import dotenv_values
from moto import mock_aws
from moto.ec2.utils import generate_instance_identity_document
from support.image_stages import image_environment
from support.repository import ROOT

from commands import installation
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


def test_the_example_for_containers_starts_one_for_a_run_that_is_as_the_code_server_of_compose(
    opened, monkeypatch
):
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    code, daemon = compose["services"]["code"], compose["services"]["daemon"]
    files = [dotenv_values(ROOT / "deploy" / "environments" / f"{name}.env") for name in ("dev", "prod")]
    settings = Settings.from_environ(
        {"FOOTFALL_HOME": "/var/lib/footfall", "FOOTFALL_POSTGRES": "postgresql://f:secret@postgres/f"}
    )
    engine = Engine()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{engine.server.server_port}")
    # What the daemon of that file has, and nothing else of ours.
    of_daemon = image_environment() | daemon["environment"] | {"FOOTFALL_RUN_LAUNCHER": ""}
    of_daemon = installation.environment(settings, of_daemon)
    named = yaml.safe_load((EXAMPLES / "docker.yaml").read_text())["config"]["env_vars"]
    for each in files:
        assert set(named) <= {*of_daemon, *each}
    try:
        with opened(EXAMPLES / "docker.yaml") as instance:
            for name, value in (of_daemon | files[1]).items():
                if name.startswith(("FOOTFALL_", "DAGSTER_D", "MALLOC_")):
                    monkeypatch.setenv(name, value)
            monkeypatch.setenv("PYTHONTZPATH", "")
            run = a_run(instance)
            instance.run_launcher.launch_run(LaunchRunContext(run, None))
    finally:
        engine.end()

    (made,) = engine.made
    host = made["HostConfig"]
    assert made["Image"] == code["image"].replace("${FOOTFALL_VERSION:-latest}", "latest")
    assert "dagster api execute_run" in " ".join(made["Cmd"]) and run.run_id in made["Cmd"][-1]
    assert "FOOTFALL_POSTGRES=postgresql://f:secret@postgres/f" in made["Env"]
    assert (
        "FOOTFALL_ENVIRONMENT=prod" in made["Env"]
        and "FOOTFALL_DAGSTER_URL=http://webserver:3000" in made["Env"]
    )
    assert (made["User"], host["ReadonlyRootfs"], host["CapDrop"]) == (code["user"], True, code["cap_drop"])
    assert host["SecurityOpt"] == code["security_opt"]
    assert [f"{where}:{how}" for where, how in host["Tmpfs"].items()] == code["tmpfs"]
    volumes = {
        f"{compose['name']}_{name}:{where}"
        for name, _, where in (each.partition(":") for each in code["volumes"])
        if name in compose["volumes"]
    }
    mine = {each.removesuffix(":rw") for each in host["Binds"]}
    assert {each for each in mine if each.startswith("footfall_")} == volumes
    assert [each.split(":", 1)[1] for each in mine - volumes] == ["/etc/footfall/clients:ro"]
    assert len(engine.started) == 1


def test_the_daemon_alone_is_given_the_engine_and_only_by_a_file_of_its_own():
    more = yaml.safe_load((ROOT / "deploy" / "compose.runs.yaml").read_text())
    assert list(more["services"]) == ["daemon"]
    assert "docker.sock" in str(more)
    assert "docker.sock" not in (ROOT / "deploy" / "compose.yaml").read_text()


@mock_aws
def test_the_example_for_ecs_starts_a_task_for_a_run_on_the_instance_that_has_the_state(opened, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
    ecs.register_task_definition(
        family="footfall-run",
        containerDefinitions=[{"name": "run", "image": "footfall:latest", "memory": 4096}],
    )
    ecs.create_cluster(clusterName="footfall")
    (image, *_) = ec2.describe_images()["Images"]
    (machine,) = ec2.run_instances(ImageId=image["ImageId"], MinCount=1, MaxCount=1)["Instances"]
    document = json.dumps(
        generate_instance_identity_document(boto3.resource("ec2").Instance(machine["InstanceId"]))
    )
    there = ecs.register_container_instance(cluster="footfall", instanceIdentityDocument=document)
    arn = there["containerInstance"]["containerInstanceArn"]
    of = {"targetType": "container-instance", "targetId": arn.rpartition("/")[2]}
    ecs.put_attributes(cluster="footfall", attributes=[{"name": "footfall-state", "value": "", **of}])

    with opened(EXAMPLES / "ecs.yaml") as instance:
        assert type(instance.run_launcher).__name__ == "EcsRunLauncher"
        run = a_run(instance)
        instance.run_launcher.launch_run(LaunchRunContext(run, None))

    (task,) = ecs.describe_tasks(cluster="footfall", tasks=ecs.list_tasks(cluster="footfall")["taskArns"])[
        "tasks"
    ]
    (container,) = task["overrides"]["containerOverrides"]
    *program, argument = container["command"]
    assert container["name"] == "run" and " ".join(program).endswith("dagster api execute_run")
    assert run.run_id in argument
    assert task["containerInstanceArn"] == arn and task["launchType"] == "EC2"


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
