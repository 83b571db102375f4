"""What the client relies on, at the stand-in and, where COMFYUI_SRC names one, at a real ComfyUI.

    COMFYUI_SRC=~/ComfyUI COMFYUI_PYTHON=~/ComfyUI/venv/bin/python pytest tests/backend/comfy/test_contract.py

The real one runs on the CPU and needs no model.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from backend.comfy.client import ComfyClient
from backend.comfy.errors import FileMissing, PromptRejected, Rejected
from backend.comfy.events import (
    ExecutionEnded,
    ExecutionSucceeded,
    NodeBlocked,
    NodeExecuted,
    NodesCached,
    NodeStarted,
    Progress,
    ProgressSnapshot,
    QueueChanged,
)
from backend.comfy.follow import StateChanged, Update
from backend.comfy.outcomes import (
    Cancelled,
    Failed,
    FileReference,
    Lost,
    OutputFile,
    OutputText,
    PromptState,
    Succeeded,
)
from backend.comfy.previews import Preview, ProgressText
from backend.comfy.problems import ProblemType
from backend.core.errors import InvalidRequest
from tests.support.comfyui.graphs import Graph, fresh, node, picture, showing, through
from tests.support.comfyui.process import ComfyUI, running

SOURCE = os.environ.get("COMFYUI_SRC")
KINDS = ["stand-in", "older stand-in", *(["real"] if SOURCE else [])]
SECRET = "comfyui-0123456789abcdef0123456789abcdef"


def make(kind: str, base: Path) -> ComfyUI:
    if kind == "real":
        python = os.environ.get("COMFYUI_PYTHON", "python3")
        comfyui = ComfyUI(
            base, "--preview-method", "auto", main=Path(SOURCE or "") / "main.py", python=python
        )
    else:
        environment = {"FAKE_COMFYUI_OLD": "1"} if kind == "older stand-in" else {}
        comfyui = ComfyUI(base, environment=environment)
    return comfyui.with_test_nodes()


@pytest.fixture(scope="module", params=KINDS)
def comfyui(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    with running(make(request.param, tmp_path_factory.mktemp("comfyui"))) as comfyui:
        yield comfyui


@pytest.fixture
async def comfy(comfyui: ComfyUI) -> AsyncIterator[ComfyClient]:
    async with httpx.AsyncClient() as client:
        comfy = ComfyClient(comfyui.url, client)
        async with comfy.events.opened():
            await comfy.events.connected()
            yield comfy


@pytest.fixture
def http(comfyui: ComfyUI) -> Iterator[httpx.Client]:
    """Yield a plain HTTP client for what the client refuses to do."""
    with httpx.Client(base_url=comfyui.url) as http:
        yield http


async def submit(comfy: ComfyClient, graph: Graph, **options: Any) -> str:
    prompt_id = comfy.prompts.new_id()
    submitted = await comfy.prompts.submit(graph, prompt_id, client_id=comfy.events.client_id, **options)
    assert submitted.prompt_id == prompt_id
    return prompt_id


async def run(comfy: ComfyClient, graph: Graph, **options: Any) -> Succeeded:
    outcome = await comfy.wait(await submit(comfy, graph, **options))
    assert isinstance(outcome, Succeeded), outcome
    return outcome


async def updates_of(comfy: ComfyClient, graph: Graph) -> list[Update]:
    prompt_id = await submit(comfy, graph)
    return [update async for update in comfy.follow(prompt_id, previews=True)]


async def content_of(comfy: ComfyClient, file: FileReference) -> bytes:
    content = bytearray()

    async def sink(chunk: bytes) -> None:
        content.extend(chunk)

    assert await comfy.files.download(file, sink) == len(content)
    return bytes(content)


async def until_running(comfy: ComfyClient, prompt_id: str) -> None:
    async with aclosing(comfy.follow(prompt_id)) as updates:
        async for update in updates:
            if update == StateChanged(state=PromptState.RUNNING):
                return
    raise AssertionError("it never ran")


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Return the file that a prompt of `held_by` waits for."""
    return tmp_path / "go"


def held_by(gate: Path) -> Graph:
    return through("TestWaitForFile", path=str(gate))


# Running


async def test_a_prompt_runs_and_its_picture_says_how_it_was_made(comfy: ComfyClient) -> None:
    graph = picture(size=16)
    workflow = {"id": "b1c2", "nodes": [], "links": []}
    outcome = await run(comfy, graph, workflow=workflow)
    record = outcome.record
    assert record.state == PromptState.SUCCEEDED
    assert record.started_at
    assert record.ended_at
    assert record.started_at <= record.ended_at
    assert (record.workflow_id, record.cached_nodes, record.error) == ("b1c2", frozenset(), None)
    (file,) = record.outputs
    assert isinstance(file, OutputFile)
    assert (file.node_id, file.kind, file.subfolder, file.type) == ("9", "images", "pictures", "output")
    content = await content_of(comfy, file)
    assert content.startswith(b"\x89PNG")
    assert content[16:24] == b"\0\0\0\x10\0\0\0\x10"
    assert b"prompt\0" + json.dumps(graph).encode() in content
    assert b"workflow\0" + json.dumps(workflow).encode() in content
    assert await comfy.prompts.find(record.prompt_id) == record
    assert record.prompt_id in [each.prompt_id for each in await comfy.prompts.history()]


async def test_what_has_been_made_before_is_the_old_file_and_nothing_is_written(
    comfyui: ComfyUI, comfy: ComfyClient
) -> None:
    graph = picture()
    first = await run(comfy, graph)
    files = sorted((comfyui.base / "output").rglob("*.png"))
    second = await run(comfy, graph)
    assert second.record.outputs == first.record.outputs
    assert (first.record.cached_nodes, second.record.cached_nodes) == (frozenset(), frozenset("19"))
    assert sorted((comfyui.base / "output").rglob("*.png")) == files


async def test_events_tell_what_happens(comfy: ComfyClient) -> None:
    updates = await updates_of(comfy, through("TestSlow", steps=3, seconds=0.05))
    assert isinstance(updates[-1], Succeeded)
    told = [update.node_ids for update in updates if isinstance(update, NodesCached)]
    assert told == [()]
    assert {update.node_id for update in updates if isinstance(update, NodeStarted)} == {"1", "5", "9"}
    steps = [update for update in updates if isinstance(update, Progress)]
    assert (steps[-1].node_id, steps[-1].value, steps[-1].maximum) == ("5", 3, 3)
    snapshot = [update for update in updates if isinstance(update, ProgressSnapshot)][-1]
    assert {each.node_id: each.state for each in snapshot.nodes} == dict.fromkeys("159", "finished")
    preview = [update for update in updates if isinstance(update, Preview)][-1]
    assert (preview.node_id, preview.media_type) == ("5", "image/jpeg")
    (executed,) = [update for update in updates if isinstance(update, NodeExecuted)]
    assert executed.outputs == updates[-1].record.outputs
    assert [update for update in updates if isinstance(update, ExecutionSucceeded)]


async def test_a_node_can_show_a_line_of_text_while_it_runs(comfy: ComfyClient) -> None:
    updates = await updates_of(comfy, through("TestText", text="at work", salt=fresh()))
    (line,) = [update for update in updates if isinstance(update, ProgressText)]
    assert (line.node_id, line.text) == ("5", "at work")


async def test_a_client_that_cannot_read_metadata_gets_bare_pictures(comfy: ComfyClient) -> None:
    """Older ComfyUI sends no other, so the client attributes them to what runs."""
    url = f"{comfy.events._url.rpartition('=')[0]}=plain"
    prompt_id = comfy.prompts.new_id()
    kinds = []
    async with websockets.connect(url, proxy=None) as socket:
        await comfy.prompts.submit(through("TestSlow", steps=1), prompt_id, client_id="plain")
        async for frame in socket:
            if isinstance(frame, bytes):
                kinds.append((frame[:8], frame[8:11]))
            elif json.loads(frame)["data"].get("node", "") is None:
                break
    assert kinds == [(b"\0\0\0\1\0\0\0\1", b"\xff\xd8\xff")]


async def test_only_who_has_submitted_a_prompt_hears_of_its_nodes(
    comfy: ComfyClient, comfyui: ComfyUI
) -> None:
    async with httpx.AsyncClient() as client:
        other = ComfyClient(comfyui.url, client)
        async with other.events.subscribe() as heard:
            await other.events.connected()
            await run(comfy, picture())
            others = heard.take_all()
            await run(other, picture())
            own = heard.take_all()
    assert not [event for event in others if isinstance(event, (NodeStarted, ExecutionEnded))]
    assert [event for event in others if isinstance(event, QueueChanged)]
    assert [event for event in own if isinstance(event, NodeStarted)]


async def test_of_two_sockets_with_one_id_the_closing_one_takes_the_events_with_it(
    comfy: ComfyClient,
) -> None:
    url = f"{comfy.events._url.rpartition('=')[0]}=twice"
    async with websockets.connect(url, proxy=None) as old:
        await old.recv()
        async with websockets.connect(url, proxy=None) as new:
            await new.recv()
            await old.close()
            prompt_id = comfy.prompts.new_id()
            await comfy.prompts.submit(picture(), prompt_id, client_id="twice")
            assert isinstance(await comfy.wait(prompt_id), Succeeded)
            await new.ping()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(new.recv(), 0.5)


# The queue


async def test_what_runs_and_waits_is_in_the_queue_in_its_order(comfy: ComfyClient, gate: Path) -> None:
    running_id = await submit(comfy, held_by(gate))
    await until_running(comfy, running_id)
    graph = picture()
    later = await submit(comfy, graph, workflow={"id": "w", "nodes": []})
    first = await submit(comfy, picture(), front=True)
    before_it = await submit(comfy, picture(), number=-1000)
    queue = await comfy.prompts.queue()
    assert [each.prompt_id for each in queue] == [running_id, before_it, first, later]
    assert (queue[-1].graph, queue[-1].client_id) == (graph, comfy.events.client_id)
    assert (queue[-1].workflow, queue[-1].outputs) == ({"id": "w", "nodes": []}, ("9",))
    assert await comfy.prompts.remaining() == 4
    active = await comfy.prompts.active()
    assert [(each.prompt_id, each.state) for each in active] == [
        (running_id, PromptState.RUNNING),
        *((each, PromptState.PENDING) for each in (before_it, first, later)),
    ]
    found = await comfy.prompts.find(later)
    assert found
    assert found.state == PromptState.PENDING
    gate.touch()
    for prompt_id in (running_id, before_it, first, later):
        assert isinstance(await comfy.wait(prompt_id), Succeeded)
    assert await comfy.prompts.queue() == []


async def test_what_waits_and_what_runs_can_be_cancelled(comfy: ComfyClient, gate: Path) -> None:
    runs = await submit(comfy, held_by(gate))
    await until_running(comfy, runs)
    waits = await submit(comfy, picture())
    assert await comfy.prompts.cancel(waits)
    assert await comfy.wait(waits) == Lost(prompt_id=waits, restarted=False)
    assert await comfy.prompts.cancel(runs)
    outcome = await comfy.wait(runs)
    assert isinstance(outcome, Cancelled)
    assert outcome.record.outputs == ()
    assert not await comfy.prompts.cancel(runs)
    assert not await comfy.prompts.cancel(comfy.prompts.new_id())


async def test_whatever_runs_can_be_interrupted_and_the_rest_deleted(comfy: ComfyClient, gate: Path) -> None:
    runs = await submit(comfy, held_by(gate))
    await until_running(comfy, runs)
    waits = await submit(comfy, picture())
    await comfy.prompts.clear_pending()
    await comfy.prompts.interrupt()
    assert isinstance(await comfy.wait(runs), Cancelled)
    assert await comfy.prompts.find(waits) is None
    await comfy.prompts.delete_history(runs)
    assert await comfy.prompts.find(runs) is None


async def test_an_id_that_is_submitted_twice_runs_twice_unless_it_is_looked_for(
    comfy: ComfyClient, gate: Path
) -> None:
    held = await submit(comfy, held_by(gate))
    prompt_id = comfy.prompts.new_id()
    await comfy.prompts.submit(picture(), prompt_id)
    await comfy.prompts.submit(picture(), prompt_id)
    assert [each.prompt_id for each in await comfy.prompts.queue()].count(prompt_id) == 2
    again = await comfy.prompts.submit_once(picture(), prompt_id)
    assert again.existed
    assert await comfy.prompts.remaining() == 3
    gate.touch()
    assert isinstance(await comfy.wait(held), Succeeded)
    assert isinstance(await comfy.wait(prompt_id), Succeeded)


# What is refused

FINE = {"image": ["1", 0]}
REFUSED = {
    ProblemType.REQUIRED_INPUT_MISSING: {"5": node("TestSlow")},
    ProblemType.BAD_LINK: {"5": node("TestSlow", image=["1", 0, 0])},
    ProblemType.TYPE_MISMATCH: {
        "4": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "5": node("TestSlow", image=["4", 0]),
    },
    ProblemType.INVALID_TYPE: {"5": node("TestSlow", **FINE, steps="many")},
    ProblemType.TOO_SMALL: {"5": node("TestSlow", **FINE, steps=0)},
    ProblemType.TOO_BIG: {"5": node("TestSlow", **FINE, steps=10001)},
    ProblemType.NOT_IN_LIST: {
        "5": node("ImageScale", **FINE, upscale_method="magic", width=8, height=8, crop="disabled")
    },
    ProblemType.CUSTOM_VALIDATION: {"5": node("TestPicky", **FINE, verdict="because")},
    ProblemType.INNER_VALIDATION_RAISED: {"5": node("TestPicky", **FINE, verdict="raise")},
    ProblemType.DEPENDENCY_CYCLE: {
        "5": node("ImageInvert", image=["6", 0]),
        "6": node("ImageInvert", image=["5", 0]),
    },
}


@pytest.mark.parametrize("problem", REFUSED)
async def test_an_invalid_node_is_named_with_its_problem(comfy: ComfyClient, problem: ProblemType) -> None:
    graph = through("TestSlow") | REFUSED[problem]
    with pytest.raises(PromptRejected) as refused:
        await submit(comfy, graph)
    assert (refused.value.upstream_status, refused.value.problem.type) == (400, ProblemType.OUTPUTS_INVALID)
    about = next(each for each in refused.value.nodes if each.node_id == "5")
    assert (about.class_type, about.dependent_outputs) == (graph["5"]["class_type"], ("9",))
    assert about.problems[0].type == problem
    assert "Node 5" in refused.value.message or problem == ProblemType.DEPENDENCY_CYCLE


async def test_a_value_that_is_refused_comes_with_what_would_be_right(comfy: ComfyClient) -> None:
    with pytest.raises(PromptRejected) as refused:
        await submit(comfy, through("TestSlow", steps=0))
    (problem,) = refused.value.nodes[0].problems
    assert (problem.input_name, problem.received_value) == ("steps", 0)
    assert problem.input_config == ["INT", {"default": 3, "min": 1, "max": 10000}]


async def test_a_link_to_nowhere_is_an_exception_during_validation(comfy: ComfyClient) -> None:
    graph = picture()
    graph["9"]["inputs"]["images"] = ["404", 0]
    with pytest.raises(PromptRejected) as refused:
        await submit(comfy, graph)
    assert refused.value.nodes[0].problems[0].type == ProblemType.VALIDATION_RAISED


async def test_a_node_that_is_not_installed_is_named(comfy: ComfyClient) -> None:
    with pytest.raises(PromptRejected, match="NoSuchNode") as refused:
        await submit(comfy, through("NoSuchNode"))
    assert refused.value.missing_node_type == "NoSuchNode"


async def test_a_prompt_needs_outputs(comfy: ComfyClient) -> None:
    graph = picture()
    for targets in ([], ["404"]):
        with pytest.raises(PromptRejected) as refused:
            await submit(comfy, graph, targets=targets)
        assert refused.value.problem.type == ProblemType.NO_OUTPUTS
        assert refused.value.missing_node_type is None


def test_other_ids_than_ours_are_refused(comfyui: ComfyUI, http: httpx.Client) -> None:
    refused = http.post("/prompt", json={"prompt": picture(), "prompt_id": "MINE"})
    if "FAKE_COMFYUI_OLD" in comfyui._environment:
        assert refused.json()["prompt_id"] == "MINE"
    else:
        assert refused.json()["error"]["type"] == ProblemType.INVALID_PROMPT_ID
    assert http.post("/prompt", json={}).json()["error"]["type"] == ProblemType.NO_PROMPT


async def test_invalid_outputs_are_dropped_only_where_that_is_allowed(comfy: ComfyClient) -> None:
    graph = picture()
    graph["8"] = node("SaveImage", images=["1", 0])
    with pytest.raises(PromptRejected) as refused:
        await submit(comfy, graph)
    assert [each.node_id for each in refused.value.nodes] == ["8"]
    prompt_id = comfy.prompts.new_id()
    submitted = await comfy.prompts.submit(graph, prompt_id, allow_partial=True)
    assert [each.node_id for each in submitted.dropped] == ["8"]
    outcome = await comfy.wait(prompt_id)
    assert isinstance(outcome, Succeeded)
    assert {output.node_id for output in outcome.record.outputs} == {"9"}


# What fails


async def test_a_node_that_fails_is_named_without_its_secrets(comfy: ComfyClient) -> None:
    message = f"401 for https://api.example/v1?token={SECRET}"
    outcome = await comfy.wait(await submit(comfy, through("TestFail", message=message, api_key=SECRET)))
    assert isinstance(outcome, Failed)
    error = outcome.error
    assert (error.node_id, error.node_type, error.exception_type) == ("5", "TestFail", "RuntimeError")
    assert error.message.startswith("401 for https://api.example/v1?token=")
    assert error.inputs["api_key"] == ["[hidden]"]
    assert "raise RuntimeError(message)" in "".join(error.traceback)
    assert SECRET not in repr(outcome)
    assert not error.is_out_of_memory


async def test_running_out_of_memory_is_told_from_other_failures(comfy: ComfyClient) -> None:
    outcome = await comfy.wait(await submit(comfy, through("TestOutOfMemory", salt=fresh())))
    assert isinstance(outcome, Failed)
    assert outcome.error.is_out_of_memory
    assert "Allocation on device" in outcome.error.message
    await comfy.server.free()
    await run(comfy, picture())


async def test_what_was_made_before_a_failure_is_an_output(comfy: ComfyClient) -> None:
    graph = picture()
    graph["5"] = node("TestFail", image=["9", 0])
    graph["6"] = node("SaveImage", images=["5", 0], filename_prefix="never")
    graph["9"]["inputs"]["filename_prefix"] = "before"
    outcome = await comfy.wait(await submit(comfy, graph))
    assert isinstance(outcome, Failed)
    assert [output.node_id for output in outcome.record.outputs] == ["9"]


async def test_a_blocked_node_is_no_failure(comfy: ComfyClient) -> None:
    graph = through("TestBlock", message="not today", salt=fresh())
    graph["8"] = node("SaveImage", images=["1", 0], filename_prefix="other")
    updates = await updates_of(comfy, graph)
    (blocked,) = [update for update in updates if isinstance(update, NodeBlocked)]
    assert (blocked.node_id, blocked.message) == ("9", "Execution Blocked: not today")
    assert isinstance(updates[-1], Succeeded)
    assert {output.node_id for output in updates[-1].record.outputs} == {"8"}


# Files


async def test_every_kind_of_output_is_found(comfy: ComfyClient) -> None:
    graph = picture()
    source = ["1", 0]
    webp = {"fps": 6.0, "lossless": True, "quality": 80, "method": "default"}
    graph |= {
        "10": node("SaveAnimatedWEBP", images=source, filename_prefix="moving/test", **webp),
        "11": node("CreateVideo", images=["1", 0], fps=8.0),
        "12": node("SaveVideo", video=["11", 0], filename_prefix="video/test", format="mp4", codec="h264"),
        "13": node("TestSaveAudio", image=source, filename_prefix="audio/test", salt=fresh()),
        "14": node("PreviewAny", source=["15", 0]),
        "15": node("PreviewAny", source="a line"),
        "16": node("PreviewImage", images=source),
    }
    graph["1"]["inputs"] |= {"width": 64, "height": 64, "batch_size": 2}
    outputs = (await run(comfy, graph, workflow={"nodes": []})).record.outputs
    texts = {output.text for output in outputs if isinstance(output, OutputText)}
    assert texts == {"a line"}
    begins = {
        "9": rb"\x89PNG",
        "10": rb"RIFF....WEBP",
        "12": rb"....ftyp",
        "13": rb"RIFF....WAVE",
        "16": rb"\x89PNG",
    }
    files = [output for output in outputs if isinstance(output, OutputFile)]
    assert {file.node_id for file in files} == set(begins)
    for file in files:
        content = await content_of(comfy, file)
        assert re.match(begins[file.node_id], content, re.DOTALL), file
        if file.node_id in ("9", "10", "12"):
            assert b'"class_type"' in content, file
        assert file.type == ("temp" if file.node_id == "16" else "output")


async def test_outputs_of_odd_forms_are_read_or_left_out(comfy: ComfyClient) -> None:
    files = [{"filename": "a.mp4", "subfolder": "clips", "type": "output", "format": "video/h264-mp4"}]
    graph = showing(gifs=files, model_3d=["meshes/cat.glb"], odd=[{"no": "name"}, None], text=["x"])
    outputs = (await run(comfy, graph)).record.outputs
    assert {repr(output) for output in outputs} == {
        repr(
            OutputFile(node_id="5", kind="gifs", filename="a.mp4", subfolder="clips", format="video/h264-mp4")
        ),
        repr(OutputFile(node_id="5", kind="model_3d", filename="cat.glb", subfolder="meshes")),
        repr(OutputText(node_id="5", kind="text", text="x")),
    }


async def test_an_upload_is_used_under_the_name_that_comes_back(comfy: ComfyClient, tmp_path: Path) -> None:
    made = await run(comfy, picture())
    output = made.record.outputs[0]
    assert isinstance(output, OutputFile)
    content = await content_of(comfy, output)
    other = await content_of(comfy, (await run(comfy, picture())).record.outputs[0])  # type: ignore[arg-type]
    path = tmp_path / "cat.png"
    path.write_bytes(content)
    first = await comfy.files.upload(path, "cat.png", subfolder="pets")
    same = await comfy.files.upload(content, "cat.png", subfolder="pets")
    second = await comfy.files.upload(other, "cat.png", subfolder="pets")
    replaced = await comfy.files.upload(other, "cat.png", subfolder="pets", overwrite=True)
    assert first == same == replaced
    assert (first.widget_value, second.widget_value) == ("pets/cat.png", "pets/cat (1).png")
    assert await content_of(comfy, replaced) == other
    graph = picture()
    graph["1"] = node("LoadImage", image=second.widget_value)
    assert isinstance(await run(comfy, graph), Succeeded)
    temporary = await comfy.files.upload(b"text", "note ü.txt", type_="temp")
    assert (temporary.type, await content_of(comfy, temporary)) == ("temp", b"text")


async def test_a_part_of_a_file_can_be_read(comfy: ComfyClient) -> None:
    uploaded = await comfy.files.upload(bytes(range(200)), "range.bin")
    async with comfy.files.open(uploaded, start=10, end=20) as part:
        assert (part.start, part.length, part.size) == (10, 10, 200)
        assert b"".join([chunk async for chunk in part.chunks]) == bytes(range(10, 20))
    async with comfy.files.open(uploaded, start=190) as rest:
        assert rest.etag == part.etag
        assert b"".join([chunk async for chunk in rest.chunks]) == bytes(range(190, 200))
    with pytest.raises(Rejected) as beyond:
        async with comfy.files.open(uploaded, start=200):
            pass
    assert beyond.value.upstream_status == 416
    for start, end in ((5, 5), (5, 0), (-1, None)):
        with pytest.raises(InvalidRequest):
            async with comfy.files.open(uploaded, start=start, end=end):
                pass


async def test_a_small_preview_of_a_picture_can_be_read(comfy: ComfyClient) -> None:
    output = (await run(comfy, picture(size=64))).record.outputs[0]
    assert isinstance(output, OutputFile)
    async with comfy.files.open(output, preview="webp;80") as preview:
        assert preview.media_type == "image/webp"
        assert (await anext(preview.chunks)).startswith(b"RIFF")


@pytest.mark.parametrize(
    ("file", "error"),
    [
        (FileReference(filename="none.png"), FileMissing),
        (FileReference(filename="../main.py"), Rejected),
        (FileReference(filename="main.py", subfolder="../.."), Rejected),
        (FileReference(filename="main.py", type="elsewhere"), Rejected),
    ],
)
async def test_no_other_file_can_be_read(
    comfy: ComfyClient, file: FileReference, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await content_of(comfy, file)


async def test_files_of_the_editor_can_be_listed_written_and_deleted(comfy: ComfyClient) -> None:
    name = "workflows/below/50%25 ü.json"
    await comfy.user_files.write(name, b"{}")
    with pytest.raises(Rejected, match="already"):
        await comfy.user_files.write(name, b"[]")
    await comfy.user_files.write(name, b"[1]", overwrite=True)
    listed = await comfy.user_files.list_folder("workflows")
    assert [(file.path, file.size) for file in listed] == [("below/50%25 ü.json", 3)]
    assert await comfy.user_files.read(name) == b"[1]"
    await comfy.user_files.delete(name)
    with pytest.raises(FileMissing):
        await comfy.user_files.read(name)
    assert await comfy.user_files.list_folder("nothing") == []


# The server


async def test_it_tells_about_itself(comfy: ComfyClient, comfyui: ComfyUI) -> None:
    stats = await comfy.server.stats()
    assert re.match(r"\d+\.\d+", stats.system.comfyui_version)
    assert str(comfyui.port) in stats.system.argv
    assert stats.devices[0].type == "cpu"
    assert (await comfy.server.features()).max_upload_size == 100 * 2**20
    assert [entry for entry in await comfy.server.log() if "To see the GUI" in entry.text]
    assert "vae" in await comfy.models.kinds()


async def test_core_node_types_are_described(comfy: ComfyClient) -> None:
    found = await comfy.node_types.describe(
        ["SaveImage", "KSampler", "SaveAnimatedWEBP", "TestSlow", "Nothing"]
    )
    assert set(found) == {"SaveImage", "KSampler", "SaveAnimatedWEBP", "TestSlow"}
    assert (found["SaveImage"].is_output, found["KSampler"].is_output) == (True, False)
    assert "euler" in found["KSampler"].menus["sampler_name"]
    assert "default" in found["SaveAnimatedWEBP"].menus["method"]
    assert found["TestSlow"].module == "custom_nodes.test-nodes"
    assert found["KSampler"].raw["input"]["required"]["steps"][1]["max"] == 10000
    summaries = await comfy.node_types.summaries()
    assert summaries["SaveImage"].is_output
    assert summaries["TestSlow"].category == "tests"


# What does not survive; these come last, because they restart it


async def test_a_crash_during_a_prompt_loses_it(comfy: ComfyClient, comfyui: ComfyUI) -> None:
    finished = await run(comfy, picture())
    process_id = await comfy.process.current()
    prompt_id = await submit(comfy, through("TestCrash", salt=fresh()))
    following = asyncio.create_task(comfy.wait(prompt_id, process_id=process_id))
    assert await asyncio.to_thread(comfyui.ended) == -9
    await asyncio.to_thread(comfyui.start)
    assert await following == Lost(prompt_id=prompt_id, restarted=True)
    assert await comfy.prompts.find(finished.record.prompt_id) is None
    assert await comfy.process.current() != process_id
    await run(comfy, picture())
