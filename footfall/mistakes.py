"""What is wrong with a client file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """One thing wrong with a client file: where it is and what to do."""

    file: str
    field: str
    reason: str
    #: Of the file, from 1; None where the mistake is of no one line.
    line: int | None = None

    def __str__(self) -> str:
        where = f", line {self.line}" if self.line else ""
        return f"{self.file}: {self.field}{where}: {self.reason}"
