"""`footfall verify`: a bucket against its manifests, for a person. One line for whatever is odd."""

import argparse
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from footfall.clients import registry_of
from footfall.errors import FootfallError
from footfall.found import shown
from footfall.settings import Settings
from footfall.signatures import public_key
from footfall.store import open_store
from footfall.verify import Verification, verify_bucket


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    verify = commands.add_parser("verify", help="check a bucket against its manifests")
    verify.add_argument("url", help="file:///folder or s3://bucket/prefix")
    verify.add_argument(
        "--endpoint", help="endpoint of an S3-compatible store (default: FOOTFALL_S3_ENDPOINT)"
    )
    verify.add_argument(
        "--key", type=Path, action="append", help="trust this public key (PEM) alone, not those in the bucket"
    )
    verify.add_argument(
        "--client",
        help="the client whose bucket it must be (default: as the client files say, else the one that most "
        "manifests name)",
    )
    verify.add_argument(
        "--allow-unsigned",
        action="store_true",
        help="take manifests of version 1, of before signing, and list them; anybody can have written them",
    )
    verify.add_argument("--quick", action="store_true", help="compare sizes, do not read the files")
    verify.set_defaults(command=_verify)


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    url = options.url if "://" in options.url else Path(options.url).absolute().as_uri()
    store = open_store(url, s3_endpoint=options.endpoint or settings.s3_endpoint)
    trusted = None
    if options.key:
        trusted = {}
        for path in options.key:
            try:
                name, pem = public_key(path.read_bytes())
            except (OSError, ValueError) as error:
                raise FootfallError(f"--key {path}: {error}") from None
            trusted[name] = pem
    seen = verify_bucket(
        store,
        public_keys=trusted,
        is_thorough=not options.quick,
        takes_unsigned=options.allow_unsigned,
        owner=(lambda _above: options.client) if options.client else _owner(settings, store.url("")),
    )
    return _print(seen, trusted)


def _owner(settings: Settings, url: str) -> Callable[[str], str | None]:
    """Whose a root below `url` is: by the client files, and by the folders of the backup."""
    roots = {}
    for client in registry_of(settings).clients:
        roots[_plain(f"{settings.backup}/{client.client_id}")] = client.client_id
        for destination in client.destinations().values():
            roots[_plain(destination.resolved_url(settings.home))] = client.client_id
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
