"""The command line, `footfall COMMAND`: its table of commands, and how one that fails is told of.

A command `name` is the file `commands/name.py` (`import_` where Python needs the word), whose `command` is a
click command or group, and its line here. Only what is asked for is loaded, so that help comes at once.
"""

import importlib
import keyword
import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import click

from footfall.errors import FootfallError

#: What a person wants to do → the commands for it: name, and what it does in one line.
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Begin": {
        "demo": "two days of traffic, from HTTP to verified files; then serve",
        "up": "collector, API, dashboard, Dagster, until Ctrl-C",
        "api": "the API alone, until Ctrl-C",
        "dagster": "Dagster's parts alone: code, webserver, daemon; migrate",
        "dashboard": "the pages alone; who may see them: share, allow",
        "mcp": "the API's questions as tools for an assistant",
        "doctor": "is this installation able to do its work? --watch: is it alive?",
    },
    "Clients": {
        "clients": "check the client files; test: prove a client's destinations",
        "keys": "API keys: new, list, revoke, rotate, hash",
        "domains": "the registry of domains: list, approve, block, retire, verify",
        "reload": "let a running Dagster load the client files anew",
    },
    "Data in, tables, deliveries": {
        "import": "access logs, events, or the export of another tool",
        "enrich": "what was learnt later of stored events",
        "agents": "AI agents that sign their requests: fetch, add, list, remove",
        "geoip": "the table that says where addresses are: install, show",
        "replay": "quarantined lines again, under the rules of today",
        "run": "hours, from raw objects to files in the clients' buckets",
        "rebuild": "every model anew, after a change of the models",
        "published": "the tables that programs read: list, read",
        "ask": "saved questions of these tables, and what each answers",
        "report": "the page of a report as it is now, without delivering it",
        "deliveries": "the ledger: list, replay, restate, rebuild, usage",
        "verify": "a bucket against its manifests",
    },
    "Alerts, messages, the installation": {
        "alerts": "what is wrong, and who knows of it: list, show, ack, mute, test",
        "webhooks": "billing messages: list, replay, send",
        "privacy": "persons: erase, export, hold; what is kept and how long",
        "audit": "who did and looked at what: list, export, verify",
        "backup": "what must not be lost, as a snapshot, while all runs",
        "upgrade": "the state of an earlier release, after a backup",
        "restore": "a snapshot of `backup` into an empty state folder",
        "completion": "the script that completes all this in bash, zsh or fish",
    },
}
COMMANDS = {name: text for section in SECTIONS.values() for name, text in section.items()}


class _Footfall(click.Group):
    """All commands, each loaded when it is asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = cmd_name + ("_" if keyword.iskeyword(cmd_name) else "")
        command: click.Command = importlib.import_module(f"commands.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
            ctx.fail(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)  # the options are in the last line: all fits on a screen

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), text) for name, text in commands.items()])


@click.group(
    cls=_Footfall,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Hours are UTC. `footfall COMMAND --help` says more; --version: which it is.",
)
@click.version_option(package_name="footfall", message="footfall %(version)s")
def footfall() -> None:
    """Web behaviour for many clients, delivered whole into buckets they own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Exit codes: 0 done, 1 something is wrong and was said, 2 not a command line, 130 stopped by Ctrl-C.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return int(footfall.main(given, prog_name="footfall", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except FootfallError as error:
        name = next((word for word in given if not word.startswith("-")), "")
        print(f"footfall {name}: {error}", file=sys.stderr)
        return 1
    except (click.Abort, KeyboardInterrupt):
        print("\nstopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # What is left in the buffer is for nobody; said at exit, it would be a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
