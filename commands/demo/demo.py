"""The demo: two days of traffic, from HTTP requests to verified files; then it keeps serving."""

import secrets
import shutil
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands import installation
from commands.apart import ask_apart
from commands.client_files import Reloader
from commands.demo.check import Sent, Stored, balance, differences
from commands.demo.delivered import File, files
from commands.demo.journal import Journal, fingerprint
from commands.demo.sender import Sender
from commands.demo.traffic import NOBODY, Expected, Request, requests_of, sums
from commands.preflight import Part, require_ready
from commands.processes import Children
from commands.run import materialise
from commands.state import enter
from footfall.access.api_keys import key_hash, new_key
from footfall.access.register import key_of, put_operator_key
from footfall.clients import Client, Registry, registry_of
from footfall.errors import FootfallError
from footfall.hours import HOUR, between, floor, lower_first_hour
from footfall.installed import DATA
from footfall.settings import Settings
from footfall.store import ObjectStore, open_store
from footfall.verify import verify_bucket

#: Seconds after which the demo's collector ships a segment; short, so that nobody waits for it.
_SEGMENT_SECONDS = 2
#: Seconds that the collector may take to ship everything.
_SHIPPING_SECONDS = 60
#: Files of the example clients, which an empty folder gets.
_EXAMPLES = ("agency.yaml", "demo.yaml", "client.schema.json")
#: The client and site that the demo site belongs to.
_SITE = ("demo", "shop")


def run_demo(
    settings: Settings, environ: Mapping[str, str], *, hours: int, end: datetime, serve: bool
) -> int:
    """Send, materialise, check, print; then serve until Ctrl-C. Returns 0 when everything arrived."""
    console = Console(highlight=False, soft_wrap=True)
    begun = time.monotonic()
    served = (Part.DAGSTER, Part.API, Part.DASHBOARD, Part.SITE) if serve else ()
    require_ready(settings, Part.COLLECTOR, *served, needs_lake=True)
    if not environ.get("FOOTFALL_CLIENTS") and not settings.clients.exists():
        _example_clients(console, settings.clients)
    registry = _registry(settings)
    enter(settings)
    installation.prepare(settings)
    installation.prepare_models(settings)
    traffic = [
        Path(__file__).with_name("traffic.py"),
        Path(__file__).with_name("scenery.py"),
        *settings.clients.glob("*.yaml"),
    ]
    journal = Journal(settings.home / "demo.json", fingerprint(traffic))
    start = _start(journal, end, hours)
    if journal.first_unfinished() is not None:
        console.print(f"an earlier demo was stopped; this one goes on from {_text(start)}")
    import_key = secrets.token_urlsafe(24)
    environment = {
        **installation.environment(settings, environ),
        "FOOTFALL_IMPORT_KEY": import_key,
        "FOOTFALL_TRUSTED_PROXIES": "127.0.0.1/32",
        "FOOTFALL_SEGMENT_SECONDS": str(_SEGMENT_SECONDS),
    }
    with (
        installation.sole_instance(settings),
        Children(Path.cwd(), environment, settings.home / "logs") as children,
    ):
        with _step(console, "starting the collector"):
            collector = installation.start_collector(children, settings)
        # Not before there is somebody to send to: a demo that stops here has left no hours behind.
        lower_first_hour(settings.first_hour_file, start)
        _send(console, collector, import_key, registry, journal, start, end)
        with _step(console, "shipping what was taken to the lake"):
            _wait_until_shipped(settings.spool)
        console.print("materialising the hours in Dagster: ingest, models, deliveries …")
        if materialise(settings, environment, start, end):
            raise FootfallError("a run failed; see above")
        journal.materialised(between(start, end))
        with _step(console, "reading everything back"):
            problems = _summarise(console, settings, environment, registry, journal, end)
        console.print(f"{time.monotonic() - begun:.0f} s in all")
        for problem in problems:
            console.print(f"[red]MISSING OR WRONG[/] {problem}")
        if not problems:
            console.print("[green]every event that was acknowledged is in a verified file[/]")
        if serve:
            _serve(console, settings, children, collector, registry)
    return 1 if problems else 0


def _example_clients(console: Console, folder: Path) -> None:
    """The example clients as client files of one's own, whole or not at all."""
    part = folder.with_name(f"{folder.name}.part")
    try:
        part.mkdir(exist_ok=True)
        for name in _EXAMPLES:
            shutil.copyfile(DATA / "clients" / name, part / name)
        part.rename(folder)
    except OSError as error:
        raise FootfallError(f"the example clients cannot be written to {folder}: {error.strerror}") from None
    console.print(f"example clients are in {folder}")


def _registry(settings: Settings) -> Registry:
    registry = registry_of(settings)
    for mistake in registry.mistakes:
        raise FootfallError(f"{mistake}; `footfall clients` lists all mistakes")
    client = registry.client(_SITE[0])
    if client is None or _SITE[1] not in {site.site_id for site in client.sites}:
        raise FootfallError(
            f"the demo needs its client {_SITE[0]!r} with site {_SITE[1]!r} in {settings.clients}"
        )
    return registry


def _start(journal: Journal, end: datetime, hours: int) -> datetime:
    """The first hour to send: where the last demo stopped, or `hours` before the end."""
    unfinished = journal.first_unfinished()
    if unfinished is not None:
        return min(unfinished, end - HOUR)
    before = journal.hours()
    first = end - timedelta(hours=hours)
    return min(max(first, before[-1] + HOUR), end - HOUR) if before else first


def _text(hour: datetime) -> str:
    return hour.strftime("%Y-%m-%dT%H")


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    """Say what is being done, then how long it took."""
    console.print(f"{what} …")
    begun = time.monotonic()
    yield
    console.print(f"  done in {time.monotonic() - begun:.1f} s")


def _send(
    console: Console,
    collector: str,
    import_key: str,
    registry: Registry,
    journal: Journal,
    start: datetime,
    end: datetime,
) -> None:
    due = [hour for hour in between(start, end) if not journal.is_done(hour)]
    with _step(console, f"sending {len(due)} hours of traffic over HTTP"):
        sender = Sender(collector, import_key)
        try:
            told = time.monotonic()
            sent = 0
            for n, hour in enumerate(due, 1):
                requests = requests_of(hour, registry.clients)
                journal.begin(hour)
                sent += sender.send(requests).total()
                journal.finish(hour)
                if time.monotonic() - told > 2 or n == len(due):
                    told = time.monotonic()
                    console.print(f"  {n} of {len(due)} hours, {sent} requests answered")
        finally:
            sender.close()


def _wait_until_shipped(spool: Path) -> None:
    give_up = time.monotonic() + _SHIPPING_SECONDS
    while True:
        left = [path for state in ("open", "sealed") for path in spool.glob(f"*/*.{state}")]
        if not left:
            return
        if time.monotonic() > give_up:
            raise FootfallError(
                f"the collector did not ship {len(left)} segments of {spool}; its log in logs/ says why"
            )
        time.sleep(0.2)


def _summarise(
    console: Console,
    settings: Settings,
    environment: Mapping[str, str],
    registry: Registry,
    journal: Journal,
    end: datetime,
) -> list[str]:
    """Print the tables; return every difference between what was sent and what is there."""
    hours = journal.hours()
    requests = [request for hour in hours for request in requests_of(hour, registry.clients)]
    lines, stored = ask_apart(environment, lambda: _stored(settings.warehouse, hours[0], end))
    sent = _sent(requests)
    is_exact = not journal.repeated(hours) and not (settings.home / "served").exists()
    problems = list(balance(lines, stored))
    delivered: dict[str, list[File]] = {}
    for client in registry.clients:
        bucket = open_store(
            client.destination.resolved_url(settings.home), s3_endpoint=client.destination.endpoint
        )
        backup = open_store(f"{settings.backup}/{client.client_id}", s3_endpoint=settings.s3_endpoint)
        for store in (bucket, backup):
            seen = verify_bucket(store, needs_log=True)
            problems += [f"{client.client_id}: {problem}" for problem in seen.problems]
        delivered[client.client_id] = list(files(bucket))
        problems += _backup_differences(client.client_id, delivered[client.client_id], backup)
        problems += differences(
            client.client_id,
            sent.get(client.client_id, Sent(Expected(), frozenset())),
            stored.get(client.client_id, Stored()),
            delivered[client.client_id],
            is_exact=is_exact,
            has_daily=_a_day_ended(client, hours[0], end),
        )
    listed = settings.home / "logs" / "demo-files.txt"
    _write_list(listed, delivered)
    console.print(_files_table(delivered))
    console.print(f"each with its sha256: {listed}", markup=False)
    console.print(_counts_table(sent, stored, delivered))
    return problems


def _a_day_ended(client: Client, start: datetime, end: datetime) -> bool:
    """Whether a local day of the client ended within the hours of the demo."""
    midnight = end.astimezone(client.zone()).replace(hour=0)
    return midnight > start


def _backup_differences(client_id: str, delivered: list[File], backup: ObjectStore) -> Iterator[str]:
    copies = {(file.key, file.sha256) for file in files(backup)}
    for file in delivered:
        if (file.key, file.sha256) not in copies:
            yield f"{client_id}: {file.key} is not in the backup bucket"


def _stored(warehouse: Path, start: datetime, end: datetime) -> tuple[int, dict[str, Stored]]:
    from commands.demo.stored import stored  # loads Dagster

    return stored(warehouse, start, end)


def _sent(requests: list[Request]) -> dict[str, Sent]:
    ids: dict[str, set[str]] = {}
    for request in requests:
        ids.setdefault(request.client_id, set()).update(request.event_ids)
    return {name: Sent(counts, frozenset(ids[name])) for name, counts in sums(requests).items()}


def _write_list(path: Path, delivered: Mapping[str, list[File]]) -> None:
    """Every delivered file on a line of its own."""
    lines = [
        f"{len(file.rows):>6} {file.bytes:>9}  {file.sha256}  {client_id}/{file.key}\n"
        for client_id, found in delivered.items()
        for file in found
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{'rows':>6} {'bytes':>9}  {'sha256':64}  file\n" + "".join(lines))


def _files_table(delivered: Mapping[str, list[File]]) -> Table:
    table = Table(title="\nDelivered files", title_justify="left")
    table.add_column("export")
    for name in ("files", "rows", "bytes"):
        table.add_column(name, justify="right")
    for client_id, found in delivered.items():
        for export in dict.fromkeys(file.export for file in found):
            of_export = [file for file in found if file.export == export]
            rows, size = sum(len(file.rows) for file in of_export), sum(file.bytes for file in of_export)
            table.add_row(f"{client_id}/{export}", str(len(of_export)), str(rows), str(size))
    return table


def _counts_table(
    sent: Mapping[str, Sent], stored: Mapping[str, Stored], delivered: Mapping[str, list[File]]
) -> Table:
    table = Table(title="\nSent, stored, delivered", title_justify="left", caption_justify="left")
    table.add_column("")
    for client_id in delivered:
        table.add_column(client_id, justify="right")
    nothing = Expected()

    def row(name: str, values: Iterator[object]) -> None:
        table.add_row(name, *(str(value) for value in values))

    counts = {name: one.counts for name, one in sent.items()}
    row("events sent", (counts.get(c, nothing).events + counts.get(c, nothing).duplicates for c in delivered))
    row("  bad lines sent", (counts.get(c, nothing).quarantined for c in delivered))
    have = {c: stored.get(c, Stored()) for c in delivered}
    row("lines stored", (have[c].kept + have[c].duplicates + have[c].quarantined for c in delivered))
    row("  kept", (have[c].kept for c in delivered))
    row("  duplicate", (have[c].duplicates for c in delivered))
    row("  quarantined", (have[c].quarantined for c in delivered))
    row("sessions", (have[c].sessions for c in delivered))
    row(
        "delivered rows of events",
        (sum(len(f.rows) for f in delivered[c] if f.dataset == "events") for c in delivered),
    )
    row("undeclared domains", (_undeclared(delivered[c]) for c in delivered))
    refused = counts.get(NOBODY, nothing).refused_unstored
    table.caption = f"{refused} requests with an unknown site key were refused and left nothing behind"
    return table


def _undeclared(delivered: list[File]) -> str:
    """The hosts that no client file declares, as the delivered events show them."""
    hosts = {
        row["host"]
        for file in delivered
        if file.dataset == "events"
        for row in file.rows
        if row["is_declared_host"] == "false"
    }
    return "\n".join(sorted(hosts)) or "none"


def _asked(settings: Settings, api: str) -> str:
    """The API's address, a key for it, and a question with its answer; nothing where it is switched off."""
    if not api:
        return ""
    text = new_key()
    document: dict[str, object] = {"name": "demo", "sha256": key_hash(text), "permissions": ["read"]}
    put_operator_key(settings.home, key_of(document))
    path = f"/v1/sites?client={_SITE[0]}"
    request = urllib.request.Request(f"{api}{path}", headers={"x-api-key": text})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=60) as answer:
        said = answer.read().decode()
    return f"[bold]API         {api}/docs[/]   key {text}\n            GET {path} → {escape(said)}\n"


def _serve(
    console: Console, settings: Settings, children: Children, collector: str, registry: Registry
) -> None:
    client = registry.client(_SITE[0])
    assert client is not None, "checked at the start"
    key = next(site.key for site in client.sites if site.site_id == _SITE[1])
    with _step(console, "starting the demo site, the API, the dashboard, the Dagster UI and the daemon"):
        site = installation.start_demo_site(children, settings, collector, key)
        api = installation.start_api(children, settings)
        dashboard = installation.start_dashboard(children, settings)
        interface = installation.start_dagster(children, settings)
    # From now on people may visit: the next demo in this folder finds more than it sent.
    (settings.home / "served").touch()
    console.print(
        f"\n[bold]dashboard   {dashboard or '(off: FOOTFALL_DASHBOARD_PORT is 0)'}[/]   "
        "all clients, for this machine alone\n"
        f"[bold]demo site   {site}[/]   visit it; the hour is delivered at five past\n"
        f"[bold]Dagster UI  {interface}[/]\n[bold]collector   {collector}/health[/]\n"
        f"{_asked(settings, api)}files       {settings.home / 'buckets'}\n"
        f"to see the hour as far as it goes: footfall run --open --from {_text(floor(datetime.now(UTC)))} "
        f"--to {_text(floor(datetime.now(UTC)) + HOUR)}\nCtrl-C ends all of it"
    )
    reloader = Reloader(settings, console.print)
    try:
        while True:
            children.check()
            children.shorten_logs()
            reloader.look()
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("\nstopping …")
