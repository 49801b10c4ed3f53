"""Where alerts go: one JSON POST to a webhook."""

import json
import urllib.request
from typing import Any

import dagster as dg


class Notifier(dg.ConfigurableResource):
    """Posts an alert. Any chat or paging tool takes a JSON webhook."""

    url: str | None = None
    """Address of the webhook; None: no alerts are sent."""
    timeout_seconds: int = 10
    """How long the receiver may take, 1-60."""

    def post(self, alert: dict[str, Any]) -> bool:
        """Send the alert. Returns whether there is anybody to send to; raises OSError when it fails."""
        if not self.url:
            return False
        request = urllib.request.Request(
            self.url,
            data=json.dumps(alert).encode(),
            headers={"content-type": "application/json", "user-agent": "footfall"},
        )
        with urllib.request.urlopen(request, timeout=self.timeout_seconds):
            return True
