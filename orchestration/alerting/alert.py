"""One alert: what is wrong, for whom, and what to do about it.

Every alert is the statement of a condition that holds now. Its key names the thing and never a run, so that a
run that is tried again, and a condition that is looked at every minute, are one incident.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["info", "warning", "error"]

#: Kind → severity, what it means, what to do (CLIENT and DOMAIN are names). A section of docs/runbook.md
#: has the kind as its title; a test keeps the two equal.
KINDS: dict[str, tuple[Severity, str, str]] = {
    "delivery_failed": (
        "error",
        "a delivery cannot be completed",
        "Read the error. Where it names a permission, the client mends its bucket's policy; then "
        "`footfall deliveries replay` or materialise the period again.",
    ),
    "delivery_overdue": (
        "error",
        "a period's files should be with the client and are not",
        "Look whether the hour's run ran, and why not; then materialise the period.",
    ),
    "run_failed": (
        "error",
        "a run failed and none of its kind has succeeded since",
        "Open the run, read the failed step, mend its cause and re-execute from failure.",
    ),
    "check_failed": (
        "error",
        "a check of an asset failed",
        "Open the asset's checks; the check's description says what it means.",
    ),
    "hour_degraded": (
        "error",
        "an hour was ingested without an object, or lines of one, that cannot be read",
        "Find the object in the quarantine; put a whole copy in its place, or accept the loss; then "
        "materialise the hour again.",
    ),
    "collector_silent": (
        "error",
        "the collector does not answer, or says that it cannot take events",
        "Look at its log and disk; start it again. Events that it acknowledged are in its spool.",
    ),
    "spool_ageing": (
        "warning",
        "acknowledged events have not reached the lake for a while",
        "Look whether the lake can be written; the collector goes on trying by itself.",
    ),
    "site_silent": (
        "warning",
        "a site sends far less than it does at this hour of the week",
        "Open the site and look whether the tag is there and its requests are answered.",
    ),
    "event_type_vanished": (
        "warning",
        "an event type that came every day comes no more",
        "Ask the client whether the page that sends it was changed.",
    ),
    "destination_failing": (
        "warning",
        "a destination would refuse the next delivery",
        "`footfall clients test CLIENT` prints the permission that is missing.",
    ),
    "new_domain": (
        "info",
        "events name a domain that nobody has vouched for",
        "`footfall domains approve CLIENT DOMAIN`, or block it, or send the owner the proof to put up.",
    ),
    "domain_verified": (
        "info",
        "a domain was verified; its history is delivered with the next runs",
        "Nothing. To take it back before it is billed: `footfall domains retire CLIENT DOMAIN`.",
    ),
    "webhook_failing": (
        "error",
        "billing messages do not arrive",
        "Mend the receiver, then `footfall webhooks replay`. No message is lost.",
    ),
    "channel_failing": (
        "error",
        "a channel for alerts does not take them",
        "Mend the receiver or its address; what it missed is told then.",
    ),
    "watch_failing": (
        "error",
        "a part of the system cannot be looked at, so nothing of it is told",
        "Read the error; `footfall doctor` checks the files and stores that are looked at.",
    ),
    "client_file_invalid": (
        "error",
        "a client's file was set aside, so its deliveries stand still",
        "`footfall clients` names the line; mend it.",
    ),
    "owner_changed": (
        "error",
        "a client's file names another owner's sites and buckets, so its deliveries stand still",
        "`footfall clients moved CLIENT` if the owner is the same, `footfall clients end CLIENT` if it is "
        "another. Its events are kept meanwhile.",
    ),
    "disk_low": (
        "error",
        "a disk is nearly full",
        "Make room, or enlarge it; the job `upkeep` removes what is no longer needed.",
    ),
    "erasure_due": (
        "error",
        "an erasure is not finished, and its month ends in days",
        "`footfall privacy erasures` says what is left; mend that, then `footfall privacy resume`.",
    ),
    "person_request": (
        "warning",
        "a visitor asks to be erased, or for what is held of them, and nobody has decided",
        "`footfall privacy requests` shows it; see whether it is the person's own, then `footfall privacy "
        "confirm` or `refuse`.",
    ),
    "request_due": (
        "error",
        "nobody has decided about what a visitor asks for, and the month for an answer ends in days",
        "`footfall privacy requests` shows it: `footfall privacy confirm` or `refuse`, and answer.",
    ),
    "process_died": (
        "error",
        "a process of `footfall up` ended by itself",
        "Read its last lines; it is started again. Where it cannot be kept alive, mend what they name and "
        "start `footfall up`.",
    ),
    "test": (
        "info",
        "a test of the alert routes; nothing is wrong",
        "Nothing: the route works.",
    ),
    "daemon_silent": (
        "error",
        "Dagster's daemon gives no sign of life: no schedule runs",
        "Start it again; then look whether the hours since then were run.",
    ),
}
#: Kinds that are news, told once, and not states that end.
NEWS = frozenset({"new_domain", "domain_verified", "test"})
#: Kinds that may hold for weeks and are nobody's fault: their beginning and their end are told, once each.
SLOW = frozenset({"person_request"})
#: Facts that say why, the most telling first.
_CAUSES = ("error", "problem", "said", "found", "why", "last lines")


@dataclass(frozen=True)
class Alert:
    """A condition that holds. `subject` names the thing within its kind and client; `facts` are shown.

    `link` is a page of the Dagster UI. `covers` says for a program what it is about: periods
    (`events 2026-11-20T14`), destinations, addresses, ends of a run's partitions. `remedy` is what to do
    where the words of the kind do not fit.
    """

    kind: str
    client_id: str
    subject: str
    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    covers: tuple[str, ...] = ()
    remedy: str = ""

    def __post_init__(self) -> None:
        assert self.kind in KINDS, self.kind
        object.__setattr__(self, "covers", tuple(self.covers))  # a list where it comes from JSON

    @property
    def key(self) -> str:
        """The same for the same thing, whenever it is looked at."""
        return f"{self.kind}:{self.client_id}:{self.subject}"

    @property
    def cause(self) -> str:
        """Why, as far as it is known."""
        return next((self.facts[name] for name in _CAUSES if self.facts.get(name)), "")

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return KINDS[self.kind][0]

    @property
    def fix(self) -> str:
        """What to do, with the names it needs."""
        text = (self.remedy or KINDS[self.kind][2]).replace("CLIENT", self.client_id or "CLIENT")
        return text.replace("DOMAIN", self.subject if self.kind in NEWS else "DOMAIN")
