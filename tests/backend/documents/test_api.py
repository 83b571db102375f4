"""A user, or a program, edits workflows over the API."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.comfyui.graphs import node, picture
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.workflows import Json

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def opened(pod: ControlPlane, **request: Any) -> str:
    """Return the id of a new document, a picture that is saved unless another source is given."""
    answer = await pod.client.post("/api/workflows", json=request or {"document": picture(7), "name": "Cat"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["version"] == 1
    return str(answer.json()["id"])


async def patched(pod: ControlPlane, workflow: str, base: int, *operations: Json) -> httpx.Response:
    body = {"base": base, "operations": operations}
    return await pod.client.post(f"/api/workflows/{workflow}/patch", json=body)


async def document(pod: ControlPlane, workflow: str, version: int | None = None) -> Json:
    parameters = {} if version is None else {"version": version}
    answer = await pod.client.get(f"/api/workflows/{workflow}", params=parameters)
    found: Json = answer.json()["document"]
    return found


def width(value: int) -> Json:
    return {"op": "set_input", "node": "1", "input": "width", "value": value}


async def test_a_patch_makes_a_version_and_shows_the_difference(pod: ControlPlane) -> None:
    workflow = await opened(pod)
    answer = await patched(pod, workflow, 1, width(64), {"op": "rename", "node": "9", "title": "Result"})
    report = answer.json()
    assert (report["workflow"]["version"], report["workflow"]["parent"]) == (2, 1)
    assert report["workflow"]["author"] == "owner"
    assert report["diff"]["text"].splitlines() == [
        "~ node 1 EmptyImage: inputs.width: 8 → 64",
        "~ node 9 SaveImage “Result”: _meta: null → {\"title\": \"Result\"}",
    ]  # fmt: skip
    assert report["diff"]["changes"][0]["after"]["inputs"]["width"] == 64
    assert (await document(pod, workflow))["1"]["inputs"]["width"] == 64
    assert (await document(pod, workflow, 1))["1"]["inputs"]["width"] == 8


async def test_a_patch_of_an_old_version_conflicts(pod: ControlPlane) -> None:
    workflow = await opened(pod)
    assert (await patched(pod, workflow, 1, width(16))).status_code == 200
    answer = await patched(pod, workflow, 1, width(32))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "workflow_changed")
    assert (await document(pod, workflow))["1"]["inputs"]["width"] == 16


async def test_of_many_patches_at_once_exactly_one_is_applied(pod: ControlPlane) -> None:
    workflow = await opened(pod)
    answers = await asyncio.gather(*(patched(pod, workflow, 1, width(8 + each)) for each in range(1, 9)))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    versions = (await pod.client.get(f"/api/workflows/{workflow}/versions")).json()
    assert [version["version"] for version in versions] == [2, 1]


async def test_what_cannot_be_done_leaves_the_document_as_it_is(pod: ControlPlane) -> None:
    workflow = await opened(pod)
    answer = await patched(pod, workflow, 1, width(16), {"op": "remove_node", "node": "77"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "The workflow has no node 77.")
    answer = await patched(pod, workflow, 1, width(8))
    assert (answer.json()["workflow"]["version"], answer.json()["diff"]["text"]) == (1, "")


async def test_undo_goes_back_step_by_step_and_revert_to_any_version(pod: ControlPlane) -> None:
    workflow = await opened(pod)
    for base, value in ((1, 16), (2, 32)):
        await patched(pod, workflow, base, width(value))
    widths = []
    for base in (3, 4):
        answer = await pod.client.post(f"/api/workflows/{workflow}/undo", json={"base": base})
        widths.append(
            (answer.json()["workflow"]["restores"], (await document(pod, workflow))["1"]["inputs"]["width"])
        )
    assert widths == [(2, 16), (1, 8)]
    answer = await pod.client.post(f"/api/workflows/{workflow}/undo", json={"base": 5})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "nothing_to_undo")
    answer = await pod.client.post(f"/api/workflows/{workflow}/revert", json={"base": 5, "version": 3})
    assert answer.json()["diff"]["text"] == "~ node 1 EmptyImage: inputs.width: 8 → 32"
    answer = await pod.client.get(f"/api/workflows/{workflow}/diff", params={"before": 6, "after": 2})
    assert answer.json()["text"] == "~ node 1 EmptyImage: inputs.width: 32 → 16"
    reasons = [
        each["reason"] for each in (await pod.client.get(f"/api/workflows/{workflow}/versions")).json()
    ]
    assert reasons[:3] == ["Revert to version 3", "Undo version 2", "Undo version 3"]


async def test_an_editor_saves_the_whole_workflow(pod: ControlPlane) -> None:
    workflow = await opened(pod)
    whole = {**picture(7), "2": node("EmptyImage", width=8, height=8, batch_size=1, color=1)}
    body = {"base": 1, "document": whole, "reason": "Second picture"}
    answer = await pod.client.post(f"/api/workflows/{workflow}/versions", json=body)
    assert answer.json()["diff"]["text"] == "+ node 2 EmptyImage"
    answer = await pod.client.post(f"/api/workflows/{workflow}/versions", json=body)
    assert answer.status_code == 409


async def test_validation_names_node_and_input(pod: ControlPlane) -> None:
    broken = picture(7)
    broken["1"]["inputs"]["width"] = -5
    workflow = await opened(pod, document=broken)
    report = (await pod.client.post(f"/api/workflows/{workflow}/validate")).json()
    assert not report["valid"]
    (problem,) = report["problems"]
    assert (problem["code"], problem["node_id"], problem["input"]) == ("value_smaller_than_min", "1", "width")
    await patched(pod, workflow, 1, width(64))
    assert (await pod.client.post(f"/api/workflows/{workflow}/validate")).json() == {
        "valid": True, "problems": []}  # fmt: skip


async def test_a_workflow_is_saved_to_comfyui_and_opened_again(pod: ControlPlane) -> None:
    workflow = await opened(pod)
    save = f"/api/workflows/{workflow}/save"
    answer = await pod.client.post(save, json={"path": "portraits/cat.json"})
    assert answer.json() == {"path": "workflows/portraits/cat.json"}
    answer = await pod.client.post(save, json={"path": "portraits/cat.json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "file_exists")
    assert (await pod.client.post(save, json={"path": "portraits/cat.json", "overwrite": True})).is_success
    again = await opened(pod, comfyui_path="portraits/cat.json")
    assert await document(pod, again) == picture(7)
    head = (await pod.client.get(f"/api/workflows/{again}")).json()
    assert (head["name"], head["reason"]) == ("cat", "Opened from ComfyUI: workflows/portraits/cat.json")
    for path in ("../secrets.json", "cat.txt", "a//b.json"):
        assert (await pod.client.post(save, json={"path": path})).status_code == 400


async def test_a_workflow_runs_and_what_ran_is_opened_as_a_workflow(pod: ControlPlane) -> None:
    workflow = await opened(pod)
    runs = [{"width": 16}, {"1.width": 24, "color": 3}]
    answer = await pod.client.post(f"/api/workflows/{workflow}/run", json={"runs": runs, "name": "Two"})
    jobs = answer.json()["jobs"]
    assert [job["values"] for job in jobs] == [{"1.width": 16}, {"1.width": 24, "1.color": 3}]
    assert jobs[0]["metadata"] == {"workflow": workflow, "workflow_version": "1"}
    copy = await opened(pod, job_id=jobs[1]["id"])
    assert (await document(pod, copy))["1"]["inputs"] == {
        "width": 24, "height": 8, "batch_size": 1, "color": 3}  # fmt: skip
    answer = await pod.client.post(f"/api/workflows/{workflow}/run", json={"runs": [{"nothing": 1}]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_input")


async def test_the_inputs_and_the_prompt_of_a_workflow(pod: ControlPlane) -> None:
    workflow = await opened(pod)
    inputs = (await pod.client.get(f"/api/workflows/{workflow}/inputs")).json()
    assert {"name": "width", "address": "1.width"}.items() <= inputs[0].items()
    assert (await pod.client.get(f"/api/workflows/{workflow}/prompt")).json() == picture(7)


async def test_a_file_is_uploaded_copied_found_and_deleted(pod: ControlPlane) -> None:
    answer = await pod.client.post(
        "/api/workflows/file", params={"name": "folder/Very special.json"}, content=json.dumps(picture(7))
    )
    workflow = answer.json()["id"]
    await opened(pod, workflow_id=workflow)
    template = await opened(pod, template_id="official:image_z_image_turbo")
    assert (await document(pod, template))["definitions"]["subgraphs"]
    found = (await pod.client.get("/api/workflows", params={"q": "special very"})).json()
    assert [each["name"] for each in found] == ["Very special (copy)", "Very special"]
    first = await pod.client.get("/api/workflows", params={"q": "special", "limit": 1})
    rest = (await pod.client.get(first.links["next"]["url"])).json()
    assert [each["id"] for each in rest] == [workflow]
    assert (await pod.client.delete(f"/api/workflows/{workflow}")).status_code == 204
    assert (await pod.client.get(f"/api/workflows/{workflow}")).status_code == 404
    assert (await pod.client.delete(f"/api/workflows/{workflow}")).status_code == 404
    assert len((await pod.client.get("/api/workflows", params={"q": "special"})).json()) == 1


@pytest.mark.parametrize(
    "request_body",
    [{}, {"document": {}}, {"document": {"a": 1}}, {"job_id": "x", "comfyui_path": "y"}, {"comfyui_path": "../x"}],
    ids=str,
)  # fmt: skip
async def test_what_is_no_workflow_is_refused(pod: ControlPlane, request_body: Json) -> None:
    answer = await pod.client.post("/api/workflows", json=request_body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


async def test_a_new_pod_on_the_volume_has_the_workflows_and_their_versions(
    pod: ControlPlane, volume: Path, tmp_path: Path
) -> None:
    workflow = await opened(pod, document=picture(7), name="Kept on the volume")
    await patched(pod, workflow, 1, {"op": "remove_node", "node": "9"})
    async with running_control_plane(volume, state_dir=tmp_path / "new state") as other:
        async with asyncio.timeout(20):
            while True:
                found = (await other.client.get("/api/workflows", params={"q": "kept volume"})).json()
                if found:
                    break
                await asyncio.sleep(0.02)
        assert (found[0]["id"], found[0]["version"]) == (workflow, 2)
        assert await document(other, workflow, 1) == picture(7)
        undone = await other.client.post(f"/api/workflows/{workflow}/undo", json={"base": 2})
        assert undone.json()["workflow"]["version"] == 3
    assert (await patched(pod, workflow, 2, width(64))).status_code == 409
