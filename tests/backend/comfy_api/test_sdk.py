"""The unmodified comfy-sdk runs workflows here, synchronously and asynchronously."""

import asyncio
import uuid
from pathlib import Path

import pytest
from comfy_sdk import AsyncComfy, Comfy
from comfy_sdk.events import OutputReady, Preview, Progress, StatusChange
from comfy_sdk.exceptions import (
    ComfyError,
    IdempotencyKeyReuse,
    InvalidWorkflow,
    JobFailed,
    MissingAsset,
    NotFound,
    Unauthorized,
)

from tests.backend.comfy_api.conftest import Pod
from tests.support.comfyui.graphs import Graph, node, picture, through

PNG = b"\x89PNG\r\n\x1a\n"


def loading(image: object) -> Graph:
    graph = picture()
    graph["1"] = node("LoadImage", image=image)
    return graph


def test_a_workflow_runs_and_its_picture_is_downloaded(sdk: Comfy, tmp_path: Path) -> None:
    job = sdk.run(sdk.workflows.from_json(picture()))
    (output,) = job.outputs
    assert (job.status, output.type, output.content_type) == ("succeeded", "image", "image/png")
    assert job.get_outputs("9")[0].id == output.id
    content = output.to_file(tmp_path / "whole.png").read_bytes()
    assert (content[:8], len(content)) == (PNG, output.size_bytes)
    assert output.to_file(tmp_path / "start", range=(1, 3)).read_bytes() == b"PNG"
    assert output.get_download_url().url.endswith(f"/api/v2/assets/{output.id}/content")


async def test_the_asynchronous_client_does_the_same(async_sdk: AsyncComfy) -> None:
    job = await async_sdk.run(async_sdk.workflows.from_json(picture()))
    content = await job.outputs[0].to_bytes()
    assert (job.status, content[:8]) == ("succeeded", PNG)
    again = await async_sdk.jobs.get(job.id)
    assert (await again.get_workflow()).format == "api"


def test_events_show_progress_and_every_output_before_the_end(sdk: Comfy) -> None:
    job = sdk.submit(sdk.workflows.from_json(through("TestSlow", steps=60, seconds=0.03)))
    events = list(job.events())
    statuses = [event.status for event in events if isinstance(event, StatusChange)]
    assert statuses[-1] == "succeeded"
    assert isinstance(events[-2], OutputReady)
    assert events[-2].output.name == job.refresh().outputs[0].name
    progress = [event for event in events if isinstance(event, Progress)]
    assert any(event.current_node == "5" and event.steps == 60 for event in progress)
    previews = [event for event in events if isinstance(event, Preview)]
    assert previews[0].content_type == "image/jpeg"
    assert previews[0].node_id == "5"


async def test_the_asynchronous_client_follows_events_too(async_sdk: AsyncComfy) -> None:
    job = await async_sdk.submit(async_sdk.workflows.from_json(picture()))
    events = [event async for event in job.events()]
    assert [type(event) for event in events[-2:]] == [OutputReady, StatusChange]


def test_an_input_is_uploaded_once_and_then_found_by_its_hash(sdk: Comfy, pod: Pod) -> None:
    content = b"a picture of a cat " + uuid.uuid4().bytes
    first = sdk.assets.from_bytes(content, filename="cat.png")
    job = sdk.run(sdk.workflows.from_json(loading(first)))
    assert job.status == "succeeded"
    assert first.created_new
    assert job.get_workflow().graph["1"]["inputs"]["image"].startswith("api-assets/")
    second = sdk.assets.from_bytes(content, filename="same cat.png")
    second.commit()
    assert second.created_new is False
    assert len(list((pod.workspace / "ComfyUI/input/api-assets").glob(f"{first.hash[7:]}*"))) == 1
    found = sdk.assets.get(second.id or "")
    assert (found.file_path, found.hash) == ("same cat.png", first.hash)


async def test_the_asynchronous_client_uploads_too(async_sdk: AsyncComfy) -> None:
    asset = async_sdk.assets.from_bytes(uuid.uuid4().bytes, filename="dog.png")
    job = await async_sdk.run(async_sdk.workflows.from_json(loading(asset)))
    assert job.status == "succeeded"
    await asset.delete()
    with pytest.raises(NotFound):
        await async_sdk.assets.get(asset.id or "gone")


def test_an_output_is_the_input_of_the_next_job(sdk: Comfy) -> None:
    first = sdk.run(sdk.workflows.from_json(picture()))
    reference = {"__type": "core/ASSET", "info": {"id": first.outputs[0].id}}
    second = sdk.run(sdk.workflows.from_json(loading(reference)))
    assert second.status == "succeeded"
    assert sdk.assets.get(first.outputs[0].id).job_id == first.id


def test_a_running_job_is_cancelled(sdk: Comfy) -> None:
    job = sdk.submit(sdk.workflows.from_json(through("TestSlow", steps=10_000, seconds=0.01)))
    for event in job.events():
        if isinstance(event, StatusChange) and event.status == "running":
            break
    assert job.cancel().status in ("canceling", "canceled")
    assert job.wait(timeout=60).status == "canceled"
    assert job.cancel().status == "canceled"


def test_a_failed_job_says_which_node_and_why(sdk: Comfy) -> None:
    graph = through("TestOutOfMemory")
    graph["5"]["_meta"] = {"title": "Big"}
    with pytest.raises(JobFailed) as failure:
        sdk.run(sdk.workflows.from_json(graph))
    error = failure.value.error
    assert error
    assert (error.code, error.node_id, error.class_type) == ("out_of_memory", "5", "TestOutOfMemory")
    assert "Big" in error.message
    assert error.traceback


def test_a_key_is_good_for_one_job(sdk: Comfy) -> None:
    key = str(uuid.uuid4())
    job = sdk.submit(sdk.workflows.from_json(picture()), idempotency_key=key)
    with pytest.raises(IdempotencyKeyReuse) as refused:
        sdk.submit(sdk.workflows.from_json(picture()), idempotency_key=key)
    assert refused.value.details
    assert refused.value.details["job_id"] == job.id
    assert refused.value.request_id


def test_jobs_are_listed_by_their_labels_page_by_page(sdk: Comfy) -> None:
    label = str(uuid.uuid4())
    submitted = [
        sdk.submit(sdk.workflows.from_json(picture()), metadata={"run": label, "number": str(number)}).id
        for number in range(3)
    ]
    listed = list(sdk.list_jobs(metadata={"run": label}, limit=2))
    assert [job.id for job in listed] == submitted[::-1]
    assert listed[0].metadata == {"run": label, "number": "2"}
    assert listed[0].create_time
    (one,) = sdk.list_jobs(metadata={"run": label, "number": "1"})
    assert one.id == submitted[1]
    assert sdk.jobs.get(one.id).metadata["run"] == label


async def test_many_jobs_at_once(async_sdk: AsyncComfy) -> None:
    jobs = await asyncio.gather(*(async_sdk.run(async_sdk.workflows.from_json(picture())) for _ in range(8)))
    assert {job.status for job in jobs} == {"succeeded"}
    assert len({job.outputs[0].id for job in jobs}) == 8


def test_what_cannot_be_run_is_refused_in_the_sdks_own_terms(sdk: Comfy) -> None:
    with pytest.raises(InvalidWorkflow, match="class_type"):
        sdk.submit(sdk.workflows.from_json({"1": {"inputs": {}}}))
    with pytest.raises(MissingAsset) as missing:
        sdk.submit(sdk.workflows.from_json(loading({"__type": "core/ASSET", "info": {"id": "nothing"}})))
    assert missing.value.details
    assert missing.value.details["missing_ids"] == ["nothing"]
    with pytest.raises(NotFound):
        sdk.jobs.get(str(uuid.uuid4()))
    with pytest.raises(ComfyError) as labels:
        sdk.submit(sdk.workflows.from_json(picture()), metadata={str(number): "x" for number in range(17)})
    assert labels.value.code == "metadata_invalid"


def test_a_wrong_key_and_one_without_the_scope_are_told_apart(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Comfy(api_key="cpk_wrong") as stranger, pytest.raises(Unauthorized) as refused:
        stranger.jobs.get("x")
    assert refused.value.request_id


def test_a_key_of_comfy_org_reaches_the_node_and_no_file(sdk: Comfy, pod: Pod) -> None:
    secret = f"comfyui-{uuid.uuid4().hex}"
    job = sdk.run(sdk.workflows.from_json(picture()), api_key=secret)
    assert job.status == "succeeded"
    for path in pod.workspace.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
