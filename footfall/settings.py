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

from footfall import client_permits
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
    "FOOTFALL_BUCKET_FOLDERS": (
        "",
        "comma-separated folders below which clients' file:// buckets may lie, beside {home}/buckets; empty: "
        "anywhere but in folders of the machine, of this installation, and hidden ones",
    ),
    "FOOTFALL_CLIENT_SECRETS": (
        "",
        "comma-separated CLIENT=REFERENCE: which secrets a client file may name beside env:CLIENT_<ID>_…; "
        "CLIENT may be * (all), REFERENCE may end with *",
    ),
    "FOOTFALL_CLIENT_HOSTS": (
        "",
        "comma-separated HOST or HOST:PORT that endpoints and notify addresses of client files may name "
        "although they are private or on http://",
    ),
    "FOOTFALL_S3_ENDPOINT": ("", "endpoint URL of an S3-compatible store; empty for AWS"),
    "FOOTFALL_COLLECTOR_HOST": ("127.0.0.1", "address the collector listens on"),
    "FOOTFALL_COLLECTOR_PORT": ("8080", "port of the collector"),
    "FOOTFALL_COLLECTOR_WORKERS": (
        "1",
        "processes that collect on the one port, 1-64; one a core at most, each with its own spool folder",
    ),
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
    "FOOTFALL_ADDRESS_HEADER": (
        "x-forwarded-for",
        "header in which trusted proxies say the sender's address: x-forwarded-for or forwarded, or of a CDN "
        "cf-connecting-ip, cloudfront-viewer-address, fastly-client-ip, true-client-ip, x-real-ip",
    ),
    "FOOTFALL_GEOIP": (
        "",
        "mmdb file of countries or cities (MaxMind, DB-IP); empty: places only from headers of trusted CDNs",
    ),
    "FOOTFALL_IMPORT_KEY": (
        "",
        "secret that lets a sender state its own receipt time (bulk imports, the demo); empty: nobody may",
    ),
    "FOOTFALL_COLLECTOR_PATHS": (
        "",
        "comma-separated further paths of the collector, PATH or PATH=ROUTE with ROUTE one of /collect, "
        "/track, /events/, /pixel.gif; plain PATH is /collect, with the pixel at PATH.js and the image at "
        "PATH.gif",
    ),
    "FOOTFALL_CORS_ORIGINS": (
        "*",
        "comma-separated origins whose scripts may read the collector's answers, such as "
        "https://*.shop.example; *: all",
    ),
    "FOOTFALL_ADDRESS_EVENTS_PER_SECOND": (
        "100",
        "events a second that a worker takes from one public address (of IPv6: one /64), 0-1000000, 20 s of "
        "it at once; a millisecond of work or 4 KiB inflated cost as much as an event; 0: no limit",
    ),
    "FOOTFALL_SITE_EVENTS_PER_SECOND": (
        "0",
        "events a second that a worker takes for one site, 0-1000000, 20 s of it at once, unless its client "
        "file says otherwise; 0: no limit",
    ),
    "FOOTFALL_KEY_REQUESTS_PER_MINUTE": (
        "6000",
        "requests a minute that a worker takes with one API key, 0-1000000, unless its client file says "
        "otherwise; 0: no limit",
    ),
    "FOOTFALL_METRICS_PORT": (
        "0",
        "port of the collector's /metrics for Prometheus, 0-65535; further workers take the next ones; "
        "0: off",
    ),
    "FOOTFALL_METRICS_HOST": ("127.0.0.1", "address that /metrics listens on; it has no login"),
    "FOOTFALL_LOG_FORMAT": ("text", "how the collector writes its log: text, or json (one object a line)"),
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
        "bytes the spool may hold before the collector answers 503, at least two segments; never more than "
        "its disk has room for",
    ),
    "FOOTFALL_RUN_DAYS": (
        "90",
        "days that Dagster's record of a run is kept, 7-3650; then its partitions show as not materialised",
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
        "yes: webhooks, also those of `notify` in client files, may go to http:// and to addresses that are "
        "not public (a receiver of one's own)",
    ),
    "FOOTFALL_ALERT_WEBHOOK": ("", "URL that gets every alert as one JSON POST; empty: none"),
    "FOOTFALL_ALERT_ROUTES": ("", "YAML file of alert routes (docs/runbook.md); empty: only the webhook"),
    "FOOTFALL_ALERT_SECONDS": (
        "60",
        "seconds between two looks for alerts, 5-3600; lower: told sooner, and more questions to the ledger",
    ),
    "FOOTFALL_COLLECTOR_URLS": (
        "",
        "comma-separated addresses of the collectors that are watched; empty: the one of this machine",
    ),
    "FOOTFALL_UI_URL": ("", "address of the Dagster UI in links of alerts; empty: the one of this machine"),
    "FOOTFALL_RUNBOOK_URL": (
        "docs/runbook.md",
        "where the runbook can be read, in links of alerts (only https://…) and of assets in the Dagster UI",
    ),
    "FOOTFALL_DBT_DOCS_URL": (
        "dbt_project/target/static_index.html",
        "where the page of `make docs` can be read, in links of assets in the Dagster UI",
    ),
}


#: Headers that may say the sender's address. Each proxy adds to the first two; the others are one address.
ADDRESS_HEADERS = (
    "x-forwarded-for",
    "forwarded",
    "cf-connecting-ip",
    "cloudfront-viewer-address",
    "fastly-client-ip",
    "true-client-ip",
    "x-real-ip",
)


@dataclass(frozen=True)
class Settings:
    """One process's settings, typed. Paths are absolute."""

    home: Path
    clients: Path
    lake: str
    backup: str
    bucket_folders: tuple[str, ...]
    client_secrets: tuple[str, ...]
    client_hosts: tuple[str, ...]
    s3_endpoint: str | None
    collector_host: str
    collector_port: int
    collector_workers: int
    ui_port: int
    site_port: int
    collector_id: str
    trusted_proxies: tuple[str, ...]
    address_header: str
    geoip: Path | None
    import_key: str | None
    collector_paths: tuple[tuple[str, str], ...]
    cors_origins: tuple[str, ...]
    address_events_per_second: int
    site_events_per_second: int
    key_requests_per_minute: int
    metrics_port: int
    metrics_host: str
    log_format: str
    segment_seconds: int
    segment_bytes: int
    spool_bytes: int
    alert_webhook: str | None
    alert_routes: Path | None
    alert_seconds: int
    collector_urls: tuple[str, ...]
    ui_url: str
    runbook_url: str
    dbt_docs_url: str
    run_days: int
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

        def choice(name: str, allowed: tuple[str, ...]) -> str:
            value = text(name).lower()
            if value not in allowed:
                raise FootfallError(f"{name}={value!r}: expected {', '.join(allowed[:-1])} or {allowed[-1]}")
            return value

        return cls(
            home=home,
            clients=Path(text("FOOTFALL_CLIENTS")).absolute(),
            lake=text("FOOTFALL_LAKE"),
            backup=text("FOOTFALL_BACKUP"),
            bucket_folders=client_permits.folders(text("FOOTFALL_BUCKET_FOLDERS")),
            client_secrets=client_permits.grants(text("FOOTFALL_CLIENT_SECRETS")),
            client_hosts=client_permits.hosts(text("FOOTFALL_CLIENT_HOSTS")),
            s3_endpoint=text("FOOTFALL_S3_ENDPOINT") or None,
            collector_host=text("FOOTFALL_COLLECTOR_HOST"),
            collector_port=number("FOOTFALL_COLLECTOR_PORT", 1, 65535),
            collector_workers=number("FOOTFALL_COLLECTOR_WORKERS", 1, 64),
            ui_port=number("FOOTFALL_UI_PORT", 1, 65535),
            site_port=number("FOOTFALL_SITE_PORT", 1, 65535),
            collector_id=text("FOOTFALL_COLLECTOR_ID"),
            trusted_proxies=_listed(text("FOOTFALL_TRUSTED_PROXIES")),
            address_header=choice("FOOTFALL_ADDRESS_HEADER", ADDRESS_HEADERS),
            geoip=Path(text("FOOTFALL_GEOIP")).absolute() if text("FOOTFALL_GEOIP") else None,
            import_key=text("FOOTFALL_IMPORT_KEY") or None,
            collector_paths=_paths(text("FOOTFALL_COLLECTOR_PATHS")),
            cors_origins=_listed(text("FOOTFALL_CORS_ORIGINS")),
            address_events_per_second=number("FOOTFALL_ADDRESS_EVENTS_PER_SECOND", 0, 1_000_000),
            site_events_per_second=number("FOOTFALL_SITE_EVENTS_PER_SECOND", 0, 1_000_000),
            key_requests_per_minute=number("FOOTFALL_KEY_REQUESTS_PER_MINUTE", 0, 1_000_000),
            metrics_port=number("FOOTFALL_METRICS_PORT", 0, 65535),
            metrics_host=text("FOOTFALL_METRICS_HOST"),
            log_format=choice("FOOTFALL_LOG_FORMAT", ("text", "json")),
            segment_seconds=number("FOOTFALL_SEGMENT_SECONDS", 1, 3600),
            segment_bytes=number("FOOTFALL_SEGMENT_BYTES", 65536, 1 << 30),
            spool_bytes=number("FOOTFALL_SPOOL_BYTES", 131072, 1 << 50),
            alert_webhook=text("FOOTFALL_ALERT_WEBHOOK") or None,
            alert_routes=Path(routes).absolute() if (routes := text("FOOTFALL_ALERT_ROUTES")) else None,
            alert_seconds=number("FOOTFALL_ALERT_SECONDS", 5, 3600),
            collector_urls=tuple(u.strip() for u in text("FOOTFALL_COLLECTOR_URLS").split(",") if u.strip())
            or (f"http://{text('FOOTFALL_COLLECTOR_HOST')}:{text('FOOTFALL_COLLECTOR_PORT')}",),
            ui_url=text("FOOTFALL_UI_URL") or f"http://127.0.0.1:{text('FOOTFALL_UI_PORT')}",
            runbook_url=text("FOOTFALL_RUNBOOK_URL"),
            dbt_docs_url=text("FOOTFALL_DBT_DOCS_URL"),
            run_days=number("FOOTFALL_RUN_DAYS", 7, 3650),
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
    def alert_book(self) -> Path:
        """The SQLite file of what each alert route was told."""
        return self.home / "alerts.sqlite"

    @property
    def registry(self) -> Path:
        """The SQLite file of domains, notices and billing messages."""
        return self.home / "registry.sqlite"

    @property
    def last_good_clients(self) -> Path:
        """Folder of the client files as they last were in force: whose a thing is that two files claim."""
        return self.home / "last-good-clients"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own state: runs, schedules, event logs."""
        return self.home / "dagster"

    @property
    def first_hour_file(self) -> Path:
        """Holds the first hour that this installation has partitions for."""
        return self.home / "first_hour"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


#: What a further path of the collector may stand for.
ROUTES = ("/collect", "/track", "/events/", "/pixel.gif")
_PATH = re.compile(r"(/[A-Za-z0-9_~.-]+)+/?")


def _paths(text: str) -> tuple[tuple[str, str], ...]:
    """`/t/abc, /prod/track=/track` → (("/t/abc", "/collect"), ("/prod/track", "/track"))."""
    found = []
    for part in _listed(text):
        path, _, route = part.partition("=")
        route = route or "/collect"
        if not _PATH.fullmatch(path) or route not in ROUTES:
            raise FootfallError(
                f"FOOTFALL_COLLECTOR_PATHS: {part!r}: expected /path or /path=ROUTE, ROUTE one of "
                f"{', '.join(ROUTES)}"
            )
        found.append((path, route))
    return tuple(found)
