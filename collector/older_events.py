"""Events that are none as they stand: what the rules of older trackers, and those for apps, make of them."""

from collector.server.message import Request
from collector.targets import Target
from footfall.apps import of_app
from footfall.event import Event, Refusal, Refused, check_event
from footfall.shapes import Shape, older_event, page_origin, require_fields


def older(raw: bytes, refused: Refused, request: Request, target: Target) -> tuple[Event, Shape | None]:
    """The event of a body that only an older tracker's rules explain, or those for apps. Raises the refusal,
    or a new one.
    """
    apps = target.site.apps
    page = of_app(raw, apps) if apps else None
    if page is not None:
        return check_event(page), None
    host = target.site.page_host
    translated = older_event(raw, refused, page_origin(request.headers), host)
    if translated.shape == "track" and request.route != "events":
        require_fields(raw)
    if translated.bucket is not None and translated.bucket != target.bucket:
        raise Refused(Refusal.BUCKET_MISMATCH)
    page = of_app(translated.raw, apps) if apps else None
    return check_event(page or translated.raw), translated.shape
