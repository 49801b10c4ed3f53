"""Settings: every environment variable Footfall reads, with its default, meaning, unit and range, once.

Read at the edge of a process (`Settings.from_environ(os.environ)`) and passed on as a value; nothing else in
the project looks at the environment. `.env.example` and the table of docs/operations.md are made of this file
(footfall/settings_text.py).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from footfall.errors import FootfallError
from footfall.file_cache import FileCache
from footfall.secrets import database_address, kept
from footfall.setting_kinds import (
    ADDRESS_HEADERS,
    File,
    Folder,
    Folders,
    Grants,
    Hosts,
    Listed,
    OneOf,
    Paths,
    Text,
    Whole,
    YesOrNo,
    setting,
    variables,
)


class Settings(BaseSettings):
    """One process's settings, typed. Paths are absolute."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=True, enable_decoding=False)

    environment: Annotated[str, OneOf(("dev", "prod"))] = setting(
        "FOOTFALL_ENVIRONMENT",
        "dev",
        "what this installation is for; prod: whoever serves refuses [unsafe "
        "settings](deployment.md#environments)",
    )
    home: Folder = setting(
        "FOOTFALL_HOME",
        ".footfall",
        "state folder: lake, buckets, warehouse, spool, Dagster's home",
    )
    clients: Folder = setting(
        "FOOTFALL_CLIENTS",
        "clients",
        "folder of client files, one YAML file a client",
    )
    lake: str = setting(
        "FOOTFALL_LAKE",
        "file://{home}/lake",
        "object store of raw objects and events: file://, s3://bucket/prefix, gs://bucket/prefix or "
        "az://account/container/prefix",
    )
    backup: str = setting(
        "FOOTFALL_BACKUP",
        "file://{home}/buckets/backup",
        "backup bucket: a second copy of every delivery; written as FOOTFALL_LAKE is",
    )
    bucket_folders: Folders = setting(
        "FOOTFALL_BUCKET_FOLDERS",
        "",
        "comma-separated folders below which clients' file:// buckets may lie, beside "
        "{home}/buckets; empty: anywhere but in folders of the machine, of this installation, and "
        "hidden ones ([why](client-onboarding.md#what-a-client-file-may-name))",
    )
    client_secrets: Grants = setting(
        "FOOTFALL_CLIENT_SECRETS",
        "",
        "comma-separated CLIENT=REFERENCE: which secrets a client file may name beside "
        "env:CLIENT_<ID>_…; CLIENT may be * (all), REFERENCE may end with *, such as "
        "`acme=secretsmanager:acme/*`",
    )
    client_hosts: Hosts = setting(
        "FOOTFALL_CLIENT_HOSTS",
        "",
        "comma-separated HOST or HOST:PORT that endpoints and notify addresses of client files may "
        "name although they are private or on http://",
    )
    s3_endpoint: Text = setting(
        "FOOTFALL_S3_ENDPOINT",
        "",
        "endpoint URL of an S3-compatible store for lake and backup bucket; empty for AWS",
    )
    collector_host: str = setting(
        "FOOTFALL_COLLECTOR_HOST",
        "127.0.0.1",
        "address the collector listens on",
    )
    collector_port: Whole = setting(
        "FOOTFALL_COLLECTOR_PORT",
        8080,
        "port of the collector",
        ge=1,
        le=65535,
    )
    collector_workers: Whole = setting(
        "FOOTFALL_COLLECTOR_WORKERS",
        1,
        "processes that collect on the one port; one a core at most, each with its own spool folder",
        ge=1,
        le=64,
    )
    ui_port: Whole = setting(
        "FOOTFALL_UI_PORT",
        3000,
        "port of the Dagster UI",
        ge=1,
        le=65535,
    )
    ui_host: str = setting(
        "FOOTFALL_UI_HOST",
        "127.0.0.1",
        "address that `footfall dagster webserver` listens on; `footfall up` always takes 127.0.0.1: "
        "the UI has no "
        "login",
    )
    ui_login: Annotated[str, OneOf(("none", "proxy"))] = setting(
        "FOOTFALL_UI_LOGIN",
        "none",
        "who asks for a login where the UI listens on more than this machine; proxy: one that alone "
        "can reach "
        "it ([how](deployment.md#the-ui-behind-a-login))",
    )
    dagster_url: str = setting(
        "FOOTFALL_DAGSTER_URL",
        "",
        "where commands and the API ask Dagster's webserver; empty: on this machine",
    )
    postgres: Text = setting(
        "FOOTFALL_POSTGRES",
        "",
        "postgresql://user:password@host/database, or where this is kept: Dagster's runs, events and "
        "schedules "
        "lie there ([how](deployment.md#dagster-on-postgres)); empty: in {home}/dagster",
        is_secret=True,
    )
    run_launcher: File = setting(
        "FOOTFALL_RUN_LAUNCHER",
        "",
        "YAML file that says how runs are started, as `deploy/launchers/docker.yaml`; empty: as "
        "processes beside "
        "the code server",
    )
    site_port: Whole = setting(
        "FOOTFALL_SITE_PORT",
        8090,
        "port of the demo site",
        ge=1,
        le=65535,
    )
    collector_id: str = setting(
        "FOOTFALL_COLLECTOR_ID",
        "c1",
        "name of this collector in object keys; unique among collectors that share a lake",
    )
    trusted_proxies: Listed = setting(
        "FOOTFALL_TRUSTED_PROXIES",
        "",
        "comma-separated networks whose X-Forwarded-For is believed; empty: believe nobody",
    )
    address_header: Annotated[str, OneOf(ADDRESS_HEADERS)] = setting(
        "FOOTFALL_ADDRESS_HEADER",
        "x-forwarded-for",
        "header in which trusted proxies say the sender's address",
    )
    geoip: File = setting(
        "FOOTFALL_GEOIP",
        "",
        "mmdb file of countries or cities (MaxMind, DB-IP) in place of the one that `footfall geoip install` "
        "put into the state folder; without both: places only from headers of trusted CDNs",
    )
    asn: File = setting(
        "FOOTFALL_ASN",
        "",
        "mmdb file of networks and whose they are (GeoLite2-ASN, DB-IP, IPinfo), which tells data centres: "
        "one more sign of a program, and never the only one; empty: nothing is known of networks",
    )
    import_key: Text = setting(
        "FOOTFALL_IMPORT_KEY",
        "",
        "secret that lets a sender state its own receipt time (bulk imports, the demo); empty: nobody may",
        is_secret=True,
    )
    collector_paths: Paths = setting(
        "FOOTFALL_COLLECTOR_PATHS",
        "",
        "comma-separated further paths of the collector, PATH or PATH=ROUTE with ROUTE one of "
        "/collect, /track, /events/, /pixel.gif; plain PATH is /collect, with the pixel at PATH.js "
        "and the image at PATH.gif",
    )
    cors_origins: Listed = setting(
        "FOOTFALL_CORS_ORIGINS",
        "*",
        "comma-separated origins whose scripts may read the collector's answers, such as "
        "https://*.shop.example; events are taken from all; *: all",
    )
    address_events_per_second: Whole = setting(
        "FOOTFALL_ADDRESS_EVENTS_PER_SECOND",
        100,
        "events a second that a worker takes from one public address (of IPv6: one /64), 20 s of it "
        "at once; a millisecond of work or 4 KiB inflated cost as much as an event; 0: no limit",
        ge=0,
        le=1_000_000,
    )
    site_events_per_second: Whole = setting(
        "FOOTFALL_SITE_EVENTS_PER_SECOND",
        0,
        "events a second that a worker takes for one site, 20 s of it at once, unless its client "
        "file says otherwise; 0: no limit",
        ge=0,
        le=1_000_000,
    )
    key_requests_per_minute: Whole = setting(
        "FOOTFALL_KEY_REQUESTS_PER_MINUTE",
        6000,
        "requests a minute that a worker takes with one API key, unless its client file says "
        "otherwise; 0: no limit",
        ge=0,
        le=1_000_000,
    )
    api_host: str = setting(
        "FOOTFALL_API_HOST",
        "127.0.0.1",
        "address the [API](api.md) listens on",
    )
    api_port: Whole = setting(
        "FOOTFALL_API_PORT",
        8070,
        "port of the API; 0: `footfall up` and the demo start none",
        ge=0,
        le=65535,
    )
    api_requests_per_minute: Whole = setting(
        "FOOTFALL_API_REQUESTS_PER_MINUTE",
        60,
        "requests that the API answers to one key at once or in a minute, unless its client file says "
        "otherwise; 0: no limit",
        ge=0,
        le=1_000_000,
    )
    api_requests_per_hour: Whole = setting(
        "FOOTFALL_API_REQUESTS_PER_HOUR",
        600,
        "the same in an hour, of keys without `admin`; 0: no limit",
        ge=0,
        le=1_000_000,
    )
    api_admin_requests_per_hour: Whole = setting(
        "FOOTFALL_API_ADMIN_REQUESTS_PER_HOUR",
        1000,
        "the same in an hour, of keys with `admin`; 0: no limit",
        ge=0,
        le=1_000_000,
    )
    api_address_requests_per_minute: Whole = setting(
        "FOOTFALL_API_ADDRESS_REQUESTS_PER_MINUTE",
        600,
        "requests in a minute that the API answers to one public address (of IPv6: one /64), with a key or "
        "without; 0: no limit",
        ge=0,
        le=1_000_000,
    )
    api_query_seconds: Whole = setting(
        "FOOTFALL_API_QUERY_SECONDS",
        10,
        "seconds after which the API gives a question up with 408; longer: larger questions, which keep "
        "others waiting",
        ge=1,
        le=600,
    )
    assistant_url: Text = setting(
        "FOOTFALL_ASSISTANT_URL",
        "",
        "address of the API that `footfall mcp` asks; empty: that of this machine",
    )
    assistant_key: Text = setting(
        "FOOTFALL_ASSISTANT_KEY",
        "",
        "API key of `footfall mcp`, that may `assist` or `read`",
        is_secret=True,
    )
    api_stale_seconds: Whole = setting(
        "FOOTFALL_API_STALE_SECONDS",
        0,
        "seconds for which the API goes on answering from what it read last while the lake does not answer, "
        "marked `stale_since`; 0: 503",
        ge=0,
        le=604_800,
    )
    api_query_bytes: Whole = setting(
        "FOOTFALL_API_QUERY_BYTES",
        268_435_456,
        "bytes of memory that questions of the API about one client may use together, and those about its "
        "single visitors a quarter besides, 32 MB at least; one that needs more is answered 413",
        ge=33_554_432,
        le=1 << 50,
    )
    api_key_in_query: YesOrNo = setting(
        "FOOTFALL_API_KEY_IN_QUERY",
        "no",
        "yes: the API also takes a key as `?api_key=`, which ends up in logs: for development only",
    )
    dashboard_host: str = setting(
        "FOOTFALL_DASHBOARD_HOST",
        "127.0.0.1",
        "address the [dashboard](dashboard.md) listens on",
    )
    dashboard_port: Whole = setting(
        "FOOTFALL_DASHBOARD_PORT",
        8060,
        "port of the dashboard; 0: `footfall up` and the demo start none",
        ge=0,
        le=65535,
    )
    dashboard_url: Text = setting(
        "FOOTFALL_DASHBOARD_URL",
        "",
        "address at which people reach the dashboard, such as https://figures.example: in share links, and "
        "where a provider sends them back to; empty: host and port",
    )
    dashboard_user_header: Text = setting(
        "FOOTFALL_DASHBOARD_USER_HEADER",
        "",
        "header in which proxies of `FOOTFALL_TRUSTED_PROXIES` say who has signed in, such as "
        "x-forwarded-email; empty: none is believed",
    )
    dashboard_oidc_url: Text = setting(
        "FOOTFALL_DASHBOARD_OIDC_URL",
        "",
        "address of an OIDC provider's metadata (…/.well-known/openid-configuration), where people sign "
        "in; empty: none",
    )
    dashboard_oidc_client: Text = setting(
        "FOOTFALL_DASHBOARD_OIDC_CLIENT", "", "id of the dashboard at that provider"
    )
    dashboard_oidc_secret: Text = setting(
        "FOOTFALL_DASHBOARD_OIDC_SECRET", "", "its secret there, or where this is kept", is_secret=True
    )
    metrics_port: Whole = setting(
        "FOOTFALL_METRICS_PORT",
        0,
        "port of the collector's /metrics for Prometheus; further workers take the next ones; 0: off",
        ge=0,
        le=65535,
    )
    metrics_host: str = setting(
        "FOOTFALL_METRICS_HOST",
        "127.0.0.1",
        "address that /metrics listens on; it has no login",
    )
    state_metrics_port: Whole = setting(
        "FOOTFALL_STATE_METRICS_PORT",
        0,
        "port of /metrics of runs, deliveries, lag, queues and storage, served by the API; 0: off",
        ge=0,
        le=65535,
    )
    dashboard_metrics_port: Whole = setting(
        "FOOTFALL_DASHBOARD_METRICS_PORT",
        0,
        "port of the dashboard's own /metrics; 0: off",
        ge=0,
        le=65535,
    )
    log_format: Annotated[str, OneOf(("text", "json"))] = setting(
        "FOOTFALL_LOG_FORMAT",
        "text",
        "how every part writes its log; json: one object a line ([fields](deployment.md#logs))",
    )
    log_level: Annotated[str, OneOf(("debug", "info", "warning", "error"))] = setting(
        "FOOTFALL_LOG_LEVEL",
        "info",
        "the least that collector and API tell; debug: each step, for looking for a fault",
    )
    segment_seconds: Whole = setting(
        "FOOTFALL_SEGMENT_SECONDS",
        60,
        "seconds after which an open segment is shipped; lower: fresher raw data, more objects",
        ge=1,
        le=3600,
    )
    last_shipping_seconds: Whole = setting(
        "FOOTFALL_LAST_SHIPPING_SECONDS",
        0,
        "for a collector whose spool is gone when it ends, as in a task of Fargate: seconds that it goes on "
        "shipping at its end, after which it closes its hours for good; 0: the spool is there at the next "
        "start",
        ge=0,
        le=600,
    )
    segment_bytes: Whole = setting(
        "FOOTFALL_SEGMENT_BYTES",
        16_777_216,
        "bytes at which an open segment is shipped early; higher: fewer, larger objects",
        ge=65536,
        le=1_073_741_824,
    )
    spool_bytes: Whole = setting(
        "FOOTFALL_SPOOL_BYTES",
        2_147_483_648,
        "bytes the spool may hold before the collector answers 503, at least two segments; never "
        "more than its disk has room for",
        ge=131072,
        le=1 << 50,
    )
    run_days: Whole = setting(
        "FOOTFALL_RUN_DAYS",
        90,
        "days that Dagster's record of a run is kept; then its partitions show as not materialised",
        ge=7,
        le=3650,
    )
    billing_webhook: Text = setting(
        "FOOTFALL_BILLING_WEBHOOK",
        "",
        "URL that gets the [billing messages](webhooks.md); empty: they wait in the outbox",
    )
    billing_secrets: Listed = setting(
        "FOOTFALL_BILLING_SECRET",
        "",
        "secret that signs billing messages (whsec_…, base64); two with a comma while changing to a new one",
        is_secret=True,
    )
    billing_grace_hours: Whole = setting(
        "FOOTFALL_BILLING_GRACE_HOURS",
        24,
        "hours between a domain's verification and its bill; longer: more time to correct a mistake",
        ge=0,
        le=720,
    )
    webhook_private: YesOrNo = setting(
        "FOOTFALL_WEBHOOK_PRIVATE",
        "no",
        "yes: webhooks, also those of `notify` in client files, may go to http:// and to addresses "
        "that are not public (a receiver of one's own)",
    )
    alert_webhook: Text = setting(
        "FOOTFALL_ALERT_WEBHOOK",
        "",
        "URL that gets every alert as one JSON POST; empty: none",
        is_secret=True,
    )
    alert_routes: File = setting(
        "FOOTFALL_ALERT_ROUTES",
        "",
        "YAML file of [alert routes](runbook.md#alerts); empty: only the webhook",
    )
    alert_seconds: Whole = setting(
        "FOOTFALL_ALERT_SECONDS",
        60,
        "seconds between two looks for alerts; lower: told sooner, and more questions to the ledger",
        ge=5,
        le=3600,
    )
    collector_urls: Listed = setting(
        "FOOTFALL_COLLECTOR_URLS",
        "",
        "comma-separated addresses of the collectors that are watched; empty: the one of this machine",
    )
    ui_url: str = setting(
        "FOOTFALL_UI_URL",
        "",
        "address of the Dagster UI in links of alerts; empty: the one of this machine",
    )
    runbook_url: str = setting(
        "FOOTFALL_RUNBOOK_URL",
        "docs/runbook.md",
        "where the runbook can be read, in links of alerts (only https://…) and of assets in the Dagster UI",
    )
    dbt_docs_url: str = setting(
        "FOOTFALL_DBT_DOCS_URL",
        "dbt_project/target/static_index.html",
        "where the page of `make docs` can be read, in links of assets in the Dagster UI; publish "
        "that one file on any web server and name its address here",
    )
    published_days: Whole = setting(
        "FOOTFALL_PUBLISHED_DAYS",
        35,
        "days after which published tables hold a month in one file and no longer each day in its own; "
        "lower: fewer objects, and a change of such a day writes its month; higher: more objects",
        ge=7,
        le=1000,
    )
    published_grace_minutes: Whole = setting(
        "FOOTFALL_PUBLISHED_GRACE_MINUTES",
        120,
        "minutes for which a snapshot of published tables can be read after a newer one has taken its place; "
        "longer than the longest query; higher: more bytes in the lake",
        ge=5,
        le=10_080,
    )
    cache_mb: Whole = setting(
        "FOOTFALL_CACHE_MB",
        10_240,
        "megabytes of local copies of a lake on S3, hours of events and published tables, in {home}/cache; "
        "what is being read stays, however much it is; lower: more is fetched again",
        ge=64,
        le=10_000_000,
    )
    env_file: str = setting(
        "FOOTFALL_ENV_FILE",
        ".env",
        "file of further variables, also those of client files, read where a command or collector starts; "
        "the environment wins; /dev/null: none",
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the variables above. Raises FootfallError naming the variable that cannot be used."""
        source = EnvSettingsSource(cls)
        source.env_vars = {name: value for name, value in environ.items() if value}
        given = source()
        home = Path(given.get("FOOTFALL_HOME") or VARIABLES["FOOTFALL_HOME"].default).absolute()

        def text(name: str) -> str:
            return str(given.get(name) or VARIABLES[name].default.replace("{home}", quote(str(home))))

        values = {name: text(name) for name in VARIABLES}
        host, port = values["FOOTFALL_COLLECTOR_HOST"], values["FOOTFALL_COLLECTOR_PORT"]
        values["FOOTFALL_COLLECTOR_URLS"] = (
            values["FOOTFALL_COLLECTOR_URLS"].strip(", ") or f"http://{host}:{port}"
        )
        here = f"http://127.0.0.1:{values['FOOTFALL_UI_PORT']}"
        for name in ("FOOTFALL_UI_URL", "FOOTFALL_DAGSTER_URL"):
            values[name] = values[name] or here
        for name, variable in VARIABLES.items():
            if variable.is_secret:
                values[name] = kept(name, values[name])
                if name == "FOOTFALL_POSTGRES":
                    values[name] = database_address(values[name])
            if variable.words:
                values[name] = values[name].lower()
                if values[name] not in variable.words:
                    raise FootfallError(f"{name}={text(name)!r}: expected {variable.expected()}")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            raise FootfallError(f"{name}={values[name]!r}: expected {VARIABLES[name].expected()}") from None

    @property
    def spool(self) -> Path:
        """Folder of the collector's segments."""
        return self.home / "spool"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file. One process at a time may open it."""
        return self.home / "warehouse.duckdb"

    @property
    def cache(self) -> Path:
        """Folder of copies of a lake that is no folder, of each owner its own (footfall.file_cache)."""
        return self.home / "cache"

    @property
    def ledger(self) -> Path:
        """The SQLite file of deliveries."""
        return self.home / "ledger.sqlite"

    @property
    def agents(self) -> Path:
        """Folder of the keys by which AI agents sign (footfall.agent_keys)."""
        return self.home / "agents"

    @property
    def audit(self) -> Path:
        """The file of what administrators did (footfall.access.audit)."""
        return self.home / "audit.jsonl"

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
    def identities(self) -> Path:
        """Folder of who each client id is (footfall.identity_files)."""
        return self.home / "identities"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own state: runs, schedules, event logs."""
        return self.home / "dagster"

    def cache_of(self, client_id: str) -> FileCache:
        """Copies of what is published of a client, where the lake is on S3."""
        return FileCache(self.cache, client_id, self.cache_mb * 1_000_000)

    @property
    def first_hour_file(self) -> Path:
        """Holds the first hour that this installation has partitions for."""
        return self.home / "first_hour"


#: Every variable by its name, in the order of the documents.
VARIABLES = variables(Settings)
