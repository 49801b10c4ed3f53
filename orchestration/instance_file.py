"""The settings of the Dagster instance: dagster.yaml, and what settings of this installation add to it.

With a lake on S3 what steps print lies there; with FOOTFALL_POSTGRES runs, events and schedules lie in that
database; FOOTFALL_RUN_LAUNCHER says how runs are started.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from footfall.errors import FootfallError
from footfall.keys import COMPUTE_LOGS
from footfall.settings import Settings

_ON_S3 = "\n# The lake is on S3: what steps print lies there as well, and outlives this machine.\n"
_ON_POSTGRES = "\n# Runs, events and schedules. The address has a password, and is only in the environment.\n"
#: What a file of FOOTFALL_RUN_LAUNCHER must say, and may.
_NEEDED, _ALLOWED = {"module", "class"}, {"module", "class", "config"}


def instance_file(template: str, settings: Settings) -> str:
    """`template` (dagster.yaml) with what settings add to it. Raises FootfallError."""
    text = template
    if settings.run_launcher is not None:
        text = yaml.safe_dump(
            yaml.safe_load(text) | {"run_launcher": _launcher(settings.run_launcher)}, sort_keys=False
        )
    if settings.postgres:
        storage = {"storage": {"postgres": {"postgres_url": {"env": "FOOTFALL_POSTGRES"}}}}
        text += _ON_POSTGRES + yaml.safe_dump(storage, sort_keys=False)
    parts = urlsplit(settings.lake)
    if parts.scheme != "s3":
        return text
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
    return text + _ON_S3 + yaml.safe_dump(section, sort_keys=False)


def _launcher(path: Path) -> dict[str, Any]:
    """What a file says of how runs are started."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FootfallError(f"FOOTFALL_RUN_LAUNCHER: there is no file {path}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FootfallError(f"FOOTFALL_RUN_LAUNCHER: {path} cannot be read: {type(error).__name__}") from None
    if not isinstance(found, dict) or not _NEEDED <= set(found) <= _ALLOWED:
        raise FootfallError(
            f"FOOTFALL_RUN_LAUNCHER: {path} must say module, class and, where there is one, config, as "
            "deploy/launchers/docker.yaml does"
        )
    return found
