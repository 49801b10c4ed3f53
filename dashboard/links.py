"""Where people reach the dashboard, and what share links are signed with."""

from footfall.settings import Settings
from footfall.signatures import load_signer


def address_of(settings: Settings) -> str:
    """Where people reach it, without a slash at the end."""
    host = settings.dashboard_host if settings.dashboard_host not in ("0.0.0.0", "::") else "127.0.0.1"
    return (settings.dashboard_url or f"http://{host}:{settings.dashboard_port}").rstrip("/")


def share_secret(settings: Settings) -> str:
    """What share links of this installation are signed with. Raises FootfallError."""
    return load_signer(settings.home / "keys").derived("dashboard: share links")
