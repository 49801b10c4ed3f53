"""What a bucket says of itself to a person: README.txt, and columns.md beside each schema."""

from footfall import keys
from footfall.clients import Client, Export
from footfall.described import Described, table_columns
from orchestration.delivery.described import meaning
from orchestration.delivery.selection import Selection

#: By this a page is known for ours, so that one of the owner's own is not replaced.
MARK = "This file is written by Footfall, which replaces it when its text changes."

_README = """\
{mark}

Web behaviour of {name} ({client_id}), delivered by Footfall

WHAT LIES HERE

{exports}

    <export>/dt=.../rev=NNNN/       a period in one revision: its files, and _manifest.json, which names them
    <export>/_latest.json           names the newest period's manifest
    _schema/<export>/<id>/          columns.md: name, type and meaning of each column, and in which folder
                                    the statements lie that load the files into Athena, BigQuery, ...
    _keys/<id>.pem                  the public key that checks the signatures of manifests
    _log/                           the signed list of all that was ever put here, and of what was promised:
                                    it tells what is missing, to `footfall verify` and `footfall.read`

HOW TO READ IT

1. A file is data only when a manifest names it. A file without one is a delivery in progress: leave it alone.
2. Nothing is overwritten. Data that has changed is a new revision (rev=0002 beside rev=0001) with the whole
   period. Of each export and period, read the manifest of the highest revision, and the files it names.
3. A period without rows is delivered too. A manifest that is missing is never "no data".
4. A manifest's field "schema" names the folder that describes its columns, "dialect" says how the file is
   written, "receipt" what became of everything that was received in the period.
5. Of an export that is "live", read the manifest of the hour if it is there; until then the parts in
   <export>.live/. The hour's field "closes" names the parts whose place it takes.

HOW TO CHECK IT

With jq, sha256sum and openssl (3.0 or newer), in a copy of all that lies here. The first prints nothing where
each file is there and unchanged, the second a line for each manifest that we have not signed, the third one
for each that is not yours or was moved:

    find . -name _manifest.json -exec jq -r '.files[] | "\\(.sha256)  \\(.key)"' {{}} + |
      sha256sum --check --quiet

    find . -name _manifest.json | while read -r manifest; do
      jq -cjS 'del(.signature)' "$manifest" > /tmp/signed
      jq -rj .signature.value "$manifest" | base64 -d > /tmp/value
      openssl pkeyutl -verify -pubin -inkey {key} -rawin -in /tmp/signed -sigfile /tmp/value > /tmp/said ||
        echo "WRONG SIGNATURE $manifest"
    done

    find . -name _manifest.json | while read -r manifest; do
      jq -e --arg at "${{manifest#./}}" '.client_id == "{client_id}" and .key == $at' "$manifest" \\
        > /dev/null || echo "NOT OURS OR MOVED $manifest"
    done

THE KEY

Manifests are signed (Ed25519) by the key {key_id}, whose public half lies in {key}. Whoever can
write here can change that copy: ask us for the key on another way, and compare.
"""


def readme(client: Client, destination: str, key_id: str) -> bytes:
    """README.txt of one bucket of a client. The same for every export that goes there."""
    exports = [
        f"    {export.name:<24} {export.dataset}, {export.cadence}, {export.extension}"
        + (f", in folders {export.key}" if export.key else "")
        for export in client.exports
        if destination in export.destinations
    ]
    return _README.format(
        mark=MARK,
        name=" ".join(client.name.split()),
        client_id=client.client_id,
        exports="\n".join(exports),
        key=keys.public_key(key_id),
        key_id=key_id,
    ).encode()


def columns_page(selection: Selection, loading: str) -> bytes:
    """columns.md: name, type and meaning of every column of an export's files, in order.

    `loading`: folder of the statements that load them.
    """
    export = selection.export
    known = table_columns(selection.dataset.name)
    lines = [
        f"<!-- {MARK} -->",
        "",
        f"# Columns of {export.name}",
        "",
        f"Dataset `{export.dataset}`, {export.cadence}, as {export.extension}. How values are written: "
        "`dialect` in schema.json and in each manifest.",
        "",
        "Statements that load the files into Athena, BigQuery, DuckDB, Redshift and Snowflake: "
        f"`{loading}`. Older ones may lie beside them.",
        "",
        "| Column | Type | Meaning |",
        "|---|---|---|",
    ]
    # The first sources are the columns, under the names that they have in the dataset.
    for (name, kind), source in zip(selection.columns, selection.sources, strict=False):
        said = meaning(export, known.get(source, Described(source, kind, ""))).replace("|", "\\|")
        lines.append(f"| `{name}` | {kind} | {said} |")
    return ("\n".join(lines) + "\n").encode()


def page_about_page(export: Export) -> bytes:
    """columns.md of an export that has none."""
    return (
        f"<!-- {MARK} -->\n\n# Columns of {export.name}\n\nNone: each file is a page for people, "
        f"{export.cadence}, to be opened in a browser. It loads nothing and runs nothing.\n"
    ).encode()
