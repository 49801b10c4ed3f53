"""Facts that conditions need and that no other part keeps: a collector's health, a disk's use."""

import http.client
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

#: Seconds a collector may take to say how it is.
TIMEOUT_SECONDS = 3
#: Seconds after which one that did not is asked once more: it may be starting again, or the machine be busy.
#: Longer: fewer alarms about nothing, and a tick of the sensor that takes longer where a collector is gone.
AGAIN_SECONDS = 5
#: Collectors that are asked side by side, 1 to 100. A tick has a minute; each may take TIMEOUT_SECONDS twice.
_AT_ONCE = 20


def health(
    addresses: Iterable[str], wait: Callable[[float], object] = time.sleep
) -> dict[str, dict[str, Any] | str]:
    """Address → its /health report with the status as `answered`, or what happened instead of an answer.

    Who gives none is asked a second time, after a wait.
    """
    found = _reports(addresses)
    silent = [address for address, report in found.items() if isinstance(report, str)]
    if silent:
        wait(AGAIN_SECONDS)
    return {**found, **_reports(silent)}


def _reports(addresses: Iterable[str]) -> dict[str, dict[str, Any] | str]:
    # Side by side: a network that is gone must not use up the time of a tick.
    asked = list(addresses)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return dict(zip(asked, threads.map(_report, asked), strict=True))


def _report(address: str) -> dict[str, Any] | str:
    url = address.rstrip("/") + "/health"
    try:
        try:
            answer = urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            answer = error  # 503 has a report as well
        with answer:
            try:
                return {**json.loads(answer.read(1 << 20)), "answered": answer.status}
            except (ValueError, TypeError):
                return f"answered {answer.status} without a report: it is no collector"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__


def disks(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """(path, bytes in use, bytes in all) of each disk once; a path that is not there is left out."""
    found: dict[int, tuple[str, int, int]] = {}
    for path in paths:
        if path.exists():
            usage = shutil.disk_usage(path)
            found.setdefault(path.stat().st_dev, (str(path), usage.used, usage.total))
    return list(found.values())
