"""The environment of a process: what `.env` adds to it, and which of its names nobody reads."""

import os
from collections.abc import Iterable, Iterator, MutableMapping
from difflib import get_close_matches
from pathlib import Path

from dotenv.parser import parse_stream

from footfall.errors import FootfallError
from footfall.settings import VARIABLES

#: Read by the dbt project; Footfall itself sets those of its warehouse (dbt_project/profiles.yml).
OF_DBT = (
    *("FOOTFALL_WAREHOUSE", "FOOTFALL_WINDOW_START", "FOOTFALL_WINDOW_END", "FOOTFALL_HOUR_FILES"),
    *("FOOTFALL_SPARK_REMOTE", "FOOTFALL_SPARK_TABLES"),
)
#: How alike a name must be to one of ours to be taken for it, 0 to 1, where it does not begin as ours do.
_LIKENESS = 0.85
#: The same where it does begin so, which is half of a short name.
_LIKENESS_OF_OURS = 0.76


def add_env_file(environ: MutableMapping[str, str]) -> None:
    """Add what the file of FOOTFALL_ENV_FILE says, `.env` in the working folder, of what is not set already.

    All variables, as also secrets of client files and credentials of stores may stand there. Values are
    taken as they are: nothing is expanded. Children get the file's absolute name. Raises FootfallError.
    """
    name = environ.get("FOOTFALL_ENV_FILE") or VARIABLES["FOOTFALL_ENV_FILE"].default
    path = Path(os.path.abspath(name))  # noqa: PTH100 - a link that is missing is not followed
    is_asked_for = bool(environ.get("FOOTFALL_ENV_FILE"))
    environ["FOOTFALL_ENV_FILE"] = str(path)
    try:
        with path.open(encoding="utf-8") as file:
            bindings = list(parse_stream(file))
    except FileNotFoundError:
        if is_asked_for and path.name != VARIABLES["FOOTFALL_ENV_FILE"].default:
            raise FootfallError(f"FOOTFALL_ENV_FILE: there is no file {path}") from None
        return
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise FootfallError(f"{path} cannot be read: {reason}") from None
    for binding in bindings:
        # The line is not repeated: a secret could stand there.
        if binding.error or (binding.key is not None and binding.value is None):
            raise FootfallError(f"{path} line {binding.original.line}: expected NAME=VALUE")
    added = {b.key: b.value for b in bindings if b.key is not None and b.value is not None}
    for key, value in added.items():
        if not environ.get(key):
            environ[key] = value


def unread(names: Iterable[str]) -> Iterator[str]:
    """A line for each variable that looks like one of ours and is none. Values are not shown."""
    known = (*VARIABLES, *OF_DBT)
    for name in sorted(set(names) - set(known)):
        upper = name.upper()
        if not upper.startswith("FO"):
            continue
        like = get_close_matches(upper, VARIABLES, 1, _LIKENESS)
        if upper.startswith("FOOTFALL") or like:
            hint = like or get_close_matches(upper, VARIABLES, 1, _LIKENESS_OF_OURS)
            yield f"{name} is not a variable of Footfall and is not read" + (
                f"; did you mean {hint[0]}?" if hint else ""
            )
