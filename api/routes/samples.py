"""Realistic events for a site that has none yet."""

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.answers import json_answer
from api.repeats import once
from api.routes.acts import STARTED, Once, acting
from api.routing import Routes, Strict, caller_of

routes = Routes("Acts")

#: Events of one request for sample data.
MOST_SAMPLED = 100_000


class Sample(Strict):
    """How many events, and of which site."""

    events: int = Field(ge=1, le=MOST_SAMPLED)
    site_id: str | None = Field(default=None, max_length=200)


def sample_data(request: Request, sample: Sample, _once: Once = None) -> Response:
    """Send realistic events of a site to the collector, in the background; they count as all others do."""
    return sampled(request, sample.events, sample.site_id, sample.model_dump_json())


def sampled(request: Request, events: int, site_id: str | None, body: str) -> Response:
    """The answer that names the task."""
    caller, service = caller_of(request), request.app.state.service
    site = caller.site(site_id)

    def act() -> Response:
        acting(service, caller, "sample_data", f"{site.site_id} {events}")
        now = service.now()
        task = service.tasks.start(
            caller.owner.client_id,
            f"{events} events for {site.site_id}",
            lambda: service.installation.sample_data(caller.owner, site, events, now),
            now,
        )
        return json_answer({"run": task["id"], "follow": f"/v1/runs/{task['id']}"}, 202)

    return once(service, request, caller, body, act)


routes.add(
    "POST",
    "/v1/sample-data",
    sample_data,
    permission="admin",
    reach="site",
    gives=STARTED,
    status=202,
    problems=(404, 409),
    example={"body": {"events": 10}},
)
