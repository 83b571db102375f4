"""A user applies a document on a machine with a control plane, and sees where its steps stand."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.control_plane import ControlPlane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors

HTML = {"Accept": "text/html", "HX-Request": "true"}


def write(workspace: Path, **document: Any) -> None:
    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / "provision.yaml").write_text(yaml.safe_dump(document))


async def applied(pod: ControlPlane, **request: Any) -> dict[str, Any]:
    """Run the document and return what the API shows once it has ended."""
    answer = await pod.client.post("/api/provisioning/run", json=request)
    assert answer.status_code == 202, answer.text
    async with asyncio.timeout(60):
        while (view := answer.json())["running"]:
            await asyncio.sleep(0.1)
            answer = await pod.client.get("/api/provisioning")
    found: dict[str, Any] = view
    return found


def states(view: dict[str, Any]) -> dict[str, str]:
    return {step["title"]: step["state"] for step in view["steps"]}


def file_of(hub: Hub, name: str, size: int) -> dict[str, str]:
    file = hub.add("org/model", name, safetensors(size))
    return {"url": hub.url_of(file), "destination": f"loras/{name}", "sha256": file.sha256}


async def test_without_a_document_the_page_says_how_to_write_one(pod: ControlPlane) -> None:
    assert (await pod.client.get("/api/provisioning")).json()["source"] == ""
    page = await pod.client.get("/provisioning", headers={"Accept": "text/html"})
    assert "Write provision.yaml into the workspace" in page.text
    refused = await pod.client.post("/api/provisioning/run", json={})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "no_document")


@pytest.mark.slow
async def test_files_are_downloaded_and_verified(pod: ControlPlane, hub: Hub, workspace: Path) -> None:
    good, other = file_of(hub, "good.safetensors", 2000), file_of(hub, "other.safetensors", 3000)
    own = workspace / "ComfyUI/models/loras/own.safetensors"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    taken = {**good, "destination": "loras/own.safetensors"}
    write(
        workspace,
        pip=["gguf"],
        files=[good, {**other, "sha256": "0" * 64}, taken],
        presets=["unknown-preset"],
    )
    view = await applied(pod)
    assert states(view) == {
        "gguf": "failed",
        "unknown-preset": "failed",
        "loras/good.safetensors": "applied",
        "loras/other.safetensors": "failed",
        "loras/own.safetensors": "failed",
    }
    messages = {step["title"]: step["message"] for step in view["steps"]}
    assert "This machine is not a pod" in messages["gguf"]
    assert "A different file is at loras/own.safetensors" in messages["loras/own.safetensors"]
    assert "No preset" in messages["unknown-preset"] or "no preset" in messages["unknown-preset"]
    page = await pod.client.get("/provisioning", headers=HTML)
    assert "1 of 5 steps applied" in page.text
    entries = (await pod.client.get("/api/activity", params={"kind": "provision"})).json()["entries"]
    assert {entry["subject"] for entry in entries} >= {"gguf", "loras/own.safetensors", "unknown-preset"}

    own.unlink()
    (workspace / "ComfyUI/models/loras/good.safetensors").unlink()
    again = states(await applied(pod))
    assert again["loras/good.safetensors"] == "unchanged"  # the user has deleted it on purpose
    assert again["loras/own.safetensors"] == "applied"
    assert states(await applied(pod, again=True))["loras/good.safetensors"] == "applied"


async def test_a_run_that_was_killed_is_shown_as_interrupted(pod: ControlPlane, workspace: Path) -> None:
    report = {
        "source": "/workspace/provision.yaml",
        "records": str(workspace / "records"),
        "started_at": 1.0,
        "process": 2**22 + 1,  # larger than any
        "steps": [
            {
                "key": "apt",
                "kind": "apt",
                "title": "libgl1",
                "state": "running",
                "message": "",
                "seconds": 0,
                "output": [],
            }
        ],
    }
    folder = pod.settings.run_dir
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "provision.json").write_text(json.dumps(report))
    view = (await pod.client.get("/api/provisioning")).json()
    assert (view["running"], view["interrupted"]) == (False, True)
    assert "next start continues it" in (await pod.client.get("/provisioning", headers=HTML)).text


async def test_a_document_is_checked_without_being_applied(pod: ControlPlane) -> None:
    good = await pod.client.post("/api/provisioning/check", content=b"apt: [libgl1]\n")
    assert good.json() == {"mistakes": [], "steps": ["apt: libgl1"]}
    bad = (await pod.client.post("/api/provisioning/check", content=b"apt: [libgl1]\nx: 1\n")).json()
    assert (bad["steps"], bad["mistakes"][0]["line"]) == ([], 2)
