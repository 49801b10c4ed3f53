"""Events made of the corpora's texts and of damage to them: for what one look at an event says of another."""

import json
import random
from collections.abc import Iterator

from support import planted_forms, planted_texts

#: What may make a difference to a rule, next to anything.
_SIGNS = (*"@%=:&?#;,.\"'{}[]()/\\+- _09aZſ＠٤\u00a0–é", "%20", "%3D", "%C2%A0", "\\u0040")
_FIELDS = planted_texts.words(
    "title referrer user session visitor view_id screen viewport lang tz nav type pixel"
)


class Mutations:
    """An endless supply of events that are as good as those of pages, or nearly."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        found: dict[str, None] = {}
        for corpus in (planted_texts, planted_forms):
            for case in (*corpus.promised(seed, 6), *corpus.harmless(seed)):
                found.update(dict.fromkeys(_texts(json.loads(case.raw))))
        self.texts = list(found)

    def text(self) -> str:
        """A text of the corpora, damaged in up to three places."""
        rng = self.rng
        text = rng.choice(self.texts)
        for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
            at = rng.randrange(len(text) + 1)
            before, one, after = text[:at], text[at : at + 1], text[at + 1 :]
            encoded = "".join(f"%{byte:02x}" for byte in one.encode())
            text = rng.choice(
                (
                    before + after,
                    before + rng.choice(_SIGNS) + one + after,
                    before + rng.choice(_SIGNS) + one + after,
                    before + encoded + after,
                    before + rng.choice(self.texts)[:40] + one + after,
                    before,
                    one + after,
                    text.upper(),
                    text.lower(),
                )
            )
        return text

    def event(self) -> bytes:
        """The JSON of an event of known fields, with such texts in them."""
        rng = self.rng
        event: dict[str, object] = {"id": f"abcd{rng.randrange(10**8):08d}", "type": "page_view"}
        event["url"] = "https://shop.example/" + (self.text() if rng.random() < 0.5 else "")
        for _ in range(rng.choice((0, 1, 1, 2))):
            event[rng.choice(_FIELDS)] = self.text()
        if rng.random() < 0.6:
            values = (1, True, None, self.text(), rng.randrange(10 ** rng.randrange(1, 18)))
            event["props"] = {self.text()[:60]: rng.choice(values) for _ in range(rng.choice((1, 1, 2)))}
        if rng.random() < 0.1:
            event["clicks"] = {self.text()[:60]: True}
        return json.dumps(event, ensure_ascii=rng.random() < 0.3).encode()


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
    elif isinstance(value, str):
        yield value
