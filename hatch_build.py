"""What pyproject.toml cannot say of a build: files that lie elsewhere in the wheel, and the prepared models.

A wheel is built of a source archive, where no environment is: so the archive holds the prepared models too.
"""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = ("dagster.yaml", "workspace.yaml")
PREPARED = "dbt_project/target/prepared"


class Hook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":  # there they are read where they are
            return
        is_wheel = self.target_name == "wheel"
        if is_wheel:
            build_data["force_include"].update({name: f"footfall/data/{name}" for name in FILES})
        root = Path(self.root)
        python = root / ".venv" / "bin" / "python"
        if python.exists():
            subprocess.run([python, "-m", "commands.prepare"], cwd=root, check=True)
        # Without them the first command of an installation makes its own.
        for path in sorted((root / PREPARED).glob("*/*")):
            if path.name in ("manifest.json", "partial_parse.msgpack"):
                name = path.relative_to(root).as_posix()
                build_data["force_include"][str(path)] = f"footfall/data/{name}" if is_wheel else name
