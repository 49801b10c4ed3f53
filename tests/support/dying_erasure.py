"""An erasure that says each edge that it comes to and waits there, so that somebody else can kill it.

python dying_erasure.py ERASURE    of the installation that the environment names: says each edge on a line
                                   and waits for one; at the end `left: …`
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(name):
    from commands.privacy_work import house_of
    from footfall.settings import Settings
    from orchestration.privacy.erasure import carry_out
    from orchestration.privacy.erasure_book import ErasureBook

    def edge(passed):
        say(passed)
        sys.stdin.readline()

    settings = Settings.from_environ(os.environ)
    book = ErasureBook(settings.home)
    left = carry_out(book, house_of(settings, edge), book.get(name))
    say(f"left: {json.dumps(left)}")


def killed_at_each(home, name):
    """Go on with an erasure until it ends, in processes that are killed from outside, once at each edge.

    Returns the edges at which one was killed, and what is left.
    """
    dead, left = [], None
    with (home.folder / "killed.log").open("ab") as log:
        while left is None:
            left = _killed_once(home, name, dead, log)
    return dead, left


def _killed_once(home, name, dead, log):
    """What is left; None where it was killed, at an edge that is among the `dead` ones now."""
    process = subprocess.Popen(
        [sys.executable, __file__, name],
        env={**home.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
        cwd=TESTS.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    left = None
    with process:
        for line in process.stdout:
            said = line.rstrip("\n")
            if said.startswith("left: "):
                left = json.loads(said.removeprefix("left: "))
            elif said not in dead:
                dead.append(said)
                os.killpg(process.pid, signal.SIGKILL)
                break
            else:
                process.stdin.write("on\n")
                process.stdin.flush()
    assert process.returncode == (-signal.SIGKILL if left is None else 0), Path(log.name).read_text()[-3000:]
    return left


if __name__ == "__main__":
    main(sys.argv[1])
