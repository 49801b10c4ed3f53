"""Load from one core: wrk where it is installed, else our own generator, which is slower itself."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from bench.measure import cores
from bench.traffic import USER_AGENT, body

ROOT = Path(__file__).resolve().parents[1]
#: Different requests that are sent in turn.
REQUESTS = 1000
#: Seconds of a run beyond which no longer one is tried where nothing was answered.
LONGEST = 10
HEADERS = {
    "Host": "collector.example",  # in this spelling: wrk would add its own
    "content-type": "text/plain;charset=UTF-8",
    "user-agent": USER_AGENT,
    "origin": "https://shop.example",
    "accept": "*/*",
    "accept-encoding": "gzip, deflate, br",
    "accept-language": "en-GB,en;q=0.7",
}

_SCRIPT = """\
local requests, at = {}, 0
function init(args)
  for line in io.lines(args[1]) do requests[#requests + 1] = wrk.format("POST", "/collect", HEADERS, line) end
  pause = tonumber(args[2])
end
HEADERS = { %s }
function request() at = at %% #requests + 1; return requests[at] end
%s
function done(summary, latency, _)
  local e = summary.errors
  print(string.format('{"requests":%%d,"seconds":%%f,"p50_ms":%%f,"p99_ms":%%f,"refused":%%d,"broken":%%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""
#: Whole milliseconds between an answer and the next request, right on average.
_DELAY = "function delay() local n = math.floor(pause); return n + (math.random() < pause - n and 1 or 0) end"


def name() -> str:
    """What sends."""
    return "wrk" if shutil.which("wrk") else "our own generator (wrk is not installed)"


def load(
    folder: Path, port: int, *, batch: int, connections: int, seconds: int, pause_ms: float = 0.0
) -> dict[str, float]:
    """One run: events_per_second, p50_ms, p99_ms, acknowledged_events, generator_busy (share of its core).

    Each connection sends its next request `pause_ms` after the last answer. Raises RuntimeError where a
    request is refused or broken.
    """
    if not shutil.which("wrk"):
        return _own_load(port, batch=batch, connections=connections, seconds=seconds)
    bodies, script = folder / f"bodies-{batch}", folder / f"wrk-{bool(pause_ms)}.lua"
    if not bodies.exists():
        bodies.write_bytes(b"".join(body(n, batch) + b"\n" for n in range(REQUESTS)))
    headers = ", ".join(f'["{name}"] = "{value}"' for name, value in HEADERS.items())
    script.write_text(_SCRIPT % (headers, _DELAY if pause_ms else ""))
    command = ["taskset", "-c", str(cores()[0])] if shutil.which("taskset") and len(cores()) > 1 else []
    command += ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "10", "-s", str(script)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/collect", "--", str(bodies), str(pause_ms)],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or not done.stdout.strip().endswith("}"):
        raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
    told = json.loads(done.stdout.splitlines()[-1])
    if told["refused"] or told["broken"]:
        raise RuntimeError(f"wrk: {told['refused']} requests were refused, {told['broken']} broken")
    if not told["requests"]:
        if seconds > LONGEST:
            raise RuntimeError(f"not one answer in {seconds} s")
        # Too slow for so short a run.
        return load(
            folder, port, batch=batch, connections=connections, seconds=seconds * 4, pause_ms=pause_ms
        )
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "acknowledged_events": told["requests"] * batch,
        "events_per_second": told["requests"] * batch / told["seconds"],
        "p50_ms": told["p50_ms"],
        "p99_ms": told["p99_ms"],
        "generator_busy": busy / told["seconds"],
    }


def _own_load(port: int, *, batch: int, connections: int, seconds: int) -> dict[str, float]:
    options = {"port": port, "batch": batch, "connections": connections, "seconds": seconds}
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", "--core", str(cores()[0])]
        + [part for name, value in options.items() for part in (f"--{name}", str(value))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return dict(json.loads(done.stdout))
