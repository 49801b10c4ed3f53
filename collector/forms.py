"""Trackers of other tools: their paths, whose their events are, and the answers that they expect.

    request ─► its form's file (footfall/forms) ─► public id and origin, or write key ─► site ─► intake

A client file switches a form on for a site. A page's tracker has a public id, which stands for the site
together with the page's host; a program has a write key, and speaks for others (footfall/persons.py).
"""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from collector.answers import CORS, IMAGE, TAKEN, json_answer, length
from collector.form_bodies import Delivery, delivery, texts_at
from collector.gif import is_ahead
from collector.intake import Intake, Route
from collector.key_holders import holder_for
from collector.routing import Table
from collector.server.message import Answer, Request
from collector.targets import KeyHolder, Sites, Target
from footfall.access.presented import presented_key
from footfall.event import MAX_EVENT_BYTES, Refusal, Refused
from footfall.forms.form import Form, Said, Wire, event_of, forms
from footfall.hosts import authority_of, host_of
from footfall.shapes import page_origin

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


class Forms:
    """Answers trackers of other tools. Belongs to one event loop."""

    def __init__(
        self,
        intake: Intake,
        receipt_time: Callable[[dict[bytes, bytes]], datetime],
        whole: Callable[[Request], bytes],
        limit_key: Callable[[KeyHolder, Request], None],
        sites: Callable[[], Sites],
    ) -> None:
        """`whole` gives a request's body inflated, `limit_key` charges a key; both raise Refused."""
        self._intake = intake
        self._receipt_time = receipt_time
        self._whole = whole
        self._limit_key = limit_key
        self._sites = sites

    def table(self) -> Table:
        """The routes of every form, each named after it."""
        return {
            (method, wire.path): (form.form, partial(self._take, form, wire))
            for form in forms().values()
            for wire in form.wire
            for method in wire.methods
        }

    def _take(self, form: Form, wire: Wire, request: Request) -> Route:
        is_image = request.method in ("GET", "HEAD")
        if is_image and (request.method == "HEAD" or is_ahead(request.headers)):
            return IMAGE  # nobody has seen it
        received_at = self._receipt_time(request.headers)
        content = request.body or request.query
        secrets: list[str] = []
        sites = self._sites()
        try:
            whole = self._whole(request)
            content = whole or request.query
            sent = delivery(form, wire, request.method, request.query, whole)
            secrets = [each for each in sent.secrets if holder_for(each, sites, "write", received_at)]
            target, holder = self._owner(form, request, sent, sites, received_at)
        except Refused as refused:
            kept = _without(secrets, content)
            known = _keyed(request.headers, sites, received_at)
            return self._intake.keep_unreadable(refused, request, known, received_at, kept)
        host = target.site.page_host
        origin = page_origin(request.headers)

        def read(raw: bytes) -> bytes:
            if len(raw) > MAX_EVENT_BYTES:
                raise Refused(Refusal.EVENT_TOO_LARGE)
            try:
                event = _decode(raw)
            except msgspec.DecodeError as error:
                raise Refused(Refusal.INVALID_EVENT, str(error)) from None
            if not isinstance(event, dict):
                raise Refused(Refusal.INVALID_EVENT, "expected an object")
            if (
                holder is None
                and sent.is_batch
                and _target_of(form, event, sent, request, sites) is not target
            ):
                raise Refused(Refusal.UNKNOWN_SITE, "not of the site of the first event of its batch")
            ours = event_of(
                form.form, form, event, sent.around, host=host, origin=origin, is_keyed=holder is not None
            )
            return _encode(ours)

        return self._intake.take(
            request,
            target,
            received_at,
            sent.sent_at,
            [_without(secrets, event) for event in sent.events],
            holder=holder,
            reading=read,
            answering=partial(_answer, form, sent, is_image=is_image),
        )

    def _owner(
        self, form: Form, request: Request, sent: Delivery, sites: Sites, now: datetime
    ) -> tuple[Target, KeyHolder | None]:
        """Whose the events are, and by which write key, where there is one. Raises Refused."""
        if not _is_of_page(request.headers):
            for secret in (*_secrets_in(request.headers), *sent.secrets):
                holder = holder_for(secret, sites, "write", now)
                if holder is None or holder.target is None:
                    continue
                if not any(each.form == form.form for each in holder.target.site.trackers):
                    wanted = f"the site of the key does not list `trackers: [{{form: {form.form}}}]`"
                    raise Refused(Refusal.PERMISSION, wanted)
                self._limit_key(holder, request)
                return holder.target, holder
        target = _target_of(form, sent.first, sent, request, sites)
        if target is not None:
            return target, None
        if not sites.are_certain:
            raise Refused(Refusal.SITES_UNCERTAIN)
        if not sent.ids and _basic_user(request.headers) is None:
            raise Refused(Refusal.MISSING_SITE, f"expected {' or '.join(form.ids)}, or a write key")
        raise Refused(Refusal.UNKNOWN_SITE, "no site has a tracker of this form and id for this page's host")


def _without(secrets: list[str], text: bytes) -> bytes:
    """What is kept of a request, without the keys in it."""
    for secret in secrets:
        text = text.replace(secret.encode(), b"redacted-secret")
    return text


def _secrets_in(headers: Mapping[bytes, bytes]) -> list[str]:
    """What may be a write key in a request's headers."""
    return [*filter(None, (presented_key(headers), _basic_user(headers)))]


def _keyed(headers: Mapping[bytes, bytes], sites: Sites, now: datetime) -> Target | None:
    """Whose a request is that cannot be read, by the write key in its headers."""
    if _is_of_page(headers):
        return None
    holders = (holder_for(secret, sites, "write", now) for secret in _secrets_in(headers))
    return next((holder.target for holder in holders if holder is not None), None)


def _target_of(
    form: Form, event: dict[str, Any], sent: Delivery, request: Request, sites: Sites
) -> Target | None:
    """The site of one event of a delivery without a key, by the public ids that it has, or has around it.

    One that names no page is of the page of the first. Plausible lists several ids in one text.
    """
    page = event if _page_of(form, event) is not None else sent.first
    ids = [*texts_at(form.ids, event, sent.around), *filter(None, (_basic_user(request.headers),))]
    for public_id in (each.strip() for text in ids for each in text.split(",")):
        target = _tracked(sites, form, public_id, request.headers, page)
        if target is not None:
            return target
    return None


def _tracked(
    sites: Sites, form: Form, public_id: str, headers: Mapping[bytes, bytes], event: dict[str, Any]
) -> Target | None:
    """The site that a public id stands for on the page that sent it: an id alone is anybody's."""
    found = sites.trackers.get((form.form, public_id), [])
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin in ("", "null"):
        origin = page_origin(dict(headers)) or _page_of(form, event) or ""
    if not origin:
        return found[0][0] if len(found) == 1 else None
    parts = urlsplit(origin)
    host = host_of(authority_of(parts.netloc) or "") if parts.scheme in ("http", "https") else parts.scheme
    return next(
        (target for target, tracker in found if origin in tracker.origins or target.site.declares(host)),
        None,
    )


def _page_of(form: Form, event: dict[str, Any]) -> str | None:
    """The address of the page that an event names, where it names one."""
    ways = [*form.fields.get("url", ()), *form.fields.get("host", ())]
    for way in ways:
        place: Any = event
        for name in way.split("."):
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, str):
            authority = authority_of(place) if "://" in place or "/" not in place else None
            if authority is not None:
                return f"https://{authority}"
    return None


def _is_of_page(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser's page sent a request: a key that it holds is everybody's."""
    return b"origin" in headers or b"sec-fetch-site" in headers


def _basic_user(headers: Mapping[bytes, bytes]) -> str | None:
    """The user of `Authorization: Basic`, as which some SDKs send their key."""
    scheme, _, text = headers.get(b"authorization", b"").strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(text.strip()).decode().partition(":")[0] or None
    except ValueError:
        return None


def _answer(form: Form, sent: Delivery, taken: int, refused: int, *, is_image: bool) -> Answer:
    said = form.taken_batch if sent.is_batch and form.taken_batch is not None else form.taken
    if said.image or is_image:
        return TAKEN if sent.first.get("send_image") == "0" else IMAGE
    if said.document is not None:
        counts = {"$taken": taken, "$refused": refused, "$sent": taken + refused}
        return json_answer(said.status, _counted(said.document, counts))
    return _plain(said)


def _counted(document: dict[str, Any], counts: dict[str, int]) -> dict[str, Any]:
    return {
        name: counts.get(value, value) if isinstance(value, str) else value
        for name, value in document.items()
    }


def _plain(said: Said) -> Answer:
    if not said.text:
        return Answer(said.status, [CORS])
    body = said.text.encode()
    return Answer(said.status, [CORS, _TEXT, length(body)], body)
