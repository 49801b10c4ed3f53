"""`footfall doctor`: is this installation able to do its work? One line a check."""

import os
import secrets
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import click

from commands import installation
from commands.state import with_installation, with_state
from footfall.allowed import Allowed
from footfall.clients import Client, Registry, registry_of
from footfall.environments import require_safe
from footfall.errors import FootfallError
from footfall.geo_tables import in_force
from footfall.hours import HOUR, read_first_hour
from footfall.owners import running
from footfall.probe import probe
from footfall.raw_keys import KeyRing, RawKey
from footfall.settings import Settings
from footfall.signatures import load_signer
from footfall.store import open_store
from orchestration.ingest.listing import read_waiting


@click.command()
@click.option(
    "--watch", is_flag=True, help="For a timer: tell the alert routes of a dead daemon or collector."
)
def command(watch: bool) -> int:
    """Check the installation: versions, state folder, client files, stores, ports, buckets."""
    return _watch() if watch else _examine()


#: What switches it off, by the start of a lake's address.
_SOFT_DELETE = {
    "gs://": "gcloud storage buckets update gs://BUCKET --clear-soft-delete --no-versioning",
    "az://": "az storage account blob-service-properties update --account-name ACCOUNT "
    "--enable-delete-retention false --enable-versioning false",
}


@with_installation
def _watch(settings: Settings) -> int:
    from commands.watching import watch_now

    return watch_now(settings)


@with_state
def _examine(settings: Settings) -> int:
    """Print every check's result. Returns 1 when one failed."""
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("versions", _versions),
        ("settings", _safe),
        ("state folder", _state_folder),
        ("first hour", _first_hour),
        ("clients", _clients),
        ("keys over raw lines", _raw_keys),
        ("lake", lambda s: _store(s.lake, s.s3_endpoint)),
        ("backup bucket", lambda s: _store(s.backup, s.s3_endpoint)),
        ("ports", _ports),
        ("places", lambda s: in_force(s.geoip, s.home, datetime.now(UTC))),
        ("lifecycle rules", _lifecycle),
    ]
    if settings.lake.startswith(tuple(_SOFT_DELETE)):
        checks.append(("salts", _salts))
    registry = registry_of(settings)
    checks += [
        (f"buckets of {each.client_id}", partial(_buckets, each, registry)) for each in running(registry)
    ]
    failed = 0
    for name, check in checks:
        try:
            print(f"ok    {name}: {check(settings)}")
        except FootfallError as error:
            failed += 1
            print(f"FAIL  {name}: {error}")
    return 1 if failed else 0


def _versions(_settings: Settings) -> str:
    return ", ".join(f"{name} {version}" for name, version in installation.versions().items())


def _safe(settings: Settings) -> str:
    require_safe(settings, os.environ)
    return f"safe for FOOTFALL_ENVIRONMENT={settings.environment}"


def _state_folder(settings: Settings) -> str:
    installation.prepare(settings)
    return str(settings.home)


def _first_hour(settings: Settings) -> str:
    now = datetime.now(UTC)
    first = read_first_hour(settings.first_hour_file, now)
    if first > now + HOUR:
        raise FootfallError(
            f"{settings.first_hour_file} says {first:%Y-%m-%dT%H}, which has not come yet: write the first "
            "hour that was ever received into it"
        )
    return f"{first:%Y-%m-%dT%H}"


def _raw_keys(settings: Settings) -> str:
    ring, found = KeyRing(settings.home), 0
    for client in registry_of(settings).clients:
        if client.raw_key is not None:
            found += 1
            if ring.private(RawKey.of(client.raw_key).id) is None:
                raise FootfallError(f"{client.client_id}: its raw_key was destroyed; make another")
    waiting = read_waiting(settings.home / "listings.sqlite")
    if waiting:
        hour, ids = next(iter(waiting.items()))
        raise FootfallError(
            f"lines of {len(waiting)} hours wait for their key, the first {hour:%Y-%m-%dT%H} for "
            f"{', '.join(ids)}: the alert `hour_degraded` says whose they are and what to do"
        )
    return f"{found} clients have one" if found else "no client file asks for one"


def _clients(settings: Settings) -> str:
    registry = registry_of(settings)
    if registry.mistakes:
        raise FootfallError("; ".join(str(mistake) for mistake in registry.mistakes))
    if registry.stopped:
        raise FootfallError("; ".join(registry.stopped.values()))
    if not registry.clients:
        raise FootfallError(f"no client file in {settings.clients}")
    return f"{len(registry.clients)} valid in {settings.clients}"


def _store(url: str, endpoint: str | None) -> str:
    """Put, read back and delete a small object."""
    store = open_store(url, s3_endpoint=endpoint)
    key = f"probe/{secrets.token_hex(8)}"
    store.put(key, b"footfall", create_only=True)
    if store.get(key) != b"footfall":
        raise FootfallError(f"{store.url(key)} reads back differently")
    store.delete(key)
    return f"{url} can be written, read and deleted from"


def _salts(settings: Settings) -> str:
    """That the lake's cloud may keep what it is asked to destroy, which nobody can see from here."""
    switch = next(text for start, text in _SOFT_DELETE.items() if settings.lake.startswith(start))
    return (
        f"gone from {settings.lake} 48 hours after their day only where its soft delete and versioning are "
        f"off, and nobody tells us: `{switch}`"
    )


def _buckets(client: Client, registry: Registry, settings: Settings) -> str:
    """Every destination of a client, as whom its client file says, the steps of `footfall clients test`."""
    signer = load_signer(settings.home / "keys")
    allowed, taken = Allowed.of(settings), registry.places_of_others(client.client_id)
    for name, destination in client.destinations().items():
        token = signer.challenge(destination.url)
        for step in probe(destination, allowed, token, taken=taken):
            if step.is_needed and not step.is_good:
                missing = f"; missing: {step.missing}" if step.missing else ""
                raise FootfallError(f"{name} {destination.url}: {step.name}: {step.said}{missing}")
    return ", ".join(f"{each.url} can be delivered to" for each in client.destinations().values())


def _lifecycle(settings: Settings) -> str:
    """What buckets remove by themselves: too early would be a loss; what they lack is said."""
    from commands.bucket_rules import compare

    found = compare(settings)
    early = [
        f"{each.rules.bucket}: {line}" for each in found for line in each.wrong if "nothing here" in line
    ]
    if early:
        raise FootfallError("; ".join(early))
    lacking = [each.rules.bucket for each in found if each.wrong or each.unknown]
    if lacking:
        return f"not as they should be in {', '.join(lacking)}: `footfall privacy lifecycle` says what"
    return f"as they should be in {len(found)} buckets" if found else "no bucket is on S3"


def _ports(settings: Settings) -> str:
    ports = {
        "collector": settings.collector_port,
        "API": settings.api_port,
        "dashboard": settings.dashboard_port,
        "Dagster UI": settings.ui_port,
        "demo site": settings.site_port,
    }
    found = []
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.settimeout(1)
            used = probe.connect_ex(("127.0.0.1", port)) == 0
        found.append(f"{name} {port} {'in use (fine while it is ours)' if used else 'free'}")
    return ", ".join(found)
