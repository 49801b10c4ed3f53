"""A field of a client file written anew, as lines of YAML; whatever else its text says stays as it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from footfall.clients import Client, read_client
from footfall.errors import FootfallError
from footfall.strict_yaml import NotYaml, read_yaml


def whole_client(path: Path) -> Client:
    """The client of a file. Raises FootfallError with its first mistake."""
    client, mistakes = read_client(path)
    if client is None:
        raise FootfallError(f"{mistakes[0]}; mend that first" if mistakes else f"{path} is no client file")
    return client


def with_items(
    path: Path, client: Client, field: str, items: Sequence[Mapping[str, Any]]
) -> tuple[Client, str]:
    """The client with another list at `field`, and the text of its file. Raises FootfallError where the file
    is laid out in a way that no list can be put into, or the client would not be valid.
    """
    block = f"{field}:\n" + "".join(f"  - {_item(each)}\n" for each in items) if items else ""
    kept, is_inside = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        is_inside = line.startswith(f"{field}:") or (is_inside and line.startswith((" ", "-")))
        kept += [] if is_inside else [f"{line}\n"]
    text = "".join(kept) + block
    try:
        taken = Client.model_validate(read_yaml(text))
    except (NotYaml, ValidationError) as error:
        said = str(error).partition("Value error, ")[2].partition(" [type=")[0]
        raise FootfallError(f"{path.name}: {said or _unwritten(block)}") from None
    if taken.model_copy(update={field: getattr(client, field)}) != client:
        raise FootfallError(f"{path.name}: {_unwritten(block)}")
    return taken, text


def write(path: Path, text: str) -> None:
    """Put the text in the place of the file, whole. Raises FootfallError."""
    part = path.with_suffix(".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.chmod(path.stat().st_mode & 0o777)
        part.replace(path)
    except OSError as error:
        raise FootfallError(f"{path} cannot be written: {error}") from None


def _item(each: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(each), default_flow_style=True, sort_keys=False, width=10_000).strip()


def _unwritten(block: str) -> str:
    return (
        f"it is laid out in a way that no line can be added to; add this by hand: {' '.join(block.split())}"
    )
