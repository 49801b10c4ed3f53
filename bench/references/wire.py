"""What both FastAPI references take: the fields that a usual tutorial would declare."""

from typing import Any

from pydantic import BaseModel


class Event(BaseModel):
    """One event; `site` stands in it where it comes alone."""

    id: str
    type: str
    url: str
    occurred_at: int | None = None
    title: str | None = None
    referrer: str | None = None
    props: dict[str, Any] | None = None
    site: str | None = None


class Batch(BaseModel):
    """Several events of one site."""

    site: str
    sent_at: int | None = None
    events: list[Event]


def events_of(body: bytes) -> list[Event]:
    """The events of a body, which is a batch or one event."""
    if b'"events":' in body:
        return Batch.model_validate_json(body).events
    return [Event.model_validate_json(body)]
