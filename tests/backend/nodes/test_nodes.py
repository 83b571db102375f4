"""A user changes custom nodes on the page and over the API."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backend.autostop.service import Autostop
from tests.support.control_plane import ControlPlane
from tests.support.git_repository import GitRepository

HTML = {"Accept": "text/html", "HX-Request": "true"}
NODE = {"__init__.py": "NODE_CLASS_MAPPINGS = {}\n"}


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "ComfyUI-Shapes")


async def ended(pod: ControlPlane, method: str, path: str, **request: Any) -> dict[str, Any]:
    """Send a request and return the list once the operation has ended."""
    answer = await pod.client.request(method, f"/api/nodes{path}", **request)
    assert answer.status_code == 202, answer.text
    async with asyncio.timeout(60):
        while (view := answer.json())["operation"]["state"] == "running":
            await asyncio.sleep(0.05)
            answer = await pod.client.get("/api/nodes")
    found: dict[str, Any] = view
    return found


@pytest.mark.slow
async def test_a_node_is_installed_disabled_enabled_and_removed(
    pod: ControlPlane, repository: GitRepository, workspace: Path
) -> None:
    commit = repository.commit(NODE)
    view = await ended(pod, "POST", "/install", json={"source": repository.url})
    (node,) = view["nodes"]
    assert (node["name"], node["version"], node["enabled"]) == ("ComfyUI-Shapes", commit, True)
    assert view["operation"]["message"] == "Installed ComfyUI-Shapes."
    repository.commit({"second.py": ""})
    assert (await ended(pod, "POST", "/ComfyUI-Shapes/update", json={}))["nodes"][0]["version"] != commit
    assert not (await ended(pod, "POST", "/ComfyUI-Shapes/disable"))["nodes"][0]["enabled"]
    assert (await ended(pod, "POST", "/ComfyUI-Shapes/enable"))["nodes"][0]["enabled"]
    (workspace / "ComfyUI/custom_nodes/ComfyUI-Shapes/__init__.py").write_text("# mine\n")
    refused = await ended(pod, "DELETE", "/ComfyUI-Shapes")
    assert refused["operation"]["state"] == "failed"
    assert "has local changes" in refused["operation"]["message"]
    assert (await ended(pod, "DELETE", "/ComfyUI-Shapes", params={"force": True}))["nodes"] == []
    entries = (await pod.client.get("/api/activity", params={"kind": "node"})).json()["entries"]
    kinds = [entry["kind"] for entry in entries]
    assert kinds == [
        "node.install",
        "node.update",
        "node.disable",
        "node.enable",
        "node.failed",
        "node.remove",
    ]


async def test_one_operation_at_a_time(pod: ControlPlane, repository: GitRepository) -> None:
    repository.commit(NODE)
    first = await pod.client.post("/api/nodes/install", json={"source": repository.url})
    assert first.status_code == 202
    second = await pod.client.post("/api/nodes/install", json={"source": "other"})
    assert (second.status_code, second.json()["error"]["code"]) == (409, "running")


async def test_a_change_of_a_node_keeps_the_pod_running(pod: ControlPlane, repository: GitRepository) -> None:
    repository.commit(NODE)
    await pod.client.post("/api/nodes/install", json={"source": repository.url})
    busy = (await pod.app.registry.get(Autostop).idleness.observe()).busy
    assert "A custom node is being changed." in busy


async def test_the_page_shows_nodes_and_what_failed(pod: ControlPlane, workspace: Path) -> None:
    page = await pod.client.get("/nodes", headers={"Accept": "text/html"})
    assert "No custom nodes" in page.text
    folder = workspace / "ComfyUI/custom_nodes"
    (folder / "Shapes").mkdir(parents=True)
    (folder / "a 'name' <b>").mkdir()
    page = await pod.client.get("/nodes", headers=HTML)
    assert 'id="disable-Shapes"' in page.text
    assert "<b>" not in page.text  # shown, but not changed from here
    assert page.text.count('id="disable-') == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nothing/disable", 404), ("/nothing/enable", 404), ("/..%2Fx/disable", 404), ("/a%20b/disable", 400)],
)
async def test_a_name_that_is_none_is_refused(pod: ControlPlane, path: str, status: int) -> None:
    assert (await pod.client.post(f"/api/nodes{path}")).status_code == status
