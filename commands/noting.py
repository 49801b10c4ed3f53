"""A line of the audit log for an act of whoever sits at this machine, before it is done."""

import getpass
from datetime import UTC, datetime

from footfall.access import audit
from footfall.errors import FootfallError
from footfall.settings import Settings


def noted(
    settings: Settings, act: str, client_id: str, subject: str, by: str | None = None, outcome: str = "asked"
) -> None:
    """Note an act. Raises FootfallError where it cannot be noted: then it is not done."""
    try:
        audit.note(
            settings.audit,
            datetime.now(UTC),
            who=by or getpass.getuser(),
            door="command",
            act=act,
            client=client_id,
            subject=subject,
            outcome=outcome,
        )
    except OSError as error:
        raise FootfallError(f"the audit log cannot be written ({error.strerror}): nothing is done") from None
