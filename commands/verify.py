"""`footfall verify`: a bucket against its manifests, for a person. One line for whatever is odd."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from commands.parameters import client
from commands.state import with_settings
from footfall.clients import registry_of
from footfall.errors import FootfallError
from footfall.found import shown
from footfall.owners import named
from footfall.settings import Settings
from footfall.signatures import public_key
from footfall.store import open_store
from footfall.verify import Verification, verify_bucket


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
    help="Trust this public key alone, not those in the bucket; may be given again.",
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
@click.option("--quick", is_flag=True, help="Compare sizes, do not read the files.")
@with_settings
def command(
    settings: Settings,
    url: str,
    endpoint: str | None,
    keys: tuple[Path, ...],
    client_id: str | None,
    allow_unsigned: bool,
    quick: bool,
) -> int:
    """Check a bucket against its manifests.

    URL is a folder, file:///folder or s3://bucket/prefix.
    """
    url = url if "://" in url else Path(url).absolute().as_uri()
    store = open_store(url, s3_endpoint=endpoint or settings.s3_endpoint)
    trusted = None
    if keys:
        trusted = {}
        for path in keys:
            try:
                name, pem = public_key(path.read_bytes())
            except (OSError, ValueError) as error:
                raise FootfallError(f"--key {path}: {error}") from None
            trusted[name] = pem
    seen = verify_bucket(
        store,
        public_keys=trusted,
        is_thorough=not quick,
        takes_unsigned=allow_unsigned,
        owner=_told(settings, client_id) if client_id else _owner(settings, store.url("")),
    )
    return _print(seen, trusted)


def _told(settings: Settings, client_id: str) -> Callable[[str], str | None]:
    """The client that was named, by identity."""
    identity = named(registry_of(settings), client_id)
    return lambda _above: identity


def _owner(settings: Settings, url: str) -> Callable[[str], str | None]:
    """Whose a root below `url` is: by the client files, and by the folders of the backup."""
    roots = {}
    for each in registry_of(settings).clients:
        roots[_plain(f"{settings.backup}/{each.client_id}")] = each.client_id
        for destination in each.destinations().values():
            roots[_plain(destination.resolved_url(settings.home))] = each.client_id
    return lambda above: roots.get(_plain(f"{url.rstrip('/')}/{above}"))


def _plain(url: str) -> str:
    """An address in one spelling, as far as a store of that address would spell it."""
    try:
        return open_store(url).url("").rstrip("/")
    except FootfallError:
        return url.rstrip("/")


def _print(seen: Verification, trusted: Mapping[str, bytes] | None) -> int:
    for problem in (*seen.problems, *seen.gaps):
        print(f"PROBLEM  {shown(problem)}")
    for key in seen.unsigned:
        print(f"unsigned {shown(key)}: of before signing; who wrote it cannot be told (--allow-unsigned)")
    for key in seen.incomplete:
        print(f"INCOMPLETE  {shown(key)}: its period had not ended, more is to come")
    for key in seen.uncommitted:
        print(f"no data  {shown(key)}: no manifest names it")
    by_key: dict[str, list[str]] = defaultdict(list)
    for (key_id, client_id), count in sorted(seen.signers.items()):
        by_key[key_id].append(f"{count} of {client_id}")
    for key_id, counts in by_key.items():
        first = ", ".join(counts[:5]) + (f" and {len(counts) - 5} more clients" if len(counts) > 5 else "")
        how = (
            "found in the bucket and trusted on first use, so damage shows and a forger does not; --key FILE "
            "trusts that key alone"
        )
        print(f"key      {key_id} signed {shown(first)}{'' if trusted is not None else f': {how}'}")
    signed = f", {seen.signed} signed" if seen.signed else ""
    unsigned = f", {len(seen.unsigned)} unsigned" if seen.unsigned else ""
    bad = len(seen.problems) + len(seen.gaps)
    print(
        f"{seen.manifests} manifests{signed}{unsigned}, {seen.files} files, {seen.rows} rows, "
        f"{seen.bytes} bytes: ",
        end="",
    )
    if not seen.manifests and not bad:
        print("nothing was delivered here")
        return 1
    print("all as promised" if not bad else f"{bad} problems")
    return 1 if bad else 0
