"""The README's table of refusals is the enum: senders read the one, the code answers the other."""

import re
from pathlib import Path

from footfall.event import Refusal

README = Path(__file__).resolve().parents[2] / "collector" / "README.md"


def test_the_table_of_refusals_is_complete_and_true():
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| (.+?) \|", README.read_text(encoding="utf-8"), re.MULTILINE)

    assert [(code, int(status), meaning) for code, status, meaning in rows] == [
        (refusal.code, refusal.status, refusal.meaning) for refusal in Refusal
    ]
