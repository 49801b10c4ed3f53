"""`make generate`: writes what documents and dbt's YAML say of the catalogue, in the repository's root."""

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from api.app import openapi_document
from api.page import markdown_of, problems_markdown
from commands import client_file_page, question_page
from footfall.catalogue import documents
from footfall.clients import Client
from sources.tools.export import exports_table


def _parts(parts: Mapping[str, Callable[[], str]]) -> Callable[[str], str]:
    def made(text: str) -> str:
        for name, make in parts.items():
            text = documents.replaced(text, name, make())
        return text

    return made


def _schema(_text: str) -> str:
    return json.dumps(Client.model_json_schema(), indent=2) + "\n"


#: File → what makes its new text of the one it has.
MADE: Mapping[str, Callable[[str], str]] = {
    "clients/client.schema.json": _schema,
    "docs/client-file.md": lambda _text: client_file_page.page(client_file_page.EXAMPLE.read_text()),
    "dbt_project/macros/enrichable.sql": lambda _text: documents.enrichable(),
    "dbt_project/macros/event_types.sql": lambda _text: documents.event_types(),
    "dbt_project/models/_exposures.yml": lambda _text: documents.exposures(),
    "dbt_project/models/_stored_event.md": lambda _text: documents.texts(),
    "dbt_project/models/staging/web/__sources.yml": lambda _text: documents.ingested(),
    "docs/api.md": _parts({"routes": lambda: markdown_of(openapi_document()), "problems": problems_markdown}),
    "docs/architecture.md": _parts({"state": documents.state, "state-of-lake": documents.state_of_lake}),
    "docs/delivery.md": _parts({"datasets": documents.datasets, "formats": documents.formats}),
    "docs/enrichment.md": _parts({"enrichable": documents.enrichable_fields}),
    "docs/handing-over.md": _parts(
        {
            f"handing-over-{name}": partial(documents.handing_over_of, name)
            for name in ("home", "lake", "beside")
        }
    ),
    "docs/manifest.schema.json": documents.manifest_schema,
    "docs/migration.md": _parts({"exports": exports_table}),
    "docs/operations.md": _parts({"backup": documents.backup}),
    "docs/questions.md": lambda _text: question_page.page(),
    "docs/sessions.md": _parts({"passive": documents.passive_events}),
}


def main() -> int:
    """Write each file that is not as it should be, and name it."""
    for name, make in MADE.items():
        path = Path(name)
        text = path.read_text() if path.exists() else ""
        new = make(text)
        if new != text:
            path.write_text(new)
            sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
