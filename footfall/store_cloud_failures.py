"""What goes wrong with a store of Google's or Azure's, in our words.

What obstore says of a failure is text in which an address with its signature may stand: of that only the
store's own code and words are passed on.
"""

import re

from footfall.store import AlreadyExists, NotFound, StoreError

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
#: What of an address may open a store, should one repeat ours to us, and what no store of a cloud exceeds.
_ADDRESS = re.compile(r"\?\S+|\bsig=\S*")
_WORDS_LENGTH = 300
#: What a sign-in service says, in JSON.
_REFUSAL = re.compile(r'"error"\s*:\s*"([a-z_]{1,60})"')
#: Where a machine of a cloud asks who it is; nobody answers there on any other.
_METADATA = ("/computeMetadata/", "/metadata/identity/")
_NETWORK = re.compile(r'(?:message|error): "([^"]{1,200})"')


def failure(cloud: str, verb: str, url: str, text: str) -> StoreError:
    """The error of an act (`verb`) on the object or folder at `url`. `cloud`: how people call it."""
    start = f"cannot {verb} {url}: "
    found = _STATUS.search(text)
    if "token request" in text or any(mark in text for mark in _METADATA):
        return _not_signed_in(cloud, start, text, int(found[1]) if found else 0)
    if not found:
        return _without_answer(start, text)
    status = int(found[1])
    named = _CODE.search(text)
    code = named[1] if named else ""
    if status in (409, 412) and code in _TAKEN:
        return AlreadyExists(url)
    if status == 404 and "container does not exist" in text:
        code = "ContainerNotFound"
    if status == 404 and code not in _NO_BUCKET and verb != "list":
        return NotFound(url)
    words = " ".join(match[1].strip() for pattern in _WORDS if (match := pattern.search(text)))
    words = _ADDRESS.sub("…", words)[:_WORDS_LENGTH]
    return StoreError(
        f"{start}{code or f'HTTP {status}'} {words}".strip(),
        retryable=status in (408, 429) or status >= 500 or code in _RETRYABLE,
        code=code or ("NoSuchBucket" if status == 404 else str(status)),
    )


def _not_signed_in(cloud: str, start: str, text: str, status: int) -> StoreError:
    """Nobody vouched for us: no machine of the cloud, or a sign-in service that refused."""
    if any(mark in text for mark in _METADATA) and status < 500:
        return StoreError(f"{start}no {cloud} credentials were found", retryable=False, code="NoCredentials")
    said = _REFUSAL.search(text)
    why = f"HTTP {status}{f' {said[1]}' if said else ''}" if status else _network(text)
    is_away = not status or status == 429 or status >= 500
    return StoreError(
        f"{start}the sign-in failed: {why}",
        retryable=is_away,
        code="Connection" if is_away else "InvalidToken",
    )


def _without_answer(start: str, text: str) -> StoreError:
    if "HTTP error" in text or "HttpError" in text:
        return StoreError(start + _network(text), retryable=True, code="Connection")
    # A key that is none, an endpoint that is no address, a name that the store cannot have.
    first = re.sub(r"\?\S*", "", text.partition("\n")[0])
    return StoreError(start + first, retryable=False, code="InvalidRequest")


def is_of_obstore(error: BaseException) -> bool:
    """Whether an exception is one of its own."""
    from obstore.exceptions import BaseError

    # A panic of Rust is no Exception; a missing object has Python's own class, as a missing local file has.
    return (
        isinstance(error, BaseError)
        or type(error).__name__ == "PanicException"
        or (isinstance(error, FileNotFoundError) and error.errno is None)
    )


def _network(text: str) -> str:
    """Why no answer came, without the address."""
    if "TimedOut" in text or "timed out" in text or "Timeout" in text.partition("inner:")[2]:
        return "no answer in time"
    said = _NETWORK.findall(text)
    return str(said[-1]) if said else "the connection broke off"
