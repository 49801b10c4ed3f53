"""What all deliveries of a run have in common: who signs, where files wait, what time it is."""

import fcntl
import json
import os
import random
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from footfall.signatures import Signer, own_keys

Post = Callable[[str, bytes, Mapping[str, str]], None]


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """One POST. Raises OSError where it is not answered with 2xx."""
    request = urllib.request.Request(url, data=body, headers=dict(headers))
    with urllib.request.urlopen(request, timeout=15):  # seconds
        pass


@dataclass(frozen=True)
class Desk:
    """The outbox holds rendered files until they have arrived everywhere."""

    folder: Path
    signer: Signer
    #: Name → version of what made the files, for manifests.
    software: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    spread: Callable[[float, float], float] = random.uniform
    post: Post = post

    def outbox(self, client_id: str, export: str, period_start: datetime, revision: int) -> Path:
        """Where the files of one revision wait."""
        label = re.sub(r"[^0-9]", "", period_start.astimezone(UTC).isoformat(timespec="minutes"))[:12]
        return self.folder / "outbox" / client_id / export / f"{label}-r{revision:04d}"

    @cached_property
    def own_keys(self) -> dict[str, bytes]:
        """Key id → PEM of every key that signs or ever signed here. Raises FootfallError."""
        return {**own_keys(self.folder / "keys"), self.signer.key_id: self.signer.public_pem}

    @contextmanager
    def claim(self, client_id: str, export: str) -> Iterator[None]:
        """Hold one export: an hourly run and a backfill take turns. A process that dies lets go."""
        folder = self.folder / "claims"
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / f"{client_id}.{export}", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def announce(self, url: str, message_id: str, facts: dict[str, Any]) -> None:
        """One signed message about a delivery. The same message has the same id. Raises OSError."""
        body = json.dumps(self.signer.sign(facts), ensure_ascii=False).encode()
        self.post(
            url,
            body,
            {"content-type": "application/json", "user-agent": "footfall", "webhook-id": message_id},
        )
