"""What `footfall keys` changes: keys of clients in their files, the operator's in the state folder.

A change of a key is an act of an administrator: it leaves a line in `audit.jsonl` before it is done.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from commands.client_file_text import whole_client, with_items, write
from commands.registry import known_client, require_clients
from footfall.access import audit
from footfall.access.api_keys import key_hash, new_key
from footfall.access.register import (
    key_of,
    last_uses,
    operator_keys,
    put_operator_key,
    remove_operator_key,
)
from footfall.clients import Client
from footfall.collecting import ApiKey
from footfall.errors import FootfallError
from footfall.event import timestamp
from footfall.identities import written_id
from footfall.settings import Settings

#: What the name of a key that was rotated gets, as long as it is still valid.
OLD = "-old"


@dataclass(frozen=True)
class Keys:
    """The keys of a client (by the id in its file), or with None the operator's."""

    settings: Settings
    client_id: str | None
    by: str

    @classmethod
    def of(cls, settings: Settings, client_id: str | None, by: str) -> "Keys":
        """Raises FootfallError where no client has that id."""
        return cls(
            settings, written_id(known_client(settings, client_id).client_id) if client_id else None, by
        )

    @property
    def path(self) -> Path:
        """The client's file."""
        return self.settings.clients / f"{self.client_id}.yaml"

    def new(self, document: dict[str, Any], now: datetime, *, is_written: bool) -> tuple[str, ApiKey]:
        """A new key and what is kept of it, which is put in force if `is_written`. Raises FootfallError."""
        text = new_key()
        key = key_of({**document, "sha256": key_hash(text)})
        self._check(key)
        if any(each.name == key.name for each in self._present()):
            raise FootfallError(
                f"there is a key {key.name!r} already: say another --label, or rotate that one"
            )
        if is_written:
            put = self._plan([*self._present(), key])
            self._note("keys.new", key.name, now)
            put()
        elif self.client_id:
            self._require_valid(key)
        return text, key

    def _require_valid(self, key: ApiKey) -> None:
        """Raise FootfallError where the client could not have this key beside its others."""
        document = whole_client(self.path).model_dump(mode="json", exclude_unset=True)
        try:
            Client.model_validate({**document, "api_keys": [*document.get("api_keys", []), written(key)]})
        except ValidationError as error:
            raise FootfallError(error.errors(include_input=False)[0]["msg"]) from None

    def revoke(self, name: str, now: datetime) -> None:
        """Take a key away. Raises FootfallError where there is none of that name."""
        self._find(name)
        put = self._plan([each for each in self._present() if each.name != name])
        self._note("keys.revoke", name, now)
        put()

    def rotate(self, name: str, overlap: timedelta, now: datetime) -> tuple[str, ApiKey]:
        """A new key that may do what the one of that name may, which is valid for `overlap` longer."""
        before = self._find(name)
        text = new_key()
        after = before.model_copy(update={"sha256": key_hash(text)})
        rest = [each for each in self._present() if each.name not in (name, name + OLD)]
        if overlap:
            until = now.replace(microsecond=0) + overlap
            old = before.model_dump(mode="json", exclude_unset=True)
            rest.append(key_of({**old, "name": name + OLD, "expires_at": timestamp(until)}))
        put = self._plan([*rest, after])
        self._note("keys.rotate", name, now)
        put()
        return text, after

    def _present(self) -> list[ApiKey]:
        return whole_client(self.path).api_keys if self.client_id else operator_keys(self.settings.home)

    def _find(self, name: str) -> ApiKey:
        found = next((each for each in self._present() if each.name == name), None)
        if found is None:
            whose = self.client_id or "the operator"
            raise FootfallError(f"{whose} has no key {name!r}; `footfall keys list` shows them")
        return found

    def _check(self, key: ApiKey) -> None:
        if self.client_id is None and key.site_id is not None:
            raise FootfallError("a key of the operator is for all clients: leave --site out")

    def _plan(self, keys: Iterable[ApiKey]) -> Callable[[], None]:
        """What puts these keys in the place of those there are. Raises FootfallError where they cannot be."""
        if self.client_id is None:
            return lambda: self._put_operator(list(keys))
        client = whole_client(self.path)
        items = [written(key) for key in keys]
        _, text = with_items(self.path, client, "api_keys", items)
        return lambda: write(self.path, text)

    def _put_operator(self, keys: list[ApiKey]) -> None:
        for each in operator_keys(self.settings.home):
            if each.name not in {key.name for key in keys}:
                remove_operator_key(self.settings.home, each.name)
        # An old key makes room for its hash under another name.
        for key in sorted(keys, key=lambda key: key.name.endswith(OLD)):
            put_operator_key(self.settings.home, key)

    def _note(self, act: str, name: str, now: datetime) -> None:
        audit.note(
            self.settings.audit,
            now,
            who=self.by,
            door="command",
            act=act,
            client=self.client_id or "",
            subject=name,
            outcome="asked",
        )


def written(key: ApiKey) -> dict[str, Any]:
    """A key as a line of a client file."""
    return key.model_dump(mode="json", exclude_unset=True)


def lines(settings: Settings, client_id: str | None) -> list[str]:
    """A line for each key, of one client or of all and the operator; nothing that could be used as a key."""
    wanted = known_client(settings, client_id).client_id if client_id else None
    registry = require_clients(settings)
    whose = [(written_id(c.client_id), c.api_keys) for c in registry.clients if wanted in (None, c.client_id)]
    if wanted is None:
        whose.append(("(operator)", operator_keys(settings.home)))
    used = last_uses(settings.home)
    now = datetime.now(UTC)
    found = []
    for owner, keys in whose:
        for key in keys:
            at = used.get(key.sha256)
            said = f"last used {at:%Y-%m-%d %H:%M}" if at else "never used"
            until = f", valid until {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else ""
            until = until if key.is_valid(now) else ", over"
            found.append(
                f"{owner:20} {key.name:24} {','.join(key.permissions):16} "
                f"{key.site_id or '(all sites)':16} {said}{until}"
            )
    return found
