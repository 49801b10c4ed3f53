"""What pages are called in addresses."""

#: Pages about one site: those that a viewer sees, and that a share link may show.
OF_SITE = ("overview", "live", "acquisition", "content", "journeys", "commerce", "quality")
#: All there are.
PAGE_NAMES = (*OF_SITE, "people", "ask", "agency", "deliveries", "usage", "alerts", "debug")
