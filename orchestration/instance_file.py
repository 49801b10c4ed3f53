"""The settings of the Dagster instance: dagster.yaml as it is, and what follows from where the lake is."""

from urllib.parse import urlsplit

import yaml

from footfall.keys import COMPUTE_LOGS
from footfall.settings import Settings

_ON_S3 = "\n# The lake is on S3: what steps print lies there as well, and outlives this machine.\n"


def instance_file(template: str, settings: Settings) -> str:
    """`template` (dagster.yaml); with a lake on S3 also where in it Dagster keeps what steps print.

    Elsewhere that lies below Dagster's home.
    """
    parts = urlsplit(settings.lake)
    if parts.scheme != "s3":
        return template
    config = {
        "bucket": parts.netloc,
        "prefix": "/".join(part for part in (parts.path.strip("/"), COMPUTE_LOGS.strip("/")) if part),
        # Of a run that goes on; gone from here once it lies in the lake.
        "local_dir": str(settings.dagster_home / "storage"),
        **({"endpoint_url": settings.s3_endpoint} if settings.s3_endpoint else {}),
    }
    section = {
        "compute_logs": {
            "module": "dagster_aws.s3.compute_log_manager",
            "class": "S3ComputeLogManager",
            "config": config,
        }
    }
    return template + _ON_S3 + yaml.safe_dump(section, sort_keys=False)
