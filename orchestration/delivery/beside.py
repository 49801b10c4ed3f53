"""What lies beside the data of an export: the public key, statements for warehouses, pages for people."""

from footfall import keys
from footfall.clients import Client, Export
from orchestration.delivery import ddl
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.pages import columns_page, page_about_page
from orchestration.delivery.places import Places
from orchestration.delivery.selection import Selection
from orchestration.delivery.send import Sender


def sender_of(
    client: Client,
    export: Export,
    places: Places,
    ledger: Ledger,
    desk: Desk,
    selection: Selection | None,
) -> Sender:
    """Who brings an export's deliveries to its buckets, with what belongs beside them.

    `selection`: None where it could not be resolved; then only the key does.
    """
    beside = {keys.public_key(desk.signer.key_id): desk.signer.public_pem}
    pages = {}
    if selection is not None and export.is_page:
        beside |= ddl.described(selection)
        pages[f"{keys.schema_folder(export.name, selection.schema_id)}columns.md"] = page_about_page(export)
    elif selection is not None:
        folder = keys.schema_folder(export.name, selection.schema_id)
        loading, documents = ddl.documents(selection, client.destinations()[export.destinations[0]].url)
        beside |= documents
        pages[f"{folder}columns.md"] = columns_page(selection, loading)
    return Sender(client, export, places, ledger, desk, beside, pages)
