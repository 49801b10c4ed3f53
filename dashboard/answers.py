"""Answers of the API, kept for all sessions as long as what they were made of is as it was."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

#: Bytes that are kept: some thousands of first screens. More: what was asked longest ago is asked anew.
MOST_BYTES = 64_000_000
#: Questions that are asked at once before a page comes to them, of all sessions together.
AT_ONCE = 4
Make = Callable[[], bytes]


@dataclass
class _Kept:
    """`size`: bytes that are counted."""

    stamp: object
    answer: "Future[bytes]"
    size: int = 0


class Answers:
    """May be used by several threads. A name says who may ask and what; a stamp, of what it would be made."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        # What is called off says so at once, in the thread that holds it.
        self._lock = threading.RLock()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._bytes = 0
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="answers")

    def ask(self, name: Hashable, stamp: object, make: Make) -> bytes:
        """What is kept under name and stamp, or being made; else what `make` makes. Raises as it does."""
        with self._lock:
            found = self._kept.get(name)
            # Whoever waits in the queue is overtaken: the thread that needs it makes it itself.
            if found is not None and found.stamp == stamp and not found.answer.cancel():
                self._kept.move_to_end(name)
                answer, is_ours = found.answer, False
            else:
                answer, is_ours = Future[bytes](), True
                answer.set_running_or_notify_cancel()  # so that nobody calls it off as one that waits
                self._put(name, _Kept(stamp, answer))
        if is_ours:
            try:
                answer.set_result(make())
            except BaseException as error:
                answer.set_exception(error)
            self._done(name, answer)
        return answer.result()

    def ahead(self, name: Hashable, stamp: object, make: Make) -> None:
        """Have it made meanwhile, unless it is kept."""
        with self._lock:
            found = self._kept.get(name)
            if found is not None and found.stamp == stamp:
                return
            answer = self._pool.submit(make)
            self._put(name, _Kept(stamp, answer))
        answer.add_done_callback(lambda done: self._done(name, done))

    def close(self) -> None:
        """Make nothing more."""
        self._pool.shutdown(cancel_futures=True)

    def _put(self, name: Hashable, made: _Kept) -> None:
        self._forget(name)
        self._kept[name] = made

    def _done(self, name: Hashable, answer: "Future[bytes]") -> None:
        """Count what was made; what failed is asked anew."""
        with self._lock:
            found = self._kept.get(name)
            if found is None or found.answer is not answer:
                return
            if answer.cancelled() or answer.exception() is not None:
                del self._kept[name]
                return
            found.size = len(answer.result())
            self._bytes += found.size
            while self._bytes > self._most and len(self._kept) > 1:
                self._forget(next(iter(self._kept)))

    def _forget(self, name: Hashable) -> None:
        found = self._kept.pop(name, None)
        if found is not None:
            self._bytes -= found.size
