"""`footfall mcp`: the API's questions as tools of the Model Context Protocol, for who starts this process."""

import json
import urllib.error
import urllib.request
from typing import Any

import click

from api.assistants import Tool, answer_of, tools_of
from commands.state import with_settings
from footfall.errors import FootfallError
from footfall.settings import Settings

#: Seconds that the API may take to answer; longer than a question may.
SECONDS = 60
_INSTRUCTIONS = (
    "Figures of web sites. Begin with `vocabulary` and `sites`. Each answer has `data_through`, up to when "
    "the figures go, and `final`, whether they can change no more: say both when you tell a figure."
)


@click.command()
@with_settings
def command(settings: Settings) -> int:
    """Let an assistant ask the API, over standard input and output: docs/api.md.

    FOOTFALL_ASSISTANT_KEY is a key that may `assist` (or `read`), FOOTFALL_ASSISTANT_URL the API's address.
    """
    key = settings.assistant_key
    if not key:
        raise FootfallError(
            "FOOTFALL_ASSISTANT_KEY is not set: `footfall keys new CLIENT --permission assist` makes one"
        )
    try:
        import mcp  # noqa: F401
    except ImportError:
        raise FootfallError("the package mcp is missing: pip install 'footfall[mcp]'") from None
    address = settings.assistant_url or f"http://127.0.0.1:{settings.api_port}"
    found = tools_of(json.loads(_ask(address, key, "GET", "/openapi.json", None)[1]))
    _serve(address, key, {each.name: each for each in found})
    return 0


def _serve(address: str, key: str, known: dict[str, Tool]) -> None:
    """Answer until standard input ends."""
    import anyio
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server

    async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=each.name,
                    description=each.description,
                    input_schema=dict(each.schema),
                    annotations=types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
                )
                for each in known.values()
            ]
        )

    async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = known.get(params.name)
        if tool is None:
            return said(f"there is no tool {params.name!r}; there are {', '.join(sorted(known))}")
        path, body = tool.request(params.arguments or {})
        try:
            status, text = await anyio.to_thread.run_sync(_ask, address, key, tool.method, path, body)
        except FootfallError as error:
            return said(str(error))
        if status != 200:
            return said(text)
        answer = answer_of(text)
        content: list[types.ContentBlock] = [types.TextContent(type="text", text=answer)]
        return types.CallToolResult(content=content, structured_content=json.loads(answer))

    def said(problem: str) -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(type="text", text=problem)], is_error=True)

    server: Any = Server(
        "footfall", instructions=_INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )

    async def serve() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    anyio.run(serve)


def _ask(address: str, key: str, method: str, path: str, body: bytes | None) -> tuple[int, str]:
    """Status and text of an answer. Raises FootfallError where there is none."""
    if not address.startswith(("http://", "https://")):
        raise FootfallError(f"FOOTFALL_ASSISTANT_URL is {address!r}: write http://… or https://…")
    headers = {"authorization": f"Bearer {key}", "accept": "application/json"}
    if body is not None:
        headers["content-type"] = "application/json"
    try:
        request = urllib.request.Request(address.rstrip("/") + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        raise FootfallError(f"the API at {address} does not answer: {error}") from None
