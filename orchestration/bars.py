"""What the bars of the UI show of a run over many partitions: spans, one row an asset, and no event for each.

Dagster draws the bar of an asset from a summary of its own, a row an asset, and adds the events that came
since. For a range of partitions it would write an event for each asset and each of them (12 kB and 15 ms,
most of what a long import costs). Here a span is added to the summary itself. Dagster makes the summary anew
from the events where the first hour changes, so the spans are also kept beside, in its own table of keys and
values, and put back from there.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from orchestration.partitions import is_span, window_of

#: From when to when (not included), in seconds since 1970.
Span = tuple[float, float]


def note_run(context: dg.AssetExecutionContext, keys: Iterable[dg.AssetKey] | None = None) -> None:
    """Remember that a run over many partitions made all of them, of these assets or of all of its step."""
    if is_span(context):
        window = window_of(context)
        span = window.start.timestamp(), window.end.timestamp()
        note(context.instance, context.selected_asset_keys if keys is None else keys, [span])


def note(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey], spans: Iterable[Span]) -> None:
    """Remember that these assets have all partitions of these spans, beside what is known of them."""
    wanted = list(spans)
    if not wanted:
        return
    known = _known(instance, keys)
    instance.daemon_cursor_storage.set_cursor_values(
        {_name(key): json.dumps(merged([*before, *wanted])) for key, before in known.items()}
    )


def show(instance: dg.DagsterInstance, partitions: Mapping[dg.AssetKey, dg.PartitionsDefinition]) -> None:
    """Bring what was noted into the bars of these assets. May be done again at any time.

    An asset that no event was ever written of has no bar yet.
    """
    wanted = {
        key: (definition, spans)
        for key, spans in _known(instance, partitions).items()
        if spans and isinstance(definition := partitions[key], dg.TimeWindowPartitionsDefinition)
    }
    # An asset costs Dagster a dozen looks into its store, all of them together seconds.
    shown = _summaries(instance, wanted)
    lacking = [
        key
        for key, (definition, spans) in wanted.items()
        if key not in shown
        or shown[key].partitions_def_id != definition.get_serializable_unique_identifier()
        or _whole(shown[key], definition, spans)
    ]
    for key in lacking:
        instance.get_status_by_partition(key, [], wanted[key][0])  # Dagster then adds the newest events
    for key, summary in _summaries(instance, lacking).items():
        if whole := _whole(summary, *wanted[key]):
            instance.update_asset_cached_status_data(
                key, summary._replace(serialized_materialized_partition_subset=whole.serialize())
            )


def _summaries(instance: dg.DagsterInstance, keys: Collection[dg.AssetKey]) -> dict[dg.AssetKey, Any]:
    """What Dagster has at hand of each asset's partitions, where it has that."""
    records = instance.get_asset_records(list(keys)) if keys else []
    entries = (record.asset_entry for record in records)
    return {entry.asset_key: entry.cached_status for entry in entries if entry.cached_status}


def _whole(summary: Any, definition: dg.TimeWindowPartitionsDefinition, spans: Iterable[Span]) -> Any:
    """The partitions of a summary and of these spans together; None where the summary has them all."""
    whole = before = summary.deserialize_materialized_partition_subsets(definition)
    for begin, end in spans:
        begin = max(begin, definition.start.timestamp())
        if begin < end:
            window = dg.TimeWindow(datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC))
            whole |= definition.get_partition_subset_in_time_window(window)
    return None if whole == before else whole


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch or overlap as one."""
    found: list[Span] = []
    for begin, end in sorted((float(begin), float(end)) for begin, end in spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _known(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]) -> dict[dg.AssetKey, list[Span]]:
    names = {key: _name(key) for key in keys}
    found = instance.daemon_cursor_storage.get_cursor_values(set(names.values()))
    return {key: [tuple(each) for each in json.loads(found.get(name, "[]"))] for key, name in names.items()}


def _name(key: dg.AssetKey) -> str:
    return f"footfall/bars/{key.to_user_string()}"
