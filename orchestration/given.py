"""What definitions are made of: settings, client files and models, as they are when they are loaded.

`build_defs` gives it; the modules of `defs/` ask for it while they make theirs, and at no other time. Dagster
calls them without arguments, so it is handed to them beside the call.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from footfall.clients import Registry
from footfall.settings import Settings


@dataclass(frozen=True)
class Given:
    """Of one installation, at one moment. Runs read anew what may have changed since."""

    settings: Settings
    registry: Registry
    first_hour: datetime
    models: Path
    """The folder of the prepared models."""


_current: ContextVar[Given] = ContextVar("given")


def given() -> Given:
    """What the definitions that are being made are made of. Raises LookupError where none are."""
    return _current.get()


@contextmanager
def giving(what: Given) -> Iterator[None]:
    """Hand `what` to all that is made meanwhile."""
    token = _current.set(what)
    try:
        yield
    finally:
        _current.reset(token)
