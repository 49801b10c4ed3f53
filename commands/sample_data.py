"""Sample data: what people might do on a site, sent to the collector as their browsers would send it."""

import http.client
import secrets
from collections.abc import Iterable
from datetime import datetime
from random import Random

from commands.demo.traffic import Request, visits
from footfall.clients import Client, Site
from footfall.errors import FootfallError
from footfall.settings import Settings

_SECONDS = 30  # for one answer; an answer needs one fsync


def send_sample(settings: Settings, client: Client, site: Site, count: int, now: datetime) -> int:
    """Send `count` events to this machine's collector, as received now. Returns how many it took.

    Raises FootfallError where it does not answer, or refuses one.
    """
    requests = visits(client, site, count, now, Random(secrets.token_bytes(16)))
    connection = http.client.HTTPConnection(
        settings.collector_host, settings.collector_port, timeout=_SECONDS
    )
    try:
        return sum(_sent(connection, requests))
    finally:
        connection.close()


def _sent(connection: http.client.HTTPConnection, requests: Iterable[Request]) -> Iterable[int]:
    for request in requests:
        headers = {"content-type": "text/plain", "user-agent": request.user_agent, **request.headers}
        try:
            connection.request(request.method, request.target, request.body or None, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise FootfallError(
                f"the collector does not answer: {error!r}; is `footfall up` running?"
            ) from None
        if answer.status >= 300:
            reason = answer.headers.get("x-footfall-reason", "no reason")
            raise FootfallError(f"the collector answered {answer.status} ({reason})")
        yield len(request.event_ids)
