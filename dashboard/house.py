"""What the pages of this process share: the API's service, and how a page learns who looks at it."""

from collections.abc import Callable
from dataclasses import dataclass

from api.service import Service
from dashboard.answers import Answers
from dashboard.doors import Door


@dataclass(frozen=True)
class House:
    """`door`: by which the session that runs came in. `secret`: share links are signed with it.

    `answers`: what pages were answered.
    """

    service: Service
    secret: str
    door: Callable[[], Door]
    answers: Answers


_open: list[House] = []


def open_house(house: House) -> None:
    """From now on the pages of this process are about this house."""
    _open[:] = [house]


def house() -> House:
    """The house that is open."""
    assert _open, "open_house comes first"
    return _open[0]
