"""Collection by tasks of Fargate: what the template promises, and its container run as the template says.

The template is the one that is kept (test_cdk.py compares it with what the CDK makes), so that no CDK is
needed here. There is no Fargate either: a task is its command, started with the environment of image and
template, with folders and the lake of this machine in the place of its own.
"""

import fnmatch
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import zstandard
from support.collectors import CLIENT_FILE, batch, free_port, request, wire_event
from support.fault_proxy import Reset
from support.image_stages import image_environment, stages
from support.repository import ROOT
from support.waiting import PATIENCE, wait_until

from collector.supervisor import STOP_SECONDS
from collector.worker import SHIPPING_SECONDS
from footfall.keys import salt_object
from footfall.settings import VARIABLES
from footfall.store import open_store

TEMPLATE = json.loads((Path(__file__).parent / "templates" / "prod-fargate-collect.json").read_text())
DOCKERFILE = (ROOT / "deploy" / "collector.Dockerfile").read_text()
STATE = "/var/lib/footfall"
LAKE = "footfall-lake-111122223333-eu-central-1"
#: As Fargate tells a container who it is.
TASK = "0123456789abcdef0123456789abcdef-1495160603"


def resolved(value):
    """A value of the template with account and region in their places."""
    if isinstance(value, list):
        return [resolved(each) for each in value]
    if isinstance(value, dict):
        if "Fn::Join" in value:
            between, parts = value["Fn::Join"]
            return between.join(str(resolved(each)) for each in parts)
        if "Ref" in value:
            names = {"AWS::AccountId": "111122223333", "AWS::Region": "eu-central-1", "AWS::Partition": "aws"}
            return names.get(value["Ref"], value["Ref"])
        return {name: resolved(each) for name, each in value.items()}
    return value


def of_type(kind: str) -> dict[str, dict]:
    """Properties of the resources of a type, by their names in the template."""
    found = TEMPLATE["Resources"].items()
    return {name: resolved(each["Properties"]) for name, each in found if each["Type"] == f"AWS::{kind}"}


def only(kind: str) -> dict:
    (found,) = of_type(kind).values()
    return found


def container() -> dict:
    (found,) = only("ECS::TaskDefinition")["ContainerDefinitions"]
    return found


def environment() -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in container()["Environment"]}


def statements(role: str) -> list[dict]:
    """What a role may do."""
    for policy in of_type("IAM::Policy").values():
        if policy["PolicyName"].startswith(role):
            return policy["PolicyDocument"]["Statement"]
    raise AssertionError(role)


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_pages_reach_the_balancer_by_tls_alone_and_a_task_is_reached_by_the_balancer_alone():
    listener = only("ElasticLoadBalancingV2::Listener")
    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
    assert "TLS13-1-2" in listener["SslPolicy"] and listener["Certificates"][0]["CertificateArn"]

    groups = of_type("EC2::SecurityGroup")
    (door,) = [each for each in groups if each.startswith("Door")]
    (balancer,) = set(groups) - {door}
    assert [each["FromPort"] for each in groups[balancer]["SecurityGroupIngress"]] == [443]
    assert "SecurityGroupIngress" not in groups[door]
    assert [each["FromPort"] for each in groups[door]["SecurityGroupEgress"]] == [443]
    inward = only("EC2::SecurityGroupIngress")
    assert inward["GroupId"] == {"Fn::GetAtt": [door, "GroupId"]}
    assert inward["SourceSecurityGroupId"] == {"Fn::GetAtt": [balancer, "GroupId"]}
    assert inward["FromPort"] == inward["ToPort"] == container()["PortMappings"][0]["ContainerPort"] == 8080
    # Whoever can reach a task writes the end of X-Forwarded-For.
    assert environment()["FOOTFALL_TRUSTED_PROXIES"] == only("EC2::VPC")["CidrBlock"]
    attributes = only("ElasticLoadBalancingV2::LoadBalancer")["LoadBalancerAttributes"]
    said = {each["Key"]: each["Value"] for each in attributes}
    assert said["routing.http.xff_header_processing.mode"] == "append"
    assert said["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert not of_type("EC2::NatGateway")


def test_a_task_that_cannot_reach_the_lake_is_not_ended_for_it():
    group = only("ElasticLoadBalancingV2::TargetGroup")
    assert group["HealthCheckPath"] == "/livez", "ECS ends a task that its balancer finds ill"
    assert "HealthCheck" not in container(), "one judge"
    assert only("ECS::Service")["LaunchType"] == "FARGATE", "not Spot, which is taken away"
    assert only("ECS::Service")["DeploymentConfiguration"]["MinimumHealthyPercent"] == 100


def test_a_stop_leaves_the_collector_the_time_that_it_was_told_it_has():
    last = int(environment()["FOOTFALL_LAST_SHIPPING_SECONDS"])

    assert container()["StopTimeout"] == 120, "the most of Fargate"
    assert STOP_SECONDS + last <= container()["StopTimeout"]


def test_a_container_that_dies_is_started_again_in_its_task_where_its_spool_is():
    assert container()["RestartPolicy"] == {
        "Enabled": True,
        "IgnoredExitCodes": [0],
        "RestartAttemptPeriod": 60,
    }
    mounted = {each["ContainerPath"] for each in container()["MountPoints"]}
    assert mounted == {STATE, "/tmp"} and container()["ReadonlyRootFilesystem"] is True
    # Of a volume of the image's the engine takes over whose it is.
    assert set(json.loads(re.search(r"^VOLUME (.*)$", DOCKERFILE, re.MULTILINE)[1])) == mounted
    assert f"USER {container()['User']}" in stages()["collector"]
    assert container()["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}, "InitProcessEnabled": True}
    assert int(environment()["FOOTFALL_COLLECTOR_WORKERS"]) >= 2


def test_settings_are_settings_and_none_of_them_is_a_secret():
    assert set(environment()) <= set(VARIABLES)
    assert not [name for name in environment() if VARIABLES[name].is_secret]


def test_no_role_may_do_more_than_one_bucket_one_key_one_repository_and_one_log_want():
    for role in ("Role", "Starting"):
        for each in statements(role):
            assert each["Sid"] and not [action for action in listed(each["Action"]) if "*" in action]
            assert "*" not in listed(each["Resource"]) or each["Action"] == "ecr:GetAuthorizationToken"
    puts = [each for each in statements("Role") if "s3:DeleteObject" in listed(each["Action"])]
    assert [listed(each["Resource"]) for each in puts] == [
        [f"arn:aws:s3:::{LAKE}/salts/*", f"arn:aws:s3:::{LAKE}/probe/*"]
    ]


def test_there_are_more_tasks_when_they_are_busy_and_somebody_is_told_what_is_wrong():
    scaled = only("ApplicationAutoScaling::ScalableTarget")
    assert (scaled["MinCapacity"], scaled["MaxCapacity"]) == (2, 10)
    policy = only("ApplicationAutoScaling::ScalingPolicy")["TargetTrackingScalingPolicyConfiguration"]
    assert policy["ScaleInCooldown"] > policy["ScaleOutCooldown"], "each step down ends a task"
    alarms = {each["AlarmName"].rpartition("collector-")[2] for each in of_type("CloudWatch::Alarm").values()}
    assert alarms == {"errors", "unhealthy", "refused", "server-errors", "slow", "busy"}
    assert all(each["AlarmActions"] for each in of_type("CloudWatch::Alarm").values())
    assert only("Logs::MetricFilter")["FilterPattern"] == '{ $.level = "ERROR" }'


class Task:
    """The container as a process. What it writes is in `log`."""

    def __init__(self, folder: Path, lake: str, endpoint: str) -> None:
        self.port = free_port()
        self.home = folder / "state"
        self.home.mkdir(mode=0o700)
        self.log = folder / "log"
        clients = folder / "clients"
        clients.mkdir()
        (clients / "demo.yaml").write_text(CLIENT_FILE.replace("pk_shop_Hn40rBy6", "pk_shop_ofATask01"))
        changes = {
            f"s3://{LAKE}": lake,
            STATE: str(self.home),
            "/etc/footfall/clients": str(clients),
            "0.0.0.0": "127.0.0.1",
            "10.31.0.0/22": "127.0.0.0/8",
        }
        inside = {}
        for name, value in (image_environment("collector") | environment()).items():
            for theirs, ours in changes.items():
                value = value.replace(theirs, ours)
            inside[name] = value
        aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        fargate = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "ECS_CONTAINER_METADATA_URI_V4": f"http://169.254.170.2/v4/{TASK}",
            "FOOTFALL_COLLECTOR_PORT": str(self.port),
            "FOOTFALL_S3_ENDPOINT": endpoint,
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                container()["Command"], cwd=folder, env=aws | inside | fargate,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip

    def is_well(self) -> bool:
        """As the balancer asks."""
        assert self.is_there, self.log.read_text()
        try:
            return request(self.port, "GET", only_path()).status == 200
        except OSError:
            return False

    @property
    def is_there(self) -> bool:
        return self._process.poll() is None

    def send(self, event_id: str) -> int:
        """The status that an event is answered."""
        body = batch(wire_event(event_id)).replace(b"pk_shop_Hn40rBy6", b"pk_shop_ofATask01")
        return request(self.port, "POST", "/collect", body).status

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def code(self) -> int:
        return self._process.wait(PATIENCE)

    def end(self) -> None:
        if self.is_there:
            self._process.kill()
            self._process.wait()


def only_path() -> str:
    return only("ElasticLoadBalancingV2::TargetGroup")["HealthCheckPath"]


@pytest.fixture
def task(tmp_path, proxy, s3_url):
    lake = open_store(s3_url, s3_endpoint=proxy.endpoint)
    made = datetime.now(UTC) - timedelta(days=9)
    salt = {"salt": "ab" * 32, "created_at": made.isoformat()}
    lake.put(salt_object("demo", "UTC", made.date()), json.dumps(salt).encode())
    proxy.seen.clear()
    task = Task(tmp_path, s3_url, proxy.endpoint)
    yield task
    task.end()


def allowed(exchange, prefix: str) -> bool:
    """Whether a statement of the task's role allows a request that the lake got."""
    parts = urlsplit(exchange.path)
    _, _bucket, *rest = unquote(parts.path).split("/", 2)
    key = rest[0].removeprefix(prefix) if rest else ""
    if not key:
        action, resource = "s3:ListBucket", f"arn:aws:s3:::{LAKE}"
        assert set(parse_qs(parts.query)) & {"list-type", "prefix"}, exchange.path
    else:
        actions = {"PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}
        action = actions.get(exchange.method, "s3:GetObject")
        resource = f"arn:aws:s3:::{LAKE}/{key}"
    return any(
        action in listed(each["Action"])
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in listed(each["Resource"]))
        for each in statements("Role")
    )


def test_a_task_stopped_while_the_lake_is_away_ships_all_it_took_and_asks_for_nothing_that_is_forbidden(
    task, proxy, s3_url
):
    wait_until(task.is_well)
    # It waits for the lake to know the salt of its day.
    wait_until(lambda: [each for each in proxy.seen if "destroyed-salts" in each.path])
    assert task.send("event-before") == 204
    proxy.fail(Reset(applied=False), times=None)
    assert task.send("event-away") == 204
    task.stop()
    time.sleep(SHIPPING_SECONDS + 2)  # longer than a collector ships whose spool stays
    assert task.is_there
    proxy.heal()

    assert task.code() == 0, task.log.read_text()
    asked = list(proxy.seen)
    lake = open_store(s3_url, s3_endpoint=proxy.endpoint)
    objects = {info.key: zstandard.decompress(lake.get(info.key)) for info in lake.list("raw/")}
    events = [json.loads(line)["event_id"] for data in objects.values() for line in data.splitlines()]
    assert sorted(events) == ["event-away", "event-before"]
    markers = [json.loads(lake.get(info.key)) for info in lake.list("closed/")]
    assert {each["collector"] for each in markers} == {f"task-{TASK}"}
    assert sorted(key for each in markers for key in each["keys"]) == sorted(objects)
    assert markers[-1]["is_last"] is True
    assert not list(task.home.glob("spool/*/*.sealed")) + list(task.home.glob("spool/*/*.open"))
    salts = [info.key for info in lake.list("salts/")]
    assert salts and not [key for key in salts if f"{datetime.now(UTC) - timedelta(days=9):%Y-%m-%d}" in key]

    prefix = s3_url.split("/", 3)[3] + "/"
    assert [f"{each.method} {each.path}" for each in asked if not allowed(each, prefix)] == []
    puts = {unquote(each.path).split(prefix)[1].split("/")[0] for each in asked if each.method == "PUT"}
    assert puts >= {"raw", "salts", "closed", "probe", "destroyed-salts", "_footfall.json"}


def test_the_context_of_the_image_has_client_files_that_anybody_may_read(tmp_path):
    deploy, clients = tmp_path / "deploy", tmp_path / "own"
    deploy.mkdir()
    clients.mkdir()
    (clients / "acme.yaml").write_text("client_id: acme\n")
    (clients / "acme.yaml").chmod(0o600)
    for name in ("build_collector.sh", "collector.Dockerfile"):
        shutil.copy(ROOT / "deploy" / name, deploy)

    subprocess.run(
        ["sh", deploy / "build_collector.sh", "context"],
        env={"PATH": os.environ["PATH"], "FOOTFALL_CLIENTS": str(clients)}, check=True, capture_output=True,
    )  # fmt: skip

    context = deploy / "build" / "collector"
    assert (context / "Dockerfile").read_text() == DOCKERFILE
    assert (context / "clients" / "acme.yaml").stat().st_mode & 0o444 == 0o444
    assert DOCKERFILE.splitlines()[-2] == "COPY clients /etc/footfall/clients"
    assert image_environment("collector")["FOOTFALL_CLIENTS"] == "/etc/footfall/clients"
