"""How the collector writes its log: a line for a person, or one JSON object a line for a machine.

Nothing here names a visitor: what is logged is what an operator can act on, and counts.
"""

import json
import logging
from datetime import UTC, datetime

_NOT_MORE = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "worker", "message", …}`; what a call gives as `extra` becomes fields."""

    def __init__(self, worker: int) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        """One line. Of an exception only its kind: its words may quote a visitor."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "worker": self._worker,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            fields["error"] = record.exc_info[0].__name__
        fields |= {name: value for name, value in vars(record).items() if name not in _NOT_MORE}
        return json.dumps(fields, ensure_ascii=False, default=str)


def configure(log_format: str, worker: int = 0) -> None:
    """Send the log of this process to stderr. `worker` is its number, 0 where it is alone."""
    handler = logging.StreamHandler()
    if log_format == "json":
        handler.setFormatter(JsonLines(worker))
    else:
        told = f"collector worker {worker}" if worker else "collector"
        handler.setFormatter(logging.Formatter(f"{told}: %(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
