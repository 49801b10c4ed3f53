"""The page of saved questions: what each answers, which tables it reads, and its SQL for Athena."""

from datetime import date
from pathlib import Path

import yaml

from api.saved_questions import Asked, questions
from commands.client_file_page import EXAMPLE
from footfall.clients import Client

_HEAD = """\
# Saved questions

Made by `make generate` from `dbt_project/analyses/`: SQL over the
[published tables](lifecycle.md#published-tables), so that asking needs neither the warehouse nor dbt.

    footfall ask                                  # what there is to ask
    footfall ask top_pages --client acme --site acme-shop --from 2026-11-01 --to 2026-11-30
    footfall ask top_pages --client acme --format json
    footfall ask top_pages --client acme --sql athena

Days are local days of the site, both with them; without `--site` all of the client's sites answer, without
days all days. To add a question, add a file there: its first line is the question, `asked()` in its
conditions says which rows are meant (`dbt_project/macros/questions.sql`), and `EXPECTED` of
`tests/dbt/test_analyses.py` wants the answer of a history that is known.

For Athena the tables are those of `python -m orchestration.modelling.athena s3://LAKE`. Its medians are
approximations.

| Question | What it answers | Tables |
| --- | --- | --- |
"""


def page() -> str:
    """The whole page, with the values of the example client file."""
    client = Client.model_validate(yaml.safe_load(Path(EXAMPLE).read_text()))
    asked = Asked(client, client.sites[0].site_id, date(2026, 11, 1), date(2026, 11, 30))
    text = _HEAD
    for each in questions().values():
        tables = ", ".join(f"`{table}`" for table in each.tables)
        text += f"| [`{each.name}`](#{each.name}) | {each.asks} | {tables} |\n"
    for each in questions().values():
        text += f"\n## {each.name}\n\n{each.asks}\n\n```sql\n{each.for_athena(asked)}```\n"
    return text
