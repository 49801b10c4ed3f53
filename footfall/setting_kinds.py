"""What a setting can be: a number with its range, words, lists, folders, each read from its text."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from footfall import client_permits
from footfall.errors import FootfallError

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
class OneOf:
    """The words that a setting may be, in whatever letters."""

    words: tuple[str, ...]


def _digits(value: object) -> object:
    """Only what a person would call a whole number: `1_0`, ` 1` and digits of other scripts are none."""
    if isinstance(value, str) and not re.fullmatch("[0-9]{1,18}", value):
        raise ValueError
    return value


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


Whole = Annotated[int, BeforeValidator(_digits)]
Folder = Annotated[Path, AfterValidator(Path.absolute)]
File = Annotated[Path | None, BeforeValidator(lambda text: Path(text).absolute() if text else None)]
Text = Annotated[str | None, BeforeValidator(lambda text: text or None)]
YesOrNo = Annotated[bool, BeforeValidator(lambda text: text == "yes"), OneOf(("yes", "no"))]
Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Folders = Annotated[tuple[str, ...], BeforeValidator(client_permits.folders)]
Grants = Annotated[tuple[str, ...], BeforeValidator(client_permits.grants)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(client_permits.hosts)]
Paths = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_paths)]


def setting(name: str, default: str | int, meaning: str, *, is_secret: bool = False, **limits: int) -> Any:
    """A variable. `{home}` in a default stands for FOOTFALL_HOME; `meaning` is Markdown of docs/.

    `is_secret`: its value may be where the secret is kept (footfall.secrets.kept).
    """
    known: dict[str, Any] = {"validation_alias": name, "description": meaning, "validate_default": True}
    return Field(default=default, json_schema_extra={"is_secret": is_secret}, **known, **limits)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Variable:
    """What is known of a variable without its value."""

    default: str
    meaning: str
    #: Of a number, both included.
    limits: tuple[int, int] | None
    #: All that it may be, where these are few.
    words: tuple[str, ...]
    #: Whether its value may be where it is kept.
    is_secret: bool

    def expected(self) -> str:
        """The range in words, for a message."""
        if self.limits:
            return "a whole number from {} to {}".format(*self.limits)
        return f"{', '.join(self.words[:-1])} or {self.words[-1]}" if self.words else "another value"


def variables(model: type[BaseModel]) -> dict[str, Variable]:
    """What a class of settings says of its variables, by their names."""
    found = {}
    for field in model.model_fields.values():
        low = [each.ge for each in field.metadata if isinstance(each, Ge)]
        high = [each.le for each in field.metadata if isinstance(each, Le)]
        words = [each.words for each in field.metadata if isinstance(each, OneOf)]
        found[str(field.validation_alias)] = Variable(
            default=str(field.default),
            meaning=field.description or "",
            limits=(int(str(low[0])), int(str(high[0]))) if low else None,
            words=words[0] if words else (),
            is_secret=bool((field.json_schema_extra or {}).get("is_secret")),  # type: ignore[union-attr]
        )
    return found
