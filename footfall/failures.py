"""What kind of trouble a store has: told by the code of the error, never by its class, and what to do."""

from dataclasses import dataclass
from typing import Literal

from footfall.errors import FootfallError
from footfall.store import StoreError

#: `retry` heals by itself. `bug` is ours. All others wait for a person, or `hours` for the clock.
Kind = Literal["retry", "auth", "bucket", "challenge", "config", "hours", "key", "owner", "bug"]

_AUTH = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AccountIsDisabled",
        "AllAccessDisabled",
        "AuthenticationFailed",
        "AuthenticationRequired",
        "AuthorizationFailure",
        "AuthorizationPermissionMismatch",
        "AuthorizationProtocolMismatch",
        "AuthorizationResourceTypeMismatch",
        "AuthorizationServiceMismatch",
        "AuthorizationSourceIPMismatch",
        "EACCES",
        "EPERM",
        "EROFS",
        "ExpiredToken",
        "ExpiredTokenException",
        "Forbidden",
        "InsufficientAccountPermissions",
        "InvalidAccessKeyId",
        "InvalidAuthenticationInfo",
        "InvalidClientTokenId",
        "InvalidToken",
        "KeyBasedAuthenticationNotPermitted",
        "NoAuthenticationInformation",
        "NoCredentials",
        "SecretMissing",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
        "UnauthorizedAccess",
        "401",
        "403",
    }
)
_BUCKET = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "BlobImmutableDueToPolicy",
        "ContainerDisabled",
        "ContainerNotFound",
        "DifferentBytes",
        "EEXIST",
        "EISDIR",
        "ELOOP",
        "ENOENT",
        "ENOTDIR",
        "IllegalLocationConstraintException",
        "MovedPermanently",
        "NoSuchBucket",
        "NotFound",
        "OwnerMismatch",
        "PermanentRedirect",
        "TemporaryRedirect",
        "301",
        "307",
        "404",
    }
)
_CONFIG = frozenset(
    {
        "EntityTooLarge",
        "ENAMETOOLONG",
        "InvalidArgument",
        "InvalidBucketName",
        "InvalidEndpoint",
        "InvalidRequest",
        "InvalidResourceName",
        "KeyTooLongError",
        "MalformedXML",
        "MethodNotAllowed",
        "NotImplemented",
        "400",
        "405",
        "501",
    }
)
#: Codes that heal by themselves although a status alone would not say so.
_RETRY = frozenset({"RequestTimeTooSkewed", "Changed", "InvalidObjectState"})

FIXES: dict[Kind, str] = {
    "retry": "nothing: it is tried again by itself",
    "auth": "give back the permission that the error names (`footfall clients test` finds out which)",
    "bucket": "mend the bucket's name, region or owner in the client file, or make the bucket again",
    "challenge": "put the token that lies in the bucket under _challenge/ into the client file",
    "config": "correct the client file; `footfall clients` checks it",
    "hours": "run the missing hours, then the period again; one that has not ended waits for its end",
    "key": "put the key back into keys/raw; its hours are run again then by themselves",
    "owner": "say whose the client id is: `footfall clients moved` or `footfall clients end`",
    "bug": "report it: this is a mistake of the program",
}


@dataclass(frozen=True)
class Trouble:
    """One failure, sorted: its kind, its text for a person, and how long the store asked us to wait."""

    kind: Kind
    text: str
    retry_after: float | None = None

    @property
    def is_retryable(self) -> bool:
        """Whether it may heal without a person."""
        return self.kind == "retry"

    @property
    def fix(self) -> str:
        """What a person should do."""
        return FIXES[self.kind]


class ConfigError(FootfallError):
    """A client file asks for what cannot be: a column that is not there, an address that leads nowhere."""


class NotWhole(FootfallError):
    """A period has not ended, or hours of it are not ingested."""


class KeyMissing(NotWhole):
    """Lines of a period wait for the key that opens them."""


class OwnerChanged(FootfallError):
    """A client's file names none of what its identity had: nothing is delivered until a person decides."""


class ChallengeError(FootfallError):
    """The owner of a bucket has not confirmed yet that it is theirs."""


def sorted_out(error: Exception) -> Trouble:
    """The kind of any exception a delivery can meet."""
    if isinstance(error, StoreError):
        return Trouble(_kind(error), str(error), error.retry_after)
    if isinstance(error, ChallengeError):
        return Trouble("challenge", str(error))
    if isinstance(error, KeyMissing):
        return Trouble("key", str(error))
    if isinstance(error, NotWhole):
        return Trouble("hours", str(error))
    if isinstance(error, OwnerChanged):
        return Trouble("owner", str(error))
    if isinstance(error, FootfallError):
        return Trouble("config", str(error))
    if isinstance(error, OSError):
        return Trouble("retry", f"{error.strerror or error} ({error.filename or 'this machine'})")
    return Trouble("bug", f"{type(error).__name__}: {error}")


def _kind(error: StoreError) -> Kind:
    if error.retryable or error.code in _RETRY:
        return "retry"
    if error.code in _AUTH or error.code.startswith("KMS"):
        return "auth"
    if error.code in _BUCKET:
        return "bucket"
    if error.code in _CONFIG:
        return "config"
    return "bug"
