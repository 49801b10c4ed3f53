"""What a run says on the terminal while it goes on: its steps, and how far a long one is."""

import threading
import time
from collections.abc import Callable
from typing import TextIO

import dagster as dg

#: How far something is: done, of how many.
Progress = Callable[[], tuple[int, int]]


def minutes(seconds: float) -> str:
    """About how long, for a person: `20 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    whole = round(seconds / 60)
    return f"{whole} min" if whole < 120 else f"{whole // 60} h {whole % 60:02d} min"


class Narration:
    """Says which step has started, and how long each took, while a run goes on."""

    _EVERY = 0.5  # seconds between looks at the event log
    _FURTHER = 15.0  # seconds between words about how far a step is

    def __init__(self, instance: dg.DagsterInstance, run_id: str, out: TextIO, delivered: Progress) -> None:
        self._out = out
        self._delivered = delivered
        self._told_at = time.monotonic()
        self._since: tuple[float, int] | None = None
        self._instance = instance
        self._run_id = run_id
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._narrate, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _narrate(self) -> None:
        begun: dict[str, float] = {}
        ended: set[str] = set()
        over = False
        seen: str | None = None
        while not over:
            over = self._over.wait(self._EVERY)
            new = self._instance.get_records_for_run(
                self._run_id,
                cursor=seen,
                of_type={
                    dg.DagsterEventType.STEP_START,
                    dg.DagsterEventType.STEP_SUCCESS,
                    dg.DagsterEventType.STEP_FAILURE,
                    dg.DagsterEventType.STEP_UP_FOR_RETRY,
                },
            )
            seen = new.cursor
            for record in new.records:
                self._say(record.event_log_entry, begun, ended)
            if any(step.startswith("deliveries") for step in {*begun} - ended):
                self._say_how_far()

    def _say_how_far(self) -> None:
        now = time.monotonic()
        if now - self._told_at < self._FURTHER:
            return
        done, wanted = self._delivered()
        if self._since is None or done < self._since[1]:
            self._since = (now, done)
        begun_at, before = self._since
        left = ""
        if done > before:
            left = f", about {minutes((now - begun_at) / (done - before) * max(wanted - done, 0))} more"
        print(f"    {min(done, wanted)} of {wanted} periods{left}", file=self._out, flush=True)
        self._told_at = now

    def _say(self, entry: dg.EventLogEntry, begun: dict[str, float], ended: set[str]) -> None:
        event, step = entry.dagster_event, entry.step_key
        if event is None or step is None:
            return
        if event.event_type == dg.DagsterEventType.STEP_START and step not in begun:
            begun[step] = entry.timestamp
            print(f"  {step} …", file=self._out, flush=True)
        elif event.event_type != dg.DagsterEventType.STEP_START and step not in ended:
            ended.add(step)
            word = {"STEP_SUCCESS": "done", "STEP_FAILURE": "FAILED"}.get(
                event.event_type_value, "to be retried"
            )
            took = entry.timestamp - begun.get(step, entry.timestamp)
            print(f"  {step} {word} in {took:.1f} s", file=self._out, flush=True)
