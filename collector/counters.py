"""Plain counters: the paths of a request only add to integers, whoever asks reads them.

Names hold no host, no visitor and no URL: what a stranger can make up must not become a label.
"""

import logging
from bisect import bisect_left
from collections import Counter

log = logging.getLogger("collector")

#: Upper bounds in seconds of the histogram of answers that waited for the disk.
ACK_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class SiteCounts:
    """What came for one site since the start of this process."""

    __slots__ = ("events", "refused", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.events = 0
        #: Reason → refusals.
        self.refused: Counter[str] = Counter()


class Counters:
    """Everything that one collector process counts."""

    def __init__(self) -> None:
        #: (route, status) → answers.
        self.answers: Counter[tuple[str, int]] = Counter()
        #: Reason → refusals.
        self.refused: Counter[str] = Counter()
        self.events = 0
        #: (rule, client, site) → personal data that was taken out before anything was stored.
        self.redactions: Counter[tuple[str, str, str]] = Counter()
        #: (client, site) → events of which the site keeps nothing.
        self.unwanted: Counter[tuple[str, str]] = Counter()
        #: (client, site) → counts; they outlive a change of the client file.
        self.sites: dict[tuple[str, str], SiteCounts] = {}
        #: Bodies that nobody is known to own: kept as a sample, and beyond it.
        self.unclaimed_kept = 0
        self.unclaimed_dropped = 0
        self.ack_counts = [0] * (len(ACK_BOUNDS) + 1)
        self.ack_seconds = 0.0

    def site(self, client_id: str, site_id: str) -> SiteCounts:
        """The counts of a site, made on first use."""
        return self.sites.setdefault((client_id, site_id), SiteCounts())

    def acknowledged(self, seconds: float) -> None:
        """One answer that waited for the disk."""
        self.ack_counts[bisect_left(ACK_BOUNDS, seconds)] += 1
        self.ack_seconds += seconds

    def by_status(self) -> dict[str, int]:
        """Status → answers, for a person."""
        found: Counter[str] = Counter()
        for (_, status), count in list(self.answers.items()):
            found[str(status)] += count
        return dict(found)


class Summary:
    """Tells the log from time to time what was answered since the last time; nothing where nothing was."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._before = (0, Counter[str](), Counter[str]())

    def tell(self) -> None:
        """One line, with the counts as fields where the log is JSON."""
        counters = self._counters
        now = (counters.events, Counter(counters.by_status()), Counter(dict(counters.refused)))
        events, answers, refused = (
            now[0] - self._before[0],
            now[1] - self._before[1],
            now[2] - self._before[2],
        )
        self._before = now
        if not answers:
            return
        counts = {"events": events, "answers": dict(answers), "refused": dict(refused)}
        parts = [f"{count} × {name}" for name, count in [*sorted(answers.items()), *sorted(refused.items())]]
        log.info("%d events taken; answers: %s", events, ", ".join(parts), extra=counts)
