"""What buckets that keep versions keep of a person: removed where we may, and else said."""

from collections.abc import Sequence
from datetime import datetime

from footfall import keys
from footfall.object_versions import BEGINNING, Kept, remove_replaced
from footfall.probe import kept_of_removed
from footfall.raw_keys import keys_of
from footfall.retention.holds import read as read_holds
from footfall.retention.rules import KEEP
from footfall.sealed import opened
from footfall.store import ObjectStore, S3Store
from orchestration.privacy.erasure_house import Work

#: Before anything was stored.


def unseen(kept: Kept) -> list[str]:
    """What a client is told where nobody lets us see what versions his bucket keeps."""
    if not kept.unseen:
        return []
    return [f"every version of the files above, should your bucket keep any: {kept.unseen}"]


def ours(store: ObjectStore, kept: Kept) -> list[str]:
    """Versions that stay in a bucket of ours, and what to do."""
    if not kept.versions:
        said = (
            f"versions of what was removed may stay, and nobody lets us see them: {kept.unseen}; allow "
            "s3:GetBucketVersioning, s3:ListBucketVersions and s3:DeleteObjectVersion"
        )
        # With Google and Azure nobody can tell, ever: the certificate says so, and nothing waits for it.
        return [said] if kept.unseen and isinstance(store, S3Store) else []
    first = kept.versions[0]
    return [
        f"{len(kept.versions)} versions of what was removed stay, the first {store.url(first.key)} "
        f"({first.version}): {first.why}; allow s3:DeleteObjectVersion, or wait until its lifecycle rule or "
        "lock lets them go"
    ]


def _first_log(work: Work, hours: Sequence[datetime]) -> datetime:
    """Before it no step can have printed anything of the person: an hour runs once it has begun.

    Where a rule has let go of hours, nobody knows any more which was the first.
    """
    is_whole = work.client.retention.events == KEEP
    return min(hours) if hours and is_whole else BEGINNING


def clean_lake(work: Work) -> list[str]:
    """What the lake's bucket keeps of what this erasure replaced or removed, and else of the person in his
    hours; in folders of his client alone all that was replaced.
    """
    ring = keys_of(work.house.lake)
    lake, client_id, needles = work.house.lake, work.client.client_id, work.needles
    hours = [datetime.fromisoformat(each) for each in work.facts("raw").get("hours", [])]
    of_hours = (keys.raw_prefix, keys.events_prefix, keys.quarantine_object, keys.enrichments_prefix)
    prefixes = [prefix(hour) for hour in hours for prefix in of_hours]
    of_client = [keys.published_prefix(client_id), keys.frozen_prefix(client_id)]
    others = [
        each
        for each in read_holds(lake, work.house.desk.own_keys)
        if each.is_active and each.client_id != client_id
    ]
    kept_for = f"held for {others[0].client_id} ({others[0].id}), whose lines lie in it too" if others else ""
    found = (
        remove_replaced(lake, of_client, BEGINNING, needles.are_in),
        remove_replaced(
            lake,
            prefixes,
            work.erasure.asked_at,
            lambda data: needles.are_in(opened(data, ring, BEGINNING).data),
            kept_for,
        ),
        remove_replaced(
            lake,
            [keys.COMPUTE_LOGS],
            work.erasure.asked_at,
            needles.are_in,
            kept_for,
            first=_first_log(work, hours),
        ),
    )
    work.note("versions", lake=kept_of_removed(lake))
    return [line for each in found for line in ours(lake, each)]
