"""Tools for assistants, made of the API's OpenAPI document: which there are, and the request of a call."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from api.routing import ASSIST

#: Where OpenAPI keeps schemas that others name, and where JSON Schema does.
_COMPONENTS, _DEFS = "#/components/schemas/", "#/$defs/"


@dataclass(frozen=True)
class Tool:
    """A question that an assistant may ask."""

    name: str
    description: str
    #: JSON Schema of its arguments.
    schema: Mapping[str, Any]
    method: str
    path: str
    #: Argument → `path`, `query`, or `body`.
    places: Mapping[str, str]

    def request(self, arguments: Mapping[str, Any]) -> tuple[str, bytes | None]:
        """Path with query, and body, of a call. What the tool does not know goes along, to be refused."""
        path, query, body = self.path, {}, {}
        for name, value in arguments.items():
            place = self.places.get(name, "query" if self.method == "GET" else "body")
            if place == "path":
                path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
            elif place == "body":
                body[name] = value
            elif value is not None:
                query[name] = value if isinstance(value, str) else json.dumps(value)
        whole = f"{path}?{urlencode(query)}" if query else path
        return whole, json.dumps(body).encode() if self.method == "POST" else None


def tools_of(document: Mapping[str, Any]) -> list[Tool]:
    """The tools that an API offers, by its document."""
    defs = _local(document["components"]["schemas"])
    return [
        _tool(method.upper(), path, operation, defs)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if operation.get(ASSIST)
    ]


def answer_of(text: str) -> str:
    """An answer as it came, with `data_through` and `final` at its head; null where it has no figures."""
    meta = json.loads(text).get("meta", {})
    head = json.dumps({"data_through": meta.get("data_through"), "final": meta.get("final")})
    return f'{head[:-1]}, "answer": {text}}}'


def _tool(method: str, path: str, operation: Mapping[str, Any], defs: Mapping[str, Any]) -> Tool:
    properties: dict[str, Any] = {}
    places: dict[str, str] = {}
    required: list[str] = []
    for each in operation.get("parameters", []):
        if each["in"] == "header":
            continue
        properties[each["name"]] = {**each["schema"], "description": each.get("description", "")}
        places[each["name"]] = each["in"]
        if each.get("required"):
            required.append(each["name"])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    model = defs.get(body.get("$ref", "").removeprefix(_COMPONENTS), {})
    for name, schema in model.get("properties", {}).items():
        properties[name], places[name] = schema, "body"
    return Tool(
        operation["operationId"],
        operation["description"],
        {
            "type": "object",
            "properties": properties,
            "required": [*required, *model.get("required", [])],
            "additionalProperties": False,
            "$defs": dict(defs) if model else {},
        },
        method,
        path,
        places,
    )


def _local(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Schemas whose references are within one document."""
    found: dict[str, Any] = json.loads(json.dumps(schemas).replace(_COMPONENTS, _DEFS))
    return found
