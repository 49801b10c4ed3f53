"""A client file that came, changed or went is loaded by Dagster without a restart, and once."""

import time

from support.waiting import wait_until

from commands.client_files import Reloader
from footfall.errors import FootfallError
from footfall.settings import Settings

LOADED = "client files have changed; Dagster has loaded them"


class Dagster:
    """Stands for the one that runs: counts its loads, of which the first `failing` fail."""

    def __init__(self, failing=0):
        self.failing = failing
        self.loads = 0

    def __call__(self, _settings):
        self.loads += 1
        if self.loads <= self.failing:
            raise FootfallError("no Dagster UI answers")
        return "reloaded"


def looks(tmp_path, dagster):
    said = []
    settings = Settings.from_environ({"FOOTFALL_HOME": str(tmp_path), "FOOTFALL_CLIENTS": str(tmp_path)})
    return Reloader(settings, said.append, dagster, every=0.01, again=0.02), said


def look_until(reloader, holds):
    def looks_and_holds():
        reloader.look()
        return holds()

    if not holds():
        wait_until(looks_and_holds, every=0.005)


def test_each_change_of_the_folder_is_loaded_once(tmp_path):
    dagster = Dagster()
    reloader, said = looks(tmp_path, dagster)

    for n, change in enumerate(
        (
            lambda: (tmp_path / "acme.yaml").write_text("client_id: acme\n"),
            lambda: (tmp_path / "acme.yaml").write_text("client_id: acme # changed\n"),
            lambda: (tmp_path / "acme.yaml").unlink(),
        ),
        start=1,
    ):
        change()
        look_until(reloader, lambda n=n: said.count(LOADED) == n)
    for _ in range(20):
        reloader.look()
        time.sleep(0.01)

    assert dagster.loads == 3
    aside = [line for line in said if line != LOADED]
    assert aside and all(line.startswith("set aside: acme.yaml: ") for line in aside), (
        "and what is in force is said"
    )


def test_a_load_that_fails_is_said_and_tried_again(tmp_path):
    dagster = Dagster(failing=1)
    reloader, said = looks(tmp_path, dagster)
    (tmp_path / "acme.yaml").write_text("client_id: acme\n")

    look_until(reloader, lambda: LOADED in said)

    assert "could not load them: no Dagster UI answers" in said[0]
    assert said[1] == LOADED
