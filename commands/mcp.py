"""`footfall mcp`: the API's questions as tools of the Model Context Protocol: for who starts this process, or
over HTTP for whoever sends a key.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import click

from api.assistants import Tool, answer_of, tools_of
from commands.state import with_settings
from footfall.access.presented import presented_key
from footfall.errors import FootfallError
from footfall.settings import Settings

#: Seconds that the API may take to answer; longer than a question may.
SECONDS = 60
_INSTRUCTIONS = (
    "Figures of web sites. Begin with `vocabulary` and `sites`. Each answer has `data_through`, up to when "
    "the figures go, and `final`, whether they can change no more: say both when you tell a figure."
)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Serve over HTTP on this port, at /mcp.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on, with --port.")
@with_settings
def command(settings: Settings, port: int | None, host: str) -> int:
    """Let an assistant ask the API, over standard input and output or over HTTP: docs/api.md.

    FOOTFALL_ASSISTANT_KEY is a key that may `assist` (or `read`), FOOTFALL_ASSISTANT_URL the API's address.
    Over HTTP each request brings its own key, as to the API.
    """
    key = settings.assistant_key or ""
    if not key and port is None:
        raise FootfallError(
            "FOOTFALL_ASSISTANT_KEY is not set: `footfall keys new CLIENT --permission assist` makes one"
        )
    try:
        import mcp  # noqa: F401
    except ImportError:
        raise FootfallError(
            "the package mcp is missing: install Footfall's wheel with `[mcp]` behind its name (docs/api.md)"
        ) from None
    address = settings.assistant_url or f"http://127.0.0.1:{settings.api_port}"
    found = tools_of(json.loads(_ask(address, key, "GET", "/openapi.json", None)[1]))
    known = {each.name: each for each in found}
    if port is None:
        _serve(_server(address, known, lambda _request: key))
    else:
        _serve_http(_server(address, known, _key_of), host, port)
    return 0


def _serve(server: Any) -> None:
    """Answer until standard input ends."""
    import anyio
    from mcp.server.stdio import stdio_server

    async def serve() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    anyio.run(serve)


def _serve_http(server: Any, host: str, port: int) -> None:
    """Answer over HTTP until the end: each request by itself, and none without a key."""
    import uvicorn
    from mcp.server.transport_security import TransportSecuritySettings

    # Nothing here has a key, so a page that reaches this machine by a name of its own gains nothing.
    safe = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(
        json_response=True, stateless_http=True, transport_security=safe, host=host
    )
    print(f"MCP: http://{host}:{port}/mcp", flush=True)
    uvicorn.run(_keyed(app), host=host, port=port, log_level="warning", access_log=False, server_header=False)


def _keyed(app: Any) -> Any:
    """The application, for requests that bring a key and are no larger than the API's; the API looks
    whether it is a key.
    """
    from api.app import MOST_BYTES

    async def asked(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        if presented_key(dict(scope["headers"])) is None:
            said = "send a key that may assist, as Authorization: Bearer KEY"
            await _refuse(send, 401, said, (b"www-authenticate", b"Bearer"))
            return
        came, size = [], 0
        while size <= MOST_BYTES:
            message = await receive()
            came.append(message)
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        if size > MOST_BYTES:
            await _refuse(send, 413, f"a request has {MOST_BYTES} bytes at most", (b"connection", b"close"))
            return

        async def again() -> Any:
            return came.pop(0) if came else await receive()

        await app(scope, again, send)

    return asked


async def _refuse(send: Any, status: int, why: str, header: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", b"application/json"), header]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": why}).encode()})


def _key_of(request: Any) -> str:
    return presented_key(dict(request.headers.raw)) or ""


def _server(address: str, known: dict[str, Tool], key_of: Callable[[Any], str]) -> Any:
    """A server of tools. `key_of`: the key of an HTTP request; None stands for standard input."""
    import anyio
    import mcp_types as types
    from mcp.server.lowlevel import Server

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

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = known.get(params.name)
        if tool is None:
            return said(f"there is no tool {params.name!r}; there are {', '.join(sorted(known))}")
        path, body = tool.request(params.arguments or {})
        try:
            status, text = await anyio.to_thread.run_sync(
                _ask, address, key_of(context.request), tool.method, path, body
            )
        except FootfallError as error:
            return said(str(error))
        if status != 200:
            return said(text)
        answer = answer_of(text)
        content: list[types.ContentBlock] = [types.TextContent(type="text", text=answer)]
        return types.CallToolResult(content=content, structured_content=json.loads(answer))

    def said(problem: str) -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(type="text", text=problem)], is_error=True)

    return Server("footfall", instructions=_INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool)


def _ask(address: str, key: str, method: str, path: str, body: bytes | None) -> tuple[int, str]:
    """Status and text of an answer. Raises FootfallError where there is none."""
    if not address.startswith(("http://", "https://")):
        raise FootfallError(f"FOOTFALL_ASSISTANT_URL is {address!r}: write http://… or https://…")
    headers = {"accept": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
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
