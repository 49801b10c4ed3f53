"""The signed certificate of an erasure: what was looked for, where, what went, when. Nothing of the person.

Ids stand in it as sha256 of a salt of its own and the id: whoever knows an id can see that it was looked for.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from footfall.catalogue.state import HOME, LAKE
from footfall.event import timestamp
from footfall.signatures import Signer, signed_by
from orchestration.privacy.erasure_book import Erasure, Step
from orchestration.privacy.person import Person

#: Facts of steps that name nobody and tell what was done.
_SAID = (
    *("hashes", "lines", "objects", "windows", "snapshot", "bytes_before", "bytes_after", "revisions"),
    *("removed", "files", "cells", "carried", "left_to_client"),
)


def certificate(
    erasure: Erasure, person: Person, steps: Mapping[str, Step], signer: Signer, now: datetime, version: str
) -> bytes:
    """The certificate as JSON."""
    salt = secrets.token_hex(16)

    def digests(ids: Any) -> list[str]:
        return sorted(hashlib.sha256(f"{salt}{each}".encode()).hexdigest() for each in ids)

    files = steps["delivered"].facts.get("files", []) if "delivered" in steps else []
    document = {
        "record": "certificate of erasure",
        "id": erasure.id,
        "client": erasure.client_id,
        "asked_at": timestamp(erasure.asked_at),
        "asked_by": erasure.asked_by,
        "finished_at": timestamp(now),
        "erased_up_to": timestamp(erasure.until) if erasure.until else "for good",
        "digest": "sha256(salt || id), in hex",
        "salt": salt,
        "looked_for": {
            **{kind: digests(ids) for kind, ids in sorted(person.ids.items())},
            "event": digests(person.events),
            "session of the models": digests(person.sessions),
        },
        "hours": len(person.hours),
        "steps": [
            {
                "step": each.name,
                "begun_at": timestamp(each.begun_at),
                "ended_at": timestamp(each.ended_at) if each.ended_at else None,
                **{
                    name: len(value) if isinstance(value, list) else value
                    for name, value in each.facts.items()
                    if name in _SAID
                },
            }
            for each in steps.values()
        ],
        "files_removed": [_named(each) for each in files if not each["is_newest"]],
        "left_to_client": {
            "why": "what these files were made of is not kept any more, or the client has ended, so none can "
            "take their place: our copies are removed; _erasures/ names them to a client that has not",
            "files": [_named(each) for each in files if each.get("is_gone")],
        },
        "buckets": steps["delivered"].facts.get("buckets", {}) if "delivered" in steps else {},
        "lake": steps["versions"].facts.get("lake", "") if "versions" in steps else "",
        "versions_left": steps["delivered"].facts.get("versions", {}) if "delivered" in steps else {},
        "layers": {place.title: place.erase.what for place in (*HOME, *LAKE) if place.erase is not None},
        "not_covered": [
            "what a running process holds in memory goes with its next restart, at most a day",
            "older versions of objects in a bucket with versioning or Object Lock, which nobody lets us "
            "remove, go by its owner's rules: `versions_left` names them, `buckets` and `lake` say what was "
            "found",
            "copies that a client made of delivered files: _erasures/ in the bucket says how to find them",
        ],
        "version": version,
    }
    return (json.dumps(signer.sign(document), indent=2, ensure_ascii=False) + "\n").encode()


def _named(file: Mapping[str, Any]) -> dict[str, Any]:
    return {"key": file["key"], "sha256": file["sha256"], "revision": file["revision"]}


def checked(data: bytes, trusted: Mapping[str, bytes]) -> dict[str, Any]:
    """A certificate that one of these keys signed. Raises ValueError saying what is wrong with it."""
    document = json.loads(data)
    if not isinstance(document, dict) or document.get("record") != "certificate of erasure":
        raise ValueError("is no certificate of erasure")
    signed_by(document, trusted)
    return document


def looks_for(document: Mapping[str, Any], value: str) -> bool:
    """Whether an id is among those that were looked for."""
    digest = hashlib.sha256(f"{document['salt']}{value}".encode()).hexdigest()
    return any(digest in some for some in document["looked_for"].values())
