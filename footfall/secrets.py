"""Secrets by reference: `env:NAME`, `secretsmanager:NAME#field`, `ssm:/name`. Values are never stored."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from footfall.errors import FootfallError
from footfall.store import StoreError


def resolve(reference: str, environ: Mapping[str, str] | None = None, *, region: str | None = None) -> str:
    """The secret that a reference names; `env:` in this process's environment by default.

    Raises StoreError (code SecretMissing) where there is none.
    """
    scheme, _, name = reference.partition(":")
    try:
        if scheme == "env":
            return (os.environ if environ is None else environ)[name]
        if scheme == "secretsmanager":
            return _from_secrets_manager(name, region)
        return _from_parameter_store(name, region)
    except KeyError:
        raise _missing(reference, "it is not set", retryable=False) from None


def kept(variable: str, value: str) -> str:
    """The value of a secret setting: itself, or what it names: `file:/run/secrets/x`, `secretsmanager:`,
    `ssm:`.

    Only the operator's settings may name files; client files may not. Raises FootfallError naming the
    variable.
    """
    scheme, _, name = value.partition(":")
    try:
        if scheme == "file":
            return Path(name).read_text(encoding="utf-8").strip()
        if scheme in ("secretsmanager", "ssm"):
            return resolve(value)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise FootfallError(f"{variable}: the file {name} cannot be read: {why}") from None
    except StoreError as error:
        raise FootfallError(f"{variable}: {error}") from None
    return value


def database_address(value: str) -> str:
    """The address that a secret of RDS says in JSON; any other value as it is. Raises FootfallError."""
    if not value.startswith("{"):
        return value
    try:
        said = json.loads(value)
        user, password = (quote(str(said[name]), safe="") for name in ("username", "password"))
        where = f"{said['host']}:{int(said['port'])}/{quote(str(said['dbname']), safe='')}"
    except (ValueError, TypeError, KeyError):
        raise FootfallError(
            "FOOTFALL_POSTGRES: expected postgresql://user:password@host/database, or JSON with username, "
            "password, host, port and dbname"
        ) from None
    return f"postgresql://{user}:{password}@{where}?sslmode=require"


def _from_secrets_manager(name: str, region: str | None) -> str:
    name, _, field = name.partition("#")
    answer = _ask("secretsmanager", "get_secret_value", name, region, SecretId=name)
    text = str(answer["SecretString"])
    if not field:
        return text
    try:
        return str(json.loads(text)[field])
    except (ValueError, TypeError):
        raise _missing(f"secretsmanager:{name}#{field}", "the secret is no JSON object", False) from None


def _from_parameter_store(name: str, region: str | None) -> str:
    answer = _ask("ssm", "get_parameter", name, region, Name=name, WithDecryption=True)
    return str(answer["Parameter"]["Value"])


def _ask(service: str, call: str, name: str, region: str | None, **arguments: Any) -> Any:
    import boto3  # takes a third of a second; only who keeps secrets there pays it
    from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

    if region is None and name.startswith("arn:"):
        region = name.split(":")[3]
    try:
        client: Any = boto3.Session().client(service, region_name=region)
        return getattr(client, call)(**arguments)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise _missing(f"{service}:{name}", code, status == 429 or status >= 500) from None
    except NoRegionError:
        why = "nobody says in which region it is: set AWS_DEFAULT_REGION, or give its ARN"
        raise _missing(f"{service}:{name}", why, retryable=False) from None
    except BotoCoreError as error:
        raise _missing(f"{service}:{name}", str(error), True) from None


def _missing(reference: str, why: str, retryable: bool) -> StoreError:
    return StoreError(
        f"the secret {reference} cannot be read: {why}", retryable=retryable, code="SecretMissing"
    )
