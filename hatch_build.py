"""What pyproject.toml cannot say of the wheel: single files of this folder that lie elsewhere in it."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = ("dagster.yaml", "workspace.yaml")


class Hook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":  # there they are read where they are
            build_data["force_include"].update({name: f"footfall/data/{name}" for name in FILES})
