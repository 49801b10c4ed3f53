"""What a deployment on AWS may be: one YAML file, checked whole."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from footfall.clients import Client
from footfall.errors import FootfallError


class Options(BaseModel):
    """See deploy/cdk/prod.yaml. Names are those that such stacks usually have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: Literal["dev", "prod"]
    #: small: one instance, no NAT, no database server. larger: Dagster's history on RDS in private subnets.
    layout: Literal["small", "larger"]
    #: Who collects. function: behind an HTTP API. fargate: tasks behind a balancer, with a disk each that
    #: ends with its task.
    collection: Literal["function", "fargate"] = "function"
    #: What names of functions, alarms and roles begin with.
    functionPrefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    #: FOOTFALL_CORS_ORIGINS of the collector.
    corsOrigin: str
    #: Seconds; the collector answers by itself a second before.
    lambdaTimeout: Annotated[int, Field(ge=3, le=30)] = 30
    #: Of collection by Fargate. The certificate (ACM) of the name that pages send to, which points at the
    #: balancer.
    certificateArn: Annotated[
        str, Field(pattern=r"^(arn:aws:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+)?$")
    ] = ""
    #: Tasks at least, and at most.
    taskCount: Annotated[int, Field(ge=1, le=100)] = 2
    maxTaskCount: Annotated[int, Field(ge=1, le=100)] = 10
    #: Thousandths of a core, and megabytes, of a task.
    taskCpu: Literal[512, 1024, 2048, 4096] = 1024
    taskMemory: Annotated[int, Field(ge=1024, le=30720, multiple_of=1024)] = 2048
    #: Megabytes.
    lambdaMemory: Annotated[int, Field(ge=256, le=3008)] = 256
    logDays: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365] = 30
    #: Alarms and a dashboard.
    enableMetrics: bool = False
    alarmEmail: str = ""
    #: Patterns of buckets that clients' destinations must fit: a check of client files, never a choice of a
    #: request.
    allowedBuckets: list[str]
    #: IAM statements for the collector's role, as JSON has them.
    additionalPolicies: list[dict[str, Any]] = []
    #: Other APIs that may call the function: `arn:aws:execute-api:REGION:ACCOUNT:ID/*`.
    grantInvokeToApiGateway: list[Annotated[str, Field(pattern=r"^arn:aws:execute-api:.+/.+$")]] = []
    #: Whether the data of anybody is held (`footfall privacy hold`): then no bucket removes by itself.
    legalHold: bool = False
    instance: str = "t4g.small"
    #: From when to when the machine runs each day, in UTC; empty: always.
    machineHours: Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")] = ""
    diskGigabytes: Annotated[int, Field(ge=8, le=16384)] = 20
    #: Dollars a month at which somebody is told.
    monthlyBudget: Annotated[int, Field(ge=1)] = 20

    @property
    def is_prod(self) -> bool:
        """Whether others depend on it."""
        return self.environment == "prod"

    @model_validator(mode="after")
    def _is_safe(self) -> "Options":
        if self.is_prod and "*" in [each.strip() for each in self.corsOrigin.split(",")]:
            raise ValueError("corsOrigin: prod refuses *: name your sites")
        begin, _, end = self.machineHours.partition("-")
        if begin and begin == end:
            raise ValueError("machineHours: it would stop as it starts; leave it empty for always")
        if self.collection == "fargate":
            if self.grantInvokeToApiGateway:
                raise ValueError("grantInvokeToApiGateway: collection by fargate has no function")
            if not self.certificateArn:
                raise ValueError("certificateArn: collection by fargate wants the certificate of its name")
            if self.maxTaskCount < self.taskCount:
                raise ValueError("maxTaskCount: fewer than taskCount")
            least, most = (self.taskCpu * 2, self.taskCpu * 8) if self.taskCpu > 512 else (1024, 4096)
            if not least <= self.taskMemory <= most:
                raise ValueError(
                    f"taskMemory: Fargate has {least} to {most} with a taskCpu of {self.taskCpu}"
                )
        return self

    def misfits(self, clients: list[Client]) -> list[str]:
        """A line for each s3:// destination that no pattern of allowedBuckets fits."""
        found = []
        for client in clients:
            for name, destination in client.destinations().items():
                parts = urlsplit(destination.url)
                if parts.scheme == "s3" and not any(
                    fnmatchcase(parts.netloc, pattern) for pattern in self.allowedBuckets
                ):
                    found.append(f"{client.client_id}: {name}: {parts.netloc} is not in allowedBuckets")
        return found


def load(path: Path) -> Options:
    """The options of a file. Raises FootfallError with what is wrong with it."""
    try:
        return Options.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise FootfallError(f"{path} cannot be read: {type(error).__name__}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise FootfallError(f"{path}: {f'{where}: ' if where else ''}{first['msg']}") from None
