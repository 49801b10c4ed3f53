"""Assistants ask by tools of the API: a real client of theirs, the same question, the same number."""

import json
import os
import socket
import subprocess
import sys

import anyio
import httpx2
import mcp
import pytest
from mcp.client.streamable_http import streamable_http_client
from support.api_builders import KEYS, served
from support.collectors import free_port
from support.waiting import wait_until

DAYS = ["2026-11-18", "2026-11-19"]
QUESTION = {
    "site_id": "shop",
    "metrics": ["visitors", "revenue"],
    "date_range": DAYS,
    "dimensions": ["time:day"],
}
NOT_ITS = ("/v1/visitors/v", "/events/recent", "/analytics/?site_id=shop", "/v1/deliveries", "/v1/realtime")


@pytest.fixture
def api(tmp_path):
    with served(tmp_path) as made:
        rows = [{"date": day, "visitors": 3, "revenue": "12.3400", "currency": "EUR"} for day in DAYS]
        made.publish("daily_metrics", rows)
        yield made


def with_client(api, ask, role="assist"):
    """What `ask` gives of a client that started `footfall mcp` with a role's key."""

    async def go():
        environ = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
        server = mcp.StdioServerParameters(
            command=sys.executable,
            args=["-m", "commands.entry", "mcp"],
            env={
                **environ,
                "FOOTFALL_ENV_FILE": os.devnull,
                "FOOTFALL_ASSISTANT_URL": f"http://127.0.0.1:{api.port}",
                "FOOTFALL_ASSISTANT_KEY": KEYS[role],
            },
        )
        async with mcp.Client(server) as client:
            return await ask(client)

    return anyio.run(go)


def test_the_same_question_has_the_same_number_as_the_api_and_says_how_sure_it_is(api):
    said = with_client(api, lambda client: client.call_tool("query", QUESTION))
    direct = api.query(**QUESTION).json

    assert not said.is_error
    found = json.loads(said.content[0].text)
    assert found["answer"]["results"] == direct["results"] != []
    assert (found["data_through"], found["final"]) == (direct["meta"]["data_through"], True)


def test_tools_are_few_and_only_read_and_none_knows_a_visitor(api):
    tools = with_client(api, lambda client: client.list_tools()).tools

    names = {each.name for each in tools}
    assert {"query", "sites", "vocabulary"} <= names
    assert len(names) <= 8
    assert all(each.annotations.read_only_hint and each.description for each in tools)
    assert "visitor" not in names


def test_a_mistake_is_told_with_what_there_is_instead_and_ends_nothing(api):
    async def ask(client):
        wrong = await client.call_tool("query", {**QUESTION, "metrics": ["visitor"]})
        right = await client.call_tool("breakdown", {"dimension": "time:day", "site_id": "shop"})
        return wrong, right

    wrong, right = with_client(api, ask)

    assert wrong.is_error
    assert "visitors" in json.loads(wrong.content[0].text)["possible"]
    assert not right.is_error


def test_a_key_that_assists_asks_for_figures_and_for_no_visitor(api):
    assert api.query(role="assist").status == 200
    for path in NOT_ITS:
        assert api.ask("GET", path, role="assist").json["code"] == "permission_denied"


def test_without_a_key_it_says_how_to_get_one():
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
    command = [sys.executable, "-m", "commands.entry", "mcp"]
    environ |= {"FOOTFALL_ENV_FILE": os.devnull}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "--permission assist" in done.stderr
    assert "Traceback" not in done.stderr


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def over_http(api):
    """The address of `footfall mcp --port`, which has no key of its own."""
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
    more = {"FOOTFALL_ENV_FILE": os.devnull, "FOOTFALL_ASSISTANT_URL": f"http://127.0.0.1:{api.port}"}
    command = [sys.executable, "-m", "commands.entry", "mcp", "--port", str(port)]
    process = subprocess.Popen(command, env=environ | more, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("MCP: http://")
    wait_until(lambda: is_listening(port))
    yield f"http://127.0.0.1:{port}/mcp"
    process.terminate()
    process.communicate(timeout=60)


def test_over_http_each_request_asks_with_its_own_key_and_none_without(api, over_http):
    async def ask(role):
        headers = {"authorization": f"Bearer {KEYS[role]}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as web,
            mcp.Client(streamable_http_client(over_http, http_client=web)) as client,
        ):
            tools = await client.list_tools()
            return len(tools.tools), await client.call_tool("query", QUESTION)

    count, said = anyio.run(ask, "assist")
    _, other = anyio.run(ask, "other")
    much = httpx2.post(
        over_http, content=b" " * 70_000, headers={"authorization": "Bearer anything"}, timeout=60
    )
    nobody = httpx2.post(over_http, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, timeout=60)

    assert count <= 8
    assert (
        json.loads(said.content[0].text)["answer"]["results"] == api.query(**QUESTION).json["results"] != []
    )
    assert other.is_error, "a key of another client asks for its own sites"
    assert nobody.status_code == 401
    assert much.status_code == 413, "whoever has no key at all has its bytes kept in memory"
