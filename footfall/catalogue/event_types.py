"""Types of events that the models treat in a way of their own; every other type is an act of a person.

What follows from it: the models' lists (`dbt_project/macros/event_types.sql`), the table in
`docs/sessions.md` (`make generate`), and what a site's conversions are where its client file names none.
"""

from collections.abc import Mapping

#: What describes the page view that it names (`view_id`), and is nothing that a person does: type → meaning.
PASSIVE: Mapping[str, str] = {
    "engagement": "how long a view was looked at, and how far down it was read",
    "web_vitals": "how fast the page was",
    "consent": "what the visitor allowed",
    "heartbeat": "the page is still open",
    "page_ping": "the same, as Snowplow's trackers call it",
    "user_engagement": "the same as engagement, as exports of GA4 call it",
}

#: What a log says of a request, beside the page view that it may have been.
REQUEST = "request"

#: What a purchase is called: conversions of a site whose client file names none.
PURCHASES: tuple[str, ...] = ("purchase", "purchase_completed", "order_completed")

#: What money that goes back is called: its amount counts as a negative one, whatever its sign.
REFUNDS: tuple[str, ...] = ("refund", "order_refunded", "purchase_refunded")
