"""Google Cloud Storage and Azure Blob behind the store port: `gs://bucket/prefix`, `az://account/container/prefix`.

One adapter over obstore, the Rust `object_store` as a wheel. What it says of a failure is text in which an
address with its signature may stand: of that only the store's own code and words are passed on.
"""

import binascii
import json
import mmap
import os
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from footfall.cloud_words import harmless, is_of_obstore, network
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
)

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import AzureStore as AzureClient
    from obstore.store import ClientConfig, GCSStore, RetryConfig

    Client = GCSStore | AzureClient

#: Larger puts have a client of their own, which waits longer for the answer: a second more for each of these.
_SLOW_BYTES = 1024 * 1024
_LARGE_BYTES = 32 * _SLOW_BYTES
#: Bytes of a download that are in memory at a time, at least.
_CHUNK_BYTES = 1024 * 1024
#: An object that is there, or is another version by now. Other conflicts (a lock, a lease) are errors.
_TAKEN = frozenset(
    {"", "BlobAlreadyExists", "ConditionNotMet", "PreconditionFailed", "TargetConditionNotMet"}
)
_NO_BUCKET = frozenset({"ContainerNotFound", "NoSuchBucket"})
_RETRYABLE = frozenset({"ContainerBeingDeleted", "OperationAborted", "RequestTimeout"})

#: An answer's own, or that of one deletion of those that Azure takes together.
_STATUS = re.compile(r"(?:status code:|\(code:) ([0-9]{3})\b")
_CODE = re.compile(r"<Code>([A-Za-z0-9._-]+)</Code>")
_WORDS = (
    re.compile(r"<Message>([^<\r\n]+)"),
    re.compile(r"<Details>([^<\r\n]+)"),
    re.compile(r"delete request failed for key [^ ]+: ([^\r\n]+?) \(code:"),
)
#: What a sign-in service says, in JSON.
_REFUSAL = re.compile(r'"error"\s*:\s*"([a-z_]{1,60})"')
#: Where a machine of a cloud asks who it is; nobody answers there on any other.
_METADATA = ("/computeMetadata/", "/metadata/identity/")


#: The process whose threads serve obstore. A copy of it (fork) has none, and would wait for ever.
_served: list[int] = []


def _require_threads(url: str) -> None:
    if not _served:
        _served.append(os.getpid())
    if _served[0] != os.getpid():
        raise StoreError(
            f"cannot reach {url}: this process is a copy of one that had asked a store, which is a mistake "
            "of Footfall: please report which command it was",
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

    def __init__(self, root: str, prefix: str, access: CloudAccess) -> None:
        self._root = root
        self.prefix = f"{prefix}/" if prefix else ""
        self._access = access
        self._made: Client | None = None

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

    def _require_unmixed(self, instead: str) -> None:
        """Raise StoreError where the environment has what would stand before a client's key."""
        if set_ := [name for name in self._FOREIGN if os.environ.get(name)]:
            raise StoreError(
                f"cannot reach {self.url('')} with keys of its own: take {', '.join(set_)} out of the "
                f"environment, and {instead}",
                retryable=False,
                code="InvalidRequest",
            )

    @property
    def _client(self) -> "Client":
        _require_threads(self.url(""))  # also of a client that was made before
        if self._made is None:
            self._made = self._connected(self._access.read_seconds)
        return self._made

    def sign_in(self) -> None:
        """Read the credentials now rather than at the first call. Raises StoreError where they are none."""
        assert self._client is not None

    def url(self, key: str) -> str:
        return f"{self._root}/{self.prefix}{key}"

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        self._put(key, data, "create" if create_only else "overwrite")

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
        large = len(data) > _LARGE_BYTES
        seconds = self._access.read_seconds + len(data) / _SLOW_BYTES
        client = self._connected(seconds) if large else self._client
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
        found = []
        client = self._client
        with self._translated("list", prefix):
            for page in obstore.list(client, wanted.rpartition("/")[0] or None, chunk_size=1000):
                for each in page:
                    if each["path"].startswith(wanted):
                        found.append(ObjectInfo(each["path"].removeprefix(self.prefix), each["size"]))
        for info in sorted(found, key=lambda info: info.key):
            # A folder that a console made (`reports/`, empty) is listed without its slash, and is no object.
            if info.size or self.head(info.key) is not None:
                yield info

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
            raise self._failure(verb, key, str(error)) from None

    def _failure(self, verb: str, key: str, text: str) -> StoreError:
        found = _STATUS.search(text)
        if "token request" in text or any(mark in text for mark in _METADATA):
            return self._not_signed_in(verb, key, text, int(found[1]) if found else 0)
        if not found:
            return self._without_answer(verb, key, text)
        status, url = int(found[1]), self.url(key)
        named = _CODE.search(text)
        code = named[1] if named else ""
        if status in (409, 412) and code in _TAKEN:
            return AlreadyExists(url)
        if status == 404 and "container does not exist" in text:
            code = "ContainerNotFound"
        if status == 404 and code not in _NO_BUCKET and verb != "list":
            return NotFound(url)
        words = harmless(" ".join(match[1].strip() for pattern in _WORDS if (match := pattern.search(text))))
        return StoreError(
            f"cannot {verb} {url}: {code or f'HTTP {status}'} {words}".strip(),
            retryable=status in (408, 429) or status >= 500 or code in _RETRYABLE,
            code=code or ("NoSuchBucket" if status == 404 else str(status)),
        )

    def _not_signed_in(self, verb: str, key: str, text: str, status: int) -> StoreError:
        """Nobody vouched for us: no machine of the cloud, or a sign-in service that refused."""
        start = f"cannot {verb} {self.url(key)}: "
        if any(mark in text for mark in _METADATA) and status < 500:
            return StoreError(
                f"{start}no {self.cloud} credentials were found", retryable=False, code="NoCredentials"
            )
        said = _REFUSAL.search(text)
        why = f"HTTP {status}{f' {said[1]}' if said else ''}" if status else network(text)
        is_away = not status or status == 429 or status >= 500
        return StoreError(
            f"{start}the sign-in failed: {why}",
            retryable=is_away,
            code="Connection" if is_away else "InvalidToken",
        )

    def _without_answer(self, verb: str, key: str, text: str) -> StoreError:
        start = f"cannot {verb} {self.url(key)}: "
        if "HTTP error" in text or "HttpError" in text:
            return StoreError(start + network(text), retryable=True, code="Connection")
        # A key that is none, an endpoint that is no address, a name that the store cannot have.
        first = harmless(text.partition("\n")[0])
        return StoreError(start + first, retryable=False, code="InvalidRequest")


class GoogleStore(CloudStore):
    """A bucket of Google Cloud Storage, through the XML interface."""

    _TAG = "version"
    cloud = "Google"
    _FOREIGN = (
        *("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH", "GOOGLE_BEARER_TOKEN"),
        "GOOGLE_SKIP_SIGNATURE",
    )

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
        self._require_unmixed("name Footfall's own key in GOOGLE_APPLICATION_CREDENTIALS")
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
        self._require_unmixed("say where an emulator is as AZURE_STORAGE_ENDPOINT")
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
