"""The command line, `footfall COMMAND`: what is asked, what is answered, and nothing of how."""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from commands import backup, doctor, ingest_commands, installation, restore, verify_command
from commands.keeping import Keeper, Teller
from commands.processes import Children, stop_on_signals
from footfall.allowed import Allowed
from footfall.api_keys import key_hash, new_key
from footfall.clients import Client, Registry, Site, registry_of
from footfall.durable import open_lake, take_up
from footfall.errors import FootfallError
from footfall.hours import HOUR, lower_first_hour, parse, run_command
from footfall.last_good import keep
from footfall.privacy import Salts
from footfall.private import keep_private
from footfall.probe import probe
from footfall.settings import Settings
from footfall.signatures import load_signer
from orchestration.reloading import reload
from sources.import_events import import_events
from sources.import_files import local_files
from sources.importer import import_log

#: Commands that another module takes whole, because they need Dagster or the ledger: the module with
#: its first arguments, and the meaning.
PASSED_ON = {
    "deliveries": (("commands.deliveries",), "the ledger: list, replay, restate, rebuild, usage"),
    # Two commands of one module: the registry and what is told of it.
    "domains": (
        ("commands.discovery", "domains"),
        "the registry of domains: list, approve, block, retire, verify",
    ),
    "webhooks": (("commands.discovery", "webhooks"), "billing messages: list, replay, send"),
    "rebuild": (("commands.rebuild",), "every model anew, after a change of the models"),
    "alerts": (("commands.alerts",), "alerts: list, show, ack, mute, unmute, test"),
}


#: Commands that touch no state: a client may run them where there is none.
STATELESS = ("clients", "keys", "restore", "verify")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 something is wrong and was said, 130 stopped by Ctrl-C."""
    options = parser().parse_args(arguments)
    stop_on_signals()
    command: Callable[[argparse.Namespace, Settings], int] = options.command
    try:
        settings = Settings.from_environ(os.environ)
        if options.name not in STATELESS:
            keep_private(settings, is_first=take_up(settings.home))
        return command(options, settings)
    except FootfallError as error:
        print(f"footfall {options.name}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    whole = argparse.ArgumentParser(
        prog="footfall", description="Web behaviour for many clients, delivered whole into buckets they own."
    )
    commands = whole.add_subparsers(dest="name", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo", help="two days of traffic from HTTP request to verified files, then serve"
    )
    demo.add_argument("--no-serve", action="store_true", help="exit after the summary")
    demo.add_argument(
        "--hours", type=int, default=48, metavar="N", help="hours of traffic, 1-168 (default 48)"
    )
    demo.add_argument(
        "--end", metavar="HOUR", help="the hour the traffic ends before (default: the current one)"
    )
    demo.set_defaults(command=_demo)

    up = commands.add_parser(
        "up", help="collector, Dagster UI and daemon on the existing state, until Ctrl-C"
    )
    up.set_defaults(command=_up)

    imports = commands.add_parser("import", help="an access log into the lake, as page views of its own time")
    imports.add_argument("file", help="a file, s3://bucket/key, or s3://bucket/prefix/ for all under it")
    imports.add_argument("--client", required=True)
    imports.add_argument("--site", help="the site the log is of (default: the client's only one)")
    imports.add_argument("--format", default="combined", choices=["combined", "cloudfront", "ndjson"])
    imports.add_argument(
        "--no-page-views",
        action="store_true",
        help="cloudfront: requests only, where a pixel counts the views",
    )
    imports.set_defaults(command=_import)

    run = commands.add_parser("run", help="materialise hours and deliveries through Dagster")
    run.add_argument("--from", dest="start", metavar="HOUR", help="2026-11-20 or 2026-11-20T14, UTC")
    run.add_argument("--to", dest="end", metavar="HOUR", help="the hour to stop before")
    run.add_argument(
        "--live", action="store_true", help="the parts of live exports, of the running hour if none is named"
    )
    run.add_argument(
        "--open",
        action="store_true",
        help="also the hour that has not ended; what is delivered of it is marked incomplete",
    )
    run.set_defaults(command=_run)

    for name, (_, meaning) in PASSED_ON.items():
        # No dash begins an option here: all that follows the name is the module's own business, also --help.
        each = commands.add_parser(name, help=meaning, add_help=False, prefix_chars="\0")
        each.add_argument("arguments", nargs=argparse.REMAINDER)
        each.set_defaults(command=_pass_on)

    ingest_commands.add(commands)

    verify_command.add(commands)

    backup.add(commands)
    restore.add(commands)

    clients = commands.add_parser("clients", help="check the client files")
    clients.add_argument("--schema", action="store_true", help="print the JSON schema of a client file")
    clients.set_defaults(command=_clients)
    tests = clients.add_subparsers(dest="action", metavar="test")
    test = tests.add_parser("test", help="prove a client's destinations, step by step")
    test.add_argument("client")
    test.set_defaults(command=_test_client)

    reload = commands.add_parser("reload", help="let a running Dagster load the client files anew")
    reload.set_defaults(command=_reload)

    keys = commands.add_parser("keys", help="API keys of a client: make one, or hash one that exists")
    acts = keys.add_subparsers(dest="act", required=True, metavar="ACT")
    new = acts.add_parser("new", help="make a key, show it once, print what belongs into the client file")
    new.add_argument("client")
    new.add_argument("--permission", required=True, action="append", choices=["read", "write", "admin"])
    new.add_argument("--label", default="key-1", metavar="NAME", help="its name in logs and answers")
    new.add_argument("--site", help="the site that its events belong to (default: the client's only one)")
    new.set_defaults(command=_new_key)
    hashed = acts.add_parser("hash", help="the hash of an existing key, read from stdin")
    hashed.set_defaults(command=_hash_key)

    check = commands.add_parser("doctor", help="check the installation")
    check.add_argument(
        "--watch",
        action="store_true",
        help="for a timer: tell the alert routes of a dead daemon or collector",
    )
    check.set_defaults(command=_doctor)
    return whole


def _demo(options: argparse.Namespace, settings: Settings) -> int:
    from commands.demo.demo import run_demo  # the terminal library behind it takes a quarter of a second

    end = parse(options.end) if options.end else None
    if not 1 <= options.hours <= 168:
        raise FootfallError(f"--hours {options.hours}: expected 1 to 168")
    return run_demo(settings, os.environ, hours=options.hours, end=end, serve=not options.no_serve)


def _up(_options: argparse.Namespace, settings: Settings) -> int:
    installation.prepare(settings)
    _put_in_force(settings)
    lower_first_hour(
        settings.first_hour_file, datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    environment = installation.environment(settings, os.environ)
    with (
        installation.sole_instance(settings),
        Children(installation.PROJECT, environment, settings.home / "logs") as children,
    ):
        print("starting the collector, the Dagster UI and the daemon …", flush=True)
        keeper = Keeper(children, Teller(installation.PROJECT, environment, _log), _log)
        try:
            collector = installation.start_collector(children, settings)
            interface = installation.start_dagster(children, settings, keeper.look)
            print(f"collector   {collector}\nDagster UI  {interface}\nCtrl-C ends all of it", flush=True)
            while True:
                keeper.look()
                time.sleep(0.5)
        except KeyboardInterrupt:
            print("\nstopping …", flush=True)
        except FootfallError as error:
            keeper.give_up(error)
            raise
        finally:
            keeper.close()
    return 0


def _log(line: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}", flush=True)


def _import(options: argparse.Namespace, settings: Settings) -> int:
    installation.prepare(settings)
    client = _client(settings, options.client)
    sites = {site.site_id: site for site in client.sites}
    name = options.site or (next(iter(sites)) if len(sites) == 1 else None)
    if name not in sites:
        raise FootfallError(f"say which site of {client.client_id} it is: --site {' | '.join(sites)}")
    if options.format == "cloudfront":
        arguments = [options.file, "--client", client.client_id, "--site", name]
        arguments += ["--no-page-views"] if options.no_page_views else []
        return installation.run_module(settings, os.environ, "commands.import_cloudfront", *arguments)
    with local_files(options.file, s3_endpoint=settings.s3_endpoint) as files:
        for shown, path in files:
            _import_file(shown, path, client, sites[name], settings, options.format)
    return 0


def _import_file(
    shown: str, path: Path, client: Client, site: Site, settings: Settings, log_format: str
) -> None:
    lake = open_lake(settings.lake, settings.s3_endpoint)
    begun = time.monotonic()
    if log_format == "ndjson":
        report = import_events(path, client, site, lake, Salts(lake))
    else:
        report = import_log(path, client, site, lake, Salts(lake), log_format=log_format)
    first, last = report.first_hour, report.last_hour
    print(
        f"{shown}: {report.lines} lines = {report.page_views} "
        + ("events " if log_format == "ndjson" else "page views ")
        + ("" if log_format == "ndjson" else f"+ {report.other_hits} other hits (counted, not stored) ")
        + f"+ {report.refused + report.malformed} to quarantine"
    )
    if first is None or last is None:
        print("nothing to store")
        return
    took = time.monotonic() - begun
    print(f"{report.objects} hours from {first:%Y-%m-%dT%H} to {last:%Y-%m-%dT%H}, {took:.1f} s")
    if lower_first_hour(settings.first_hour_file, first.replace(hour=0)):
        print(
            "these hours are the earliest so far: if Dagster is running, reload its code location to see them"
        )
    now = datetime.now(UTC)
    days = last.replace(hour=0) + timedelta(days=1)
    print(f"next: {run_command(first.replace(hour=0), days if days <= now else last + HOUR, now)}")


def _run(options: argparse.Namespace, settings: Settings) -> int:
    installation.prepare(settings)
    _put_in_force(settings)
    given = {"--from": options.start, "--to": options.end}
    arguments = [part for name, value in given.items() if value for part in (name, value)]
    arguments += ["--open"] if options.open else []
    if options.live:
        arguments.append("--live")
    elif len(given) > sum(map(bool, given.values())):
        raise FootfallError("say which hours: --from HOUR --to HOUR")
    return installation.run_module(settings, os.environ, "commands.run", *arguments)


def _pass_on(options: argparse.Namespace, settings: Settings) -> int:
    installation.prepare(settings)
    module_and_arguments, _ = PASSED_ON[options.name]
    return installation.run_module(settings, os.environ, *module_and_arguments, *options.arguments)


def _test_client(options: argparse.Namespace, settings: Settings) -> int:
    client = _client(settings, options.client)
    installation.prepare(settings)
    signer = load_signer(settings.home / "keys")
    allowed, taken = Allowed.of(settings), registry_of(settings).places_of_others(client.client_id)
    failed = False
    for name, destination in client.destinations().items():
        print(f"{client.client_id} {name}: {destination.url}")
        token = signer.derived(f"challenge:{destination.url}")
        for step in probe(destination, allowed, token, taken=taken):
            word = "ok   " if step.is_good else ("FAIL " if step.is_needed else "no   ")
            print(f"  {word} {step.name}: {step.said}")
            if step.missing:
                print(f"        missing: {step.missing}")
            failed = failed or (step.is_needed and not step.is_good)
    print("deliveries would arrive" if not failed else "deliveries would fail")
    return 1 if failed else 0


def _reload(_options: argparse.Namespace, settings: Settings) -> int:
    for mistake in registry_of(settings).mistakes:
        print(f"set aside: {mistake}", file=sys.stderr)
    print(f"Dagster {reload(settings)}: {settings.clients}")
    return 0


def _clients(options: argparse.Namespace, settings: Settings) -> int:
    if options.schema:
        print(json.dumps(Client.model_json_schema(), indent=2))
        return 0
    registry = registry_of(settings)
    for client in registry.clients:
        sites = ", ".join(site.site_id for site in client.sites)
        exports = ", ".join(f"{export.name} ({export.cadence})" for export in client.exports)
        print(f"{client.client_id}: {client.name}, {client.timezone}; sites: {sites}; exports: {exports}")
    for mistake in registry.mistakes:
        print(f"SET ASIDE  {mistake}")
    return 1 if registry.mistakes else 0


def _new_key(options: argparse.Namespace, settings: Settings) -> int:
    client = _client(settings, options.client)
    key = new_key()
    written = {
        "name": options.label,
        "sha256": key_hash(key),
        "permissions": options.permission,
        **({"site_id": options.site} if options.site else {}),
    }
    try:  # the client as it would be with the key, so that a mistake shows before the key is handed out
        document = client.model_dump(mode="json", exclude_unset=True)
        Client.model_validate({**document, "api_keys": [*document.get("api_keys", []), written]})
    except ValidationError as error:
        raise FootfallError(error.errors(include_input=False)[0]["msg"]) from None
    print(f"the key, shown only now:  {key}\n")
    print(f"add to api_keys in {settings.clients / f'{client.client_id}.yaml'}:")
    print(f"  - {json.dumps(written)}")
    return 0


def _hash_key(_options: argparse.Namespace, _settings: Settings) -> int:
    key = sys.stdin.readline().strip()
    if not key:
        raise FootfallError("give the key on stdin, so that it stays out of the shell's history")
    print(key_hash(key))
    return 0


def _doctor(options: argparse.Namespace, settings: Settings) -> int:
    if options.watch:
        installation.prepare(settings)
        return installation.run_module(settings, os.environ, "commands.alerts", "watch")
    return doctor.examine(settings)


def _require_clients(settings: Settings) -> Registry:
    """The registry; says on stderr what was set aside. Raises FootfallError where no client is left."""
    registry = registry_of(settings)
    for mistake in registry.mistakes:
        print(f"set aside: {mistake}", file=sys.stderr)
    if not registry.clients:
        raise FootfallError(f"no valid client file in {settings.clients}")
    return registry


def _put_in_force(settings: Settings) -> None:
    """The same for a command that does the clients' work: what stands now is theirs from now on."""
    registry = _require_clients(settings)
    with contextlib.suppress(OSError):  # then the first by name stands where two claim one thing
        keep(settings.clients, settings.last_good_clients, [c.client_id for c in registry.clients])


def _client(settings: Settings, client_id: str) -> Client:
    registry = _require_clients(settings)
    client = registry.client(client_id)
    if client is None:
        known = ", ".join(c.client_id for c in registry.clients)
        raise FootfallError(f"no client {client_id!r}; valid are: {known}")
    return client


if __name__ == "__main__":
    sys.exit(main())
