"""The receiver of billing messages."""

import dagster as dg

from footfall.settings import Settings


class Billing(dg.ConfigurableResource[None]):
    """Where billing messages go, and what signs them."""

    url: str | None = None
    """Address of the receiver; None: messages wait in the outbox."""
    secrets: str = ""
    """Signing secret; two with a comma while the receiver changes from one to the next."""
    allow_private: bool = False
    """Whether an address on http:// or in a private network may be connected to."""

    @classmethod
    def of(cls, settings: Settings) -> "Billing":
        """That of an installation."""
        return cls(
            url=settings.billing_webhook,
            secrets=",".join(settings.billing_secrets),
            allow_private=settings.webhook_private,
        )

    def signing_secrets(self) -> tuple[str, ...]:
        """The secrets, each of which signs."""
        return tuple(secret.strip() for secret in self.secrets.split(",") if secret.strip())
