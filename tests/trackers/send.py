"""Send events with SDKs for Python: `send.py COLLECTOR WRITE_KEY`. Exit 1 where one says that it failed."""

import sys
from urllib.parse import urlsplit

import rudderstack.analytics as rudder
import segment.analytics as segment
from posthog import Posthog
from snowplow_tracker import Emitter, PageView, StructuredEvent, Subject, Tracker

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
base, key = sys.argv[1:]
failed: list[str] = []

segment.write_key, segment.host, segment.gzip = key, base, True
segment.on_error = lambda error, _items: failed.append(f"segment: {error}")
segment.identify("python_1", {"plan": "pro", "email": "ann@mail.example"})
segment.track(
    "python_1",
    "Order Completed",
    {"revenue": 49.99, "currency": "EUR"},
    context={"ip": "203.0.113.9", "userAgent": BROWSER},
)
segment.page("python_1", "Docs", "Python", {"url": "https://shop.example/docs"})
segment.screen("python_1", "Main", "Home", {})
segment.group("python_1", "group_1", {"name": "Acme"})
segment.alias("guest_9", "python_1")
segment.shutdown()

rudder.write_key, rudder.dataPlaneUrl = key, base
rudder.on_error = lambda error, _items: failed.append(f"rudder: {error}")
rudder.track("python_2", "Rudder", {"a": 1})
rudder.shutdown()

posthog = Posthog(
    project_api_key=key, host=base, on_error=lambda error, _batch: failed.append(f"posthog: {error}")
)
posthog.capture("$pageview", distinct_id="python_3", properties={"$current_url": "https://shop.example/ph"})
posthog.shutdown()

where = urlsplit(base)
emitter = Emitter(
    str(where.hostname),
    protocol="http",
    port=where.port,
    method="post",
    batch_size=1,
    on_failure=lambda count, _left: failed.append(f"snowplow: {count} sent"),
)
tracker = Tracker("python", emitter, subject=Subject().set_user_id("python_4"), app_id=key)
tracker.track(PageView("https://shop.example/sp", "Title"))
tracker.track(StructuredEvent("shop", "add", "x", None, 1.5))
emitter.flush()

sys.exit("\n".join(failed) or 0)
