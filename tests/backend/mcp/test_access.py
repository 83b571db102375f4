"""Who may use the server, how often, and what is recorded."""

import asyncio

import pytest
from mcp import MCPError

from tests.backend.mcp.clients import call, connected, refused
from tests.support.comfyui.graphs import picture
from tests.support.control_plane import ControlPlane

pytestmark = pytest.mark.asyncio(loop_scope="module")

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_request_without_a_key_is_refused(pod: ControlPlane, method: str) -> None:
    async with pod.anonymous() as client:
        response = await client.request(method, "/mcp", json=INITIALIZE)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "api_key_required")
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_cookie_is_no_key(pod: ControlPlane) -> None:
    token = pod.client.headers["Authorization"].removeprefix("Bearer ")
    async with pod.anonymous(Cookie=f"comfypod_session={token}") as client:
        assert (await client.get("/api/jobs")).status_code == 200
        assert (await client.post("/mcp", json=INITIALIZE)).status_code == 401


async def test_a_page_of_another_site_is_refused(pod: ControlPlane) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        response = await pod.client.post("/mcp", json=INITIALIZE, headers={**ACCEPT, **headers})
        assert (response.status_code, response.json()["error"]["code"]) == (403, "cross_site")
    own = {"Origin": pod.url}
    assert (await pod.client.post("/mcp", json=INITIALIZE, headers={**ACCEPT, **own})).status_code == 200


async def test_a_key_needs_the_scope_of_each_tool(pod: ControlPlane) -> None:
    async with connected(pod, key=await pod.create_key("read")) as client:
        assert await call(client, "jobs_list") == []
        message = await refused(client, "workflows_open", document=picture(1))
        assert "lacks the scope `run`" in message
        assert "lacks the scope `admin`" in await refused(client, "services_log")
    async with pod.anonymous(**ACCEPT, Authorization=f"Bearer {await pod.create_key('run')}") as visitor:
        assert (await visitor.post("/mcp", json=INITIALIZE)).status_code == 403


async def test_a_session_belongs_to_the_key_that_opened_it(pod: ControlPlane) -> None:
    opened = await pod.client.post("/mcp", json=INITIALIZE, headers=ACCEPT)
    session = {
        **ACCEPT,
        "Mcp-Session-Id": opened.headers["Mcp-Session-Id"],
        "MCP-Protocol-Version": "2025-11-25",
    }
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert (await pod.client.post("/mcp", json=listing, headers=session)).status_code == 200
    async with pod.anonymous(**session, Authorization=f"Bearer {await pod.create_key('read')}") as other:
        assert (await other.post("/mcp", json=listing)).status_code == 404


async def test_errors_say_what_to_do(pod: ControlPlane) -> None:
    async with connected(pod) as client:
        assert "Search with `nodes_search`" in await refused(client, "nodes_get", type="Nothing")
        with pytest.raises(MCPError, match="There is no workflow nothing"):
            await client.read_resource("workflow://nothing")


async def test_calls_are_recorded_with_principal_and_correlation_id(pod: ControlPlane) -> None:
    async with connected(pod, key=await pod.create_key("read", "run", name="robot")) as client:
        await call(client, "workflows_open", document=picture(1), name="Recorded")
        for _ in range(3):
            await call(client, "jobs_queue")
        await refused(client, "workflows_get", workflow_id="nothing")
    async with asyncio.timeout(20):
        while True:
            log = (await pod.client.get("/api/activity", params={"kind": "tool"})).json()["entries"]
            mine = [entry for entry in log if entry["principal"] == "key:robot"]
            if len(mine) >= 3:
                break
            await asyncio.sleep(0.05)
    assert [(entry["kind"], entry["subject"]) for entry in mine] == [
        ("tool.called", "workflows_open"),
        ("tool.called", "jobs_queue"),
        ("tool.failed", "workflows_get"),
    ]
    assert "There is no workflow" in mine[2]["details"]["error"]
    assert len({entry["details"]["request_id"] for entry in mine}) == 3
    created = (await pod.client.get("/api/activity", params={"kind": "workflow.created"})).json()["entries"]
    assert created[-1]["principal"] == "key:robot"


async def test_resources_and_prompts(pod: ControlPlane) -> None:
    async with connected(pod) as client:
        workflow = (await call(client, "workflows_open", document=picture(1)))["id"]
        job = (await call(client, "workflows_run", workflow_id=workflow, runs=[{}]))["job_ids"][0]
        await call(client, "jobs_wait", job_ids=[job])
        uris = (
            f"workflow://{workflow}", f"workflow://{workflow}/1", f"job://{job}", f"job://{job}/log", "node://SaveImage",
            "pod://status",
        )  # fmt: skip
        texts = [(await client.read_resource(uri)).contents[0] for uri in uris]
        found = " ".join(getattr(each, "text", "") for each in texts)
        for expected in (
            "EmptyImage",
            '"succeeded"',
            "Attempt 1: succeeded",
            "filename_prefix",
            "uptime_seconds",
        ):
            assert expected in found
        prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        assert prompts.keys() == {
            "debug_job", "explain_workflow", "build_workflow", "plan_batch", "optimise_for_vram"}  # fmt: skip
        rendered = await client.get_prompt("debug_job", {"job_id": job})
        assert job in rendered.model_dump_json()


async def test_a_result_that_is_too_long_is_refused(pod: ControlPlane) -> None:
    nodes = {
        str(number): {"class_type": "Gone", "inputs": {f"text_{each}": "x" * 1900 for each in range(5)}}
        for number in range(40)
    }
    async with connected(pod) as client:
        workflow = (await call(client, "workflows_open", document=nodes))["id"]
        message = await refused(client, "workflows_get", workflow_id=workflow)
        assert "Ask for less at once" in message
        assert (await call(client, "workflows_get", workflow_id=workflow, nodes=["7"]))["outline"][
            "nodes"
        ] == 1
