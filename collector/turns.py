"""Heavy requests take turns: one works at a time, a step each, one sender after the other.

Between two steps the event loop serves everybody else, so that what one sender asks for costs the others a
step. Not in a thread: regular expressions hold the interpreter, and a loop that has to fight for it waits
longer than for the end of a step.
"""

import asyncio
import time
from collections import deque
from collections.abc import Generator, Hashable
from dataclasses import dataclass

from footfall.event import Refusal, Refused

#: Seconds of work between two looks at the other requests; one event is never cut in two. Lower: shorter
#: waits for others, and more turns of the loop.
STEP_SECONDS = 0.004
#: Requests that may wait for their turn, each with a body of up to 500 KiB; beyond it 503.
MOST_WAITING = 64
#: Seconds that all steps together may take, with the waiting; then 503. A request takes turns twice: with
#: what its body and a salt may take, both must stay below CLOSE_AFTER of collector/closing.py.
MOST_SECONDS = 6.0

Steps = Generator[None, None, None]


@dataclass(eq=False, slots=True)
class _Work:
    steps: Steps
    done: "asyncio.Future[None]"
    until: float  # monotonic seconds


class Turns:
    """The heavy requests of one event loop."""

    def __init__(self, most: int = MOST_WAITING, seconds: float = MOST_SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        #: Sender → its requests; the sender whose turn it is comes first.
        self._waiting: dict[Hashable, deque[_Work]] = {}
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    async def take(self, sender: Hashable, steps: Steps) -> None:
        """Run all steps, in turn with others. Raises what they raise, and Refused(OVERLOADED)."""
        if self._count >= self._most:
            raise Refused(Refusal.OVERLOADED)
        loop = asyncio.get_running_loop()
        work = _Work(steps, loop.create_future(), time.monotonic() + self._seconds)
        self._waiting.setdefault(sender, deque()).append(work)
        self._count += 1
        if self._task is None:
            self._task = loop.create_task(self._run())
        await work.done

    async def _run(self) -> None:
        while self._waiting:
            sender = next(iter(self._waiting))
            queue = self._waiting.pop(sender)
            began = time.monotonic()
            if self._is_over(queue[0]):
                queue.popleft()
                self._count -= 1
            if queue:
                self._waiting[sender] = queue  # behind all others
            # A single costly event may take ten steps' time: as long again is for the light requests, each of
            # which needs several turns of the loop. Batches of cheap events are not slowed.
            took = time.monotonic() - began
            if self._waiting:
                await asyncio.sleep(took if took > 2 * STEP_SECONDS else 0)
        self._task = None

    def _is_over(self, work: _Work) -> bool:
        """Do a step of a request. True where it was the last one."""
        if work.done.done():
            return True  # nobody waits any more
        now = began = time.monotonic()
        try:
            if now > work.until:
                raise Refused(Refusal.OVERLOADED)
            while now - began < STEP_SECONDS:
                next(work.steps)
                now = time.monotonic()
        except StopIteration:
            work.done.set_result(None)
            return True
        except Exception as error:
            work.done.set_exception(error)
            return True
        return False
