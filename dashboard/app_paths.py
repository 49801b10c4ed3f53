"""Paths that the application serves beside the pages, and of what kind a path is."""

#: Outlines of countries.
SHAPES = "/shapes/world.json"
#: Every word that it gives.
KINDS = ("health", "stream", "part", "page")


def kind_of(path: str) -> str:
    """One of a few words for a path that was asked for: what metrics are told by."""
    if path in ("/health", "/healthz", "/_stcore/health"):
        return "health"
    if path.startswith("/_stcore/stream"):
        return "stream"  # the socket of an open page
    if path.startswith(("/static/", "/_stcore/", "/shapes/", "/media/")):
        return "part"
    return "page"
