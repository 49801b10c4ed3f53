"""Where a text can stand in an event, and whether it is still there once the event is stored."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

SITE = "https://shop.example"


@dataclass(frozen=True, slots=True)
class Case:
    """One event with one text in it. `text` is what has to be gone; None where all has to stay."""

    kind: str
    place: str
    raw: bytes
    text: str | None

    def has_kept(self, stored: bytes) -> bool:
        """Whether the text can still be read in a stored event, its encodings undone."""
        assert self.text is not None
        wanted = {self.text.casefold(), self.text.replace(" ", "+").casefold()}
        seen = json.dumps(json.loads(stored), ensure_ascii=False).replace('\\"', '"')
        for _ in range(5):
            if any(one in seen.casefold() for one in wanted):
                return True
            seen = unquote(seen)
        return self.text.casefold() in unquote_plus(seen).casefold()

    def is_unchanged(self, stored: bytes) -> bool:
        """Whether a stored event says what was sent."""
        return bool(json.loads(stored) == json.loads(self.raw))


# --- places -----------------------------------------------------------------------------------------


class Places:
    """Where a text can stand in an event. Each method yields place and raw event."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.count = 0

    def _id(self) -> str:
        self.count += 1
        return f"ev-{self.count:06d}-{self.rng.getrandbits(32):08x}"

    def event(self, **fields: Any) -> bytes:
        whole = {"id": self._id(), "type": "page_view", "url": f"{SITE}/"} | fields
        return json.dumps(whole, ensure_ascii=self.rng.random() < 0.5).encode()

    def of_value(self, text: str) -> Iterator[tuple[str, bytes]]:
        """A text that is found by its looks: in all the places."""
        once = quote(text, safe="")
        form = once.replace("%20", "+")
        event = self.event
        yield "title", event(title=text)
        yield "title, in a sentence", event(title=f"Welcome back, {text} - My shop")
        yield "title, in brackets", event(title=f"Account ({text})")
        yield "title, among letters of other scripts", event(title=f"你好{' '}{text} привет")
        yield "title, in quotes", event(title=f"Hello “{text}”, how are you?")
        yield "referrer, query", event(referrer=f"https://other.example/x?q={once}&l=de")
        yield "url, query", event(url=f"{SITE}/search?q={once}")
        yield "url, query, form", event(url=f"{SITE}/search?l=de&text={form}&page=2")
        yield "url, query, twice encoded", event(url=f"{SITE}/go?next={quote('/a?q=' + once, safe='')}")
        yield (
            "url, query, thrice encoded",
            event(url=f"{SITE}/go?next={quote('/a?n=' + quote('/b?q=' + once, safe=''), safe='')}"),
        )
        yield "url, fragment", event(url=f"{SITE}/page#{once}")
        yield "url, fragment route", event(url=f"{SITE}/app#/people?q={once}")
        yield "url in url", event(url=f"{SITE}/?to=https://other.example/%3Fq%3D{once}")
        yield "url, every character encoded", event(url=f"{SITE}/?q={percent(text)}")
        yield "property", event(props={"answer": text})
        yield "property, in a sentence", event(props={"note": f"please write to {text} soon."})
        yield "property, nested", event(props={"form": {"fields": [{"value": text}]}})
        yield "property, list", event(props={"answers": ["a", text, "b"]})
        yield "property, lines", event(props={"note": f"first\n{text}\nlast"})
        yield "name of a property", event(props={text: 1, "b": 2})
        yield "name of a nested property", event(props={"choices": {text: True}})
        yield "JSON in a property", event(props={"body": json.dumps({"a": [text]})})
        yield "JSON in JSON in a property", event(props={"b": json.dumps({"c": json.dumps({"a": text})})})
        yield "JSON in an address", event(url=f"{SITE}/?f={quote(json.dumps({'answer': text}), safe='')}")
        yield "form in a property", event(props={"body": f"a=1&answer={form}&b=2"})
        yield "field at the top", event(comment=text)
        yield "field at the top, list", event(experiments=[text])
        yield "name of a field at the top", event(**{text: "yes"})
        yield "utm_content", event(url=f"{SITE}/?utm_source=mail&utm_content={once}")
        yield "click id", event(clicks={"gclid": text})
        yield "name of a click id", event(clicks={text: "1"})
        yield "JSON escapes", escaped(event(title="HERE"), text)
        yield "with a tab", event(props={"row": f"7\t{text}\tx"})
        yield "with a semicolon", event(props={"row": f"7;{text};x"})
        yield "with a comma", event(props={"row": f"x,{text},y"})
        yield "type", event(type=f"sent {text}"[:64]) if len(text) < 58 else event(kind=text)

    def of_identity(self, text: str) -> Iterator[tuple[str, bytes]]:
        """A text that must not be an id, and not a part of a path."""
        event = self.event
        once = quote(text, safe="")
        yield "user", event(user=text)
        yield "session", event(session=text, consent=2)
        yield "nested id", event(props={"customer": {"id": text}})
        yield "id of a property", event(props={"id": text})
        yield "user_id of a property", event(props={"user_id": text})
        yield "path", event(url=f"{SITE}/people/{once}/edit")
        yield "path, plain", event(url=f"{SITE}/people/{text.replace(' ', '%20')}")
        yield "path of the referrer", event(referrer=f"https://other.example/{once}")
        yield "list of ids", event(props={"ids": [text]})

    def of_pair(self, name: str, text: str) -> Iterator[tuple[str, bytes]]:
        """A text that is found by its name."""
        event = self.event
        once = quote(text, safe="")
        form = once.replace("%20", "+")
        pair = f"{name}={once}"
        yield "property", event(props={name: text})
        yield "property, nested", event(props={"form": {"x": {name: text}}})
        yield "property, upper case", event(props={name.upper(): text})
        yield "property, in a list", event(props={name: [text]})
        yield "field at the top", event(**{name: text})
        yield "url, query", event(url=f"{SITE}/a?l=de&{pair}&x=1")
        yield "url, query, first", event(url=f"{SITE}/a?{pair}")
        yield "url, query, form", event(url=f"{SITE}/a?{name}={form}")
        yield "url, fragment", event(url=f"{SITE}/a#{pair}")
        yield "url, fragment route", event(url=f"{SITE}/a#/b/c?x=1&{pair}")
        yield "url in url", event(url=f"{SITE}/a?next={quote('/b?' + pair, safe='')}")
        yield (
            "url in url in url",
            event(url=f"{SITE}/a?next={quote('/b?n=' + quote('/c?' + pair, safe=''), safe='')}"),
        )
        yield "referrer", event(referrer=f"https://other.example/?{pair}")
        yield "form in a property", event(props={"body": f"a=1&{name}={form}&b=2"})
        yield "JSON in a property", event(props={"body": json.dumps({"a": 1, name: text})})
        yield "JSON in JSON", event(props={"b": json.dumps({"c": json.dumps({name: text})})})
        yield "JSON in an address", event(url=f"{SITE}/?f={quote(json.dumps({name: text}), safe='')}")
        yield "query with brackets", event(url=f"{SITE}/?user[{name}]={once}")
        yield "query with encoded brackets", event(url=f"{SITE}/?user%5B{name}%5D={once}")
        yield "every character encoded", event(url=f"{SITE}/?{name}={percent(text)}")
        yield "escaped name", escaped(event(props={"HERE": text}), name)
        yield "name in front, colon", event(props={"log": f"{name}: {text}"})
        yield "name in front, in a title", event(title=f"{name}: {text}")

    def harmless_value(self, text: str) -> Iterator[tuple[str, bytes]]:
        event = self.event
        once = quote(text, safe="")
        yield "title", event(title=text)
        yield "title, in a sentence", event(title=f"{text} | My shop")
        yield "url, query", event(url=f"{SITE}/search?q={once}&l=de")
        yield "url, fragment", event(url=f"{SITE}/page#{once}")
        yield "path", event(url=f"{SITE}/c/{once}/view")
        yield "property", event(props={"answer": text})
        yield "property, nested", event(props={"item": {"value": [text]}})
        yield "name of a property", event(props={text: 1})
        yield "JSON in a property", event(props={"body": json.dumps({"a": [text]})})
        yield "referrer", event(referrer=f"https://other.example/{once}?x={once}")
        yield "nested id", event(props={"item": {"id": text}})

    def harmless_pair(self, name: str, text: str | int | float) -> Iterator[tuple[str, bytes]]:
        event = self.event
        once = quote(str(text), safe="")
        yield "property", event(props={name: text})
        yield "property, nested", event(props={"items": [{name: text}]})
        yield "field at the top", event(**{name: text})
        yield "url, query", event(url=f"{SITE}/a?l=de&{name}={once}")
        yield "url, fragment", event(url=f"{SITE}/a#{name}={once}")
        yield "form in a property", event(props={"body": f"a=1&{name}={once}"})
        yield "JSON in a property", event(props={"body": json.dumps({name: text})})


def percent(text: str) -> str:
    """A text with every byte percent-encoded, in lower-case hex."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


def escaped(raw: bytes, text: str) -> bytes:
    """An event with a text in place of HERE, each character as a JSON escape."""
    units = text.encode("utf-16-be")
    escapes = "".join(f"\\u{units[i]:02x}{units[i + 1]:02X}" for i in range(0, len(units), 2))
    return raw.replace(b"HERE", escapes.encode())
