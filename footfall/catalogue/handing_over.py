"""What of each place goes with a client that is handed over to another installation, and what stays.

`footfall clients handoff` goes by these rules; a test fails for a place of footfall.catalogue.state that has
none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Goes(Enum):
    """Whether something of a place goes, and what."""

    OBJECTS = "its objects"
    LINES = "its lines"
    KEPT_ROWS = "its rows of hours whose lines are gone"
    ROWS = "its rows"
    FILES = "its files"
    MADE = "made for it"
    AGAIN = "no: made again there"
    STAYS = "no"


@dataclass(frozen=True)
class Rule:
    """What goes; `how`: which part that is, or why nothing does."""

    goes: Goes
    how: str


#: Places below the state folder.
HOME: Mapping[str, Rule] = {
    "keys": Rule(
        Goes.MADE,
        "public halves; secrets derived for it alone: its hashed columns, its buckets' challenges; "
        "`keys/tombstone-key` where persons of it were erased. Never the key that signs: of that other "
        "clients' secrets are derived, so that another key signs there",
    ),
    "keys/raw": Rule(Goes.STAYS, "its lines go opened; whoever wants them sealed there makes a key there"),
    "ledger.sqlite": Rule(Goes.ROWS, "revisions, copies, logs of its buckets and of its backup"),
    "registry.sqlite": Rule(Goes.ROWS, "domains, decisions, notices"),
    "access.sqlite": Rule(
        Goes.ROWS, "notes of days; the operator's keys, people and share links are this one's"
    ),
    "alerts.sqlite": Rule(Goes.AGAIN, "what still fires is told there"),
    "audit.head.json": Rule(Goes.STAYS, "of this installation's audit log"),
    "audit.jsonl": Rule(
        Goes.STAYS, "a chain of lines about all clients: `footfall audit export` gives a client its own"
    ),
    "tombstones.jsonl": Rule(Goes.MADE, "hashes of its erased persons"),
    "erasures.sqlite": Rule(
        Goes.STAYS,
        "finish erasures and decide visitors' requests first; certificates go with the lake, links are made "
        "anew",
    ),
    "backups.json": Rule(
        Goes.STAYS, "backups of this installation: they hold the client until they are removed"
    ),
    "handoffs": Rule(Goes.STAYS, "what this installation handed over"),
    "outbox": Rule(Goes.FILES, "what has not arrived: it is sent from there"),
    "first_hour": Rule(Goes.MADE, "its own first hour"),
    "last-good-clients": Rule(Goes.FILES, "its file"),
    "identities": Rule(Goes.MADE, "its own; of earlier owners of the id only that there were any"),
    "probes.json": Rule(Goes.AGAIN, "the next probe"),
    "demo.json": Rule(Goes.STAYS, "of a demo"),
    "served": Rule(Goes.STAYS, "of a demo"),
    "versions.json": Rule(Goes.MADE, "as it is here"),
    "spool": Rule(Goes.STAYS, "its lines arrive in the lake, and go with the next bundle"),
    "agents": Rule(Goes.AGAIN, "`footfall agents fetch`"),
    "geoip": Rule(
        Goes.AGAIN, "`footfall geoip install`: the same table, else later events have other places"
    ),
    "listings.sqlite": Rule(Goes.AGAIN, "each hour's run"),
    "warehouse.duckdb": Rule(Goes.AGAIN, "each hour's run"),
    "warehouse.rebuilt.duckdb*": Rule(Goes.STAYS, "half a warehouse"),
    "slices": Rule(Goes.AGAIN, "each run"),
    "cache": Rule(Goes.AGAIN, "each run"),
    "dbt-project": Rule(Goes.AGAIN, "the models"),
    "dagster": Rule(Goes.STAYS, "runs over all clients"),
    "dbt": Rule(Goes.STAYS, "runs over all clients"),
    "logs": Rule(Goes.STAYS, "of these processes"),
    "runs_pruned_before": Rule(Goes.STAYS, "of these runs"),
    "claims": Rule(Goes.STAYS, "of this machine"),
    "instance.lock": Rule(Goes.STAYS, "of this machine"),
    "warehouse.duckdb.lock": Rule(Goes.STAYS, "of this machine"),
    "buckets": Rule(
        Goes.OBJECTS, "its folder of the backup bucket, wherever that is; its own bucket stays where it is"
    ),
    "lake": Rule(Goes.LINES, "as its places below"),
}

#: Places in the lake.
LAKE: Mapping[str, Rule] = {
    "_footfall.json": Rule(Goes.MADE, "the same version"),
    "raw": Rule(
        Goes.LINES, "objects of it alone as they are; of others its lines, in an object of their own"
    ),
    "closed": Rule(Goes.STAYS, "what these collectors shipped, of all clients"),
    "enrichments": Rule(Goes.LINES, "in objects of their own"),
    "sources": Rule(Goes.OBJECTS, "so that no log is taken in twice"),
    "identities": Rule(Goes.MADE, "as `identities/` of the state folder, signed there"),
    "tombstones": Rule(Goes.OBJECTS, "who was erased stays erased"),
    "retention": Rule(Goes.OBJECTS, "what was decided holds there"),
    "certificates": Rule(Goes.OBJECTS, "signed here"),
    "frozen": Rule(Goes.OBJECTS, "figures whose events are gone"),
    "holds": Rule(Goes.OBJECTS, "what nobody may remove here, nobody may there"),
    "audit": Rule(Goes.STAYS, "of this installation's audit log"),
    "usage": Rule(Goes.STAYS, "days of all clients in one file"),
    "shredded-keys": Rule(
        Goes.STAYS, "of keys of this installation: what they sealed goes as lines that are gone"
    ),
    "destroyed-salts": Rule(Goes.OBJECTS, "that its salts are gone"),
    "salts": Rule(
        Goes.STAYS, "never copied: a visitor of the day of the move counts once here and once there"
    ),
    "events": Rule(Goes.KEPT_ROWS, "all others are made of its lines there"),
    "quarantine": Rule(Goes.KEPT_ROWS, "all others are made of its lines there"),
    "marts": Rule(Goes.OBJECTS, "what is published, until the first run there"),
    "compute-logs": Rule(Goes.STAYS, "runs over all clients"),
    "probe": Rule(Goes.STAYS, "of this machine"),
}

#: Beside both, by setting.
BESIDE: Mapping[str, Rule] = {
    "FOOTFALL_CLIENTS": Rule(Goes.FILES, "its file, byte for byte"),
    "FOOTFALL_ALERT_ROUTES": Rule(Goes.STAYS, "whom this installation tells"),
}


def objects_of_lake() -> tuple[str, ...]:
    """Places of the lake whose objects below `client=ID/` go as they are."""
    return tuple(name for name, rule in LAKE.items() if rule.goes is Goes.OBJECTS)


def databases() -> tuple[str, ...]:
    """SQLite files of which rows go."""
    return tuple(name for name, rule in HOME.items() if rule.goes is Goes.ROWS)
