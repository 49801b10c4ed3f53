"""Every object key of the lake and of a delivery, in one place.

Keys use only `[A-Za-z0-9=_./-]`: colons and plus signs break Hadoop, Spark and several S3 copies.
Hive-style `dt=` and `hour=` let Athena, Trino and Spark prune by partition.
"""

import hashlib
import re
from datetime import UTC, date, datetime

from footfall.catalogue.periods import Period

SAFE_KEY = re.compile(r"[A-Za-z0-9=_./-]+")


#: What a lake says of its version (footfall.durable).
LAKE_VERSION = "_footfall.json"


def is_key(text: str) -> bool:
    """Whether Footfall could have written an object under this key."""
    return SAFE_KEY.fullmatch(text) is not None and not any(p in ("", ".", "..") for p in text.split("/"))


def day_path(day: date) -> str:
    """`dt=2026-11-20` of a day of UTC."""
    return f"dt={day:%Y-%m-%d}"


def hour_path(hour: datetime) -> str:
    """`dt=2026-11-20/hour=14` of an aware hour, in UTC."""
    return hour.astimezone(UTC).strftime("dt=%Y-%m-%d/hour=%H")


_HOUR = re.compile(r"/dt=([0-9-]{10})/hour=([0-9]{2})/")


def hour_of(key: str) -> datetime | None:
    """The hour that an object of the lake lies in, by its key; None for one that lies in none."""
    found = _HOUR.search(key)
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}:00+00:00") if found else None
    except ValueError:
        return None


def raw_prefix(hour: datetime) -> str:
    """Where the raw objects received in `hour` lie."""
    return f"raw/{hour_path(hour)}/"


def raw_day_prefix(hour: datetime) -> str:
    """Where the raw objects received on the UTC day of `hour` lie."""
    return f"{raw_prefix(hour).rpartition('/hour=')[0]}/"


def raw_object(hour: datetime, origin: str, sha256: str, client_id: str = "") -> str:
    """Key of one raw object: content-addressed, so that shipping the same bytes twice is harmless.

    `origin` names who wrote it: collector, start and segment number, or an import. `client_id`: whose lines
    these are, where all of them are one client's; then whatever is damaged in it is that client's loss.
    """
    owner = f"client={client_id}." if client_id else ""
    return f"{raw_prefix(hour)}{owner}{origin}-{sha256[:16]}.ndjson.zst"


_OWNED = re.compile(r"raw/dt=[0-9-]{10}/hour=[0-9]{2}/client=([a-z0-9][a-z0-9_-]*(?:\.[0-9]+(?=\.))?)\.[^/]+")


def client_of_raw_object(key: str) -> str | None:
    """The client that all of a raw object was written for; None where it may hold lines of several."""
    found = _OWNED.fullmatch(key)
    return found[1] if found else None


def shredded_prefix() -> str:
    """Where it is said which keys over raw lines were destroyed."""
    return "shredded-keys/"


def shredded_key(client_id: str, key_id: str) -> str:
    """Key of the record that a key over an identity's raw lines was destroyed."""
    return f"{shredded_prefix()}client={client_id}/{key_id}.json"


def closed_prefix(hour: datetime) -> str:
    """Where the markers lie by which collectors say that they have shipped all of `hour`."""
    return f"closed/{hour_path(hour)}/"


def closed_marker(hour: datetime, collector_id: str) -> str:
    """Key of one collector's marker: everything it received in `hour` is in raw objects."""
    return f"{closed_prefix(hour)}{collector_id}.json"


EVENTS = "events/"


def events_prefix(hour: datetime) -> str:
    """Where the hour's kept and duplicate events lie: in one object, but for the moment in which another
    takes its place.
    """
    return f"{EVENTS}{hour_path(hour)}/"


def events_object(hour: datetime, sha256: str) -> str:
    """Key of the hour's kept and duplicate events: content-addressed, so that no reader sees other bytes
    under a name that the warehouse knows.
    """
    return f"{events_prefix(hour)}events-{sha256[:16]}.parquet"


def quarantine_object(hour: datetime) -> str:
    """Key of what could not become an event in the hour."""
    return f"quarantine/{hour_path(hour)}/quarantine.parquet"


def source_record(client_id: str, source: str, hour: datetime) -> str:
    """Key of the list of log objects named for `hour` that were taken in from a client's log bucket."""
    return f"sources/client={client_id}/source={source}/{hour_path(hour)}.json"


ENRICHMENTS = "enrichments/"
#: What steps print, where the lake is on S3: a folder a run, which Dagster names and `upkeep` removes.
COMPUTE_LOGS = "compute-logs/"


def enrichment_object(taken_at: datetime, sha256: str) -> str:
    """Key of one object of late enrichments: by the hour it was taken in, and by its content."""
    return f"{enrichments_prefix(taken_at)}{sha256[:32]}.ndjson.zst"


def enrichments_prefix(taken_at: datetime) -> str:
    """Where late enrichments that were taken in during an hour lie."""
    return f"{ENRICHMENTS}{hour_path(taken_at)}/"


TOMBSTONES = "tombstones/"
#: Signed certificates of erasure, one a job.
CERTIFICATES = "certificates/"


def tombstones_object(client_id: str, erasure: str, sha256: str) -> str:
    """Key of the hashed ids of one erasure (footfall.tombstones)."""
    return f"{TOMBSTONES}client={client_id}/{erasure}-{sha256[:16]}.jsonl"


def certificate_object(client_id: str, erasure: str) -> str:
    """Key of the certificate of an erasure."""
    return f"{CERTIFICATES}client={client_id}/{erasure}.json"


def erasure_notice(day: date, erasure: str) -> str:
    """Key, in a client's bucket, of what an erasure removed and leaves to its owner."""
    return f"_erasures/{day_path(day)}/{erasure}.json"


_REWRITTEN = re.compile(r"\.e-[0-9a-f]{16}(?=\.ndjson\.zst$)")


def rewritten_object(key: str, sha256: str) -> str:
    """Key of a raw object that was written anew without erased lines: in the order of keys where it was."""
    return f"{original_of(key).removesuffix('.ndjson.zst')}.e-{sha256[:16]}.ndjson.zst"


def original_of(key: str) -> str:
    """The key that a raw object had when it came in."""
    return _REWRITTEN.sub("", key)


_ADDRESSED = re.compile(
    r"(?:raw/[^/]+/[^/]+/[^/]+-|enrichments/[^/]+/[^/]+/|events/[^/]+/[^/]+/events-)"
    r"([0-9a-f]{16,32})\.(?:ndjson\.zst|parquet)"
)


def digest_in(key: str) -> str | None:
    """The beginning of an object's sha256, in hex, where its key in the lake says it; else None."""
    found = _ADDRESSED.fullmatch(key)
    return found[1] if found else None


def is_whole(key: str, data: bytes) -> bool:
    """Whether an object of the lake is what its key says; True where that says nothing of it."""
    digest = digest_in(key)
    return digest is None or hashlib.sha256(data).hexdigest().startswith(digest)


IDENTITIES = "identities/"
_IDENTITY = re.compile(r"identities/([a-z0-9][a-z0-9_-]*)/([0-9]{6})-([a-z0-9._-]+)\.json")


def identity_object(client_id: str, version: int, name: str) -> str:
    """Key of one version of what is known of the owners of a client id (footfall.identities).

    `name`: the identity that the client's file has from that version on.
    """
    return f"{IDENTITIES}{client_id}/{version:06d}-{name}.json"


def identity_version(key: str) -> tuple[str, int, str] | None:
    """Client id, version and identity of such an object; None of any other key."""
    found = _IDENTITY.fullmatch(key)
    return (found[1], int(found[2]), found[3]) if found else None


SALTS = "salts/"
_SALT = re.compile(r"salts/client=[a-z0-9._-]+/(?:zone=([^/]+)/)?day=([0-9-]{10})\.json")
#: No name of a zone has a dot or an equals sign.
_ZONE_AS_KEY, _ZONE_OF_KEY = str.maketrans("/+", ".="), str.maketrans(".=", "/+")


def salt_object(client_id: str, zone: str, day: date) -> str:
    """Key of the visitor-hash salt of a client for a day that begins in a time zone."""
    return f"{SALTS}client={client_id}/zone={zone.translate(_ZONE_AS_KEY)}/day={day}.json"


def salt_object_of_utc_day(client_id: str, day: date) -> str:
    """Key of the salt of a client for a UTC day, as programs made it before days were those of sites."""
    return f"{SALTS}client={client_id}/day={day}.json"


def day_of_salt(key: str) -> tuple[str, date] | None:
    """The zone and the day that the key of a salt names; None for any other key."""
    found = _SALT.fullmatch(key)
    try:
        return ((found[1] or "UTC").translate(_ZONE_OF_KEY), date.fromisoformat(found[2])) if found else None
    except ValueError:
        return None


def destroyed_salt_object(key: str) -> str:
    """Key of the record that the salt of `key` is destroyed."""
    return f"destroyed-{key}"


def published_prefix(client_id: str) -> str:
    """Where all that is published of one client lies: tables, snapshots, the pointer."""
    return f"marts/client={client_id}/"


def published_file(client_id: str, table: str, what: str, sha256: str) -> str:
    """Key of one Parquet file of a published table, content-addressed: what a reader opened stays.

    `what`: its day, its month, `base`, `base-07`, or `newer-000012` of the snapshot with that number.
    """
    return f"{published_prefix(client_id)}{table}/{what}-{sha256[:16]}.parquet"


def published_snapshot(client_id: str, sha256: str) -> str:
    """Key of the document that names the files of all of a client's published tables."""
    return f"{published_prefix(client_id)}snapshots/{sha256[:16]}.json"


def published_pointer(client_id: str) -> str:
    """Key of the small object that says which snapshot of a client is the current one."""
    return f"{published_prefix(client_id)}current.json"


def published_links(client_id: str, table: str) -> str:
    """Key of the list of a table's files, as a table of Athena follows it."""
    return f"{published_prefix(client_id)}links/{table}/files"


RETENTION = "retention/"
_RETENTION = re.compile(r"retention/client=([a-z0-9._-]+)/([0-9]{6})-(decided|removed)-[0-9a-f]{16}\.json")


def retention_prefix(client_id: str) -> str:
    """Where the records of what a client's retention decided and removed lie."""
    return f"{RETENTION}client={client_id}/"


def retention_record(client_id: str, number: int, kind: str, sha256: str) -> str:
    """Key of one such record. `kind`: `decided` or `removed`."""
    return f"{retention_prefix(client_id)}{number:06d}-{kind}-{sha256[:16]}.json"


def retention_of(key: str) -> tuple[str, int, str] | None:
    """Client, number and kind of such a record; None of any other key."""
    found = _RETENTION.fullmatch(key)
    return (found[1], int(found[2]), found[3]) if found else None


def frozen_prefix(client_id: str) -> str:
    """Where the frozen figures of a client's days lie."""
    return f"frozen/client={client_id}/"


def carried_prefix(client_id: str) -> str:
    """How keys begin of what is carried of a client's visitors."""
    return f"{frozen_prefix(client_id)}carried-"


def frozen_object(client_id: str, name: str, sha256: str, ending: str) -> str:
    """Key of one object of them: figures of a month, the list of all, what is carried of visitors."""
    return f"{frozen_prefix(client_id)}{name}-{sha256[:16]}.{ending}"


AUDIT_HEADS = "audit/"


def audit_head(day: str, sha256: str) -> str:
    """Key of the head of the audit log as it was on a day (`2026-11-20`)."""
    return f"{AUDIT_HEADS}dt={day}/{sha256[:16]}.json"


HOLDS = "holds/"


def hold_object(client_id: str, name: str, kind: str) -> str:
    """Key of a hold on a client's data, or of its release. `kind`: `held` or `released`."""
    return f"{HOLDS}client={client_id}/{name}-{kind}.json"


def usage_object(day: str) -> str:
    """Key of what every client received and was delivered on a UTC day (`2026-11-20`)."""
    return f"usage/dt={day}/usage.csv"


def revision_prefix(
    export: str,
    period: Period,
    revision: int,
    *,
    template: str | None = None,
    dataset: str = "",
    client_id: str = "",
) -> str:
    """Folder of one delivery: export, period and revision, with a slash at the end. `template`: a client
    file's own.
    """
    text = period.folder(template)
    values = {
        "export": export,
        "dataset": dataset,
        "client": client_id,
        "revision": f"{revision:04d}",
    }
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return f"{text}/"


def file_name(
    export: str, period: Period, sha256: str, extension: str, *, site: str = "", part: int = 0
) -> str:
    """Name of one data file in its delivery's folder. It names its content, so no other can be in its place.

    `part` counts from 1 where a file was cut; 0 for a whole one.
    """
    folder = f"site={site}/" if site else ""
    number = f"-part{part:04d}" if part else ""
    return f"{folder}{export}-{period.label}{number}-{sha256[:8]}.{extension}"


MANIFEST_NAME = "_manifest.json"
#: What a bucket is and how to read it, for a person who finds it.
README = "README.txt"


def latest(export: str) -> str:
    """Key of the pointer to the newest period of an export, the one object that is replaced."""
    return f"{export}/_latest.json"


def public_key(key_id: str) -> str:
    """Key of the public half of the key that signed manifests."""
    return f"_keys/{key_id}.pem"


def schema_folder(export: str, schema_id: str) -> str:
    """Folder of the DDL of an export's files, one for each version of their columns."""
    return f"_schema/{export}/{schema_id}/"


def loading_folder(export: str, schema_id: str, sha256: str) -> str:
    """Folder of the statements that load files of these columns, by their own content: other statements, that
    load the same files better, lie beside them.
    """
    return f"{schema_folder(export, schema_id)}load-{sha256[:8]}/"
