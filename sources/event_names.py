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
        for owner in (f"client={client_id}.", ""):
            former = f"{raw_prefix(floor(hour))}{owner}import-{sha256[:12]}-"
            if any(True for _ in lake.list(former)):
                return sha256
        return hmac.new(self.key.encode(), sha256.encode(), hashlib.sha256).hexdigest()
