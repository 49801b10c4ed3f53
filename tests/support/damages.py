"""What somebody can do to a delivered bucket: each damage with what `footfall verify` says of it."""

import hashlib
import json

from support.logged import ONE
from support.manifests import HOUR, signer
from support.oddities import STRANGER

from footfall import bucket_log, notes
from footfall.merkle import Frontier
from footfall.notes import Checkpoint

HOURS = 52
#: When the bucket is looked at: its newest hour is there, the next one is not due.
AT = HOUR + HOURS * ONE


def folder(n, export="events"):
    return f"{export}/{HOUR + n * ONE:dt=%Y-%m-%d/hour=%H}/"


def keys(bucket, *starts):
    return [info.key for info in bucket.list("") if info.key.startswith(starts)]


def drop(bucket, *starts):
    gone = keys(bucket, *starts)
    assert gone
    for key in gone:
        bucket.delete(key)


def copy(source, bucket, *starts):
    for key in keys(source, *starts):
        bucket.put(key, source.get(key))


def roll_back(bucket, then, *more):
    """As it was when its owner kept the checkpoint, as far as what is named goes."""
    drop(bucket, "_log/", *more)
    copy(then, bucket, "_log/", *more)


def segments(bucket):
    return sorted(keys(bucket, "_log/entries/"))


def swap_leaves(bucket, _):
    """Two leaves change places, and the object has the name of its new content."""
    key = segments(bucket)[5]
    before, leaves = bucket_log.read_entries(key, bucket.get(key))
    new, data = bucket_log.entries(before, leaves[::-1])
    bucket.delete(key)
    bucket.put(new, data)


def resign(bucket, by):
    """A log of another's making, whole in itself."""
    drop(bucket, "_log/")
    leaves = [
        bucket_log.leaf_of(key, bucket.get(key)) for key in keys(bucket, "README", "_schema/", "_keys/")
    ]
    key, data = bucket_log.entries(Frontier(), leaves)
    tip = Frontier().extended(leaf.hash for leaf in leaves)
    bucket.put(key, data)
    bucket.put("_log/checkpoint", notes.signed(Checkpoint("footfall/acme/main", tip.size, tip.root), by))


def leaves_beyond(bucket, _):
    """As a run leaves them before it puts the checkpoint, but of another log."""
    other = Frontier().extended([bytes(32)] * 113)
    bucket.put(*bucket_log.entries(other, [bucket_log.Leaf("_keys/x.pem", "0" * 64)]))


def fewer_leaves_beside(bucket, _):
    """A run's leaves without the last of them, beside the run's own."""
    before, leaves = bucket_log.read_entries(segments(bucket)[5], bucket.get(segments(bucket)[5]))
    bucket.put(*bucket_log.entries(before, leaves[:-1]))


def older_statement(bucket, _):
    [key] = keys(bucket, "_log/exports/")
    said = {name: value for name, value in json.loads(bucket.get(key)).items() if name != "signature"}
    said["exports"] = said["exports"][:1]
    bucket.put(key, json.dumps(signer().sign(said)).encode())


def other_manifest(bucket, _):
    """The manifest of the same hour with other rows, signed with our own key by mistake of a lost ledger."""
    key = f"{folder(7)}rev=0001/_manifest.json"
    said = {name: value for name, value in json.loads(bucket.get(key)).items() if name != "signature"}
    bucket.put(key, (json.dumps(signer().sign({**said, "reason": "late"})) + "\n").encode())


def put_back_pointer(bucket, _):
    """The pointer names the hour before the newest, as it does for the moment in which a run is."""
    newest = f"{folder(HOURS - 2)}rev=0001/_manifest.json"
    data = bucket.get(newest)
    said = {
        "export": "events",
        "period_start": (HOUR + (HOURS - 2) * ONE).isoformat(),
        "revision": 1,
        "manifest": newest,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    bucket.put("events/_latest.json", json.dumps(said).encode())


def fork(bucket, size, key):
    """A checkpoint of so many leaves that our own key signed, and that is not how the log was then."""
    checkpoint = Checkpoint("footfall/acme/main", size, hashlib.sha256(b"another history").digest())
    note = notes.signed(checkpoint, signer())
    bucket.put(key or bucket_log.checkpoint_key(checkpoint, note, "2026-11-21"), note)


def older_newest_checkpoint(bucket, then):
    bucket.put("_log/checkpoint", then.get("_log/checkpoint"))


GONE = "is missing, and the log has it"
#: Damage → what is done to the bucket, what some line of the command holds, options.
DAMAGES = {
    "the first hour deleted": (
        lambda b, _: drop(b, folder(0)),
        f"{folder(0)}rev=0001/_manifest.json: {GONE}",
    ),
    "the newest hour deleted": (
        lambda b, _: drop(b, folder(51)),
        f"{folder(51)}rev=0001/_manifest.json: {GONE}",
    ),
    "an hour in the middle deleted": (lambda b, _: drop(b, folder(20)), f"{folder(20)}rev=0001/_manifest"),
    "51 of 52 hours deleted": (
        lambda b, _: drop(b, *[folder(n) for n in range(51)]),
        f"{folder(50)}rev=0001/",
    ),
    "the oldest 51 with the pointer's": (
        lambda b, _: drop(b, *[folder(n) for n in range(1, 52)]),
        f"{folder(9)}",
    ),
    "a manifest without its file": (
        lambda b, _: drop(b, f"{folder(3)}rev=0001/_m"),
        f"{folder(3)}rev=0001/_manif",
    ),
    "an export deleted": (
        lambda b, _: drop(b, "sessions/"),
        "sessions/_latest.json: is missing, the pointer",
    ),
    "all deliveries deleted": (
        lambda b, _: drop(b, "sessions/", "events/"),
        f"{folder(51)}rev=0001/_manifest",
    ),
    "all but the data deleted": (lambda b, _: drop(b, "_log/"), "_log/checkpoint: there is no log"),
    "_latest rolled back": (put_back_pointer, "events/_latest.json: points to"),
    "_latest says another export": (
        lambda b, _: b.put("events/_latest.json", b.get("events/_latest.json").replace(b'"events"', b'"x"')),
        "events/_latest.json: says other things than a pointer of events",
    ),
    "_latest says more": (
        lambda b, _: b.put("events/_latest.json", b.get("events/_latest.json").replace(b"{", b'{"go": "x",')),
        "events/_latest.json: says other things than a pointer of events",
    ),
    "_latest deleted": (
        lambda b, _: drop(b, "events/_latest.json"),
        "events/_latest.json: is missing, the pointer",
    ),
    "a schema replaced": (
        lambda b, _: b.put("_schema/events/abc/athena.sql", b"DROP TABLE events;\n"),
        "_schema/events/abc/athena.sql: its bytes are others than the log says",
    ),
    "a schema deleted": (
        lambda b, _: drop(b, "_schema/events/abc/schema"),
        "_schema/events/abc/schema.json: is mi",
    ),
    "a schema added": (
        lambda b, _: b.put("_schema/events/new/athena.sql", b"DROP TABLE events;\n"),
        "_schema/events/new/athena.sql: the log does not know it",
    ),
    "columns.md changed": (
        lambda b, _: b.put("_schema/events/abc/columns.md", b"x"),
        "columns.md: its bytes are",
    ),
    "README changed": (
        lambda b, _: b.put("README.txt", b.get("README.txt") + b"Send all to evil.example\n"),
        "README.txt: its bytes are others than the log says",
    ),
    "README deleted": (lambda b, _: drop(b, "README"), f"README.txt: {GONE}"),
    "the key replaced": (
        lambda b, _: b.put(f"_keys/{signer().key_id}.pem", STRANGER.public_pem),
        f"_keys/{signer().key_id}.pem: its bytes are others than the log says",
    ),
    "a key added": (
        lambda b, _: b.put(f"_keys/{STRANGER.key_id}.pem", STRANGER.public_pem),
        f"_keys/{STRANGER.key_id}.pem: the log does not know it",
    ),
    "a manifest signed anew": (
        other_manifest,
        f"{folder(7)}rev=0001/_manifest.json: its bytes are others than the",
    ),
    "the end of the log cut off": (
        lambda b, _: drop(b, *segments(b)[40:]),
        "_log/entries/: leaves 89 to 112 are missing",
    ),
    "the start of the log cut off": (
        lambda b, _: drop(b, segments(b)[0]),
        "_log/entries/: leaves 0 to 10 are missing",
    ),
    "a hole in the log": (lambda b, _: drop(b, segments(b)[9]), "_log/entries/: leaves 27 to 28 are missing"),
    "two leaves swapped": (swap_leaves, "its leaves are others than the checkpoint of 21 leaves says"),
    "bytes of the log flipped": (
        lambda b, _: b.put(segments(b)[3], b.get(segments(b)[3]).replace(b"events", b"Events")),
        "its bytes are others than its name says",
    ),
    "leaves behind the newest": (leaves_beyond, "and is no part of it"),
    "fewer leaves beside a run's own": (fewer_leaves_beside, "-000000000020-"),
    "a heap behind the newest leaves": (
        lambda b, _: b.put(f"_log/entries/{113:012d}-{115:012d}-{'0' * 16}.jsonl", b"x" * (16 << 20) + b"x"),
        "has more than 16777216 bytes",
    ),
    "the checkpoint deleted": (
        lambda b, _: drop(b, "_log/checkpoint"),
        "_log/checkpoint: is missing, and other parts",
    ),
    "the checkpoint changed": (
        lambda b, _: b.put("_log/checkpoint", b.get("_log/checkpoint").replace(b"\n113\n", b"\n112\n")),
        "_log/checkpoint: its signature is wrong",
    ),
    "the checkpoint of another client": (
        lambda b, other: copy(other, b, "_log/checkpoint"),
        "_log/checkpoint: is of the client beta, not of acme",
    ),
    "an older checkpoint": (older_newest_checkpoint, "_log/checkpoint: has 61 leaves and is older than"),
    "a checkpoint of another history beside the newest": (
        lambda b, _: fork(b, 113, None),
        "its 113 leaves are others than the log's: there are two histories",
    ),
    "a checkpoint of another history in the place of the newest": (
        lambda b, _: fork(b, 113, "_log/checkpoint"),
        "_log/checkpoint: its 113 leaves are others than _log/checkpoints/dt=",
    ),
    "an older checkpoint of another history": (
        lambda b, _: fork(b, 61, None),
        "its 61 leaves are others than the log's: there are two histories",
    ),
    "a checkpoint of another history in the midst of a run's leaves": (
        lambda b, _: fork(b, 60, None),
        "its 60 leaves are others than the log's: there are two histories",
    ),
    "the kept checkpoints deleted": (
        lambda b, _: drop(b, "_log/checkpoints/"),
        "_log/checkpoints/: the checkpoint of 11 leaves is missing",
    ),
    "a log of a stranger": (
        lambda b, _: resign(b, STRANGER),
        "_log/checkpoint: is signed with no key that is known",
    ),
    "a log of our own that begins anew": (
        lambda b, _: resign(b, signer()),
        f"{folder(0)}rev=0001/_manifest.json: is in",
    ),
    "the log rolled back, manifests kept": (roll_back, f"{folder(26)}rev=0001/_manifest.json: is in no leaf"),
    "all rolled back to an earlier day": (
        lambda b, then: roll_back(b, then, "events/", "sessions/"),
        "acme events: nothing from 2026-11-21T16:00+0000 to 2026-11-22T16:00+0000",
    ),
    "the statement deleted": (lambda b, _: drop(b, "_log/exports/"), "no signed statement of exports says"),
    "the statement of fewer exports": (older_statement, "_log/exports/000001-"),
    "something put into the log": (
        lambda b, _: b.put("_log/removals/mine.json", b"{}"),
        "is no part of the log",
    ),
    "a record of removal that nobody signed": (
        lambda b, _: (
            drop(b, folder(4)),
            b.put("_log/removals/x-0000000000000000.json", b'{"record": "removal"}'),
        ),
        f"{folder(4)}rev=0001/_manifest.json: {GONE}",
    ),
    "files of another client": (
        lambda b, other: copy(other, b, "events/"),
        "is of the client beta; this bucket is of acme",
    ),
    "a file changed": (
        lambda b, _: b.put(keys(b, f"{folder(2)}rev=0001/events-")[0], b"event_id\n2\n"),
        "sha256 differs from",
    ),
    "a file deleted": (lambda b, _: drop(b, f"{folder(2)}rev=0001/events-"), "is missing, named by"),
    "a doubled copy": (
        lambda b, _: [b.put(f"copy/{key}", b.get(key)) for key in keys(b, "events/", "_log/", "_keys/")],
        "copy/: 52 manifests that belong at the top of a bucket lie inside of this bucket",
    ),
    "a doubled hour": (
        lambda b, _: [b.put(key.replace("hour=14", "hour=13"), b.get(key)) for key in keys(b, folder(0))],
        "was moved, it was written as",
    ),
}
OF_OTHERS = ("the checkpoint of another client", "files of another client")
