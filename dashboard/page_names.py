"""Pages about one site: those that a viewer sees, and that a share link may show."""

OF_SITE = ("overview", "live", "acquisition", "content", "journeys", "commerce", "quality")
