"""`python deploy/start_image.py FOLDER NAME [COMMAND …]`: a final stage of deploy/Dockerfile, confined.

FOLDER is what deploy/rehearse_image.py made. As root, and without an engine: a root that cannot be written,
/tmp and the state in memory, a network and processes of its own, the stage's user, environment and CMD, and
one client file. Its HEALTHCHECK is asked until it is well; COMMAND is run beside it then. Fails where it does
not get well, its root can be written, COMMAND fails, or it does not end in order.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rehearse_image import Stage, rehearse

CLIENT = """\
client_id: acme
name: Acme
sites: [{site_id: acme, key: pk_acme_Zr83bQwL, domains: [acme.example]}]
destination: {url: "file://${FOOTFALL_HOME}/buckets/acme"}
exports: [{name: events, dataset: events, cadence: hourly}]
"""
#: Beside the stage's own: `prod` wants to be told it.
ENVIRONMENT = {"FOOTFALL_CORS_ORIGINS": "https://nobody.invalid"}
#: Seconds in which it has to be well, on a busy machine too, and in which it has to end (compose.yaml).
PATIENCE, END = 600, 60


def mount(*words: str) -> None:
    """`mount`, which is to succeed."""
    subprocess.run(["mount", *words], check=True)


def confine(root: Path, clients: Path, stage: Stage) -> None:
    """In namespaces of this process alone: the root to be read, what a container has to be written."""
    mount("--make-rprivate", "/")
    mount("--bind", str(root), str(root))
    mount("-o", "remount,ro,bind", str(root))
    for what in ("proc", "tmpfs"):
        mount("-t", what, what, str(root / {"proc": "proc", "tmpfs": "tmp"}[what]))
    mount("--bind", "/dev", str(root / "dev"))
    user, _, group = stage.user.partition(":")
    home = root / stage.environment["FOOTFALL_HOME"].lstrip("/")
    mount("-t", "tmpfs", "-o", f"mode=0700,uid={user},gid={group}", "tmpfs", str(home))
    mount("--bind", str(clients), str(root / stage.environment["FOOTFALL_CLIENTS"].lstrip("/")))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def within(root: Path, stage: Stage, command: list[str]) -> list[str]:
    """The command line that runs it there."""
    said = [f"{name}={value}" for name, value in (stage.environment | ENVIRONMENT).items()]
    folder = ["/bin/sh", "-c", f'cd {stage.workdir} && exec "$@"', "sh"]
    return ["chroot", "--userspec", stage.user, str(root), "/usr/bin/env", "-i", *said, *folder, *command]


def start(root: Path, stage: Stage, beside: list[str]) -> int:
    """Run it until it is well, then `beside`; 0 where all of it is as it should be."""
    written = subprocess.run(within(root, stage, ["touch", "/etc/written", "/opt/written"]), check=False)
    running = subprocess.Popen(within(root, stage, stage.command))
    until, is_well = time.monotonic() + PATIENCE, False
    while not is_well and running.poll() is None and time.monotonic() < until:
        asked = subprocess.run(within(root, stage, stage.health), capture_output=True, check=False)
        is_well = asked.returncode == 0
        time.sleep(1)
    if is_well and beside:
        is_well = subprocess.run(within(root, stage, beside), check=False).returncode == 0
    running.terminate()
    ended = running.wait(END)
    print(f"well: {is_well}; root can be written: {written.returncode == 0}; ended with {ended}")
    return 0 if is_well and written.returncode != 0 and ended == 0 else 1


def main() -> int:
    """See the module."""
    if os.environ.get("FOOTFALL_REHEARSAL") != "confined":
        alone = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        environment = os.environ | {"FOOTFALL_REHEARSAL": "confined"}
        return subprocess.run([*alone, sys.executable, *sys.argv], env=environment, check=False).returncode
    folder, name, *beside = sys.argv[1:]
    root, stage = Path(folder).resolve() / name, rehearse(Path(folder), Path(folder), is_made=False)[name]
    with tempfile.TemporaryDirectory() as clients:
        Path(clients).chmod(0o755)
        (Path(clients) / "acme.yaml").write_text(CLIENT)
        confine(root, Path(clients), stage)
        return start(root, stage, beside)


if __name__ == "__main__":
    sys.exit(main())
