"""How the collector writes its log: a line for a person, or one JSON object a line (footfall.logs).

Nothing here names a visitor: what is logged is what an operator can act on, and counts.
"""

from footfall import logs


def configure(log_format: str, worker: int = 0, level: str = "info") -> None:
    """Send the log of this process to stderr. `worker` is its number, 0 where it is alone."""
    told = f"collector worker {worker}" if worker else "collector"
    text = f"{told}: %(levelname)s: %(message)s"
    logs.configure(log_format, "collector", level=level, text=text, more={"worker": worker})
