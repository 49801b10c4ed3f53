"""Deliveries without a warehouse: a file and its signed manifest, put where they belong."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from footfall import keys
from footfall.catalogue.formats import CSV
from footfall.manifest import DeliveredFile, Period, Receipt, build
from footfall.signatures import Signer

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)


@cache
def signer() -> Signer:
    """One key for all tests of a process."""
    return Signer(Ed25519PrivateKey.generate())


def a_manifest(file, revision=1, start=HOUR, **changes):
    """The manifest of a delivery of one file."""
    arguments = {
        "key": keys.revision_prefix("events", start, "hourly", revision) + keys.MANIFEST_NAME,
        "client_id": "acme",
        "export": "events",
        "dataset": "events",
        "cadence": "hourly",
        "period": Period(start, start + timedelta(hours=1), "UTC"),
        "revision": revision,
        "supersedes": revision - 1 or None,
        "reason": "initial" if revision == 1 else "late",
        "format": "csv",
        "compression": "none",
        "dialect": CSV.dialect,
        "files": [file],
        "columns": [("event_id", "VARCHAR")],
        "schema": "_schema/events/abc/",
        "receipt": Receipt(3, 1, 1, {"malformed_json": 1}, 1, 1, 0),
        "closes": None,
        "complete_through": start + timedelta(hours=1),
        "is_final": False,
        "is_incomplete": False,
        "planned_at": start,
        "software": {"footfall": "test"},
        "signer": signer(),
    }
    return build(**{**arguments, **changes})


def deliver(store, revision=1, data=b"event_id\n1\n", above="", start=HOUR, rows=1, **changes):
    """One delivery of one file, and the public key beside. Returns the keys of file and manifest."""
    sha256 = hashlib.sha256(data).hexdigest()
    folder = keys.revision_prefix("events", start, "hourly", revision)
    key = folder + keys.file_name("events", start, "hourly", sha256, "csv")
    file = DeliveredFile(key, len(data), sha256, rows)
    changes.setdefault("receipt", Receipt(rows + 2, rows, 1, {"malformed_json": 1}, rows, rows, 0))
    manifest = above + folder + keys.MANIFEST_NAME
    store.put(above + key, data)
    store.put(manifest, a_manifest(file, revision, start, **changes))
    store.put(f"{above}{keys.public_key(signer().key_id)}", signer().public_pem)
    return above + key, manifest
