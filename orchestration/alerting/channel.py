"""One message to one receiver: a plain JSON webhook, or any of Apprise's channels."""

import http.client
import json
import logging
import urllib.error
import urllib.request

from orchestration.alerting.life import Telling
from orchestration.alerting.message import as_json, text, title

#: Seconds a receiver may take.
TIMEOUT_SECONDS = 10


class NotTold(Exception):
    """The receiver did not take the message; it is tried again. Never shows the address, a secret."""


def tell(address: str, telling: Telling, runbook: str) -> None:
    """Send one telling. Raises NotTold."""
    if address.startswith(("http://", "https://")):
        _post(address, telling, runbook)
    else:
        _apprise(address, telling, runbook)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A POST that is redirected would arrive as a GET without its message."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _post(address: str, telling: Telling, runbook: str) -> None:
    request = urllib.request.Request(
        address,
        data=json.dumps(as_json(telling, runbook)).encode(),
        headers={"content-type": "application/json", "user-agent": "footfall"},
    )
    try:
        with _opener.open(request, timeout=TIMEOUT_SECONDS):
            return
    except urllib.error.HTTPError as error:
        error.close()
        raise NotTold(f"the webhook answered {error.code}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotTold(f"the webhook cannot be reached: {type(error).__name__}") from None


def _apprise(address: str, telling: Telling, runbook: str) -> None:
    import apprise  # 150 channels: loaded where one is used

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would log the address
    kinds = {
        "info": apprise.NotifyType.INFO,
        "warning": apprise.NotifyType.WARNING,
        "error": apprise.NotifyType.FAILURE,
    }
    kind = apprise.NotifyType.SUCCESS if telling.what == "resolved" else kinds[telling.alerts[0].severity]
    channel = apprise.Apprise()
    if not channel.add(address):
        raise NotTold("the address is none that Apprise knows")
    if not channel.notify(title=title(telling), body=text(telling, runbook), notify_type=kind):
        raise NotTold(f"{address.partition('://')[0]} did not take the message")
