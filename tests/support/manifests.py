"""Deliveries without a warehouse: a file and its signed manifest, put where they belong."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from footfall import keys
from footfall.catalogue.formats import CSV
from footfall.catalogue.periods import calendar
from footfall.exports import Export
from footfall.manifest import Contents, DeliveredFile, Progress, Receipt, Revision, build
from footfall.signatures import Signer

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)
RECEIPT = Receipt(3, 1, 1, {"malformed_json": 1}, 1, 1, 0)


@cache
def signer() -> Signer:
    """One key for all tests of a process."""
    return Signer(Ed25519PrivateKey.generate())


EVENTS = Export(name="events", dataset="events", cadence="hourly")


def a_manifest(
    file,
    revision=1,
    start=HOUR,
    *,
    client_id="acme",
    export=EVENTS,
    planned_at=None,
    supersedes=0,
    receipt=RECEIPT,
    closes=None,
    period=None,
):
    """The manifest of a delivery of one file; it supersedes the revision before it where nothing is said."""
    return build(
        client_id,
        export,
        period or calendar("hourly").at(start),
        Revision(
            revision,
            supersedes or revision - 1 or None,
            "initial" if revision == 1 else "late",
            planned_at or start,
            closes,
        ),
        Contents((file,), (("event_id", "VARCHAR"),), CSV.dialect, "_schema/events/abc/", receipt),
        Progress(start + timedelta(hours=1)),
        software={"footfall": "test"},
        signer=signer(),
    )


def deliver(store, revision=1, data=b"event_id\n1\n", above="", start=HOUR, rows=1, **changes):
    """One delivery of one file, and the public key beside. Returns the keys of file and manifest."""
    sha256 = hashlib.sha256(data).hexdigest()
    period = calendar("hourly").at(start)
    folder = keys.revision_prefix("events", period, revision)
    key = folder + keys.file_name("events", period, sha256, "csv")
    file = DeliveredFile(key, len(data), sha256, rows)
    changes.setdefault("receipt", Receipt(rows + 2, rows, 1, {"malformed_json": 1}, rows, rows, 0))
    manifest = above + folder + keys.MANIFEST_NAME
    store.put(above + key, data)
    store.put(manifest, a_manifest(file, revision, start, **changes))
    store.put(f"{above}{keys.public_key(signer().key_id)}", signer().public_pem)
    return above + key, manifest
