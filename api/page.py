"""The API's OpenAPI document for people: Markdown for docs/api.md, and one page that loads nothing."""

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

from api.problems import CODES
from api.routing import ASSIST, PERMISSION, REACH

_REACHES = {
    "open": "anybody, without a key",
    "key": "every key",
    "clients": "keys of clients and of the operator",
    "whole": "keys of the whole client, and of the operator",
    "site": "keys of a client or of the site, and the operator's",
    "client": "keys of the whole client, and the operator's",
    "operator": "keys of the operator",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h2{margin-top:2.5rem}h3{margin:2rem 0 .3rem;font-family:ui-monospace,monospace;font-size:1rem}"
    "pre{background:#f4f4f4;padding:.7rem;overflow-x:auto}code{font-size:.9em}"
    "table{border-collapse:collapse;margin:.5rem 0}td,th{padding:.15rem .8rem .15rem 0;text-align:left;"
    "vertical-align:top}"
)


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(method, path, operation) in the order in which they were made."""
    for path, found in document["paths"].items():
        for method, operation in found.items():
            yield method.upper(), path, operation


def _by_tag(document: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """The same with those of a tag together."""
    found = list(operations(document))
    tags = list(dict.fromkeys(operation["tags"][0] for *_, operation in found))
    return sorted(found, key=lambda each: tags.index(each[2]["tags"][0]))


def described(operation: Mapping[str, Any]) -> str:
    """What an operation says of itself, whole."""
    return " ".join(filter(None, [f"{operation['summary']}.", operation.get("description", "")]))


def who(operation: Mapping[str, Any]) -> str:
    """Who may ask, in words."""
    permission = operation[PERMISSION]
    reach = _REACHES[operation[REACH]]
    may = f"`{permission}` or `assist`" if operation[ASSIST] else f"`{permission}`"
    return f"{reach}, with {may}" if permission else reach


def curl_of(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """A line that asks it, with $API and $KEY of the shell; empty where there is no example to give."""
    example = dict(operation.get("x-footfall-example") or {})
    body, query = example.pop("body", None), example.pop("query", "")
    for name, value in example.items():
        path = path.replace(f"{{{name}}}", str(value))
    if "{" in path.replace("{hour}", "").replace("{day}", "") or (
        body is None and "requestBody" in operation
    ):
        return ""
    parts = ["curl -s"]
    if method != "GET":
        parts.append(f"-X {method}")
    if operation[REACH] != "open":
        parts.append('-H "Authorization: Bearer $KEY"')
    if body is not None:
        parts.append(f"-H 'Content-Type: application/json' -d '{json.dumps(body)}'")
    parts.append(f'"$API{path}{"?" + query if query else ""}"')
    return " ".join(parts)


def markdown_of(document: Mapping[str, Any]) -> str:
    """Every route: who may ask, what it takes, an example."""
    found: list[str] = []
    tag = ""
    for method, path, operation in _by_tag(document):
        if operation["tags"][0] != tag:
            tag = operation["tags"][0]
            found.append(f"### {tag}\n")
        found.append(f"**`{method} {path}`** — {described(operation)} For {who(operation)}.\n")
        rows = [
            f"| `{each['name']}` | {each['in']} | {each.get('description', '')} |"
            for each in operation.get("parameters", [])
            if each["name"] != "client"
        ]
        if rows:
            found += ["| | in | |", "|---|---|---|", *rows, ""]
        line = curl_of(method, path, operation)
        if line:
            found.append(f"    {line}\n")
    return "\n".join(found)


def problems_markdown() -> str:
    """Every code of a problem, with its status and what to do."""
    rows = [f"| `{code}` | {status} | {title} | {todo} |" for code, (status, title, todo) in CODES.items()]
    return "\n".join(["| code | status | | what to do |", "|---|---|---|---|", *rows]) + "\n"


def page_of(document: Mapping[str, Any]) -> str:
    """The same as HTML, with the shape of every body."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        f"<title>Footfall API</title><style>{_STYLE}</style><h1>Footfall API</h1>",
        "<p>Send a key as <code>Authorization: Bearer KEY</code>. The same as a document for programs: "
        '<a href="/openapi.json">/openapi.json</a>.</p>',
    ]
    tag = ""
    for method, path, operation in _by_tag(document):
        if operation["tags"][0] != tag:
            tag = operation["tags"][0]
            parts.append(f"<h2>{html.escape(tag)}</h2>")
        parts.append(f'<h3 id="{html.escape(operation["operationId"])}">{method} {html.escape(path)}</h3>')
        parts.append(f"<p>{html.escape(described(operation))} <i>For {html.escape(who(operation))}.</i></p>")
        parts.append(_parameters(operation))
        line = curl_of(method, path, operation)
        if line:
            parts.append(f"<pre>{html.escape(line)}</pre>")
        schema = _body(document, operation)
        if schema:
            parts.append(f"<details><summary>Body</summary><pre>{html.escape(schema)}</pre></details>")
    parts.append("<h2>Problems</h2><table>")
    for code, (status, _title, todo) in CODES.items():
        parts.append(f'<tr id="{code}"><td><code>{code}</code><td>{status}<td>{html.escape(todo)}</tr>')
    parts.append("</table></html>")
    return "".join(parts)


def _parameters(operation: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{html.escape(each['name'])}</code><td>{each['in']}"
        f"<td>{html.escape(each.get('description', ''))}</tr>"
        for each in operation.get("parameters", [])
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    found = document["components"]["schemas"].get(name, schema)
    return json.dumps(found, indent=2) if found else ""
