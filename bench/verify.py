"""`footfall verify` of a bucket of many periods, beside a program that reads and hashes its objects."""

import hashlib
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import Row, alternate, say
from footfall import bucket_log, keys, notes
from footfall.bucket_log import Leaf, Promise, leaf_of, manifest_leaf
from footfall.catalogue.formats import CSV
from footfall.catalogue.periods import calendar
from footfall.event import timestamp
from footfall.exports import Export
from footfall.manifest import Contents, DeliveredFile, Progress, Receipt, Revision, build
from footfall.merkle import Frontier
from footfall.notes import Checkpoint
from footfall.signatures import Signer, load_signer
from footfall.store import LocalStore
from footfall.verify import verify_bucket

CLIENT = "client"
END = datetime(2026, 11, 20, 14, tzinfo=UTC)
EXPORTS = [Export(name=name, dataset=name, cadence="hourly") for name in ("events", "sessions", "page_views")]
HOUR = timedelta(hours=1)
_COLUMNS = tuple((f"column_{n}", "VARCHAR") for n in range(60))


def run(*, periods: int = 10_000, rows: int = 40, repeats: int = 2) -> list[Row]:
    """Three hourly exports, so many periods in all, a run and a checkpoint an hour."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as folder:
        store = LocalStore(Path(folder) / "bucket")
        say(f"making a bucket of {periods:,} periods …")
        hours = _fill(store, load_signer(Path(folder) / "keys"), periods // len(EXPORTS), rows)

        def ours() -> float:
            return _cpu_seconds(lambda: _verify(store, hours * len(EXPORTS)))

        pairs = alternate(repeats, ours, lambda: _cpu_seconds(lambda: _hash_all(store)))
        size = sum(info.size for info in store.list(""))
    mine, theirs = (sorted(side)[len(side) // 2] for side in zip(*pairs, strict=True))
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Row(
            f"verify of {hours * len(EXPORTS):,} periods, {size / 1e6:.0f} MB, {hours:,} runs in the log",
            f"{mine:.1f} CPU s; the process held {held:.0f} MB at most",
            f"{theirs:.1f} CPU s",
            [reference / own for own, reference in pairs],
            "each object of the bucket read and hashed; no signature, no log, nothing compared",
        )
    ]


def _fill(store: LocalStore, signer: Signer, hours: int, rows: int) -> int:
    """Deliveries with their log, as runs leave them. Returns how many hours."""
    first = END - hours * HOUR
    since = timestamp(first)
    said = [Promise(each.name, "hourly", "UTC", since, since) for each in EXPORTS]
    beside = dict([bucket_log.statement(CLIENT, "main", 1, first, said, signer)])
    beside[keys.public_key(signer.key_id)] = signer.public_pem
    leaves = [leaf_of(key, data) for key, data in beside.items()]
    tip = Frontier()
    for key, data in beside.items():
        store.put(key, data)
    for n in range(hours):
        start = first + n * HOUR
        leaves += [_deliver(store, signer, each, start, rows) for each in EXPORTS]
        store.put(*bucket_log.entries(tip, leaves))
        tip = tip.extended(leaf.hash for leaf in leaves)
        leaves = []
        checkpoint = Checkpoint(bucket_log.origin(CLIENT, "main"), tip.size, tip.root)
        note = notes.signed(checkpoint, signer)
        store.put(bucket_log.checkpoint_key(checkpoint, note, f"{start:%Y-%m-%d}"), note)
    store.put(bucket_log.POINTER, note)
    return hours


def _deliver(store: LocalStore, signer: Signer, export: Export, start: datetime, rows: int) -> Leaf:
    period = calendar("hourly").at(start)
    folder = keys.revision_prefix(export.name, period, 1)
    data = b"header\n" + b"".join(
        b"%s %d %s\n" % (start.isoformat().encode(), n, b"x" * 60) for n in range(rows)
    )
    sha256 = hashlib.sha256(data).hexdigest()
    file = DeliveredFile(folder + keys.file_name(export.name, period, sha256, "csv"), len(data), sha256, rows)
    manifest = build(
        CLIENT,
        export,
        period,
        Revision(1, None, "initial", start + HOUR, None),
        Contents((file,), _COLUMNS, CSV.dialect, None, Receipt(rows, rows, 0, {}, rows, rows, 0)),
        Progress(start + HOUR),
        software={"footfall": "bench"},
        signer=signer,
    )
    store.put(file.key, data)
    store.put(folder + keys.MANIFEST_NAME, manifest)
    return manifest_leaf(folder + keys.MANIFEST_NAME, manifest, export.name, start)


def _verify(store: LocalStore, periods: int) -> None:
    seen = verify_bucket(store, needs_log=True, at=END)
    problems = [each for each in seen.problems if not each.endswith("the pointer to the newest period")]
    if problems or seen.gaps or seen.manifests != periods:
        raise RuntimeError(f"the bucket is not as promised: {[*problems, *seen.gaps][:3]}")


def _hash_all(store: LocalStore) -> None:
    for info in store.list(""):
        hashlib.sha256(store.get(info.key)).hexdigest()


def _cpu_seconds(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
