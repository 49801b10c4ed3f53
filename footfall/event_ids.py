"""What an id of an event is."""

import re

#: Another one is a text like others.
EVENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
