"""Work that takes longer than an answer: done one after the other, and asked for by its id."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from api.problems import Problem
from footfall.errors import FootfallError

#: Results that are kept, and tasks of one client that are not done: all clients' are done one by one.
MOST, MOST_WAITING = 200, 5


class Tasks:
    """Tasks of this process; they end with it."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="task")
        self._lock = threading.Lock()
        self._found: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def start(self, client_id: str, what: str, work: Callable[[], Any], now: datetime) -> dict[str, Any]:
        """Take work on. Returns what is known of it. Raises Problem where the client has too much of it."""
        said: dict[str, Any] = {
            "id": f"task-{secrets.token_hex(8)}",
            "client_id": client_id,
            "what": what,
            "state": "waiting",
            "started_at": now,
            "result": None,
            "error": None,
        }
        with self._lock:
            undone = [
                each
                for each in self._found.values()
                if each["client_id"] == client_id and each["state"] in ("waiting", "running")
            ]
            if len(undone) >= MOST_WAITING:
                raise Problem("not_decided", f"{MOST_WAITING} tasks of this client are not done yet")
            self._found[said["id"]] = said
            while len(self._found) > MOST:
                self._found.popitem(last=False)
        self._pool.submit(self._do, said, work)
        return dict(said)

    def find(self, client_id: str, task_id: str) -> dict[str, Any] | None:
        """What is known of a task of a client."""
        with self._lock:
            found = self._found.get(task_id)
            return dict(found) if found is not None and found["client_id"] == client_id else None

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _do(self, said: dict[str, Any], work: Callable[[], Any]) -> None:
        said["state"] = "running"
        try:
            result = work()
        except FootfallError as error:
            said |= {"state": "failed", "error": str(error)}
        except Exception as error:
            said |= {"state": "failed", "error": f"{type(error).__name__}: a fault of ours"}
        else:
            said |= {"state": "done", "result": result}
