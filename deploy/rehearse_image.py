"""`python deploy/rehearse_image.py ROOT FOLDER`: the steps of deploy/Dockerfile where no container engine is.

ROOT is a bare Debian (`debootstrap --variant=minbase bookworm ROOT`), which stands for the base image: what
Debian's slim images leave out is taken from it. FOLDER gets a folder for each stage. Steps run in them by
chroot, so as root. Prints what each final stage holds, and fails where that is more than BOUNDS, or a
compiler. deploy/start_image.py runs what came out. What neither shows: the engine itself, and its base image.
"""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
#: Megabytes of files that a final stage may have.
BOUNDS = {"collector": 250, "footfall": 1200}
#: What Debian's slim images have not, below /usr/share; of the documents the copyrights stay.
_LEFT_OUT = ("doc", "groff", "info", "linda", "lintian", "locale", "man")
_KEPT = "usr/share/doc/*/copyright"
#: What apt keeps of its work, and what images of Debian tell it not to keep.
_OF_APT = ("var/cache/apt", "var/lib/apt/lists")
_APT_KEEPS_NOTHING = """\
Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };
"""
#: Of the machine, so that package registries are reached from within.
_BORROWED = ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")
_PASSED_ON = re.compile(r"PIP_|UV_|SSL_|https?_proxy|HTTPS?_PROXY", re.IGNORECASE)


@dataclass
class Stage:
    """A folder, and what the Dockerfile has said of it so far."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """(word, rest) of each instruction of a Dockerfile, lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for each in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if each.strip():
            word, _, rest = each.strip().partition(" ")
            yield word.upper(), rest.strip()


def ignored(name: str, rules: list[str]) -> bool:
    """Whether .dockerignore keeps a path out: the last rule that fits decides."""
    out = False
    for rule in rules:
        pattern = rule.removeprefix("!").rstrip("/")
        parts = name.split("/")
        paths = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        names = parts if pattern.startswith("**/") else paths
        if any(fnmatch.fnmatchcase(each, pattern.removeprefix("**/")) for each in names):
            out = not rule.startswith("!")
    return out


def context(root: Path) -> Iterator[str]:
    """Files of the build's context."""
    rules = [
        line.strip()
        for line in (root / ".dockerignore").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if not ignored(name, rules) and (root / name).is_file():
            yield name


def run(stage: Stage, command: list[str]) -> None:
    """A command in a stage, as its user."""
    passed = {name: value for name, value in os.environ.items() if _PASSED_ON.match(name)}
    who = ["--userspec", stage.user] if stage.user != "root" else []
    within = [shutil.which("chroot") or "chroot", *who, str(stage.folder)]
    folder = f'cd {stage.workdir} && exec "$@"'
    subprocess.run(
        [*within, "/bin/sh", "-c", folder, "sh", *command],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **passed, **stage.environment},
        check=True,
    )


def copy(stage: Stage, rest: str, stages: dict[str, Stage]) -> None:
    """COPY, from the context or another stage."""
    words = rest.split()
    source = SOURCE
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")].folder
    *names, target = words
    goal = stage.folder / (target if target.startswith("/") else f"{stage.workdir}/{target}").lstrip("/")
    if source == SOURCE:
        for name in context(SOURCE):
            if names in (["."],) or name in names:
                (goal / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(SOURCE / name, goal / name)
    else:
        for name in names:
            shutil.copytree(source / name.lstrip("/"), goal, symlinks=True, dirs_exist_ok=True)


def slim(root: Path) -> None:
    """What Debian leaves out of its slim images goes, and what is installed from now on has none of it."""
    kept = set(root.glob(_KEPT))
    for name in _LEFT_OUT:
        for path in sorted((root / "usr/share" / name).rglob("*"), reverse=True):
            if path.is_symlink() or not path.is_dir():
                if path not in kept:
                    path.unlink()
            elif not any(path.iterdir()):
                path.rmdir()
    for name in _OF_APT:
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name / "partial").mkdir(parents=True)
    (root / "etc/apt/apt.conf.d/docker-clean").write_text(_APT_KEEPS_NOTHING)
    rules = [f"path-exclude /usr/share/{name}/*\n" for name in _LEFT_OUT]
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text("".join([*rules, f"path-include /{_KEPT}\n"]))


def begin(stage: Stage, before: Stage) -> None:
    """The folder of a stage, as the one before left it."""
    print(f"== {stage.folder.name}", flush=True)
    subprocess.run(["cp", "-a", str(before.folder), str(stage.folder)], check=True)
    for path in _BORROWED:
        if Path(path).exists():
            (stage.folder / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (stage.folder / path.lstrip("/")).unlink(missing_ok=True)
            shutil.copy(path, stage.folder / path.lstrip("/"))


def rehearse(root: Path, folder: Path, *, is_made: bool = True) -> dict[str, Stage]:
    """All stages by name; with `is_made` their steps are done."""
    stages: dict[str, Stage] = {}
    stage = Stage(root)
    for word, rest in instructions((SOURCE / "deploy" / "Dockerfile").read_text()):
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            before = stages.get(base, Stage(root))
            stage = Stage(folder / name, dict(before.environment), before.workdir, before.user)
            stages[name] = stage
            if is_made:
                begin(stage, before)
        elif word == "ENV":
            for name, value in re.findall(r"(\w+)=(\S+)", rest):
                stage.environment[name] = value
        elif word == "WORKDIR":
            stage.workdir = rest
            if is_made:
                (stage.folder / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "USER":
            stage.user = rest
        elif word == "CMD":
            stage.command = json.loads(rest)
        elif word == "HEALTHCHECK":
            stage.health = json.loads(rest.partition(" CMD ")[2])
        elif word in ("COPY", "RUN"):
            if is_made and word == "COPY":
                copy(stage, rest, stages)
            elif is_made:
                print(f"   {rest[:100]}", flush=True)
                run(stage, ["/bin/sh", "-c", rest])
        elif word != "EXPOSE":
            raise SystemExit(f"deploy/Dockerfile: {word} is not rehearsed")
    return stages


def size(folder: Path) -> int:
    """Bytes of all files."""
    told = subprocess.run(["du", "-sxb", str(folder)], capture_output=True, text=True, check=True)
    return int(told.stdout.split()[0])


def main() -> int:
    """See the module."""
    root, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True)
    slim(root)
    stages, is_well = rehearse(root, folder), True
    for name, bound in BOUNDS.items():
        stage = stages[name]
        where = str(stage.folder / "usr/bin")
        compilers = [each for each in ("gcc", "cc", "g++", "clang", "pip3") if shutil.which(each, path=where)]
        sbom = json.loads((stage.folder / "opt/footfall/sbom.cdx.json").read_text())
        megabytes = size(stage.folder) / 1e6
        print(
            f"{name}: {megabytes:.0f} MB of files ({bound} at most), "
            f"{size(stage.folder / 'opt/footfall') / 1e6:.0f} MB of them packages "
            f"({len(sbom['components'])} in the SBOM); compilers: {', '.join(compilers) or 'none'}"
        )
        is_well = is_well and megabytes <= bound and not compilers
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
