"""What all deliveries of a run have in common: who signs, where files wait, what time it is."""

import fcntl
import json
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from footfall.allowed import Allowed
from footfall.errors import FootfallError
from footfall.exchange import Unanswered, exchange
from footfall.guard import Unresolved, checked
from footfall.report.letter import Letter, Mail
from footfall.signatures import Signer, own_keys

Post = Callable[[str, bytes, Mapping[str, str]], None]


#: Seconds until whom a client names must have answered.
TIMEOUT_SECONDS = 15.0


def posting_for(allowed: Allowed | None = None) -> Post:
    """What posts to addresses that client files name: to public ones, and to what the operator lists.

    The post raises OSError where nobody answers with 2xx, Forbidden where the address must not be used.
    """

    hosts = allowed.hosts if allowed else ()
    is_private = allowed is not None and allowed.is_webhook_private

    def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            target = checked(url, hosts=hosts, allow_private=is_private)
            status, _, _ = exchange(target, "POST", body, dict(headers), TIMEOUT_SECONDS)
        except (Unresolved, Unanswered) as error:
            raise OSError(str(error)) from None
        if not 200 <= status < 300:
            raise OSError(f"{target.host} answered {status}")

    return post


def no_mail(name: str, _client_id: str, _letter: Letter) -> None:
    """Sends nothing: whoever sends reports gives the desk another one."""
    raise FootfallError(f"no report can be sent by {name} from here")


@dataclass(frozen=True)
class Desk:
    """The outbox holds rendered files until they have arrived everywhere."""

    folder: Path
    signer: Signer
    #: Name → version of what made the files, for manifests.
    software: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    spread: Callable[[float, float], float] = random.uniform
    post: Post = field(default_factory=posting_for)
    mail: Mail = no_mail

    @property
    def folders(self) -> tuple[Path, Path]:
        """Where the warehouse's connection writes files for deliveries."""
        return self.folder / "outbox", self.folder / "slices"

    def outbox(self, client_id: str, export: str, period_start: datetime, revision: int) -> Path:
        """Where the files of one revision wait."""
        label = re.sub(r"[^0-9]", "", period_start.astimezone(UTC).isoformat(timespec="minutes"))[:12]
        return self.folder / "outbox" / client_id / export / f"{label}-r{revision:04d}"

    @cached_property
    def own_keys(self) -> dict[str, bytes]:
        """Key id → PEM of every key that signs or ever signed here. Raises FootfallError."""
        return {**own_keys(self.folder / "keys"), self.signer.key_id: self.signer.public_pem}

    @contextmanager
    def claim(self, client_id: str, export: str, *, waits: bool = True) -> Iterator[bool]:
        """Hold one export: an hourly run and a backfill take turns. A process that dies lets go.

        Gives whether it is held: False where another holds it and nobody `waits`.
        """
        folder = self.folder / "claims"
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / f"{client_id}.{export}", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def announce(self, url: str, message_id: str, facts: dict[str, Any]) -> None:
        """One signed message about a delivery. The same message has the same id. Raises as `post` does."""
        body = json.dumps(self.signer.sign(facts), ensure_ascii=False).encode()
        self.post(
            url,
            body,
            {"content-type": "application/json", "user-agent": "footfall", "webhook-id": message_id},
        )
