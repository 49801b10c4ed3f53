"""Ids of imported lines that bring none: the same line has the same one for ever, and nobody else knows it.

A line of a log holds an address. A plain hash of the line, or of a file of few lines, would give it away:
whoever knows the rest has 2^32 addresses to try. So the hash is keyed, by a secret of the installation.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from footfall.hours import floor
from footfall.keys import raw_prefix
from footfall.signatures import Signer
from footfall.store import ObjectStore

#: What the secret is derived for, from the key that signs. Another purpose makes other ids.
_PURPOSE = "event-names"


@dataclass(frozen=True)
class EventNames:
    """Names under one key. As secret as the key, which must not be lost: other ids would follow."""

    key: str

    @classmethod
    def of(cls, signer: Signer) -> "EventNames":
        """Those of an installation."""
        return cls(signer.derived(_PURPOSE))

    def of_file(self, sha256: str, lake: ObjectStore, client_id: str, hour: datetime) -> str:
        """The name of a file by the hash of its content. `hour`: one that the file has an object in, if any.

        An earlier program named files by the bare hash. One that the lake knows so keeps that name, or a
        second import of it would bring its events anew. Raises StoreError.
        """
        return sha256 if _is_known(sha256, lake, client_id, hour) else self._keyed(sha256)

    def of_former_log(self, sha256: str, lake: ObjectStore, client_id: str, hour: datetime) -> str | None:
        """The name by which earlier programs numbered the lines of a log; None where the lake knows none.

        Now lines are named by what they say, and an import by `of_import`. Raises StoreError.
        """
        names = (self._keyed(sha256), sha256)
        return next((name for name in names if _is_known(name, lake, client_id, hour)), None)

    def of_import(self, sha256: str) -> str:
        """The name of what is imported together, by the hash of it."""
        return self._keyed(f"lines\n{sha256}")

    def of_row(self, row: bytes) -> str:
        """The name of a row of an export by what it says, the same in every file."""
        return self._keyed(f"row\n{hashlib.sha256(row).hexdigest()}")

    def _keyed(self, text: str) -> str:
        return hmac.new(self.key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _is_known(name: str, lake: ObjectStore, client_id: str, hour: datetime) -> bool:
    return any(
        any(True for _ in lake.list(f"{raw_prefix(floor(hour))}{owner}import-{name[:12]}-"))
        for owner in (f"client={client_id}.", "")
    )
