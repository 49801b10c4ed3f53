"""Until when a question may take: one thread stops those that took too long, and not one thread each."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Deadlines:
    """Stops what has taken `seconds`. May be used by several threads."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._changed = threading.Condition()
        #: By a number, the one that ends first in front: all have the same time.
        self._running: OrderedDict[int, tuple[float, Callable[[], object]]] = OrderedDict()
        self._number = 0
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @contextmanager
    def within(self, stop: Callable[[], object]) -> Iterator[None]:
        """Call `stop` if this block takes longer; never after it."""
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
                if not self._running:
                    self._changed.wait()
                    continue
                number, (end, stop) = next(iter(self._running.items()))
                left = end - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                del self._running[number]
                stop()
