"""The lake's side of an erasure: raw objects and hours, and first visits that outlive their hours."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from footfall import keys
from footfall.retention.rules import SETTLING_DAYS
from footfall.sql import run, scratch
from footfall.waiting_lines import waiting_in
from orchestration.ingest.erased import has_erased, rewrite
from orchestration.ingest.hour import ingest_hours, listing_digest
from orchestration.ingest.late_fields import replace_enrichments
from orchestration.ingest.listing import record_digests
from orchestration.ingest.schema import make_schema
from orchestration.modelling.frozen import take_up
from orchestration.privacy import erasure_local as local
from orchestration.privacy.erasure_carried import forget_carried
from orchestration.privacy.erasure_house import Work
from orchestration.stored_hours import read_files, rows_of

#: Hours before now whose raw objects may lie in the lake and not be ingested as they are now: a later object
#: is looked for so long.
LISTED_HOURS = SETTLING_DAYS * 24
#: Hours before now that may be ingested, and not be modelled or known to whoever looked the person up.
RECENT_HOURS = 48


def forget_lines(work: Work) -> list[str]:
    """Hour by hour: raw objects, quarantine, the lake's Parquet, what was learnt later, the index.

    And first visits that are carried on, of which no hour is kept.
    """
    house, person = work.house, work.person
    facts = work.facts("raw")
    done, erased = set(facts.get("hours", [])), int(facts.get("lines", 0))
    objects = int(facts.get("objects", 0))
    spooled = {datetime.fromisoformat(each) for each in work.facts("spool").get("hours", [])}
    recent, more = _clean_recent(work, {*spooled, *local.recent(house.now, LISTED_HOURS)})
    objects += more
    hours = sorted({*person.hours, *recent, *person.enriched})
    with house.warehouse.connect(house.files.folder) as connection:
        _forget_carried(work, connection)
        for hour in hours:
            if hour.isoformat() in done:
                continue
            before = _lines_in(connection, hour)
            raws = {info.key for info in house.lake.list(keys.raw_prefix(hour))}
            [counts] = ingest_hours(
                connection, house.lake, [hour], house.registry, files=house.files, stones=work.stones
            )
            replace_enrichments(connection, house.lake, hour, work.stones)
            objects += len({info.key for info in house.lake.list(keys.raw_prefix(hour))} - raws)
            # Of rows whose raw lines are gone no line stays that says so.
            through = counts.kept + counts.duplicates + counts.quarantined
            erased += max(counts.erased - before[1], before[0] - through, 0)
            if counts.had_ended:
                record_digests(house.listings, {hour: counts.digest})
            if not counts.is_conserved:
                return [f"{hour:%Y-%m-%dT%H}: lines do not add up"]
            done.add(hour.isoformat())
            work.note("raw", hours=sorted(done), lines=erased, objects=objects)
            house.edge(f"ingested {hour:%Y-%m-%dT%H}")
        waiting = run(
            connection,
            "SELECT received_hour, waiting FROM ingest.hours WHERE waiting IS NOT NULL ORDER BY 1",
        ).fetchall()
    work.note("raw", hours=sorted(done), lines=erased, objects=objects)
    # Nobody can tell whether they are this person's.
    return [
        f"{hour:%Y-%m-%dT%H}: {each.text}"
        for hour, said in waiting
        for each in waiting_in(said)
        if each.client_id == work.client.client_id
    ][:1]


def _lines_in(connection: duckdb.DuckDBPyConnection, hour: datetime) -> tuple[int, int]:
    """Lines of an hour that are kept as rows, and those that are counted as erased."""
    row = run(
        connection,
        "SELECT kept + duplicates + quarantined, coalesce(erased, 0) FROM ingest.hours "
        "WHERE received_hour = ?",
        [hour],
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _forget_carried(work: Work, connection: duckdb.DuckDBPyConnection) -> None:
    house, keys_of_ours = work.house, work.house.desk.own_keys
    with TemporaryDirectory(prefix="footfall-carried-", dir=scratch(connection)) as folder:
        gone = forget_carried(
            connection,
            house.lake,
            house.desk.signer,
            keys_of_ours,
            work.stones,
            by=f"erasure {work.erasure.id}",
            now=house.now,
            folder=Path(folder),
        )
        work.note("raw", carried=int(work.facts("raw").get("carried", 0)) + gone)
        house.edge("carried on without")
        take_up(connection, house.lake, keys_of_ours, Path(folder))


def _clean_recent(work: Work, hours: set[datetime]) -> tuple[list[datetime], int]:
    """Raw objects that no run has ingested yet. Returns hours that were ingested before, to be made anew.

    Among them those that a run ingested and nobody modelled, or ingested before it knew of this erasure: who
    is meant was looked up without them.
    """
    house = work.house
    with house.warehouse.connect(house.files.folder) as connection:
        make_schema(connection)  # of an earlier version: it counts no erased lines yet
        rows = run(connection, "SELECT received_hour, digest FROM ingest.hours").fetchall()
        named = {
            file.hour
            for file in read_files(connection, local.recent(house.now, RECENT_HOURS))
            if has_erased(connection, rows_of(file, house.files), work.stones)
        }
    known = {row[0]: row[1] for row in rows}
    again, objects = [], 0
    for hour in sorted(hours):
        if hour in named:
            again.append(hour)
            continue
        listed = list(house.lake.list(keys.raw_prefix(hour)))
        if not listed or known.get(hour) == listing_digest(listed):
            continue
        done = rewrite(house.lake, [info.key for info in listed], hour, work.stones)
        objects += len(done)
        if hour in known:
            again.append(hour)
    return again, objects
