"""What is wrong now, as pure functions: facts in, alerts out. Each alert holds until its facts are gone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from footfall.clients import Mistake
from footfall.hours import HOUR, floor
from footfall.keys import client_of_raw_object
from orchestration.alerting.alert import Alert
from orchestration.alerting.causes import overdue_alert

#: Share of a disk in use at which somebody is told.
DISK_SHARE = 0.9
#: How long before its month ends an erasure that is not finished is told of.
ERASURE_WARNING = timedelta(days=10)
#: A site is silent below this share of the median of the same hour in earlier weeks …
SILENT_SHARE = 0.1
#: … of which there must be so many, each with so many events: a small site has empty hours.
SILENT_WEEKS, SILENT_EVENTS = 3, 20
#: An event type is expected that came on each of so many days, so often.
TYPE_DAYS, TYPE_EVENTS = 7, 20
#: How long after its hour was ingested a new domain, or a verified one, is news.
NEWS_FOR = timedelta(days=7)
#: Jobs that do the work of another: a backfill mends the hours in it, and an hour its live parts.
SAME_WORK = {"backfill": "hourly", "live": "hourly"}
#: Attempts after which a billing message that does not arrive is told: the first two take five minutes.
WEBHOOK_ATTEMPTS = 3


@dataclass(frozen=True)
class Run:
    """A run of Dagster: `first` and `last` are the ends of its partitions, equal for one, empty without.

    `assets` are those of a run by hand, which has no job of its own, or that a later run made. `has_started`:
    its process got as far as the run, whether or not a step began.
    """

    job: str
    first: str
    last: str
    succeeded: bool
    ended_at: datetime
    said: str
    link: str
    assets: frozenset[str] = frozenset()
    is_by_hand: bool = False
    has_started: bool = True


#: What to do about a run that has no step to read.
_NEVER_STARTED = (
    "No step of it began, so there is nothing to mend in it and nothing is half-done: the machine was too "
    "busy, or the code server was away. Look at the load, at `logs/dagster-code.log` in the state folder and "
    "at `footfall doctor`; then run the same hours again (`footfall run`, or *Re-execute all*)."
)


def failed_runs(runs: Iterable[Run]) -> list[Alert]:
    """Runs that failed, unless a later one of the same work over the same partitions succeeded."""
    alerts = []
    ordered = sorted(runs, key=lambda run: run.ended_at)
    for n, run in enumerate(ordered):
        later = [each for each in ordered[n + 1 :] if _is_work_of(each, run)]
        covered = [each for each in later if each.first <= run.first and run.last <= each.last]
        if run.succeeded or covered:
            continue
        span = run.first if run.first == run.last else f"{run.first} to {run.last}"
        what = f"{run.job} failed" if run.has_started else f"{run.job} never started"
        alerts.append(
            Alert(
                "run_failed",
                "",
                f"{run.job}:{span or 'unpartitioned'}",
                f"{what} for {span}" if span else what,
                {"error": run.said, "job": run.job},
                run.link,
                (run.job, run.first, run.last) if run.first else (),
                "" if run.has_started else _NEVER_STARTED,
            )
        )
    return alerts


def _is_work_of(later: Run, run: Run) -> bool:
    """Whether a run does all that another was to do."""
    if run.is_by_hand:
        return run.assets <= later.assets
    return not later.is_by_hand and _work(later) == _work(run)


def _work(run: Run) -> str:
    return SAME_WORK.get(run.job, run.job)


def failed_checks(checks: Iterable[tuple[str, str, str]], link: str) -> list[Alert]:
    """(asset, check, what it found) of checks whose last result is a failure."""
    return [
        Alert(
            "check_failed",
            "",
            f"{asset}:{check}",
            f"{asset}: {check.replace('_', ' ')} does not hold",
            {"found": found} if found else {},
            f"{link}/assets/{asset}?view=checks",
        )
        for asset, check, found in checks
    ]


def degraded_hours(incidents: Iterable[tuple[datetime, str, str]]) -> list[Alert]:
    """(hour, object, what is wrong with it) of objects that were set aside, whole or in part.

    Each is the alert of the client that the object was written for; of nobody's, the operator's.
    """
    return [
        Alert(
            "hour_degraded",
            client_of_raw_object(key) or "",
            f"{hour:%Y-%m-%dT%H}:{key}",
            f"the hour {hour:%Y-%m-%dT%H} is not whole",
            {"object": key, "problem": problem},
        )
        for hour, key, problem in incidents
    ]


def collectors(health: Mapping[str, dict[str, Any] | str]) -> list[Alert]:
    """Address → its /health report, or what happened instead of an answer."""
    alerts = []
    for address, report in health.items():
        if isinstance(report, str):
            alerts.append(
                Alert("collector_silent", "", address, f"{address} does not answer", {"error": report})
            )
            continue
        found = report.get("dependencies")
        said = found if isinstance(found, dict) else {}
        degraded = sorted(name for name, state in said.items() if state != "ok")
        facts = {"degraded": ", ".join(degraded) or "it does not say what"}
        if report.get("answered", 200) != 200 or "disk" in degraded:
            alerts.append(Alert("collector_silent", "", address, f"{address} takes no events", facts))
        if "shipping" in degraded:
            title = f"events wait at {address} for more than ten minutes"
            alerts.append(Alert("spool_ageing", "", address, title, facts))
    return alerts


def silent_daemon(
    age: timedelta | None, looked_at: datetime | None, now: datetime, patience: timedelta
) -> list[Alert]:
    """Nobody runs schedules or looks for alerts: no sign of life for `patience`, no round for twice as long.

    `age` is that of the last sign of life, None where there never was one. A daemon may beat and yet make no
    round: its code server is dead, or the sensor `alerts` fails or was switched off.
    """
    if age is None or age > patience:
        title = "Dagster's daemon is silent"
    elif looked_at is not None and now - looked_at > 2 * patience:
        title = "Dagster's daemon lives, but nobody looks for alerts: the sensor `alerts` fails or is off"
    else:
        return []
    shown = {
        "last sign of life": "never" if age is None else _ago(age),
        "last look for alerts": "never" if looked_at is None else _ago(now - looked_at),
    }
    return [Alert("daemon_silent", "", "scheduler", title, shown)]


def _ago(age: timedelta) -> str:
    return f"{age.total_seconds() / 60:.0f} minutes ago"


def silent_sites(volumes: Mapping[tuple[str, str], Mapping[datetime, int]], hour: datetime) -> list[Alert]:
    """Sites far below the same hour of the week in earlier weeks. `hour` is the last that was ingested."""
    alerts = []
    for (client_id, site_id), by_hour in volumes.items():
        before = [by_hour[at] for week in range(1, 5) if (at := hour - week * timedelta(days=7)) in by_hour]
        if len(before) < SILENT_WEEKS or min(before) < SILENT_EVENTS:
            continue
        usual = median(before)
        now = by_hour.get(hour, 0)
        if now < SILENT_SHARE * usual:
            alerts.append(
                Alert(
                    "site_silent",
                    client_id,
                    site_id,
                    f"{site_id} sent {now} events at {hour:%Y-%m-%dT%H}, usually {usual:.0f}",
                    {"events": str(now), "usual at this hour": f"{usual:.0f}"},
                )
            )
    return alerts


def vanished_types(
    days: Mapping[tuple[str, str, str], Mapping[datetime, int]], today: datetime
) -> list[Alert]:
    """Event types that came on each of the days before yesterday, and not once since.

    `today` is the midnight (UTC) before the last ingested hour; yesterday must be over.
    """
    yesterday = today - timedelta(days=1)
    alerts = []
    for (client_id, site_id, kind), by_day in days.items():
        earlier = [by_day.get(yesterday - n * timedelta(days=1), 0) for n in range(1, TYPE_DAYS + 1)]
        if min(earlier) >= TYPE_EVENTS and not by_day.get(yesterday, 0) and not by_day.get(today, 0):
            alerts.append(
                Alert(
                    "event_type_vanished",
                    client_id,
                    f"{site_id}:{kind}",
                    f"{site_id} sends no {kind} any more",
                    {"usual in a day": f"{median(earlier):.0f}"},
                )
            )
    return alerts


def news(notices: Iterable[tuple[str, str, str, Mapping[str, Any], datetime]], now: datetime) -> list[Alert]:
    """(kind, client, domain, facts, when) of the registry, as long as they are news."""
    titles = {"new_domain": "is new and waits for a decision", "domain_verified": "was verified"}
    return [
        Alert(
            kind,
            client_id,
            domain,
            f"{domain} {titles[kind]}",
            {
                name: ", ".join(value) if isinstance(value, list) else str(value)
                for name, value in facts.items()
            },
        )
        for kind, client_id, domain, facts, at in notices
        if now - at <= NEWS_FOR
    ]


def billing(disabled: str | None, stuck: Sequence[tuple[str, int, str]]) -> list[Alert]:
    """Why the endpoint rests, if it does, and (id, attempts, what was said) of messages that wait."""
    if disabled is not None:
        return [
            Alert(
                "webhook_failing", "", "endpoint", "billing messages are not sent any more", {"why": disabled}
            )
        ]
    late = [each for each in stuck if each[1] >= WEBHOOK_ATTEMPTS]
    if not late:
        return []
    name, attempts, said = late[0]
    return [
        Alert(
            "webhook_failing",
            "",
            "messages",
            f"{len(late)} billing messages do not arrive",
            {"first": name, "attempts": str(attempts), "said": said},
        )
    ]


def failing_channels(failing: Iterable[tuple[str, datetime, str]]) -> list[Alert]:
    """(route, since, what was said): told over the routes that work."""
    return [
        Alert(
            "channel_failing",
            "",
            route,
            f"alerts do not reach {route}",
            {"since": f"{since:%Y-%m-%d %H:%M} UTC", "said": said},
        )
        for route, since, said in failing
    ]


def broken_files(mistakes: Iterable[Mistake]) -> list[Alert]:
    """Client files that were set aside, one alert a file."""
    by_file: dict[str, list[Mistake]] = defaultdict(list)
    for mistake in mistakes:
        by_file[mistake.file].append(mistake)
    return [
        Alert(
            "client_file_invalid",
            file.rsplit("/", 1)[-1].removesuffix(".yaml"),
            file,
            f"the client file {file} was set aside",
            {mistake.field: mistake.reason for mistake in found},
        )
        for file, found in by_file.items()
    ]


def changed_owners(stopped: Mapping[str, str]) -> list[Alert]:
    """Client → why its deliveries wait for a person."""
    return [
        Alert(
            "owner_changed",
            client_id,
            "owner",
            "the client file names another owner's sites and buckets",
            {"why": why},
        )
        for client_id, why in stopped.items()
    ]


def full_disks(disks: Iterable[tuple[str, int, int]]) -> list[Alert]:
    """(path, bytes in use, bytes in all)."""
    return [
        Alert(
            "disk_low",
            "",
            path,
            f"{path} is {100 * used / size:.0f} % full",
            {"free": f"{(size - used) / 2**30:.1f} GiB"},
        )
        for path, used, size in disks
        if used >= DISK_SHARE * size
    ]


def late_erasures(open_ones: Iterable[tuple[str, str, datetime, str]], now: datetime) -> list[Alert]:
    """(id, client, until when it has to be done, what is left) of erasures that are not finished."""
    return [
        Alert(
            "erasure_due",
            client_id,
            name,
            f"the erasure {name} is not finished, and has to be by {deadline:%Y-%m-%d}",
            {"left": left or "nobody went on with it"},
        )
        for name, client_id, deadline, left in open_ones
        if now >= deadline - ERASURE_WARNING
    ]


def open_requests(waiting: Iterable[tuple[str, str, str, str, datetime]], now: datetime) -> list[Alert]:
    """(id, client, site, what is wanted, until when) of visitors' requests that nobody has decided about."""
    asks = {"erasure": "asks to be erased", "access": "asks for what is held of them"}
    return [
        Alert(
            kind,
            client_id,
            name,
            f"a visitor of {site_id} {asks[wanted]} ({name}); to be answered by {due:%Y-%m-%d}",
        )
        for name, client_id, site_id, wanted, due in waiting
        for kind in ("person_request", "request_due")
        if kind == "person_request" or now >= due - ERASURE_WARNING
    ]


@dataclass(frozen=True)
class Due:
    """A period that should be delivered: export, its start, and the moment after which it is overdue.

    `pace`: that of its kind.
    """

    client_id: str
    export: str
    period: str
    deadline: datetime
    pace: str


def late(due: Iterable[Due], delivered: frozenset[tuple[str, str, str]], now: datetime) -> list[Due]:
    """Periods past their deadline without a committed delivery, oldest first: also those that never ran."""
    found = [
        each
        for each in due
        if each.deadline < now and (each.client_id, each.export, each.period) not in delivered
    ]
    return sorted(found, key=lambda each: (each.deadline, each.client_id, each.export))


def overdue(due: Iterable[Due], delivered: frozenset[tuple[str, str, str]], now: datetime) -> list[Alert]:
    """One alert for each client's days and one for its hours: what did not run, ran for no export."""
    of_client: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in late(due, delivered, now):
        of_client[each.client_id, each.pace].append(f"{each.export} {each.period}")
    return [overdue_alert(client_id, pace, covers) for (client_id, pace), covers in of_client.items()]


def last_full_hour(now: datetime) -> datetime:
    """The hour that ended last."""
    return floor(now) - HOUR
