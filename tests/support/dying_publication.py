"""A publication that dies at a step; `python -m support.dying_publication FOLDER STEP` is killed there."""

import os
import shutil
import signal
import sys
from datetime import timedelta
from pathlib import Path

from support.publishing import Shelf

from footfall.sql import open_database
from footfall.store import LocalStore

HOUR = timedelta(hours=1)


def _stop():
    raise KeyboardInterrupt


def _kill():
    os.kill(os.getpid(), signal.SIGKILL)


class Dying(LocalStore):
    """A folder whose user dies at a certain call that changes something, before or after it."""

    def __init__(self, root, at=None, die=_stop):
        super().__init__(root)
        self.at, self.die, self.calls = at, die, 0

    def _step(self):
        self.calls += 1
        if self.calls == self.at:
            self.die()

    def put(self, key, data, *, create_only=False):
        self._step()
        super().put(key, data, create_only=create_only)
        self._step()

    def put_file(self, key, path, *, create_only=False):
        self._step()
        super().put_file(key, path, create_only=create_only)
        self._step()

    def delete(self, key):
        self._step()
        super().delete(key)
        self._step()


def copied(folder, copy):
    """A folder with a lake and a warehouse, once more."""
    shutil.copytree(folder, copy)
    return copy


def a_day_later(folder, at=None, die=_stop):
    """A folder's warehouse, and its lake a day later, whose user dies at a call."""
    shelf = Shelf(folder, Dying(folder / "lake", at, die))
    shelf.now += 24 * HOUR
    connection = open_database(folder / "warehouse.duckdb")
    connection.execute("SET TimeZone = 'UTC'")
    return connection, shelf


if __name__ == "__main__":
    connection, shelf = a_day_later(Path(sys.argv[1]), int(sys.argv[2]), _kill)
    shelf.publish(connection, "demo")
