"""`footfall clients new`: asks the few questions of a new client, checks the answers and writes its file."""

import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import yaml

from footfall.allowed import Allowed
from footfall.catalogue.formats import CSV, HTML
from footfall.catalogue.periods import kind_of
from footfall.catalogue.tables import DATASETS
from footfall.clients import Client, load_registry, read_client
from footfall.errors import FootfallError
from footfall.exports import CADENCES
from footfall.fields import EXPECTED, NAME
from footfall.settings import Settings
from footfall.whole_files import written_beside

#: What is delivered where nobody says otherwise: `dataset` or `dataset:cadence`.
EXPORTS = ("events:hourly", "sessions:hourly", "daily_metrics:daily")


@dataclass(frozen=True)
class Answers:
    """What a person says of a new client; None is asked for, on a terminal."""

    client_id: str | None
    name: str | None
    timezone: str | None
    domains: Sequence[str]
    bucket: str | None
    exports: Sequence[str]
    format: str


def new(settings: Settings, answers: Answers) -> int:
    """Write the file of a client that has none. Raises FootfallError saying what is wrong with an answer."""
    client_id = answers.client_id or _asked("--id", "Client id (a-z 0-9 _ -)")
    if not re.fullmatch(NAME, client_id):
        raise FootfallError(f"client id: {EXPECTED[NAME]}")
    path = settings.clients / f"{client_id}.yaml"
    if path.exists():
        raise FootfallError(f"{path} is there; a client of another id is a file of its own")
    name = answers.name or _asked("--name", "Name, for people", client_id.replace("-", " ").title())
    timezone = answers.timezone or _asked("--timezone", "Time zone in which its days begin", "UTC")
    domains = [*answers.domains] or _listed(_asked("--domain", "Hosts of its web site, with spaces between"))
    default = f"file://${{FOOTFALL_HOME}}/buckets/{client_id}"
    bucket = answers.bucket or _asked(
        "--bucket", "Its bucket, s3://, gs://, az:// or file:///folder", default
    )
    ordered = [_ordered(each) for each in answers.exports or EXPORTS]
    text = _text(client_id, name, timezone, domains, bucket, ordered, answers.format)
    client = _checked(settings, path.name, text)
    _put(path, text)
    print(f"\n{path} is written; the collector takes its events within two seconds.")
    print("\nIn each page of the site, with the address of your collector:")
    print(f'  <script defer src="https://COLLECTOR/pixel.js" data-site="{client.sites[0].key}"></script>')
    print(f"\nNext: footfall clients test {client_id}     proves that its bucket can be written")
    print("      docs/client-file.md has all else that a file can say")
    return 0


def _put(path: Path, text: str) -> None:
    """Whole at once, and never over another: a collector looks every two seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = written_beside(path, text.encode())
    part.chmod(0o644)  # as files that people write; what is secret in one is a reference
    try:
        os.link(part, path)
    except FileExistsError:
        raise FootfallError(f"{path} was written meanwhile") from None
    finally:
        part.unlink()


def _asked(option: str, question: str, default: str | None = None) -> str:
    if not sys.stdin.isatty():
        raise FootfallError(f"say {option}: there is nobody to ask")
    return str(click.prompt(question, default=default)).strip()


def _listed(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,]+", text) if part]


def _ordered(text: str) -> tuple[str, str]:
    """Dataset and cadence of one export."""
    dataset, _, cadence = text.partition(":")
    allowed = CADENCES.get(dataset)
    if allowed is None:
        raise FootfallError(
            f"--export {text}: there is no dataset {dataset}; there are {', '.join(CADENCES)}"
        )
    usual = next((c for c in allowed if kind_of(c).is_hour and not kind_of(c).is_live), allowed[0])
    return dataset, cadence or usual


def _format(dataset: str, form: str) -> str:
    """What the file says of it; nothing where it is the usual one."""
    name = HTML.name if DATASETS[dataset].is_page else form
    return "" if name == CSV.name else f", format: {name}"


def _text(
    client_id: str,
    name: str,
    timezone: str,
    domains: Sequence[str],
    bucket: str,
    ordered: Sequence[tuple[str, str]],
    form: str,
) -> str:
    exports = "".join(
        f"  - {{name: {dataset.replace('_', '-')}, dataset: {dataset}, cadence: {cadence}"
        f"{_format(dataset, form)}}}\n"
        for dataset, cadence in ordered
    )
    return (
        f"client_id: {_yaml(client_id)}\n"
        f"name: {_yaml(name)}\n"
        f"timezone: {_yaml(timezone)}\n"
        "sites:\n"
        f"  - site_id: {_yaml(client_id)}\n"
        f"    key: pk_{secrets.token_hex(8)}\n"
        f"    domains: [{', '.join(map(_yaml, domains))}]\n"
        "destination:\n"
        f"  url: {_yaml(bucket)}\n"
        f"exports:\n{exports}"
    )


def _yaml(text: str) -> str:
    """Text as YAML has it in any place; quoted where it would be something else, as `No` and `12` would."""
    is_plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*", text)
    return text if is_plain and yaml.safe_load(text) == text else json.dumps(text, ensure_ascii=False)


def _checked(settings: Settings, name: str, text: str) -> Client:
    """The client of a text, beside all others. Raises FootfallError with every mistake."""
    with TemporaryDirectory(prefix="footfall-new-client-") as folder:
        beside = Path(folder)
        for each in settings.clients.glob("*.yaml"):
            shutil.copyfile(each, beside / each.name)
        (beside / name).write_text(text, encoding="utf-8")
        # Whoever has a file had what it claims before.
        registry = load_registry(beside, Allowed.of(settings), in_force=settings.clients)
        client, _ = read_client(beside / name)
    wrong = [f"{each.field}: {each.reason}" for each in registry.mistakes if each.file == name]
    if wrong or client is None:
        raise FootfallError("; ".join(wrong) or f"{name} cannot be read")
    return client
