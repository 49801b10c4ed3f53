"""The log of every part in one form: a line for a person, or one JSON object a line for a machine.

A JSON line always has `time` (UTC), `level`, `part`, `run`, `client`, `message` and `duration_ms`, null
where they
say nothing, and whatever else a line has to tell. What a program that is not ours writes is brought into the
same form by whoever reads its output (`translated`). Nothing here names a visitor.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

#: What every line has, in this order.
SCHEMA = ("time", "level", "part", "run", "client", "message", "duration_ms")
_NOT_MORE = (
    frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"} | {"fields", "said"}
)
#: The least that is told → the number of `logging`; the roots of our loggers.
_NUMBERS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_OURS = ("collector", "footfall")
#: A word in the beginning of a foreign line that says how bad it is.
_LEVEL = re.compile(r"\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
_WITHIN = 120
#: What Dagster's own JSON lines call these.
_FOREIGN = {"timestamp": "time", "event": "message"}
#: What the process of a run writes: time - dagster - level - job - run - [pid] - [step] - [event] - message.
_OF_RUN = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}) - \S+ - (?P<level>[A-Z]+) - (?P<job>\w+) - "
    r"(?P<run>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?: - (?P<pid>\d+))?(?: - (?P<step>[a-z_]\w*))?"
    r"(?: - (?P<event>[A-Z][A-Z_]+))? - (?P<message>.*)"
)
#: How long a step took, and whose delivery was made, in the words of these.
_TOOK = re.compile(r"Finished execution of step .* in (?:(?P<m>\d+)m)?(?P<n>[\d.]+)(?P<unit>ms|s)\.$")
_WHOSE = re.compile(r"Materialized value deliveries (\S+) \S+\.$")


def line(now: datetime, level: str, part: str, message: str, more: Mapping[str, Any] | None = None) -> str:
    """One JSON line. `more` may hold `run`, `client` and `duration_ms` too."""
    fields: dict[str, Any] = dict.fromkeys(SCHEMA)
    fields |= {
        "time": now.astimezone(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "part": part,
        "message": message,
    }
    return json.dumps(fields | dict(more or {}), ensure_ascii=False, default=str)


class JsonLines(logging.Formatter):
    """Records as lines; what a call gives as `extra` becomes fields, `extra={"fields": {…}, "said": …}` all
    of them.

    `said` is the message then: the one of the call is for a person and has all fields in it.
    """

    def __init__(self, part: str, more: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._part = part
        self._more = dict(more or {})

    def format(self, record: logging.LogRecord) -> str:
        """One line. Of an exception only its kind: its words may quote a visitor."""
        given = vars(record)
        fields = {"logger": record.name, **self._more, **given.get("fields", {})}
        if record.exc_info and record.exc_info[0] is not None:
            fields["error"] = record.exc_info[0].__name__
        fields |= {name: value for name, value in given.items() if name not in _NOT_MORE}
        at = datetime.fromtimestamp(record.created, UTC)
        return line(at, record.levelname, self._part, given.get("said") or record.getMessage(), fields)


def configure(
    log_format: str, part: str, *, level: str = "info", text: str, more: Mapping[str, Any] | None = None
) -> None:
    """Send the log of this process to stderr. `text`: the form of lines for a person, as `logging` has it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(part, more) if log_format == "json" else logging.Formatter(text))
    # What libraries say for their makers quotes requests, addresses and signatures: never below INFO.
    logging.basicConfig(handlers=[handler], level=max(logging.INFO, _NUMBERS[level]), force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(_NUMBERS[level])


def translated(raw: str, part: str, now: datetime) -> str:
    """A line that a part has written, in our form: one that is so already stays as it is."""
    found = _object(raw)
    if found is None:
        if of_run := _OF_RUN.match(raw):
            return _line_of_run(of_run.groupdict())
        worst = _LEVEL.search(raw[:_WITHIN])
        return line(now, worst[1] if worst else "INFO", part, raw)
    if found.keys() >= {"time", "part", "message"}:
        return raw
    fields = {_FOREIGN.get(name, name): value for name, value in found.items()}
    message, level = str(fields.pop("message", raw)), str(fields.pop("level", "info")).upper()
    try:
        now = datetime.fromisoformat(str(fields.pop("time", "")))
    except ValueError:
        pass
    return line(now, level, part, message, fields)


def _line_of_run(found: dict[str, str | None]) -> str:
    message = found["message"] or ""
    took, whose = _TOOK.match(message), _WHOSE.match(message)
    more: dict[str, Any] = {name: found[name] for name in ("run", "job", "step", "event")}
    if took:
        seconds = 60 * int(took["m"] or 0) + float(took["n"]) / (1000 if took["unit"] == "ms" else 1)
        more["duration_ms"] = round(seconds * 1000, 1)
    if whose:
        more["client"] = whose[1]
    at = datetime.strptime(found["time"] or "", "%Y-%m-%d %H:%M:%S %z")
    return line(at, found["level"] or "INFO", "run", message, more)


def plain(raw: str) -> str:
    """What a line says to a person."""
    found = _object(raw)
    return str(found["message"]) if found is not None and "message" in found else raw


def _object(raw: str) -> dict[str, Any] | None:
    if not raw.startswith("{"):
        return None
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
