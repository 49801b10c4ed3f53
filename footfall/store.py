"""The object store port: a few verbs over `file://` and `s3://`, and `gs://` and `az://`, alike in behaviour.

One contract test suite (tests/footfall/test_store.py) runs over all adapters. What the rest of
Footfall relies on: a put is atomic (a reader sees the whole object or none), a create-only put has one
winner, and every failure is a StoreError that says whether trying again can help.
"""

import base64
import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol
from urllib.parse import quote, unquote, urlsplit

from footfall.errors import FootfallError
from footfall.guard import Forbidden, Unresolved, checked
from footfall.keys import is_key
from footfall.syncing import Syncing

if TYPE_CHECKING:
    from boto3 import Session
    from mypy_boto3_s3.client import S3Client


class StoreError(FootfallError):
    """The store could not do what was asked. `retryable`: the same call may succeed later.

    `code` is the store's own name of the error (`AccessDenied`, `ENOSPC`), `retry_after` the seconds that it
    asked us to wait; both may be unknown.
    """

    def __init__(
        self, message: str, *, retryable: bool, code: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.code = code
        self.retry_after = retry_after


class AlreadyExists(StoreError):
    """A create-only put met an object under that key."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} exists already", retryable=False, code="AlreadyExists")


class NotFound(StoreError):
    """There is no object under that key."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} does not exist", retryable=False, code="NotFound")


class Changed(StoreError):
    """Somebody else wrote the object since it was read."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} has changed since it was read", retryable=True, code="Changed")


class DifferentBytes(StoreError):
    """Other bytes than ours lie under a key that is written once. `why`: what they are, what to do."""

    def __init__(self, url: str, why: str = "") -> None:
        super().__init__(
            f"{url} holds different bytes; not overwritten{f': {why}' if why else ''}",
            retryable=False,
            code="DifferentBytes",
        )


class TooLarge(StoreError):
    """The object has more bytes than the caller takes. What others can write has no end."""

    def __init__(self, url: str, limit: int) -> None:
        super().__init__(f"{url} has more than {limit} bytes", retryable=False, code="TooLarge")


@dataclass(frozen=True)
class ObjectInfo:
    """One object of a listing: its key and its size in bytes."""

    key: str
    size: int


@dataclass(frozen=True)
class StoredVersion:
    """One version of an object in a bucket that keeps versions. `is_marker`: it says that the key is gone.
    `at`: when the bucket got it.
    """

    key: str
    version: str
    is_newest: bool
    is_marker: bool
    at: datetime


class ObjectStore(Protocol):
    """Objects by key below one URL."""

    def url(self, key: str) -> str:
        """The full address of `key`, for people and metadata."""
        ...

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        """Write the object whole. Raises AlreadyExists when `create_only` and the key is taken."""
        ...

    def put_file(self, key: str, path: Path, *, create_only: bool = False) -> None:
        """The same of a local file, of which no more than a piece is in memory at a time."""
        ...

    def create_all(self, objects: Mapping[str, bytes]) -> list[str]:
        """Create many objects, each as a create-only put does. Returns the keys that were taken, in order."""
        ...

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """The object's bytes. Raises NotFound, and TooLarge where there are more than `limit`."""
        ...

    def fetch(self, key: str, path: Path) -> None:
        """Copy the object to a local file. Raises NotFound."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """The object's size, or None where there is none."""
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`, ordered by key."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens where there is none."""
        ...

    def read_tagged(self, key: str, *, limit: int | None = None) -> tuple[bytes, str] | None:
        """The object's bytes and the tag of this version of it; None where there is none. Raises TooLarge."""
        ...

    def swap(self, key: str, data: bytes, tag: str | None) -> None:
        """Replace the version with that tag (None: create). Raises Changed where it is another one by now."""
        ...


def put_once(store: ObjectStore, key: str, data: bytes) -> None:
    """Create the object, or accept that the very same bytes are there already (a repeated attempt).

    Raises StoreError where different bytes lie under the key: nothing is overwritten.
    """
    try:
        store.put(key, data, create_only=True)
    except AlreadyExists:
        if not holds(store, key, data):
            raise DifferentBytes(store.url(key)) from None


def put_all_once(store: ObjectStore, objects: Mapping[str, bytes]) -> None:
    """The same of many objects, which a folder syncs together. Raises StoreError; some may be there then."""
    for key in store.create_all(objects):
        if not holds(store, key, objects[key]):
            raise DifferentBytes(store.url(key))


def created_in_turn(store: ObjectStore, objects: Mapping[str, bytes]) -> list[str]:
    """`create_all` of a store in which many puts cost what each of them does."""
    taken = []
    for key, data in objects.items():
        try:
            store.put(key, data, create_only=True)
        except AlreadyExists:
            taken.append(key)
    return taken


def holds(store: ObjectStore, key: str, data: bytes) -> bool:
    """Whether these very bytes lie under the key. Reads no more than it must."""
    try:
        return store.get(key, limit=len(data)) == data
    except TooLarge:
        return False


@dataclass(frozen=True)
class S3Access:
    """How to reach a bucket and as whom. `session` makes a boto3 session, once, when first needed."""

    endpoint: str | None = None
    region: str | None = None
    #: None: in the path where there is an endpoint.
    path_style: bool | None = None
    #: The account that must own the bucket, twelve digits.
    owner: str | None = None
    #: None (what the bucket says), `AES256` or `aws:kms` with `kms_key` or the account's default key.
    encryption: str | None = None
    kms_key: str | None = None
    session: "Callable[[], Session] | None" = None
    #: How often boto3 tries one call, 1-10, and how long it waits for an answer, in seconds.
    attempts: int = 4
    read_seconds: float = 60
    #: Of an endpoint on somebody else's word: it must be public at each call, but for these hosts. None: ours
    #: or AWS.
    hosts: tuple[str, ...] | None = None


@dataclass(frozen=True)
class CloudAccess:
    """How to reach a bucket of Google or a container of Azure, and as whom."""

    #: None: what GOOGLE_BASE_URL or AZURE_STORAGE_ENDPOINT says, or the cloud's own.
    endpoint: str | None = None
    #: Gives the key of a service account (JSON), the key of an account or a shared access signature, when
    #: first needed. None: the identity that this process has anyway.
    secret: Callable[[], str] | None = None
    #: As of S3Access.
    attempts: int = 4
    read_seconds: float = 60


#: What can be written where a store is asked for.
STORES = "file:///absolute/folder, s3://bucket/prefix, gs://bucket/prefix or az://account/container/prefix"


def open_store(
    url: str,
    *,
    s3_endpoint: str | None = None,
    access: S3Access | None = None,
    cloud: CloudAccess | None = None,
    is_confined: bool = False,
) -> ObjectStore:
    """The store at a URL as STORES has it. Raises FootfallError for anything else.

    `is_confined`: of a folder that others may write to: no link in it is followed out of it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if not parts.query and not parts.fragment:
        if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
            return LocalStore(Path(unquote(parts.path)), is_confined=is_confined)
        prefix = parts.path.strip("/")
        if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc) and (not prefix or is_key(prefix)):
            return S3Store(parts.netloc, prefix, access or S3Access(s3_endpoint))
        if parts.scheme in ("gs", "az") and (not prefix or is_key(prefix)):
            found = _in_cloud(parts.scheme, parts.netloc, prefix, cloud or CloudAccess())
            if found is not None:
                return found
    raise FootfallError(f"{url!r} is not a store: write {STORES}")


def _in_cloud(scheme: str, host: str, path: str, access: CloudAccess) -> ObjectStore | None:
    from footfall.store_cloud import AzureStore, GoogleStore  # which are adapters of this port

    if scheme == "gs":
        return GoogleStore(host, path, access) if _GOOGLE_BUCKET.fullmatch(host) else None
    container, _, prefix = path.partition("/")
    if not _ACCOUNT.fullmatch(host) or not _CONTAINER.fullmatch(container) or "--" in container:
        return None
    return AzureStore(host, container, prefix, access)


def require_s3(url: str, endpoint: str | None) -> None:
    """Raise FootfallError for an endpoint that somebody gave with an address that has none."""
    if endpoint is not None and not url.startswith("s3://"):
        raise FootfallError(
            f"the endpoint {endpoint!r} is of an S3-compatible store, and {url} is not s3://: leave it out"
        )


def address_of(text: str) -> str:
    """The URL of a store as people write it: a URL, or the path of a folder. Raises FootfallError.

    Refused is nothing at all (a variable that is not set) and what looks like a URL with a slip: either
    would become a folder in the working folder.
    """
    if "://" in text:
        return text
    if not text.strip() or ":" in text.partition("/")[0]:
        hint = f"; a folder of that name is ./{text}" if text.strip() else ""
        raise FootfallError(f"{text!r} is no place: write a folder, {STORES}{hint}")
    return Path(text).absolute().as_uri()


_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_GOOGLE_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
#: Bytes of a file that are in memory at a time.
_PIECE_BYTES = 1024 * 1024


def checked_key(key: str) -> str:
    """The key, if it is one. Raises StoreError."""
    if not is_key(key):
        raise StoreError(f"{key!r} is not an object key", retryable=False)
    return key


def checked_prefix(prefix: str) -> str:
    """What some key could begin with: a folder, or a name up to any letter of it."""
    if not is_key(f"{prefix}x"):
        raise StoreError(f"{prefix!r} is not the beginning of an object key", retryable=False)
    return prefix


class LocalStore:
    """Objects as files below one folder; every put is fsynced and appears by rename or link.

    Who may read the folder may read what is put into it, whatever the umask: it is made 0700 where missing,
    and a person opens it to others where others should read. Folders and files follow the one they lie in.
    """

    _PART = ".part-"
    #: Errors that stay until a person changes a path or its rights. A full disk can empty by itself.
    _PERMANENT = frozenset(
        {
            errno.EACCES,
            errno.EEXIST,
            errno.EISDIR,
            errno.ELOOP,
            errno.ENAMETOOLONG,
            errno.ENOENT,
            errno.ENOTDIR,
            errno.EPERM,
            errno.EROFS,
        }
    )

    #: Folders of which it is known that their names are durable: a few megabytes. Others are synced again.
    _MOST_NAMED = 4096

    def __init__(self, root: Path, *, is_confined: bool = False) -> None:
        self.root = root
        self._named: set[Path] = set()
        #: Where the folder is now: a link that takes its place later leads out of it.
        self._confines = os.path.realpath(root) if is_confined else None

    def _path(self, key: str) -> Path:
        """Where an object lies. Raises StoreError for a key that is none, or behind a link out of here."""
        path = self.root / checked_key(key)
        if self._confines is not None and not Path(os.path.realpath(path)).is_relative_to(self._confines):
            raise StoreError(
                f"{self.url(key)} lies behind a link out of its bucket", retryable=False, code="ELOOP"
            )
        return path

    def url(self, key: str) -> str:
        # `=` is allowed in a path and stands in every key; encoded, the address could not be pasted.
        return "file://" + quote((self.root / key).as_posix(), safe="/=")

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        self._put(key, BytesIO(data), create_only)

    def put_file(self, key: str, path: Path, *, create_only: bool = False) -> None:
        with path.open("rb") as source:
            self._put(key, source, create_only)

    def create_all(self, objects: Mapping[str, bytes]) -> list[str]:
        # All bytes are durable before the first of them has its name, and all names before this returns.
        parts: list[tuple[str, Path, Path]] = []
        made: set[Path] = set()
        taken = []
        key = ""
        targets = {key: self._path(key) for key in objects}
        try:
            self._make_folder(self.root)
            with Syncing(self.root) as syncing:
                for key, target in targets.items():
                    self._make_folder(target.parent, made)
                    part = target.parent / f"{self._PART}{os.getpid()}-{secrets.token_hex(6)}"
                    parts.append((key, part, target))
                    with part.open("xb") as file:
                        os.fchmod(file.fileno(), target.parent.stat().st_mode & 0o666)
                        file.write(objects[key])
                syncing.sync([part for _, part, _ in parts])
                for key, part, target in parts:
                    try:
                        os.link(part, target)
                    except FileExistsError:
                        taken.append(key)
                    part.unlink()
                syncing.sync(sorted(made | {target.parent for target in targets.values()}))
        except OSError as error:
            for _, part, _ in parts:
                self._remove(part)
            raise self._failure("write", key, error) from error
        return taken

    def _put(self, key: str, source: BinaryIO, create_only: bool) -> None:
        target = self._path(key)
        folder = target.parent
        part = folder / f"{self._PART}{os.getpid()}-{secrets.token_hex(6)}"
        try:
            self._make_folder(folder)
            with part.open("xb") as file:
                os.fchmod(file.fileno(), folder.stat().st_mode & 0o666)
                shutil.copyfileobj(source, file, _PIECE_BYTES)
                file.flush()
                os.fsync(file.fileno())
            if create_only:
                self._link(part, target, key)
                part.unlink()
            else:
                part.replace(target)
            sync_folder(folder)
        except AlreadyExists:
            part.unlink()
            raise
        except OSError as error:
            self._remove(part)
            raise self._failure("write", key, error) from error

    def _link(self, part: Path, target: Path, key: str) -> None:
        try:
            os.link(part, target)
        except FileExistsError:
            sync_folder(target.parent)  # whoever put it may have ended before that
            raise AlreadyExists(self.url(key)) from None

    @staticmethod
    def _remove(part: Path) -> None:
        """Take back an unfinished part, where that can be done at all."""
        try:
            part.unlink()
        except OSError:
            pass

    def _failure(self, verb: str, key: str, error: OSError) -> StoreError:
        return StoreError(
            f"cannot {verb} {self.url(key)}: {error.strerror}",
            retryable=error.errno not in self._PERMANENT,
            code=errno.errorcode.get(error.errno or 0, ""),
        )

    def _make_folder(self, folder: Path, unsynced: set[Path] | None = None) -> None:
        """Make a folder and its parents, each with a durable name: an object in a lost folder is lost.

        `unsynced` takes the folders in which names may be new, where the caller syncs them.
        """
        is_inside, is_there = self.root in folder.parents, folder.is_dir()
        if is_there and (not is_inside or folder in self._named):
            return
        if folder.parent != folder:
            self._make_folder(folder.parent, unsynced)
        try:
            if not is_there:
                folder.mkdir(mode=0o700, exist_ok=True)
                if is_inside:
                    folder.chmod(folder.parent.stat().st_mode & 0o7777)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from None
        if unsynced is not None:
            unsynced.add(folder.parent)
            return
        try:
            # Also of one that was there: whoever made it may have ended before it was synced.
            sync_folder(folder.parent)
        except PermissionError:
            if not is_there:
                raise  # else somebody else made it, in a folder that we may not list
        if len(self._named) >= self._MOST_NAMED:
            self._named.clear()
        self._named.add(folder)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        try:
            # A pipe would let its reader wait for ever.
            descriptor = os.open(self._path(key), os.O_RDONLY | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise NotFound(self.url(key))
                data = file.read() if limit is None else file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NotFound(self.url(key)) from None
        except OSError as error:
            raise self._failure("read", key, error) from error
        if limit is not None and len(data) > limit:
            raise TooLarge(self.url(key), limit)
        return data

    def fetch(self, key: str, path: Path) -> None:
        path.write_bytes(self.get(key))

    def head(self, key: str) -> ObjectInfo | None:
        path = self._path(key)
        try:
            return ObjectInfo(key, path.stat().st_size) if path.is_file() else None
        except OSError as error:
            raise self._failure("look at", key, error) from error

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        # A key prefix need not end at a folder: start at the deepest folder it names for sure.
        folder = self.root / checked_prefix(prefix).rpartition("/")[0]
        found: list[ObjectInfo] = []
        try:
            for parent, _, names in os.walk(folder, onerror=self._skip_missing):
                # No Path for each name: an hour may have 100,000, and is listed every few minutes.
                below = Path(parent).relative_to(self.root).as_posix()
                for name in names:
                    key = name if below == "." else f"{below}/{name}"
                    if key.startswith(prefix) and not name.startswith(self._PART):
                        try:
                            found.append(ObjectInfo(key, Path(parent, name).stat().st_size))
                        except FileNotFoundError:
                            pass  # deleted since it was seen
        except OSError as error:
            raise self._failure("list", prefix, error) from error
        yield from sorted(found, key=lambda info: info.key)

    @staticmethod
    def _skip_missing(error: OSError) -> None:
        """A folder that is not there holds nothing; one that cannot be read must not look empty."""
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise error

    def delete(self, key: str) -> None:
        try:
            self._path(key).unlink(missing_ok=True)
        except (NotADirectoryError, IsADirectoryError):
            pass  # no object has this key
        except OSError as error:
            raise self._failure("delete", key, error) from error

    def read_tagged(self, key: str, *, limit: int | None = None) -> tuple[bytes, str] | None:
        try:
            data = self.get(key, limit=limit)
        except NotFound:
            return None
        return data, hashlib.sha256(data).hexdigest()

    def swap(self, key: str, data: bytes, tag: str | None) -> None:
        target = self._path(key)
        try:
            self._make_folder(target.parent)
            # The folder itself is the lock: no other file is needed, and a dead process gives it back.
            descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise self._failure("write", key, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            there = self.read_tagged(key)
            if (there[1] if there else None) != tag:
                raise Changed(self.url(key))
            self.put(key, data)
        finally:
            os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a file's own fsync does not cover its directory entry."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class S3Store:
    """Objects below `bucket/prefix` of S3 or a compatible store, through boto3's own credential chain."""

    #: Codes after which the same request may succeed, beside every status of 429 and from 500 on:
    #: damage on the way is one of them. Everything else needs a person.
    _RETRYABLE = frozenset(
        {
            "RequestTimeout",
            "ConditionalRequestConflict",
            "OperationAborted",
            "Throttling",
            "BadDigest",
            "IncompleteBody",
            "XAmzContentSHA256Mismatch",
            "XAmzContentChecksumMismatch",
            "409",
        }
    )

    def __init__(self, bucket: str, prefix: str, access: S3Access) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        self._access = access
        #: Of every call, and of every put.
        self._always: dict[str, Any] = {"ExpectedBucketOwner": access.owner} if access.owner else {}
        self._written: dict[str, Any] = {}
        if access.encryption:
            self._written["ServerSideEncryption"] = access.encryption
        if access.kms_key:
            self._written["SSEKMSKeyId"] = access.kms_key
        self._made: S3Client | None = None

    @property
    def _client(self) -> "S3Client":
        if self._made is None:
            import boto3  # takes a third of a second; only installations on S3 pay it
            from botocore.config import Config

            by_path = self._access.path_style
            config = Config(
                retries={"mode": "standard", "max_attempts": self._access.attempts},
                connect_timeout=10,  # seconds
                read_timeout=self._access.read_seconds,
                max_pool_connections=16,  # as many as anybody here uses at once (orchestration.ingest.unpack)
                # Compatible stores refuse the checksums that newer clients add unasked; ours is explicit.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={
                    "addressing_style": "path"
                    if by_path or (by_path is None and self._access.endpoint)
                    else ("auto" if by_path is None else "virtual")
                },
            )
            try:
                # A session of its own: the default one remembers the credentials of whoever asked first.
                session = (self._access.session or boto3.Session)()
                self._made = session.client(
                    "s3",
                    endpoint_url=self._access.endpoint,
                    region_name=self._access.region,
                    config=config,
                )
                if self._access.hosts is not None:
                    self._made.meta.events.register("before-send.s3", self._require_public)
            except ValueError as error:
                raise StoreError(
                    f"cannot reach {self.url('')}: {error}", retryable=False, code="InvalidEndpoint"
                ) from None
        return self._made

    def _require_public(self, request: Any, **_: Any) -> None:
        """Before each request: the DNS may answer otherwise than when the client file was read."""
        hosts = self._access.hosts or ()
        try:
            checked(request.url, hosts=(*hosts, *(f"{self.bucket}.{host}" for host in hosts)))
        except Unresolved as error:
            raise StoreError(
                f"cannot reach {self.url('')}: {error}", retryable=True, code="Connection"
            ) from None
        except Forbidden as error:
            raise StoreError(
                f"cannot reach {self.url('')}: {error}; an operator can list it in FOOTFALL_CLIENT_HOSTS",
                retryable=False,
                code="InvalidEndpoint",
            ) from None

    def sign_in(self) -> None:
        """Get the credentials now rather than at the first call. Raises StoreError where that is refused."""
        try:
            credentials = self._client
        except Exception as error:
            raise self._translated("sign in to", "", error) from error
        assert credentials is not None

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        self._put_checked(key, data, hashlib.sha256(data).digest(), create_only)

    def put_file(self, key: str, path: Path, *, create_only: bool = False) -> None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            file.seek(0)
            self._put_checked(key, file, digest, create_only)

    def create_all(self, objects: Mapping[str, bytes]) -> list[str]:
        return created_in_turn(self, objects)

    def _put_checked(self, key: str, data: bytes | BinaryIO, digest: bytes, create_only: bool) -> None:
        checked_key(key)
        try:
            self._put(key, data, digest, {"IfNoneMatch": "*"} if create_only else {})
        except StoreError:
            raise
        except Exception as error:
            raise self._translated("write", key, error) from error

    def _put(self, key: str, data: bytes | BinaryIO, digest: bytes, conditions: dict[str, Any]) -> None:
        checksum = base64.b64encode(digest).decode()
        answer = self._client.put_object(
            Bucket=self.bucket,
            Key=self.prefix + key,
            Body=data,
            ChecksumSHA256=checksum,
            **conditions,
            **self._written,
            **self._always,
        )
        # Stores that know checksums say which one they have; the others are silent.
        if answer.get("ChecksumSHA256", checksum) != checksum:
            raise StoreError(f"{self.url(key)} was stored with other bytes", retryable=True, code="BadDigest")

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        return self._read(key, limit)[0]

    def _read(self, key: str, limit: int | None) -> tuple[bytes, str]:
        checked_key(key)
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=self.prefix + key, **self._always)
            body, size = answer["Body"], answer.get("ContentLength")
            # Read in one piece where the length is known: only then botocore sees that a piece is missing.
            if limit is None or (size is not None and size <= limit):
                return body.read(), answer["ETag"]
            data = body.read(limit + 1)
            body.close()
            if len(data) > limit:
                raise TooLarge(self.url(key), limit)
            return data, answer["ETag"]
        except Exception as error:
            raise self._translated("read", key, error) from error

    def fetch(self, key: str, path: Path) -> None:
        checked_key(key)
        try:
            self._client.download_file(
                self.bucket, self.prefix + key, str(path), ExtraArgs=self._always or None
            )
        except Exception as error:
            raise self._translated("read", key, error) from error

    def head(self, key: str) -> ObjectInfo | None:
        checked_key(key)
        try:
            answer = self._client.head_object(Bucket=self.bucket, Key=self.prefix + key, **self._always)
        except Exception as error:
            translated = self._translated("look at", key, error)
            if isinstance(translated, NotFound):
                return None
            raise translated from error
        return ObjectInfo(key, answer["ContentLength"])

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        found = []
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + checked_prefix(prefix), **self._always
            )
            for page in pages:
                for item in page.get("Contents", []):
                    found.append(ObjectInfo(item["Key"].removeprefix(self.prefix), item["Size"]))
        except Exception as error:
            raise self._translated("list", prefix, error) from error
        # S3 lists in byte order; some compatible stores do not.
        yield from sorted(found, key=lambda info: info.key)

    def delete(self, key: str) -> None:
        checked_key(key)
        try:
            self._client.delete_object(Bucket=self.bucket, Key=self.prefix + key, **self._always)
        except Exception as error:
            raise self._translated("delete", key, error) from error

    def lifecycle(self) -> "tuple[dict[str, Any], ...]":
        """The lifecycle rules of the whole bucket; none where it has none. Raises StoreError."""
        try:
            answer = self._client.get_bucket_lifecycle_configuration(Bucket=self.bucket, **self._always)
        except Exception as error:
            translated = self._translated("read the lifecycle rules of", "", error)
            if translated.code == "NoSuchLifecycleConfiguration":
                return ()
            raise translated from error
        return tuple({**rule} for rule in answer.get("Rules", []))

    def what_stays(self) -> str:
        """What the bucket keeps of what was removed, in words; empty: nothing. Raises StoreError."""
        found = []
        try:
            status = self._client.get_bucket_versioning(Bucket=self.bucket, **self._always).get("Status")
        except Exception as error:
            raise self._translated("ask for the versioning of", "", error) from error
        if not status:  # and nothing can be locked
            return ""
        found.append(f"older versions (versioning is {status.lower()})")
        try:
            lock = self._client.get_object_lock_configuration(Bucket=self.bucket, **self._always)
        except Exception as error:
            translated = self._translated("ask for the Object Lock of", "", error)
            if translated.code == "AccessDenied":
                found.append("maybe what is locked (nobody lets us ask for Object Lock)")
            elif translated.code not in (
                "ObjectLockConfigurationNotFoundError",
                "NoSuchObjectLockConfiguration",
            ):
                raise translated from error
            return "; ".join(found)
        said: Any = lock.get("ObjectLockConfiguration", {})
        if said.get("ObjectLockEnabled"):
            rule = said.get("Rule", {}).get("DefaultRetention", {})
            span = next((f"{rule[each]} {each.lower()}" for each in ("Days", "Years") if each in rule), "")
            how = f", {rule.get('Mode', '').lower()} for {span}" if span else ", as each object says"
            found.append(f"what is locked, until its time is over (Object Lock{how})")
        return "; ".join(found)

    def versions(self, prefix: str) -> Iterator[StoredVersion]:
        """Every version of each object below a prefix, whatever is the newest. Raises StoreError."""
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self.bucket, Prefix=self.prefix + prefix, **self._always
        )
        above = len(self.prefix)
        try:
            for page in pages:
                for is_marker, some in ((False, page.get("Versions")), (True, page.get("DeleteMarkers"))):
                    for each in some or ():
                        key, version = each.get("Key", "")[above:], each.get("VersionId", "")
                        is_newest, at = bool(each.get("IsLatest")), each["LastModified"]
                        yield StoredVersion(key, version, is_newest, is_marker, at)
        except Exception as error:
            raise self._translated("list the versions of", prefix, error) from error

    def read_version(self, found: StoredVersion) -> bytes:
        """What one version holds. Raises StoreError."""
        key, version = self.prefix + found.key, found.version
        try:
            said = self._client.get_object(Bucket=self.bucket, Key=key, VersionId=version, **self._always)
            return said["Body"].read()
        except Exception as error:
            raise self._translated("read a version of", found.key, error) from error

    def remove_version(self, found: StoredVersion) -> None:
        """Remove one version for good. Raises StoreError: it is locked, say, or we may not."""
        key, version = self.prefix + found.key, found.version
        try:
            self._client.delete_object(Bucket=self.bucket, Key=key, VersionId=version, **self._always)
        except Exception as error:
            raise self._translated("remove a version of", found.key, error) from error

    def read_tagged(self, key: str, *, limit: int | None = None) -> tuple[bytes, str] | None:
        try:
            return self._read(key, limit)
        except NotFound:
            return None

    def swap(self, key: str, data: bytes, tag: str | None) -> None:
        checked_key(key)
        try:
            digest = hashlib.sha256(data).digest()
            self._put(key, data, digest, {"IfMatch": tag} if tag else {"IfNoneMatch": "*"})
        except StoreError:
            raise
        except Exception as error:
            translated = self._translated("write", key, error)
            if isinstance(translated, (AlreadyExists, NotFound)):
                raise Changed(self.url(key)) from None
            raise translated from error

    def _translated(self, verb: str, key: str, error: Exception) -> StoreError:
        """A vendor's exception in our words. Errors that are not the store's are passed on as they are."""
        from boto3.exceptions import Boto3Error
        from botocore import exceptions as botocore

        url = self.url(key)
        if isinstance(error, botocore.ClientError):
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("PreconditionFailed", "412"):
                return AlreadyExists(url)
            if code in ("NoSuchKey", "404", "NotFound"):
                return NotFound(url)
            message = error.response.get("Error", {}).get("Message", "")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return StoreError(
                f"cannot {verb} {url}: {code} {message}".strip(),
                retryable=status == 429 or status >= 500 or code in self._RETRYABLE,
                code=code,
                retry_after=_retry_after(error.response),
            )
        if isinstance(error, StoreError):
            return error
        if isinstance(error, botocore.NoCredentialsError):
            return StoreError(
                f"cannot {verb} {url}: no AWS credentials were found", retryable=False, code="NoCredentials"
            )
        # The rest is mostly the network; half a key pair or a wrong name is mended by a person only.
        mistakes = (botocore.PartialCredentialsError, botocore.ProfileNotFound, botocore.ParamValidationError)
        if isinstance(error, (botocore.BotoCoreError, Boto3Error)):
            retryable = not isinstance(error, mistakes)
            return StoreError(
                f"cannot {verb} {url}: {error}",
                retryable=retryable,
                code="Connection" if retryable else "InvalidRequest",
            )
        raise error


def _retry_after(response: Any) -> float | None:
    """The seconds that a store asked us to wait."""
    text = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after", "")
    return float(text) if re.fullmatch("[0-9]{1,6}", text) else None
