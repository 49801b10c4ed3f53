"""What obstore says of a failure: text in which an address with its signature may stand."""

import re

#: Characters of a store's own words that are passed on.
_MOST = 500
_NETWORK = re.compile(r'(?:message|error): "([^"]{1,200})"')


def is_of_obstore(error: BaseException) -> bool:
    """Whether an exception came out of the library, whatever its class."""
    from obstore.exceptions import BaseError

    # A panic of Rust is no Exception; a missing object has Python's own class, as a missing local file has.
    return (
        isinstance(error, BaseError)
        or type(error).__name__ == "PanicException"
        or (isinstance(error, FileNotFoundError) and error.errno is None)
    )


def network(text: str) -> str:
    """Why no answer came, without the address."""
    if "TimedOut" in text or "timed out" in text or "Timeout" in text.partition("inner:")[2]:
        return "no answer in time"
    said = _NETWORK.findall(text)
    return str(said[-1]) if said else "the connection broke off"


def harmless(words: str) -> str:
    """What a store says without the address that it may repeat, in which a signature stands."""
    return re.sub(r"\?\S*|\bsig=\S*", "", words)[:_MOST]
