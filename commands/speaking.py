"""What a process that looks after others says, and how it passes on what they say."""

from collections.abc import Callable
from datetime import UTC, datetime

from footfall.logs import line, translated
from footfall.settings import Settings


def speaker(settings: Settings, part: str) -> Callable[[str], None]:
    """Prints a line of its own, with its time."""

    def say(text: str) -> None:
        now = datetime.now(UTC)
        is_json = settings.log_format == "json"
        print(line(now, "INFO", part, text) if is_json else f"{now:%Y-%m-%dT%H:%M:%SZ} {text}", flush=True)

    return say


def banner(settings: Settings, part: str) -> Callable[[str], None]:
    """Prints what a person reads as it is; as JSON a line for each of its lines."""
    say = speaker(settings, part)

    def show(text: str) -> None:
        if settings.log_format != "json":
            print(text, flush=True)
            return
        for each in text.splitlines():
            if each.strip():
                say(each.strip())

    return show


def relay(settings: Settings) -> Callable[[str, str], str] | None:
    """What becomes of a child's line, by the child's name; None where it stays as it is."""
    if settings.log_format != "json":
        return None
    return lambda part, raw: translated(raw, part, datetime.now(UTC))
