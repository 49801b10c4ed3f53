"""Hours: UTC, half-open, written `2026-11-20T14` wherever a person or a partition names one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from footfall.errors import FootfallError

HOUR = timedelta(hours=1)
_FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d-%H:%M", "%Y-%m-%d")


def floor(moment: datetime) -> datetime:
    """The hour that `moment` (aware) lies in, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def parse(text: str) -> datetime:
    """`2026-11-20`, `2026-11-20T14` or `2026-11-20T14:00`, taken as UTC. Raises FootfallError."""
    for pattern in _FORMATS:
        try:
            moment = datetime.strptime(text.removesuffix("Z"), pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
        if moment != floor(moment):
            break
        return moment
    raise FootfallError(f"{text!r} is not an hour: write 2026-11-20 or 2026-11-20T14 (UTC)")


def between(start: datetime, end: datetime) -> Iterator[datetime]:
    """Every hour from `start` up to but without `end`."""
    hour = floor(start)
    while hour < end:
        yield hour
        hour += HOUR


def run_command(start: datetime, end: datetime, now: datetime) -> str:
    """The `footfall run` for the hours of [start, end), a line that can be pasted.

    On a second line what to do about the last hour where it has not ended.
    """
    running = floor(now)
    if end <= running:
        return f"footfall run --from {_named(start)} --to {_named(end)}"
    last = f"footfall run --from {_named(max(start, running))} --to {_named(end)}"
    if start >= running:
        return f"{last}\nonce {end:%H:%M} UTC is past, or with --open now"
    first = f"footfall run --from {_named(start)} --to {_named(running)}"
    return f"{first}\nthen, once {end:%H:%M} UTC is past, or with --open now: {last}"


def _named(hour: datetime) -> str:
    return hour.strftime("%Y-%m-%dT%H" if hour.hour else "%Y-%m-%d")


def read_first_hour(path: Path, now: datetime) -> datetime:
    """The first hour with a partition: what `path` says, or today's midnight where it says nothing."""
    recorded = _recorded(path)
    return recorded if recorded is not None else floor(now).replace(hour=0)


def _recorded(path: Path) -> datetime | None:
    """What the file of the first hour says; None without one. Raises FootfallError where it says nothing."""
    try:
        return parse(path.read_text().strip())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, FootfallError) as error:
        said = " ".join(str(error).split())[:200]
        raise FootfallError(
            f"{path} cannot be read ({said}); put it back from your backup, or write the first hour that was "
            "ever received into it, such as 2026-11-20T00: docs/runbook.md#broken-state"
        ) from None


def lower_first_hour(path: Path, hour: datetime) -> bool:
    """Make `hour` the first one unless an earlier one is recorded already. Returns whether it changed."""
    recorded = _recorded(path)
    if recorded is not None and recorded <= hour:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(hour.strftime("%Y-%m-%dT%H") + "\n")
    part.replace(path)
    return True


def raise_first_hour(path: Path, hour: datetime) -> bool:
    """Make `hour` the first one where an earlier one is recorded: of those before nothing is kept any more.

    Returns whether it changed.
    """
    recorded = _recorded(path)
    if recorded is None or recorded >= hour:
        return False
    part = path.with_suffix(".part")
    part.write_text(hour.strftime("%Y-%m-%dT%H") + "\n")
    part.replace(path)
    return True
