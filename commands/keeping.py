"""`footfall up` keeps its children: one that ends by itself is started again, and somebody is told of it."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from commands.processes import Children, end_group, python, uninterrupted
from footfall.errors import FootfallError

#: Seconds before each further start of a child that ends soon after it was started; after the last of them it
#: cannot be kept alive. Longer: more troubles pass meanwhile, and it is down for longer.
WAITS_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)
#: Seconds that a child must have lived for its end to be the first in a row, and for it to be well again.
STEADY_SECONDS = 60.0
#: Last lines of a child that are told.
LINES, LINE_CHARACTERS = 5, 300
#: Seconds between two rounds of telling as long as somebody is still to be told something, and seconds that
#: one round may take: it begins no further message after thirty.
_ROUND_SECONDS, _ROUND_LIMIT_SECONDS = 60.0, 60.0


@dataclass
class _Fallen:
    """A child that ended by itself: how often in a row, and when (monotonic) it is started again or was."""

    said: dict[str, str]
    ends: int
    again_at: float
    is_up: bool = False


class Teller:
    """Tells the alert routes in a process of its own, for the daemon that tells all else may be what ended.

    What holds goes to `commands.children` as JSON; it answers how much is still open.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], say: Callable[[str], object]) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._say = say
        self._going: subprocess.Popen[bytes] | None = None
        self._begun = 0.0
        self._told: list[dict[str, object]] | None = None
        self._is_open = True  # an earlier `up` may have left something open

    def tend(self, holding: list[dict[str, object]]) -> None:
        """Begin a round where what holds has changed, or where the last one left something to do."""
        now = time.monotonic()
        if self._going is not None:
            if self._going.poll() is None and now - self._begun < _ROUND_LIMIT_SECONDS:
                return
            self._end_round()
        if holding != self._told or (self._is_open and now - self._begun >= _ROUND_SECONDS):
            self._begin_round(holding)

    def last_word(self, holding: list[dict[str, object]]) -> None:
        """Tell this before the command ends; waits for it."""
        self.close()
        self._begin_round(holding)
        if self._going is not None:
            try:
                self._going.wait(_ROUND_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            self._end_round()

    def close(self) -> None:
        """End a round that goes on; the next `up` tells what it did not."""
        if self._going is not None:
            self._going.kill()
            self._end_round()

    def _begin_round(self, holding: list[dict[str, object]]) -> None:
        self._begun = time.monotonic()
        try:
            with uninterrupted():
                self._going = subprocess.Popen(
                    python("-m", "commands.children"),
                    cwd=self._folder,
                    env=self._environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            assert self._going.stdin is not None
            with self._going.stdin as pipe:
                pipe.write(json.dumps(holding).encode())
        except OSError as error:  # no memory, no process: the next round tries again
            self._say(f"nobody could be told: {error.strerror}")
        self._told = holding

    def _end_round(self) -> None:
        assert self._going is not None and self._going.stdout is not None
        process, self._going = self._going, None
        end_group(process, 0)
        with process.stdout as pipe:  # type: ignore[union-attr]
            answer = pipe.read().decode(errors="replace").strip().splitlines()
        try:
            found = json.loads(answer[-1])
            self._is_open = bool(found["open"])
            said = found["failures"]
        except (ValueError, IndexError, KeyError, TypeError):
            self._is_open = True
            said = answer[-1:] or [f"the telling ended ({process.returncode}) without a word"]
        for line in said:
            self._say(f"nobody could be told: {line}")


class Keeper:
    """Looks after `children`; `say` writes a line of the log. The last of `waits` is the last try.

    `tend`: what else is done with each look.
    """

    def __init__(
        self,
        children: Children,
        teller: Teller,
        say: Callable[[str], object],
        waits: tuple[float, ...] = WAITS_SECONDS,
        tend: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._children = children
        self._teller = teller
        self._say = say
        self._waits = waits
        self._tend = tend
        self._fallen: dict[str, _Fallen] = {}

    def look(self) -> None:
        """One look, at least every second: restart what is due, tell what changed.

        Raises FootfallError, with its last lines, when a child cannot be kept alive.
        """
        for each in self._tend:
            each()
        now = time.monotonic()
        for name, code in self._children.take_ended():
            self._note_end(name, code, now)
        for name, fallen in list(self._fallen.items()):
            if fallen.is_up and now - fallen.again_at >= STEADY_SECONDS:
                del self._fallen[name]
                self._say(f"{name} has been up for {STEADY_SECONDS:.0f} s again")
            elif not fallen.is_up and now >= fallen.again_at:
                self._children.start_again(name)
                fallen.is_up, fallen.again_at = True, time.monotonic()
        self._teller.tend(self._holding())

    def _note_end(self, name: str, code: int, now: float) -> None:
        before = self._fallen.get(name)
        ends = before.ends + 1 if before is not None else 1
        how = exit_text(code)
        lines = [line[:LINE_CHARACTERS] for line in self._children.last_lines(name, LINES)]
        said = {"exit": how, "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "last lines": "\n".join(lines)}
        if ends > len(self._waits):
            self._say(f"{name} ended ({how}), {ends} times in a row: it cannot be kept alive")
            raise FootfallError(
                f"{name} cannot be kept alive: it ended {ends} times in a row, the last time by {how}. "
                "Its last lines:\n" + "\n".join(f"  {line}" for line in lines)
            )
        wait = self._waits[ends - 1]
        self._say(f"{name} ended ({how}): {lines[-1]}; it is started again in {wait:.0f} s")
        said["then"] = (
            f"started again after {wait:.0f} s (end {ends} in a row, {len(self._waits) + 1} at most)"
        )
        self._fallen[name] = _Fallen(said, ends, now + wait)

    def _holding(self) -> list[dict[str, object]]:
        return [
            {"subject": name, "title": f"{name} ended by itself: {each.said['exit']}", "facts": each.said}
            for name, each in sorted(self._fallen.items())
        ]

    def give_up(self, why: FootfallError) -> None:
        """Tell that the command ends, and why; waits until that was told."""
        facts = {
            "error": str(why),
            "then": "all parts of it are stopped; what started it has to start it again",
        }
        ending: dict[str, object] = {"subject": "up", "title": "footfall up ends by itself", "facts": facts}
        self._teller.last_word([*self._holding(), ending])

    def close(self) -> None:
        """End a telling that goes on."""
        self._teller.close()


def exit_text(code: int) -> str:
    """A return code for a person: `exit code 3`, `killed by SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
