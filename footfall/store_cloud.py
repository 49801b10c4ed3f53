"""Google Cloud Storage and Azure Blob behind the store port: `gs://bucket/prefix`, `az://account/container/prefix`.

One adapter over obstore, the Rust `object_store` as a wheel.
"""

import binascii
import json
import mmap
import os
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from footfall.errors import FootfallError
from footfall.keys import is_key
from footfall.store import (
    AlreadyExists,
    Changed,
    CloudAccess,
    NotFound,
    ObjectInfo,
    StoreError,
    TooLarge,
    checked_key,
    checked_prefix,
    created_in_turn,
)
from footfall.store_cloud_failures import failure, is_of_obstore

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import AzureStore as AzureClient
    from obstore.store import ClientConfig, GCSStore, RetryConfig

    Client = GCSStore | AzureClient

#: A put has to be through before its client gives up, so larger ones have clients that wait longer: one for
#: each doubling of these bytes, at so many a second.
_SMALL_BYTES = 1024 * 1024
_SLOWEST = 64 * 1024
#: Bytes of a download that are in memory at a time, at least.
_CHUNK_BYTES = 1024 * 1024

#: The process whose threads serve obstore. A copy of it (fork) has none, and would wait for ever.
_served: list[int] = []


def require_copyable() -> None:
    """Raise FootfallError where a copy (fork) of this process could ask no cloud any more."""
    if _served:
        raise FootfallError(
            "this process has asked a cloud, and no copy of it could ask there again; report this as a fault "
            "of Footfall"
        )


def _require_threads(url: str) -> None:
    if not _served:
        _served.append(os.getpid())
    if _served[0] != os.getpid():
        raise StoreError(
            f"cannot reach {url}: this process is a copy of one that had asked a cloud, without its threads; "
            "report this as a fault of Footfall",
            retryable=False,
            code="InvalidRequest",
        )


class CloudStore:
    """Objects below one prefix of a bucket; subclasses know the cloud."""

    #: Of a version, what a conditional put names.
    _TAG: str
    #: How people call the cloud.
    cloud: str
    #: What of our own environment would stand before a client's key.
    _FOREIGN: tuple[str, ...]
    #: Where it belongs.
    _INSTEAD = ""

    def __init__(self, root: str, prefix: str, access: CloudAccess) -> None:
        self._root = root
        self.prefix = f"{prefix}/" if prefix else ""
        self._access = access
        #: By how often their puts are larger than small ones, as a power of two.
        self._made: dict[int, Client] = {}

    def _open(self, options: "ClientConfig", retry: "RetryConfig") -> "Client":
        """A client of obstore. Raises StoreError where the credentials are none."""
        raise NotImplementedError

    def _connected(self, read_seconds: float) -> "Client":
        _require_threads(self.url(""))
        address = self._endpoint() or ""
        options: ClientConfig = {
            "allow_http": address.startswith("http://"),
            "connect_timeout": timedelta(seconds=10),
            "read_timeout": timedelta(seconds=read_seconds),
            "timeout": timedelta(days=1),  # of a whole download, however long: each piece has its own
        }
        retry: RetryConfig = {"max_retries": max(0, self._access.attempts - 1)}
        with self._translated("reach", ""):
            return self._open(options, retry)

    def _endpoint(self) -> str | None:
        raise NotImplementedError

    def _require_unmixed(self) -> None:
        """Before a client's key is used. Raises StoreError."""
        if set_ := [name for name in self._FOREIGN if os.environ.get(name)]:
            raise StoreError(
                f"cannot reach {self.url('')} with keys of its own: take {', '.join(set_)} out of the "
                f"environment{self._INSTEAD}",
                retryable=False,
                code="InvalidRequest",
            )

    @property
    def _client(self) -> "Client":
        return self._client_for(0)

    def _client_for(self, size: int) -> "Client":
        """A client that waits for the end of a put of that many bytes."""
        _require_threads(self.url(""))  # also of a client that was made before
        doublings = (max(size - 1, 0) // _SMALL_BYTES).bit_length()
        made = self._made.get(doublings)
        if made is None:
            longer = (_SMALL_BYTES << doublings) / _SLOWEST if doublings else 0
            made = self._made[doublings] = self._connected(self._access.read_seconds + longer)
        return made

    def sign_in(self) -> None:
        """Read the credentials now rather than at the first call. Raises StoreError where they are none."""
        assert self._client is not None

    def url(self, key: str) -> str:
        return f"{self._root}/{self.prefix}{key}"

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        self._put(key, data, "create" if create_only else "overwrite")

    def create_all(self, objects: Mapping[str, bytes]) -> list[str]:
        return created_in_turn(self, objects)

    def put_file(self, key: str, path: Path, *, create_only: bool = False) -> None:
        mode: PutMode = "create" if create_only else "overwrite"
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return self._put(key, b"", mode)
            # One request, for only that can be create-only; the kernel brings in each piece as it is sent.
            return self._put(key, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), mode)

    def _put(self, key: str, data: "bytes | mmap.mmap", mode: "PutMode") -> None:
        import obstore  # only installations on these clouds pay for it

        checked_key(key)
        client = self._client_for(len(data))
        with self._translated("write", key):
            obstore.put(client, self.prefix + key, data, mode=mode, use_multipart=False)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        return self._read(key, limit)[0]

    def _read(self, key: str, limit: int | None) -> tuple[bytes, str]:
        import obstore

        checked_key(key)
        client = self._client
        with self._translated("read", key):
            answer = obstore.get(client, self.prefix + key)
            if limit is not None and answer.meta["size"] > limit:
                raise TooLarge(self.url(key), limit)
            tag: Any = answer.meta.get(self._TAG)
            return answer.bytes().to_bytes(), str(tag)

    def fetch(self, key: str, path: Path) -> None:
        import obstore

        checked_key(key)
        client = self._client
        part = path.with_name(f"{path.name}.{token_hex(4)}")
        try:
            with part.open("xb") as file, self._translated("read", key):
                for piece in obstore.get(client, self.prefix + key).stream(min_chunk_size=_CHUNK_BYTES):
                    file.write(piece)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _has(self, key: str) -> bool:
        """Whether an object without a byte is there; a key that is none can only have been listed."""
        return not is_key(key) or self.head(key) is not None

    def head(self, key: str) -> ObjectInfo | None:
        import obstore

        checked_key(key)
        client = self._client
        try:
            with self._translated("look at", key):
                return ObjectInfo(key, obstore.head(client, self.prefix + key)["size"])
        except NotFound:
            return None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        import obstore

        # obstore lists folders; what begins alike in the last one is told apart here.
        wanted = self.prefix + checked_prefix(prefix)
        found: dict[str, int] = {}
        client = self._client
        with self._translated("list", prefix):
            for page in obstore.list(client, wanted.rpartition("/")[0] or None, chunk_size=1000):
                for each in page:
                    if each["path"].startswith(wanted):
                        key = each["path"].removeprefix(self.prefix)
                        found[key] = max(each["size"], found.get(key, 0))
        for key, size in sorted(found.items()):
            # Its listing calls the mark of a folder, `a/`, by the name of an object, `a`.
            if size or self._has(key):
                yield ObjectInfo(key, size)

    def delete(self, key: str) -> None:
        import obstore

        checked_key(key)
        client = self._client
        try:
            with self._translated("delete", key):
                obstore.delete(client, self.prefix + key)
        except NotFound:
            pass

    def read_tagged(self, key: str, *, limit: int | None = None) -> tuple[bytes, str] | None:
        try:
            return self._read(key, limit)
        except NotFound:
            return None

    def swap(self, key: str, data: bytes, tag: str | None) -> None:
        mode: Any = {self._TAG: tag} if tag else "create"
        try:
            self._put(key, data, mode)
        except (AlreadyExists, NotFound):
            raise Changed(self.url(key)) from None

    @contextmanager
    def _translated(self, verb: str, key: str) -> Iterator[None]:
        """What goes wrong inside, in our words. Errors that are not the store's are passed on as they are."""
        try:
            yield
        except BaseException as error:
            if not is_of_obstore(error):
                raise
            raise failure(self.cloud, verb, self.url(key), str(error)) from None


class GoogleStore(CloudStore):
    """A bucket of Google Cloud Storage, through the XML interface."""

    _TAG = "version"
    cloud = "Google"
    _FOREIGN = (
        *("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH", "GOOGLE_BEARER_TOKEN"),
        "GOOGLE_SKIP_SIGNATURE",
    )
    _INSTEAD = ", and name Footfall's own key in GOOGLE_APPLICATION_CREDENTIALS"

    def __init__(self, bucket: str, prefix: str, access: CloudAccess) -> None:
        super().__init__(f"gs://{bucket}", prefix, access)
        self._bucket = bucket

    def _endpoint(self) -> str | None:
        return self._access.endpoint or os.environ.get("GOOGLE_BASE_URL")

    def _open(self, options: "ClientConfig", retry: "RetryConfig") -> "Client":
        from obstore.store import GCSStore

        config: Any = {}
        if self._endpoint():
            config["base_url"] = str(self._endpoint()).rstrip("/")
        if self._access.secret:
            config["service_account_key"] = self._key(self._access.secret())
        return GCSStore(self._bucket, config=config, client_options=options, retry_config=retry)

    def _key(self, text: str) -> str:
        """The key of a service account, and nothing else that the JSON may say: no address to sign in at."""
        self._require_unmixed()
        try:
            said = json.loads(text)
            return json.dumps(
                {
                    "client_email": str(said["client_email"]),
                    "private_key": str(said["private_key"]),
                    "private_key_id": str(said.get("private_key_id", "")),
                }
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            raise StoreError(
                f"cannot reach {self.url('')}: what `credentials` names is no key of a service account, "
                "JSON with client_email and private_key",
                retryable=False,
                code="SecretMissing",
            ) from None


class AzureStore(CloudStore):
    """A container of Azure Blob."""

    _TAG = "e_tag"
    cloud = "Azure"
    _FOREIGN = ("AZURE_SKIP_SIGNATURE", "AZURE_STORAGE_USE_EMULATOR")

    def __init__(self, account: str, container: str, prefix: str, access: CloudAccess) -> None:
        super().__init__(f"az://{account}/{container}", prefix, access)
        self._account = account
        self._container = container

    def _endpoint(self) -> str | None:
        return self._access.endpoint or os.environ.get("AZURE_STORAGE_ENDPOINT")

    def _open(self, options: "ClientConfig", retry: "RetryConfig") -> "Client":
        from obstore.store import AzureStore as AzureClient

        config: Any = {"account_name": self._account}
        if given := self._endpoint():
            # The account is in the host's name, or the first folder: so with every emulator.
            address = given.rstrip("/")
            is_named = address.partition("://")[2].startswith(f"{self._account}.")
            config["endpoint"] = address if is_named else f"{address}/{self._account}"
        if self._access.secret:
            config |= self._identity(self._access.secret().strip())
        return AzureClient(self._container, config=config, client_options=options, retry_config=retry)

    def _identity(self, secret: str) -> dict[str, str]:
        """A shared access signature, or the account's key; the environment's identity is left aside."""
        self._require_unmixed()
        if "sig=" in secret:
            return {"credential_type": "sas_token", "sas_key": secret.removeprefix("?")}
        try:
            if len(b64decode(secret, validate=True)) < 32:
                raise ValueError
        except (binascii.Error, ValueError):
            raise StoreError(
                f"cannot reach {self.url('')}: what `credentials` names is neither a key of the account "
                "(base64) nor a shared access signature",
                retryable=False,
                code="SecretMissing",
            ) from None
        return {"credential_type": "access_key", "account_key": secret}
