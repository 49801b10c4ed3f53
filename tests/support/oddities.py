"""What somebody who may write to a bucket can put there: each with the line that `footfall verify` says."""

import json
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.manifests import HOUR, a_manifest, signer

from footfall import keys
from footfall.catalogue.periods import calendar
from footfall.manifest import MAX_BYTES, DeliveredFile
from footfall.signatures import Signer

#: The hour that they lie at; a good delivery lies at HOUR.
THEN = HOUR + timedelta(hours=1)
FOLDER = keys.revision_prefix("events", calendar("hourly").at(THEN), 1)
KEY = FOLDER + keys.MANIFEST_NAME


def document(**changes):
    """A manifest of the hour as JSON, changed and signed anew."""
    plain = json.loads(a_manifest(DeliveredFile(f"{FOLDER}events.csv", 3, "0" * 64, 1), start=THEN))
    return signer().sign({**plain, **changes})


def raw(**changes):
    return json.dumps(document(**changes)).encode()


def unsigned(**changes):
    return json.dumps({n: v for n, v in document(**changes).items() if n != "signature"}).encode()


def with_signature(signature):
    return json.dumps({**document(), "signature": signature}).encode()


def _period(start, end, timezone="UTC"):
    return {"start": start, "end": end, "timezone": timezone}


STRANGER = Signer(Ed25519PrivateKey.generate())
_FORGED = {n: v for n, v in document().items() if n != "signature"}
_OTHER = "events/dt=2026-11-20/hour=15/rev=0002/_manifest.json"

#: Name → (key, bytes, what the line holds).
ODDITIES = {
    "odd name": ("events/odd name (1)/_manifest.json", raw(), "is no key that Footfall writes"),
    "line end in a name": (
        "events/x\nPROBLEM  all is well/_manifest.json",
        raw(),
        r"events/x\nPROBLEM  all is well/_manifest.json: is no key",
    ),
    "letters of a terminal": (
        "events/\x1b[2J/_manifest.json",
        raw(),
        r"events/\x1b[2J/_manifest.json: is no",
    ),
    "no JSON": (KEY, b"{", "is no manifest (Expecting"),
    "no object": (KEY, b"[]", "is no manifest (no JSON object)"),
    "empty": (KEY, b"", "is no manifest (Expecting"),
    "huge": (KEY, b" " * (MAX_BYTES + 1), f"has more than {MAX_BYTES} bytes"),
    "wrong types": (KEY, raw(files={"a": 1}), "is no manifest (Expected `array`"),
    "true for a number": (KEY, raw(revision=True), "is no manifest (Expected `int`"),
    "NaN": (KEY, raw().replace(b'"revision": 1', b'"revision": NaN'), "NaN is no whole number"),
    "fraction": (KEY, raw().replace(b'"revision": 1', b'"revision": 1.0'), "1.0 is no whole number"),
    "large number": (
        KEY,
        raw().replace(b'"revision": 1', b'"revision": ' + b"9" * 5000),
        "too large a number",
    ),
    "member twice": (KEY, raw().replace(b"{", b'{"revision": 7, ', 1), "a member is there twice"),
    "deep": (KEY, b'{"a":' * 100_000, "nested too deep"),
    "not UTF-8": (KEY, raw().replace(b"acme", b"acm\xff"), "no UTF-8 text"),
    "half of a pair": (KEY, raw().replace(b"acme", rb"\ud800"), "no UTF-8 text"),
    "byte order mark": (KEY, b"\xef\xbb\xbf" + raw(), "is no manifest"),
    "not signed": (KEY, unsigned(), "is not signed"),
    "says it is old": (KEY, unsigned(manifest_version="1.0"), "is not signed; it says that it is of before"),
    "old with signature": (KEY, with_signature(None), "is not signed"),
    "no version": (KEY, unsigned(manifest_version=""), "is of the unknown version ''"),
    "unknown version": (KEY, raw(manifest_version="3.0"), "is of the unknown version '3.0'"),
    "signature of a stranger": (
        KEY,
        json.dumps(STRANGER.sign(_FORGED)).encode(),
        f"is signed with the key {STRANGER.key_id}, which is not known here",
    ),
    "signature by a name": (
        KEY,
        with_signature({"algorithm": "ed25519", "key_id": signer().key_id, "value": "AAAA"}),
        "its signature is wrong",
    ),
    "signature of odd type": (KEY, with_signature(["ed25519"]), "its signature has other members"),
    "signature by another way": (
        KEY,
        with_signature({"algorithm": "none", "key_id": signer().key_id, "value": ""}),
        "none of Ed25519",
    ),
    "another client's": (KEY, raw(client_id="beta"), "is of the client beta; this bucket is of acme"),
    "an older one again": (_OTHER, raw(), f"was moved, it was written as {KEY}"),
    "another export's": (KEY, raw(export="sessions"), "which is no folder of sessions"),
    "another period's": (
        KEY,
        raw(period=_period("2026-11-20T16:00:00Z", "2026-11-20T17:00:00Z")),
        "which is no folder of events, 2026-11-20T16:00",
    ),
    "another revision's": (KEY, raw(revision=9999), "revision 9999"),
    "negative revision": (KEY, raw(revision=-1), "has the revision -1"),
    "no period": (KEY, raw(period=_period("x", "y")), "its period is none: x to y"),
    "end of time": (
        KEY,
        raw(period=_period("9999-12-31T23:00:00Z", "9999-12-31T23:59:59Z")),
        "its period is none",
    ),
    "no zone": (
        KEY,
        raw(period=_period("2026-11-20T15:00:00Z", "2026-11-20T16:00:00Z", "../" * 2000 + "etc")),
        "its period is none",
    ),
    "odd cadence": (KEY, raw(cadence="0min"), "its period is none"),
    "file of elsewhere": (
        KEY,
        raw(files=[{"key": "_keys/a.pem", "bytes": 1, "sha256": "0" * 64, "rows": 1}]),
        "names a file outside of its own folder: '_keys/a.pem'",
    ),
    "file above": (
        KEY,
        raw(files=[{"key": f"{FOLDER}../../x", "bytes": 1, "sha256": "0" * 64, "rows": 1}]),
        "names a file outside of its own folder",
    ),
    "file of less than nothing": (
        KEY,
        raw(files=[{"key": f"{FOLDER}x", "bytes": -1, "sha256": "0" * 64, "rows": 1}]),
        "says what cannot be",
    ),
    "file of no hash": (
        KEY,
        raw(files=[{"key": f"{FOLDER}x", "bytes": 1, "sha256": "x\n", "rows": 1}]),
        "says what cannot be",
    ),
    "file that is missing": (KEY, raw(), f"{FOLDER}events.csv: is missing"),
    "key by another name": (
        "_keys/0000000000000000.pem",
        STRANGER.public_pem,
        f"holds the key {STRANGER.key_id}",
    ),
    "no key": ("_keys/1111111111111111.pem", b"x", "is no public key in PEM"),
    "huge key": ("_keys/2222222222222222.pem", b"x" * 70_000, "has more than"),
    "pointer of odd type": ("events/_latest.json", b'{"manifest": 5}', "events/_latest.json: is no pointer"),
    "pointer out of the bucket": (
        "events/_latest.json",
        b'{"manifest": "../../etc/_manifest.json"}',
        "events/_latest.json: is no pointer",
    ),
    "pointer of no JSON": ("events/_latest.json", b"\xff", "is no pointer (no UTF-8"),
    "pointer to a public key": ("events/_latest.json", b'{"manifest": "_keys/a.pem"}', "is no pointer"),
    "huge pointer": ("events/_latest.json", b" " * 70_000, "has more than"),
}
