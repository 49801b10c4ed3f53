"""Can a destination be delivered to, a source be read? Proven step by step; the first failure names what is
missing.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from footfall.allowed import Allowed
from footfall.destinations import (
    challenge_key,
    is_below,
    open_destination,
    open_source,
    require_external_id,
    require_folder,
    require_ownership,
)
from footfall.errors import FootfallError
from footfall.exports import Destination
from footfall.failures import sorted_out
from footfall.locations import Location
from footfall.log_source import LogSource
from footfall.store import LocalStore, ObjectStore, S3Store, StoreError, TooLarge
from footfall.store_cloud import AzureStore, CloudStore, GoogleStore

#: Step → the permission that lets it through, for buckets of AWS.
_PERMISSIONS = {
    "credentials": "sts:AssumeRole on the role, for our account, with the external id",
    "owner": "s3:ListBucket on the bucket, which must belong to the account in `owner`",
    "list": "s3:ListBucket on the bucket, for the prefix of the logs",
    "read": "s3:GetObject below the prefix of the logs (and kms:Decrypt on their key)",
    "put": "s3:PutObject on the prefix (and kms:GenerateDataKey on the key, with sse-kms)",
    "read back": "s3:GetObject on the prefix (and kms:Decrypt on the key, with sse-kms)",
    "create-only": "a store that refuses a put with `If-None-Match: *` of a key that is taken",
    "delete": "s3:DeleteObject on <prefix>/_probe/*; without it the probes stay, which is harmless",
    "external id enforced": "the condition sts:ExternalId in the role's trust policy",
    "ownership": "the token in the client file as `challenge`",
}
#: The same where Google's and Azure's have others.
_IN_CLOUD: dict[type[CloudStore], dict[str, str]] = {
    GoogleStore: {
        "credentials": "`credentials`, or an identity of this machine (GOOGLE_APPLICATION_CREDENTIALS)",
        "list": "storage.objects.list on the bucket",
        "put": "storage.objects.create below the prefix",
        "read back": "storage.objects.get below the prefix",
        "create-only": "a store that refuses a put on generation 0 of a key that is taken",
        "replace": "storage.objects.delete below the prefix: Google asks for it of whoever replaces an "
        "object, as each delivery does in the log",
        "delete": "storage.objects.delete below the prefix",
    },
    AzureStore: {
        "credentials": "`credentials`, or an identity of this machine (AZURE_CLIENT_ID and its kin)",
        "list": "list on the container: Storage Blob Data Contributor, or `l` in the signature's sp",
        "put": "create and write: Storage Blob Data Contributor, or `cw` in the signature's sp",
        "read back": "read: Storage Blob Data Contributor, or `r` in the signature's sp",
        "delete": "delete, `d` in the signature's sp; without it the probes stay, which is harmless",
    },
}
_LACKS = {
    "SecretMissing": "the secret, where `access_key` and `secret_key` or `credentials` say, for the process "
    "that delivers",
    "InvalidEndpoint": "an `endpoint` on https:// that is public, or a line of FOOTFALL_CLIENT_HOSTS",
    "Connection": "an answer of the store: its `endpoint` and `region`, its DNS, the way to it",
}
PROBES = "_probe/"


@dataclass(frozen=True)
class Step:
    """One thing that was tried. `is_needed`: deliveries fail without it."""

    name: str
    is_good: bool
    said: str
    is_needed: bool = True

    #: What is missing, where the step's own permission is not it.
    lacks: str = ""

    @property
    def missing(self) -> str:
        """The permission or setting that is missing; empty where all is well."""
        return "" if self.is_good else self.lacks or _PERMISSIONS.get(self.name, "")


def probe(
    destination: Destination, allowed: Allowed, token: str, *, taken: Iterable[Location] = ()
) -> Iterator[Step]:
    """Try every step, in order; those that need one that failed are left out. `taken`: places of others.

    `token`: what the owner must put into the client file where `ownership: challenge` asks for it.
    """
    try:
        store = open_destination(destination, allowed, taken=taken)
        if isinstance(store, LocalStore) and not store.root.exists() and is_below(destination, allowed.home):
            yield Step("resolve", True, f"{store.url('')} is not there yet: the first delivery makes it")
            return
        require_folder(destination, allowed.home)
    except FootfallError as error:
        yield Step("resolve", False, str(error))
        return
    yield Step("resolve", True, store.url(""))
    key = f"{PROBES}{secrets.token_hex(8)}"
    data = secrets.token_bytes(32)
    if isinstance(store, S3Store):
        step = _try("credentials", store.sign_in, "we are who the client file says")
        yield step
        if not step.is_good:
            return
        step = _try("owner", lambda: _list(store), f"owned by {destination.owner or 'anybody (no `owner`)'}")
        yield step
        if not step.is_good:
            return
    if isinstance(store, CloudStore):
        step = _try("credentials", store.sign_in, "we are who the client file says", store)
        yield step
        if not step.is_good:
            return
        step = _try("list", lambda: _list(store), "its objects can be listed", store)
        yield step
        if not step.is_good:
            return
    step = _try("put", lambda: store.put(key, data, create_only=True), key, store)
    yield step
    if not step.is_good:
        return
    yield _try("read back", lambda: _compare(store, key, data), "the same bytes", store)
    if isinstance(store, GoogleStore):
        step = _try("replace", lambda: store.put(key, data), "an object can be replaced", store)
        yield step
        if not step.is_good:
            return
    yield _try("create-only", lambda: _refuses(store, key), "a key that is taken is refused", store)
    deleted = _try("delete", lambda: store.delete(key), "the probe is gone again", store)
    yield replace(deleted, is_needed=False)
    yield Step("what is removed", True, kept_of_removed(store), is_needed=False)
    if destination.role:
        yield _try(
            "external id enforced",
            lambda: require_external_id(destination),
            "refused without the external id",
        )
    if destination.ownership == "challenge":
        where = store.url(challenge_key(token))
        yield _try("ownership", lambda: require_ownership(destination, store, token), f"confirmed ({where})")


def probe_source(
    source: LogSource,
    allowed: Allowed,
    hour: datetime,
    *,
    s3_endpoint: str | None = None,
    taken: Iterable[Location] = (),
) -> Iterator[Step]:
    """Try to list a client's logs, and to read one of them. `hour`: where the newest should lie."""
    try:
        store = open_source(source, allowed, s3_endpoint=s3_endpoint, taken=taken)
    except FootfallError as error:
        yield Step("resolve", False, str(error))
        return
    prefix = source.prefix(hour)
    yield Step("resolve", True, store.url(prefix))
    if isinstance(store, S3Store):
        step = _try("credentials", store.sign_in, "we are who the client file says")
        yield step
        if not step.is_good:
            return
    found: list[str] = []
    step = _try("list", lambda: found.extend(_first(store, prefix)), "its objects can be listed")
    yield step
    if not step.is_good:
        return
    if not found:
        yield Step("read", False, f"no object lies under {store.url(prefix)}", is_needed=False)
        return
    yield _try("read", lambda: _begins(store, found[0]), store.url(found[0]))
    if source.role:
        yield _try(
            "external id enforced", lambda: require_external_id(source), "refused without the external id"
        )


def kept_of_removed(store: ObjectStore) -> str:
    """What a bucket keeps of what an erasure or retention removes there, in words for people."""
    if isinstance(store, CloudStore):
        return (
            "nobody can tell whether versions of it stay: see the bucket's soft delete (seven days unless it "
            "was switched off), its versioning and its retention policy"
        )
    if not isinstance(store, S3Store):
        return "is gone: no bucket, but a folder"
    try:
        said = store.what_stays()
    except StoreError as error:
        return f"nobody can tell whether versions of it stay: {sorted_out(error).text}"
    if not said:
        return "is gone: the bucket keeps no versions"
    return f"NOT gone for good: the bucket keeps {said}; its lifecycle rules say how long"


def _first(store: ObjectStore, prefix: str) -> list[str]:
    return [info.key for info in islice(store.list(prefix), 1)]


def _try(name: str, call: Callable[[], object], said: str, store: ObjectStore | None = None) -> Step:
    try:
        call()
    except Exception as error:
        lacks = _LACKS.get(error.code or "", "") if isinstance(error, StoreError) else ""
        if isinstance(store, CloudStore):
            lacks = lacks or _IN_CLOUD[type(store)].get(name, "")
        return Step(name, False, sorted_out(error).text, lacks=lacks)
    return Step(name, True, said)


def _list(store: ObjectStore) -> None:
    for _ in store.list(f"{PROBES}none-"):
        break


def _begins(store: ObjectStore, key: str) -> None:
    """Read the object's first byte; that there are more is no failure."""
    try:
        store.get(key, limit=1)
    except TooLarge:
        pass


def _compare(store: ObjectStore, key: str, data: bytes) -> None:
    if store.get(key) != data:
        raise StoreError(f"{store.url(key)} reads back differently", retryable=True)


def _refuses(store: ObjectStore, key: str) -> None:
    try:
        store.put(key, b"other bytes", create_only=True)
    except StoreError as error:
        if error.code == "AlreadyExists":
            return
        raise
    raise FootfallError("a key that was taken was overwritten")
