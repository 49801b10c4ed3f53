"""The settings that say what client files may name, read from their text."""

import re

from footfall.errors import FootfallError


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def folders(text: str) -> tuple[str, ...]:
    """Absolute folders. Raises FootfallError."""
    for part in _listed(text):
        if not part.startswith("/"):
            raise FootfallError(f"FOOTFALL_BUCKET_FOLDERS: {part!r}: expected an absolute path")
    return _listed(text)


_GRANT = re.compile(
    r"(\*|[a-z0-9][a-z0-9_-]{0,47})=(env:[A-Za-z_]|secretsmanager:|ssm:)[A-Za-z0-9/_+=.@:#-]*\*?"
)


def grants(text: str) -> tuple[str, ...]:
    """`CLIENT=REFERENCE` each. Raises FootfallError, which repeats none: a secret could stand there."""
    for number, part in enumerate(_listed(text), 1):
        if not _GRANT.fullmatch(part):
            raise FootfallError(
                f"FOOTFALL_CLIENT_SECRETS: entry {number}: expected CLIENT=REFERENCE, such as "
                "acme=env:ACME_S3_KEY or *=secretsmanager:clients/*"
            )
        if part.upper().partition("=")[2].startswith("ENV:FOOTFALL_"):
            raise FootfallError(
                f"FOOTFALL_CLIENT_SECRETS: entry {number}: FOOTFALL_… is never a client's secret"
            )
    return _listed(text)


_HOST = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


def hosts(text: str) -> tuple[str, ...]:
    """`host` or `host:port` each, in lower case. Raises FootfallError."""
    found = tuple(part.lower() for part in _listed(text))
    for part in found:
        if not _HOST.fullmatch(part):
            raise FootfallError(
                f"FOOTFALL_CLIENT_HOSTS: {part!r}: expected HOST or HOST:PORT, such as minio.lan:9000"
            )
    return found
