"""The stages of deploy/Dockerfile, and the environment of what they end in."""

import re
import shlex

from support.repository import ROOT

TEXT = (ROOT / "deploy" / "Dockerfile").read_text()


def stages() -> dict[str, list[str]]:
    """Name → instructions."""
    found: dict[str, list[str]] = {}
    for line in re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines():
        if line.startswith("FROM "):
            found[line.split()[-1]] = [line]
        elif line.strip():
            found[list(found)[-1]].append(line.strip())
    return found


def image_environment(name: str = "footfall") -> dict[str, str]:
    """ENV of a stage and of those that it is made from."""
    stage = stages().get(name)
    if stage is None:
        return {}
    said = image_environment(stage[0].split()[1])
    for line in stage:
        if line.startswith("ENV "):
            said |= dict(part.split("=", 1) for part in shlex.split(line[4:]))
    return said
