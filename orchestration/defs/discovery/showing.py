"""What the Dagster UI shows of a domain."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from footfall.markdown import escaped
from orchestration.discovery.domain_rows import Domain
from orchestration.discovery.proofs import instructions


def domain_metadata(row: Domain, hosts: Sequence[str]) -> dict[str, Any]:
    """State, proof or what it takes, and the hosts that were seen."""
    return {
        "state": row.state,
        "proof": row.proof or "none",
        "events": row.events,
        "hosts": dg.MetadataValue.md("\n".join(f"- {escaped(host)}" for host in hosts)),
        **({"to_verify": instructions(row.domain, row.token)} if row.state in ("seen", "pending") else {}),
    }
