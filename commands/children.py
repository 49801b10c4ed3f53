"""`python -m commands.children`: what `footfall up` tells of its children.

In: a JSON list of {subject, title, facts}, what holds now. Out: one line of JSON, {open, failures}: how many
tellings are still to come (an all-clear, a message that did not arrive), and what went wrong.
"""

import json
import os
import sys
from datetime import UTC, datetime

from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.alerting.alert import Alert
from orchestration.alerting.book import alert_book, note_processes, told_to
from orchestration.alerting.pages import linked
from orchestration.alerting.round import go_round
from orchestration.alerting.routes import usable_routes

KIND = "process_died"


def main() -> int:
    """One round. Exit code 0 also where a route fails: that is said in the answer."""
    settings = Settings.from_environ(os.environ)
    now = datetime.now(UTC)
    at = f"http://{settings.collector_host}:{settings.collector_port}"
    told = [
        Alert(
            KIND,
            "",
            each["subject"],
            each["title"],
            each["facts"],
            covers=(at,) if each["subject"] == "collector" else (),
        )
        for each in json.load(sys.stdin)
    ]
    holding = linked(told, settings.ui_url)
    try:
        routes, _ = usable_routes(settings.alert_routes, settings.alert_webhook is not None)
    except FootfallError as error:
        print(json.dumps({"open": len(holding), "failures": [str(error)]}))
        return 0
    with alert_book(settings.alert_book) as book:
        note_processes(book, holding, now)
        done = go_round(book, routes, holding, os.environ, settings.runbook_url, now, kinds=frozenset({KIND}))
        waiting = sum(
            told.alert.kind == KIND and told.state == "firing"
            for route in routes
            for told in told_to(book, route.name).values()
        )
    print(json.dumps({"open": max(len(holding), waiting), "failures": list(done.failures)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
