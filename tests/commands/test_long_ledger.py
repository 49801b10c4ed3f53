"""A ledger of many years is gone through in little memory."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from support.orchestration_builders import HOUR
from support.repository import ROOT

from orchestration.delivery.ledger import Ledger, text_of

ROWS = 15_000
#: Of each row: about what many columns take.
MANIFEST = '{"status": "final", "note": "' + 8_000 * "." + '"}'
#: Megabytes that the rows may take: all their manifests are 120.
MOST = 50
RUN = """\
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "commands.entry", *sys.argv[1:]], stdout=subprocess.DEVNULL)
assert done.returncode == 0
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def peak(home, *arguments):
    """Megabytes that a command takes at most."""
    inherited = {n: v for n, v in os.environ.items() if not n.startswith("FOOTFALL_")}
    environment = inherited | {
        "FOOTFALL_ENV_FILE": os.devnull,
        "FOOTFALL_HOME": str(home),
        "FOOTFALL_CLIENTS": str(home / "clients"),
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """An installation that delivered nothing, and one that delivered for years to a client who is gone."""
    new, old = (tmp_path_factory.mktemp(name) for name in ("new", "old"))
    for home in (new, old):
        (home / "clients").mkdir()
    ledger = Ledger(old / "ledger.sqlite")
    with ledger.transaction() as connection:
        connection.executemany(
            "INSERT INTO revisions (client_id, export, period_start, revision, state, reason, cadence, "
            "planned_at, manifest) VALUES ('gone', 'events', ?, 1, 'notified', 'initial', 'hourly', ?, ?)",
            (
                (text_of(moment), text_of(moment), MANIFEST)
                for moment in (HOUR + n * timedelta(hours=1) for n in range(ROWS))
            ),
        )
        connection.execute(
            "INSERT INTO copies SELECT client_id, export, period_start, revision, 'main', 'committed' "
            "FROM revisions"
        )
    ledger.close()
    return new, old


@pytest.mark.parametrize("command", [("replay",), ("list", "--all")])
def test_the_rows_of_years_are_not_held_at_once(homes, command):
    new, old = (peak(home, "deliveries", *command) for home in homes)

    assert old - new < MOST
