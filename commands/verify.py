"""`footfall verify`: a bucket against its manifests, for a person. One line for whatever is odd."""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from commands.parameters import HOUR, client
from commands.state import with_settings
from footfall import notes
from footfall.clients import Registry, registry_of
from footfall.errors import FootfallError
from footfall.found import shown
from footfall.known_buckets import expected_below, keys_of, known_below, open_address
from footfall.owners import named
from footfall.settings import Settings
from footfall.signatures import public_key
from footfall.store import LocalStore, address_of
from footfall.verification import Known, Verification
from footfall.verify import verify_bucket


@click.command()
@click.argument("url")
@click.option(
    "--endpoint", metavar="URL", help="Endpoint of an S3-compatible store (default: FOOTFALL_S3_ENDPOINT)."
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PEM",
    help="Trust this public key alone, not those in the bucket; may be given again "
    "(default: of a bucket that a client file names, those that ever signed here).",
)
@client(
    text="The client whose bucket it must be (default: as the client files say, else the one that most "
    "manifests name)."
)
@click.option(
    "--allow-unsigned",
    is_flag=True,
    help="Take manifests of version 1, of before signing, and list them; anybody can have written them.",
)
@click.option(
    "--allow-unlogged",
    is_flag=True,
    help="Take a bucket without a log, of before there were logs; what it has lost cannot be told.",
)
@click.option("--quick", is_flag=True, help="Compare sizes, do not read the files.")
@click.option(
    "--since",
    "kept",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A copy of _log/checkpoint of earlier: the log must have grown from it.",
)
@click.option("--at", type=HOUR, metavar="HOUR", help="As of this hour (UTC), instead of now.")
@click.option(
    "--from",
    "start",
    type=HOUR,
    metavar="HOUR",
    help="Periods before it may be gone: you have a lifecycle rule of your own.",
)
@with_settings
def command(
    settings: Settings,
    url: str,
    endpoint: str | None,
    keys: tuple[Path, ...],
    client_id: str | None,
    allow_unsigned: bool,
    allow_unlogged: bool,
    quick: bool,
    kept: Path | None,
    at: datetime | None,
    start: datetime | None,
) -> int:
    """Check a bucket against its manifests and its log.

    URL is a folder, file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://account/container/prefix.
    Exit code 0: as promised; 1: damaged; 3: as promised, but what is to be removed is still there.
    """
    url = address_of(url)
    registry = registry_of(settings)
    store = open_address(settings, registry, url, endpoint)
    if isinstance(store, LocalStore) and not store.root.is_dir():
        raise FootfallError(f"there is no folder {store.root}")
    trusted = None
    if keys:
        trusted = {}
        for path in keys:
            try:
                name, pem = public_key(path.read_bytes())
            except (OSError, ValueError) as error:
                raise FootfallError(f"--key {path}: {error}") from None
            trusted[name] = pem
    known = known_below(settings, registry, store.url(""))
    seen = verify_bucket(
        store,
        public_keys=trusted,
        is_thorough=not quick,
        takes_unsigned=allow_unsigned,
        needs_log=not allow_unlogged,
        expected=expected_below(settings, registry, store.url("")),
        at=at or datetime.now(UTC),
        since=start,
        known=_told(registry, client_id, known) if client_id else known,
    )
    grown = _grown_from(kept, seen) if kept else {}
    return _print(seen, keys_of(settings) if trusted is None else trusted, grown)


def _grown_from(path: Path, seen: Verification) -> dict[str, str]:
    """Compare the log of the same name with a checkpoint that somebody kept.

    Returns what to say of it, by the log's name. Raises FootfallError where it is none.
    """
    try:
        kept = notes.read(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FootfallError(f"--since {path}: {error}; keep a copy of _log/checkpoint") from None
    log = next((log for log in seen.logs if log.checkpoint.origin == kept.origin), None)
    log = log or next(iter(seen.logs), None)
    wrong = log.grew_from(kept) if log else "cannot be compared: there is no log here"
    if wrong:
        seen.problems.append(f"--since {path}: the checkpoint {wrong}")
        return {}
    return {kept.origin: f", grown from {kept.size} since {path}"}


def _told(
    registry: Registry, client_id: str, known: Callable[[str], Known | None]
) -> Callable[[str], Known | None]:
    """The client that was named, by identity; and what is known of its own places."""
    identity = named(registry, client_id)

    def told(above: str) -> Known | None:
        here = known(above)
        return here if here is not None and here.client_id == identity else Known(identity)

    return told


def _print(seen: Verification, trusted: Container[str], grown: Mapping[str, str]) -> int:
    for problem in (*seen.problems, *seen.gaps):
        print(f"PROBLEM  {shown(problem)}")
    for key in seen.unsigned:
        print(f"unsigned {shown(key)}: of before signing; who wrote it cannot be told (--allow-unsigned)")
    for key in seen.incomplete:
        print(f"INCOMPLETE  {shown(key)}: its period had not ended, more is to come")
    for key in seen.in_progress:
        print(f"not yet  {shown(key)}: its run goes on, and has not written it into the log")
    for key in seen.uncommitted:
        print(f"no data  {shown(key)}: no manifest names it")
    for each in seen.outstanding:
        print(
            f"to go    {shown(each.key)}: by {each.record.kind} {shown(each.record.id)}, "
            f"until {each.until:%Y-%m-%dT%H:%MZ}"
        )
    for log in seen.logs:
        since = grown.get(log.checkpoint.origin, "")
        print(f"log      {shown(log.checkpoint.origin)}: {log.checkpoint.size} leaves{since}")
    by_key: dict[str, list[str]] = defaultdict(list)
    for (key_id, client_id), count in sorted(seen.signers.items()):
        by_key[key_id].append(f"{count} of {client_id}")
    for key_id, counts in by_key.items():
        first = ", ".join(counts[:5]) + (f" and {len(counts) - 5} more clients" if len(counts) > 5 else "")
        how = (
            "found in the bucket and trusted on first use, so damage shows and a forger does not; --key FILE "
            "trusts that key alone"
        )
        print(f"key      {key_id} signed {shown(first)}{'' if key_id in trusted else f': {how}'}")
    removed = sum((log.removed for log in seen.logs), Counter[str]())
    by_kind = "".join(f", {count} removals by {kind}" for kind, count in sorted(removed.items()))
    expired = f", {seen.expired} of before --from gone" if seen.expired else ""
    signed = f", {seen.signed} signed" if seen.signed else ""
    unsigned = f", {len(seen.unsigned)} unsigned" if seen.unsigned else ""
    bad = len(seen.problems) + len(seen.gaps)
    print(
        f"{seen.manifests} manifests{signed}{unsigned}, {seen.files} files, {seen.rows} rows, "
        f"{seen.bytes} bytes{by_kind}{expired}: ",
        end="",
    )
    if not seen.manifests and not seen.logs and not bad:
        print("nothing was delivered here")
        return 1
    if bad:
        print(f"{bad} problems")
        return 1
    if seen.outstanding:
        until = max(each.until for each in seen.outstanding)
        print(f"as promised, removal outstanding until {until:%Y-%m-%dT%H:%MZ}")
        return 3
    print("all as promised")
    return 0
