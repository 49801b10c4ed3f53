"""Settings: every environment variable Footfall reads, with its meaning, unit and default.

Read once at the edge of a process (`Settings.from_environ(os.environ)`) and passed on as a value;
nothing else in the project looks at the environment. `.env.example` lists the same names, and a test
keeps the two equal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from footfall.errors import FootfallError

#: Name → (default, meaning). `{home}` in a URL stands for FOOTFALL_HOME.
VARIABLES: dict[str, tuple[str, str]] = {
    "FOOTFALL_HOME": (".footfall", "state folder: lake, buckets, warehouse, spool, Dagster's home"),
    "FOOTFALL_CLIENTS": ("clients", "folder of client files, one YAML file a client"),
    "FOOTFALL_LAKE": (
        "file://{home}/lake",
        "object store of raw objects and events: file:// or s3://bucket/prefix",
    ),
    "FOOTFALL_BACKUP": ("file://{home}/buckets/backup", "backup bucket: a second copy of every delivery"),
    "FOOTFALL_S3_ENDPOINT": ("", "endpoint URL of an S3-compatible store; empty for AWS"),
    "FOOTFALL_COLLECTOR_HOST": ("127.0.0.1", "address the collector listens on"),
    "FOOTFALL_COLLECTOR_PORT": ("8080", "port of the collector"),
    "FOOTFALL_UI_PORT": ("3000", "port of the Dagster UI"),
    "FOOTFALL_SITE_PORT": ("8090", "port of the demo site"),
    "FOOTFALL_COLLECTOR_ID": (
        "c1",
        "name of this collector in object keys; unique among collectors that share a lake",
    ),
    "FOOTFALL_TRUSTED_PROXIES": (
        "",
        "comma-separated networks whose X-Forwarded-For is believed; empty: believe nobody",
    ),
    "FOOTFALL_IMPORT_KEY": (
        "",
        "secret that lets a sender state its own receipt time (bulk imports, the demo); empty: nobody may",
    ),
    "FOOTFALL_SEGMENT_SECONDS": (
        "60",
        "seconds after which an open segment is shipped, 1-3600; lower: fresher raw data, more objects",
    ),
    "FOOTFALL_SEGMENT_BYTES": (
        "16777216",
        "bytes at which an open segment is shipped early, 65536-1073741824; higher: fewer, larger objects",
    ),
    "FOOTFALL_SPOOL_BYTES": (
        "2147483648",
        "bytes the spool may hold before the collector answers 503, at least two segments",
    ),
    "FOOTFALL_BILLING_WEBHOOK": ("", "URL that gets the billing messages; empty: they wait in the outbox"),
    "FOOTFALL_BILLING_SECRET": (
        "",
        "secret that signs billing messages (whsec_…, base64); two with a comma while changing to a new one",
    ),
    "FOOTFALL_BILLING_GRACE_HOURS": (
        "24",
        "hours between a domain's verification and its bill, 0-720; longer: more time to correct a mistake",
    ),
    "FOOTFALL_WEBHOOK_PRIVATE": (
        "no",
        "yes: webhooks may go to http:// and to addresses that are not public (a receiver of one's own)",
    ),
    "FOOTFALL_ALERT_WEBHOOK": ("", "URL that gets one JSON POST for each failed run; empty: no alerts"),
}


@dataclass(frozen=True)
class Settings:
    """One process's settings, typed. Paths are absolute."""

    home: Path
    clients: Path
    lake: str
    backup: str
    s3_endpoint: str | None
    collector_host: str
    collector_port: int
    ui_port: int
    site_port: int
    collector_id: str
    trusted_proxies: tuple[str, ...]
    import_key: str | None
    segment_seconds: int
    segment_bytes: int
    spool_bytes: int
    alert_webhook: str | None
    billing_webhook: str | None
    billing_secrets: tuple[str, ...]
    billing_grace_hours: int
    webhook_private: bool

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the variables above. Raises FootfallError naming the variable that cannot be used."""
        home = Path(environ.get("FOOTFALL_HOME") or VARIABLES["FOOTFALL_HOME"][0]).absolute()

        def text(name: str) -> str:
            return environ.get(name) or VARIABLES[name][0].replace("{home}", quote(str(home)))

        def number(name: str, low: int, high: int) -> int:
            value = text(name)
            if not re.fullmatch("[0-9]{1,18}", value) or not low <= int(value) <= high:
                raise FootfallError(f"{name}={value!r}: expected a whole number from {low} to {high}")
            return int(value)

        return cls(
            home=home,
            clients=Path(text("FOOTFALL_CLIENTS")).absolute(),
            lake=text("FOOTFALL_LAKE"),
            backup=text("FOOTFALL_BACKUP"),
            s3_endpoint=text("FOOTFALL_S3_ENDPOINT") or None,
            collector_host=text("FOOTFALL_COLLECTOR_HOST"),
            collector_port=number("FOOTFALL_COLLECTOR_PORT", 1, 65535),
            ui_port=number("FOOTFALL_UI_PORT", 1, 65535),
            site_port=number("FOOTFALL_SITE_PORT", 1, 65535),
            collector_id=text("FOOTFALL_COLLECTOR_ID"),
            trusted_proxies=tuple(
                p.strip() for p in text("FOOTFALL_TRUSTED_PROXIES").split(",") if p.strip()
            ),
            import_key=text("FOOTFALL_IMPORT_KEY") or None,
            segment_seconds=number("FOOTFALL_SEGMENT_SECONDS", 1, 3600),
            segment_bytes=number("FOOTFALL_SEGMENT_BYTES", 65536, 1 << 30),
            spool_bytes=number("FOOTFALL_SPOOL_BYTES", 131072, 1 << 50),
            alert_webhook=text("FOOTFALL_ALERT_WEBHOOK") or None,
            billing_webhook=text("FOOTFALL_BILLING_WEBHOOK") or None,
            billing_secrets=tuple(s.strip() for s in text("FOOTFALL_BILLING_SECRET").split(",") if s.strip()),
            billing_grace_hours=number("FOOTFALL_BILLING_GRACE_HOURS", 0, 720),
            webhook_private=text("FOOTFALL_WEBHOOK_PRIVATE") == "yes",
        )

    @property
    def spool(self) -> Path:
        """Folder of the collector's segments."""
        return self.home / "spool"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file. One process at a time may open it."""
        return self.home / "warehouse.duckdb"

    @property
    def ledger(self) -> Path:
        """The SQLite file of deliveries."""
        return self.home / "ledger.sqlite"

    @property
    def registry(self) -> Path:
        """The SQLite file of domains, notices and billing messages."""
        return self.home / "registry.sqlite"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own state: runs, schedules, event logs."""
        return self.home / "dagster"

    @property
    def first_hour_file(self) -> Path:
        """Holds the first hour that this installation has partitions for."""
        return self.home / "first_hour"
