"""What the fields of client files have in common: names, addresses, and words for mistakes."""

import re
from typing import Annotated

from pydantic import Field

NAME = r"^[a-z0-9][a-z0-9_-]{0,47}$"
URL = (
    r"^((s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
    r"|gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]"
    r"|az://[a-z0-9]{3,24}/[a-z0-9](-?[a-z0-9]){2,62})(/[A-Za-z0-9=_./-]*)?"
    r"|file://(\$\{FOOTFALL_HOME\})?/[^?#]+)$"
)
ENDPOINT = r"^https?://[^\s/?#@]+/?$"
ROLE = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}$"
ACCOUNT = r"^[0-9]{12}$"
REGION = r"^[a-z]{2,}(-[a-z0-9]+)*$"
EXTERNAL_ID = r"^[A-Za-z0-9+=,.@:/-]{2,1224}$"
REFERENCE = (
    r"^(env:[A-Za-z_][A-Za-z0-9_]*"
    r"|secretsmanager:[A-Za-z0-9/_+=.@:-]+(#[A-Za-z0-9_.-]+)?"
    r"|ssm:[A-Za-z0-9/_.-]+)$"
)
COLUMN = r"^[a-z_][a-z0-9_]{0,62}$"
KEY_TEMPLATE = r"^([A-Za-z0-9=_.-]|/|\{(export|dataset|client|date|hour|revision)\})+$"
TOKEN = r"^[0-9a-f]{32}$"
CURRENCY = r"^[A-Z]{3}$"
_CONTAINER_LETTERS = 63
#: How a route of alerts is named where somebody is to be told.
CHANNEL = "channel:"
NOTIFY = r"^(https?://[^\s@]+|channel:[a-z0-9][a-z0-9_-]{0,47})$"
COLOR = r"^#[0-9a-fA-F]{6}$"

#: What a person is told who breaks a pattern.
EXPECTED = {
    NAME: "expected 1 to 48 of a-z 0-9 _ -, a letter or digit first",
    URL: "expected s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix or file:///folder",
    ENDPOINT: "expected an address such as https://s3.example",
    ROLE: "expected arn:aws:iam::<account>:role/<name>",
    ACCOUNT: "expected the twelve digits of an AWS account",
    REGION: "expected a region such as eu-central-1",
    EXTERNAL_ID: "expected 2 to 1224 of A-Z a-z 0-9 + = , . @ : / -",
    REFERENCE: (
        "expected where the secret is, never the secret: env:NAME, secretsmanager:NAME#field or ssm:/name"
    ),
    COLUMN: "expected a column name: a-z 0-9 _, no digit first",
    KEY_TEMPLATE: (
        "expected A-Z a-z 0-9 = _ . / - and the placeholders "
        "{export} {dataset} {client} {date} {hour} {revision}"
    ),
    TOKEN: "expected the 32 hex digits under `_challenge/`",
    CURRENCY: "expected the three capital letters of a currency, such as EUR",
    NOTIFY: "expected an address such as https://hooks.example/footfall, or channel:NAME",
    COLOR: "expected a colour such as '#2563a8', in quotes",
}

Name = Annotated[str, Field(pattern=NAME)]
Currency = Annotated[str, Field(pattern=CURRENCY)]
Column = Annotated[str, Field(pattern=COLUMN)]
Reference = Annotated[str, Field(pattern=REFERENCE)]


def plain_path(value: str) -> str:
    """A URL whose path has one spelling. Two of one folder would hide that two clients write to it."""
    if any(part in ("", ".", "..") for part in value.partition("://")[2].strip("/").split("/")):
        raise ValueError("expected a path without empty parts, . and ..")
    container = re.match("az://[^/]*/([^/]*)", value)
    if container and len(container[1]) > _CONTAINER_LETTERS:
        raise ValueError(f"expected a container of at most {_CONTAINER_LETTERS} letters")
    return value
