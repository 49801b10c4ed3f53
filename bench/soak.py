"""A collector under steady load for a while: does its memory grow, do its answers slow down?

python bench/run.py --soak 600
"""

import statistics
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import generator
from bench.collector import USUAL_SHARE, collector, usual_load
from bench.measure import megabytes, rate, say

#: Seconds of one run of the generator, and so between two looks.
STEP_SECONDS = 10


def soak(seconds: int) -> str:
    """Load at USUAL_SHARE of the peak for so long; a few lines about memory and delays."""
    with TemporaryDirectory(prefix="footfall-soak-") as name, collector(Path(name) / "own") as own:
        send = partial(generator.load, Path(name), own.port, batch=1, connections=64)
        peak, usual = usual_load(partial(send, seconds=2))
        looks: list[tuple[float, float]] = []  # MB, p99 in ms
        events = 0.0
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            run = send(seconds=STEP_SECONDS, pause_ms=usual["pause_ms"])
            events += run["acknowledged_events"]
            looks.append((megabytes(own.pid)[0], run["p99_ms"]))
            say(f"soak: {time.monotonic() - begun:.0f} s, {looks[-1][0]:.0f} MB, p99 {run['p99_ms']:.1f} ms")
        took = time.monotonic() - begun
        most = megabytes(own.pid)[1]
    part = max(1, len(looks) // 5)
    first, last = looks[:part], looks[-part:]
    memory = [statistics.median(mb for mb, _ in part) for part in (first, last)]
    delay = [statistics.median(ms for _, ms in part) for part in (first, last)]
    return (
        f"Soak of {took:.0f} s at {rate(events / took)} events/s "
        f"({events / took / peak['events_per_second']:.0%} of the peak, {USUAL_SHARE:.0%} wanted): "
        f"memory {memory[0]:.0f} MB in the first fifth, {memory[1]:.0f} MB in the last, {most:.0f} at most; "
        f"p99 {delay[0]:.1f} ms and {delay[1]:.1f} ms."
    )
