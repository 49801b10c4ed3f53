"""What is wrong with a client file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """One thing wrong with a client file: where it is and what to do."""

    file: str
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.reason}"
