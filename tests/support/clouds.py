"""Stores on the servers of support.gcs_server and support.azure_server."""

from footfall.store import CloudAccess, open_store


def in_cloud(server, path="", **access):
    """A store of Google's or Azure's, with the account's own key."""
    root = (
        f"az://{server.account}/{server.container}" if hasattr(server, "account") else f"gs://{server.bucket}"
    )
    access = {"endpoint": server.endpoint, "secret": lambda: server.key} | access
    return open_store(f"{root}{path}", cloud=CloudAccess(**access))
