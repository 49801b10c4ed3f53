"""What a person sees of a delivery in Dagster's UI."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from footfall import markdown
from footfall.clients import Client, Export
from footfall.markdown import escaped
from orchestration.delivery.ledger import Ledger, LedgerRow
from orchestration.delivery.send import Outcome
from orchestration.partitions import lag_minutes

GROUP = "deliveries"
#: Every delivery that is not at its end, and the newest that are.
LEDGER = dg.AssetKey([GROUP, "ledger"])


def asset_key(client_id: str, export: str) -> dg.AssetKey:
    """`deliveries/<client>/<export>`, and `…/<export>/live` of a live export's parts.

    Of an id's second owner it is `deliveries/<client>/2/<export>`.
    """
    return dg.AssetKey([GROUP, *client_id.split("."), *export.split(".")])


def group_of(client_id: str) -> str:
    """The group of a client's exports: `deliveries_<client>`, without what no name of a group may have."""
    name = re.sub("[-.]", "_", client_id)
    return f"{GROUP}_{name}"


def partition_of(client: Client, export: Export, outcome: Outcome) -> str:
    """The partition key of a period."""
    return client.calendar(export).at(outcome.period_start).partition


def facts(
    outcome: Outcome, preview: list[dict[str, Any]] | None = None, ended_at: datetime | None = None
) -> dict[str, dg.MetadataValue]:
    """Rows, bytes, files with their sha256, a few rows without what is about persons, the manifest.

    With the end of its period, a first delivery also says how far behind it came.
    """
    shown: dict[str, dg.MetadataValue] = {
        "dagster/row_count": dg.MetadataValue.int(outcome.rows),
        "dagster/uri": dg.MetadataValue.text(outcome.manifest_url),
        "status": dg.MetadataValue.text(outcome.status),
        "revision": dg.MetadataValue.int(outcome.revision),
        "reason": dg.MetadataValue.text(outcome.reason),
        "bytes": dg.MetadataValue.int(outcome.bytes),
        "manifest": dg.MetadataValue.text(outcome.manifest_url),
    }
    if ended_at is not None and outcome.status == "delivered" and outcome.revision == 1:
        shown["lag_minutes"] = dg.MetadataValue.float(lag_minutes(ended_at))
    if outcome.files:
        shown["files"] = table(
            {"key": f.key, "rows": f.rows, "bytes": f.bytes, "sha256": f.sha256} for f in outcome.files
        )
    if preview:
        shown["preview"] = table(preview)
    return shown


def delivered(
    client: Client, export: Export, outcome: Outcome, preview: list[dict[str, Any]] | None = None
) -> dg.AssetMaterialization:
    """A period that arrived, for its export's page: its newest revision."""
    ended_at = client.calendar(export).at(outcome.period_start).window[1]
    return dg.AssetMaterialization(
        asset_key(client.client_id, export.name),
        partition=partition_of(client, export, outcome),
        metadata=facts(outcome, preview, ended_at),
    )


def ledger_now(ledger: Ledger, **more: dg.MetadataValue) -> dg.AssetMaterialization:
    """What waits in the ledger, for its page; `more` is shown beside it."""
    rows = ledger.unfinished()
    return dg.AssetMaterialization(
        LEDGER,
        metadata={
            "unfinished": ledger_table(rows),
            "by_state": state_table(Counter(row.shown for row in rows)),
            "dagster/row_count": len(rows),
            **more,
        },
    )


def parts_table(outcomes: Iterable[Outcome]) -> dg.MetadataValue:
    """The parts of an hour: what became of each."""
    return table(
        {
            "part": outcome.period_start.astimezone(UTC).strftime("%H:%M"),
            "status": outcome.status,
            "revision": outcome.revision,
            "rows": outcome.rows,
            "bytes": outcome.bytes,
            "manifest": outcome.manifest_url,
        }
        for outcome in outcomes
    )


def ledger_table(rows: Iterable[LedgerRow]) -> dg.MetadataValue:
    """Rows of the ledger as a table."""
    return table(
        {
            "client": row.client_id,
            "export": row.export,
            "period": row.period_start.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ"),
            "revision": row.revision,
            "state": row.shown,
            "reason": row.reason,
            "rows": row.rows or 0,
            "attempts": row.attempts,
            "next": row.next_at.strftime("%Y-%m-%dT%H:%MZ") if row.next_at else "",
            "error": row.error or "",
        }
        for row in rows
    )


def state_table(states: Mapping[str, int]) -> dg.MetadataValue:
    """State → how many deliveries are in it, as Markdown."""
    if not states:
        return dg.MetadataValue.md("none")
    return dg.MetadataValue.md(markdown.table(("state", "deliveries"), sorted(states.items())))


def table(records: Iterable[Mapping[str, Any]]) -> dg.MetadataValue:
    """Rows as a table of the UI; `none` where there are none."""
    shown = [
        dg.TableRecord(
            {
                name: value
                if isinstance(value, (bool, int, float, str))
                else ("" if value is None else str(value))
                for name, value in record.items()
            }
        )
        for record in records
    ]
    if not shown:
        return dg.MetadataValue.text("none")
    return dg.MetadataValue.table(shown)


def failure(failed: Iterable[tuple[str, str, Outcome]]) -> dg.Failure:
    """One failure for all that did not arrive: whose, which period, of which kind, and what to do."""
    listed = list(failed)
    lines = [
        f"- `{client_id}/{export}` {outcome.period_start.astimezone(UTC):%Y-%m-%dT%H:%MZ} "
        f"**{outcome.trouble.kind if outcome.trouble else 'bug'}**: {escaped(outcome.error)} — "
        f"fix: {escaped(outcome.trouble.fix) if outcome.trouble else 'report it'}"
        for client_id, export, outcome in listed
    ]
    client_id, export, first = listed[0]
    kinds = sorted({o.trouble.kind for _, _, o in listed if o.trouble})
    return dg.Failure(
        f"{len(listed)} deliveries failed, all others are done. {client_id}/{export}: "
        f"{first.period_start.astimezone(UTC):%Y-%m-%dT%H:%MZ}: {first.error}",
        metadata={
            "failed": dg.MetadataValue.md("\n".join(lines)),
            "clients": dg.MetadataValue.json(sorted({client_id for client_id, _, _ in listed})),
            "exports": dg.MetadataValue.json(sorted({f"{c}/{e}" for c, e, _ in listed})),
            "periods": dg.MetadataValue.json(sorted({o.period_start.isoformat() for _, _, o in listed})),
            "class": dg.MetadataValue.text(", ".join(kinds)),
            # What has a row in the ledger is told from there, and not a second time as a failed run.
            # A client whose owner is not known, and an hour whose lines wait for their key, are told of by
            # alerts of their own.
            "in_ledger": dg.MetadataValue.bool(
                all(o.revision or (o.trouble and o.trouble.kind in ("key", "owner")) for _, _, o in listed)
            ),
            "waits_for_key": dg.MetadataValue.bool("key" in kinds),
            "fix": dg.MetadataValue.text(
                "; ".join(sorted({o.trouble.fix for _, _, o in listed if o.trouble}))
            ),
        },
        # What heals by itself is tried again in this run; the rest only costs everybody time.
        allow_retries=any(o.trouble is not None and o.trouble.is_retryable for _, _, o in listed),
    )
