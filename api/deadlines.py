"""Until when a question may take: one thread stops those that took too long, and not one thread each."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds between two calls to stop what goes on. What is stopped between two of its queries begins the next.
AGAIN_SECONDS = 0.2


class Deadlines:
    """Stops what has taken `seconds`. May be used by several threads."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._changed = threading.Condition()
        #: By a number, until when each may run; all have the same time, so that the first ends first. What is
        #: over stands in `_late`.
        self._running: OrderedDict[int, tuple[float, Callable[[], object]]] = OrderedDict()
        self._late: dict[int, Callable[[], object]] = {}
        self._number = 0
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @contextmanager
    def within(self, stop: Callable[[], object]) -> Iterator[None]:
        """Call `stop` if this block takes longer, again and again until it ends; never after it."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._thread.start()
            self._number += 1
            number = self._number
            self._running[number] = (time.monotonic() + self._seconds, stop)
            if len(self._running) == 1:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._running.pop(number, None)
                self._late.pop(number, None)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        with self._changed:
            while not self._is_closed:
                now = time.monotonic()
                while self._running and next(iter(self._running.values()))[0] <= now:
                    number, (_, self._late[number]) = self._running.popitem(last=False)
                for stop in self._late.values():
                    stop()
                waits = [AGAIN_SECONDS] if self._late else []
                waits += [end - now for end, _ in list(self._running.values())[:1]]
                self._changed.wait(min(waits) if waits else None)
