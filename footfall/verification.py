"""What a check of a bucket is told, and what it saw."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from footfall.log_check import FoundLog, Outstanding


@dataclass(frozen=True)
class Known:
    """What somebody knows of a bucket from elsewhere: whose it is; the name of the log in it, empty where
    nobody knows; key id → PEM of the keys that sign there, None: those that lie in it.
    """

    client_id: str
    origin: str = ""
    keys: Mapping[str, bytes] | None = None


@dataclass
class Verification:
    """What `verify_bucket` saw. The bucket is good when `problems` and `gaps` are empty.

    `gaps` are periods between others that were never delivered. `uncommitted` are files that no manifest
    names: a delivery in progress, or one that failed. They are not data. `unsigned` are manifests of before
    signing that were asked to be taken. `signers`: (key id, client id) → manifests. `incomplete` are the
    newest manifests of periods that had not ended. `logs` are those that were found. `in_progress` are
    manifests of the last hours that are in no checkpoint yet. `outstanding` is what a signed record lets go
    and is still there. `expired` counts what is gone of periods that were not asked for.
    """

    manifests: int = 0
    files: int = 0
    rows: int = 0
    bytes: int = 0
    signed: int = 0
    problems: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    uncommitted: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    signers: Counter[tuple[str, str]] = field(default_factory=Counter)
    incomplete: list[str] = field(default_factory=list)
    logs: list[FoundLog] = field(default_factory=list)
    in_progress: list[str] = field(default_factory=list)
    outstanding: list[Outstanding] = field(default_factory=list)
    expired: int = 0
