"""A client's destination as a store: who we are there, and what every call to it carries."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footfall.allowed import Allowed
from footfall.clients import LogSource
from footfall.errors import FootfallError
from footfall.exports import Destination
from footfall.failures import ChallengeError, ConfigError
from footfall.locations import Location, local_path
from footfall.secrets import resolve
from footfall.store import CloudAccess, ObjectStore, S3Access, StoreError, open_store
from footfall.store_identity import StoreIdentity

if TYPE_CHECKING:
    from boto3 import Session

#: Where the token lies with which the owner of a bucket confirms that it is theirs.
CHALLENGE_FOLDER = "_challenge/"
#: How long an assumed role lasts, in seconds: the shortest that AWS gives a role by default is an hour.
ROLE_SECONDS = 3600


def open_destination(
    destination: Destination,
    allowed: Allowed,
    environ: Mapping[str, str] | None = None,
    *,
    taken: Iterable[Location] = (),
) -> ObjectStore:
    """The store at a destination. Who we are is found out at the first call, not here.

    Where it leads is looked at again: a link or an answer of the DNS may be newer than the client file.
    `taken`: the places of other clients. Raises FootfallError where it leads nowhere, or where it must not.
    """
    try:
        place = allowed.require_place(destination.url, destination.endpoint)
    except FootfallError as error:
        raise ConfigError(f"{destination.url} {error}") from None
    if any(place.overlaps(other) for other in taken):
        raise ConfigError(f"{destination.url} leads into a place of another client")
    url = destination.resolved_url(allowed.home)
    if url.startswith("file://"):
        return open_store(url, is_confined=True)
    if destination.is_in_cloud:
        if destination.endpoint:
            try:
                allowed.require_endpoint(destination.endpoint, must_be_listed=True)
            except FootfallError as error:
                raise ConfigError(f"{destination.url}: the endpoint {error}") from None
        return open_store(url, cloud=_cloud_access(destination, environ))

    def session() -> "Session":
        return open_session(destination, environ)

    return open_store(
        url,
        access=S3Access(
            endpoint=destination.endpoint,
            region=destination.region,
            path_style=destination.path_style,
            owner=destination.owner,
            encryption={"default": None, "sse-s3": "AES256", "sse-kms": "aws:kms"}[destination.encryption],
            kms_key=destination.kms_key,
            session=session,
            # A delivery has retries of its own, over hours. Here more of them would only hold up others.
            attempts=2,
            read_seconds=30,
            hosts=allowed.hosts if destination.endpoint else None,
        ),
    )


def _cloud_access(destination: Destination, environ: Mapping[str, str] | None) -> CloudAccess:
    reference = destination.credentials
    return CloudAccess(
        endpoint=destination.endpoint,
        secret=(lambda: resolve(reference, environ)) if reference else None,
        attempts=2,  # as on S3
        read_seconds=30,
    )


def open_source(
    source: LogSource, allowed: Allowed, *, s3_endpoint: str | None, taken: Iterable[Location] = ()
) -> ObjectStore:
    """The store of a client's logs. Raises FootfallError where it must not lead; see open_destination."""
    try:
        place = allowed.require_place(source.bucket_url(), source.endpoint)
    except FootfallError as error:
        raise ConfigError(f"{source.url} {error}") from None
    if any(place.overlaps(other) for other in taken):
        raise ConfigError(f"{source.url} leads into a place of another client")
    access = source_access(source, allowed, s3_endpoint=s3_endpoint)
    return open_store(source.bucket_url(), access=access, is_confined=True)


def source_access(source: LogSource, allowed: Allowed, *, s3_endpoint: str | None) -> S3Access:
    """How the bucket of a source is reached, and as whom."""

    def session() -> "Session":
        return open_session(source)

    return S3Access(
        endpoint=source.endpoint or s3_endpoint,
        region=source.region,
        path_style=source.path_style,
        owner=source.owner,
        session=session,
        hosts=allowed.hosts if source.endpoint else None,
    )


def require_folder(destination: Destination, home: Path, *, may_make: bool = False) -> None:
    """A bucket that is a folder has to be there: its owner makes it, and a disk may not be mounted.

    `may_make`: one below `home`, the state folder, may be missing; the first put makes it, for what lies
    there is ours. Raises StoreError.
    """
    if not destination.url.startswith("file://"):
        return
    root = local_path(destination.url, home)
    if root.is_dir() or (may_make and is_below(destination, home)):
        return
    raise StoreError(
        f"the folder {root} does not exist, and its owner makes a bucket: mount it or `mkdir -p` it, then "
        "`footfall deliveries replay`",
        retryable=False,
        code="NoSuchBucket",
    )


def is_below(destination: Destination, home: Path) -> bool:
    """Whether a folder lies in the state folder."""
    return local_path(destination.url, home).resolve().is_relative_to(home.resolve())


def open_session(destination: StoreIdentity, environ: Mapping[str, str] | None = None) -> "Session":
    """A boto3 session as whom a destination or source says. Raises StoreError where that is refused."""
    import boto3  # takes a third of a second; only destinations on S3 pay it

    if destination.access_key and destination.secret_key:
        return boto3.Session(
            aws_access_key_id=resolve(destination.access_key, environ, region=destination.region),
            aws_secret_access_key=resolve(destination.secret_key, environ, region=destination.region),
        )
    if destination.role is None:
        return boto3.Session()
    keys = assume(destination, destination.external_id)
    return boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def assume(destination: StoreIdentity, external_id: str | None) -> Any:
    """Short-lived keys of the destination's role. Raises StoreError with STS's own code."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    role = str(destination.role)
    named = {"ExternalId": external_id} if external_id else {}
    try:
        client = boto3.Session().client(
            "sts",
            region_name=destination.region or "us-east-1",
            config=Config(
                retries={"mode": "standard", "max_attempts": 2}, connect_timeout=10, read_timeout=30
            ),
        )
        answer = client.assume_role(
            RoleArn=role, RoleSessionName="footfall", DurationSeconds=ROLE_SECONDS, **named
        )
        return answer["Credentials"]
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise StoreError(
            f"cannot assume {role}: {code}", retryable=status == 429 or status >= 500, code=code
        ) from None
    except BotoCoreError as error:
        raise StoreError(f"cannot assume {role}: {error}", retryable=True, code="Connection") from None


def require_external_id(destination: StoreIdentity) -> None:
    """Assume the role without its external id, which must be refused.

    A role that takes anybody who knows its name would let one customer of ours name another's role and
    have us deliver into it. Raises FootfallError where it is not refused.
    """
    try:
        assume(destination, None)
    except StoreError as error:
        if error.code in ("AccessDenied", "AccessDeniedException"):
            return
        raise
    raise FootfallError(
        f"{destination.role} can be assumed without an external id; its trust policy must have the condition "
        f'{{"StringEquals": {{"sts:ExternalId": "{destination.external_id}"}}}}'
    )


def challenge_key(token: str) -> str:
    """Where the token lies in the bucket."""
    return f"{CHALLENGE_FOLDER}{token[:8]}.txt"


def require_ownership(destination: Destination, store: ObjectStore, token: str) -> None:
    """Put the token where only the owner can read it, and see it in the client file.

    Raises ChallengeError until the client file holds it, StoreError where it cannot be put.
    """
    if destination.ownership == "none" or destination.challenge == token:
        return
    key = challenge_key(token)
    store.put(key, f"{token}\n".encode())
    raise ChallengeError(
        f"the owner of {destination.url} has not confirmed it: put the token in {store.url(key)} into the "
        "client file as `challenge`"
    )
