"""A user has a workflow from somewhere and wants to run it here."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.support.comfyui.process import running_comfyui
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors
from tests.support.workflows import (
    Json,
    declaring,
    drawn,
    node,
    packed_chunk,
    png,
    text_chunk,
    unicode_chunk,
    webp,
)

NAME = "ink.safetensors"
LORA = node("LoraLoaderModelOnly", NAME, 1.0)
AS_RUN = {"4": {"class_type": "LoraLoaderModelOnly", "inputs": {"lora_name": NAME, "model": ["1", 0]}}}


@pytest.fixture
def lora(hub: Hub) -> HubFile:
    return hub.add("acme/style", NAME, safetensors(40_000))


@pytest.fixture
def workflow(hub: Hub, lora: HubFile) -> Json:
    """Return a workflow whose author declared the URL of its only file."""
    return drawn(LORA | {"properties": declaring(hub.url_of(lora), "loras", NAME)})


@pytest.fixture
def comfyui(workspace: Path) -> Iterator[str]:
    with running_comfyui(workspace / "ComfyUI") as url:
        yield url


@pytest.fixture
async def pod_with_comfyui(workspace: Path, hub: Hub, comfyui: str) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(workspace, **hub_settings(hub), comfyui_url=comfyui) as plane:
        yield plane


async def requirements_of(pod: ControlPlane, content: Any) -> Json:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    answer = await pod.client.post("/api/presets/from-workflow", content=body)
    assert answer.status_code == 200, answer.text
    needs: Json = answer.json()
    return needs


async def only_file(pod: ControlPlane, content: Any) -> Json:
    (file,) = (await requirements_of(pod, content))["files"]
    found: Json = file
    return found


async def refused(pod: ControlPlane, content: bytes) -> Json:
    answer = await pod.client.post("/api/presets/from-workflow", content=content)
    assert answer.status_code == 400, answer.text
    error: Json = answer.json()["error"]
    return error


def put(pod: ControlPlane, place: str, content: bytes) -> None:
    path = pod.models / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


async def test_missing_files_of_a_workflow_are_downloaded_with_one_request(
    pod: ControlPlane, workflow: Json
) -> None:
    needs = await requirements_of(pod, workflow)
    (file,) = needs["files"]
    assert (file["state"], file["folder"], file["bytes"]) == ("fetchable", "loras", 40_000)
    assert (file["named_by"], file["host"]) == ("workflow", "127.0.0.1")
    assert (needs["bytes_to_fetch"], needs["sizes_unknown"]) == (40_000, 0)
    answer = await pod.client.post("/api/presets/from-workflow/download", json=workflow)
    assert answer.status_code == 202
    (transfer,) = answer.json()["transfers"]
    assert (await pod.finished(transfer["id"]))["verification"] == "verified"
    assert (await only_file(pod, workflow))["state"] == "here"
    again = (await pod.client.post("/api/presets/from-workflow/download", json=workflow)).json()
    assert again == {"transfers": [], "linked": [], "refused": []}


async def test_a_template_of_comfyui_is_recognised_without_urls(pod: ControlPlane) -> None:
    file = await only_file(pod, drawn(node("VAELoader", "ae.safetensors")))
    assert (file["state"], file["folder"]) == ("fetchable", "vae")
    assert file["url"].endswith("/ae.safetensors")


@pytest.mark.parametrize("name", ["old/brush.safetensors", NAME])
async def test_the_same_content_elsewhere_gets_a_second_name(
    pod: ControlPlane, workflow: Json, lora: HubFile, name: str
) -> None:
    content = lora.content.read(0, lora.content.size)
    put(pod, f"checkpoints/{name}", content)
    file = await only_file(pod, workflow)
    assert (file["state"], file["found_at"]) == ("same_content", f"checkpoints/{name}")
    report = (await pod.client.post("/api/presets/from-workflow/download", json=workflow)).json()
    assert report == {"transfers": [], "linked": [NAME], "refused": []}
    assert (pod.models / "loras" / NAME).samefile(pod.models / "checkpoints" / name)


async def test_other_content_of_the_same_size_is_not_accepted(pod: ControlPlane, workflow: Json) -> None:
    put(pod, "checkpoints/other.safetensors", bytes(40_000))
    assert (await only_file(pod, workflow))["state"] == "fetchable"


async def test_a_file_of_that_name_in_another_folder_is_reported(pod: ControlPlane) -> None:
    put(pod, "loras/style/mine.safetensors", b"x")
    file = await only_file(pod, drawn(node("LoraLoaderModelOnly", "mine.safetensors", 1.0)))
    assert (file["state"], file["found_at"]) == ("same_name", "loras/style/mine.safetensors")


async def test_another_file_under_the_required_name_is_reported(pod: ControlPlane, hub: Hub) -> None:
    file = hub.add("acme/models", "owl.safetensors", safetensors(40_000))
    declared = declaring(hub.url_of(file), "loras", "owl.safetensors")
    put(pod, "loras/owl.safetensors", b"torn")
    graph = drawn(node("LoraLoaderModelOnly", "owl.safetensors", 1.0, properties=declared))
    assert (await only_file(pod, graph))["state"] == "other"
    report = (await pod.client.post("/api/presets/from-workflow/download", json=graph)).json()
    assert (report["transfers"], report["refused"]) == ([], [])
    assert (pod.models / "loras/owl.safetensors").read_bytes() == b"torn"


async def test_a_subfolder_in_the_node_is_the_subfolder_on_disk(pod: ControlPlane) -> None:
    put(pod, "loras/style/mine.safetensors", b"x")
    file = await only_file(pod, drawn(node("LoraLoaderModelOnly", "style\\mine.safetensors", 1.0)))
    assert (file["state"], file["folder"]) == ("here", "loras/style")


@pytest.mark.parametrize(
    "content",
    [
        AS_RUN,
        {"prompt": AS_RUN},
        drawn(LORA),
        drawn(node("Group"), definitions={"subgraphs": [{"id": "Group", "nodes": [LORA]}]}),
        drawn(node("workflow>Group"), extra={"groupNodes": {"Group": {"nodes": [LORA]}}}),
        drawn(LORA | {"widgets_values": {"lora_name": NAME}}),
        drawn(node("Power Lora Loader (rgthree)", {"on": True, "lora": NAME, "strength": 1})),
        png(text_chunk("workflow", drawn(LORA))),
        png(text_chunk("prompt", AS_RUN)),
        png(packed_chunk("workflow", json.dumps(drawn(LORA)).encode())),
        png(unicode_chunk("workflow", drawn(LORA))),
        png(text_chunk("workflow", drawn(LORA)))[:-30],
        webp(drawn(LORA)),
    ],
    ids=[
        "as-run", "as-sent", "as-drawn", "subgraph", "group-node", "named-values", "rows",
        "png", "png-as-run", "png-packed", "png-unicode", "png-cut-off", "webp",
    ],
)  # fmt: skip
async def test_every_workflow_format_is_read(pod: ControlPlane, content: Any) -> None:
    file = await only_file(pod, content)
    assert (file["filename"], file["folder"]) == (NAME, "loras")


async def test_a_workflow_is_uploaded_as_a_file_or_as_form_text(pod: ControlPlane, workflow: Json) -> None:
    text = json.dumps(workflow)
    for form in ({"files": {"workflow": ("w.json", text)}}, {"files": {"text": (None, text)}}):
        answer = await pod.client.post("/api/presets/from-workflow", **form)
        assert [file["filename"] for file in answer.json()["files"]] == [NAME]


async def test_recursive_subgraphs_are_read_once(pod: ControlPlane) -> None:
    subgraphs = [{"id": "a", "nodes": [node("b"), LORA]}, {"id": "b", "nodes": [node("a")]}]
    assert (await only_file(pod, drawn(node("a"), definitions={"subgraphs": subgraphs})))["filename"] == NAME


async def test_a_file_of_muted_nodes_is_shown_and_not_downloaded(pod: ControlPlane, workflow: Json) -> None:
    workflow["nodes"][0]["mode"] = 4
    needs = await requirements_of(pod, workflow)
    assert needs["files"][0]["switched_off"]
    assert needs["bytes_to_fetch"] == 0
    report = (await pod.client.post("/api/presets/from-workflow/download", json=workflow)).json()
    assert report == {"transfers": [], "linked": [], "refused": []}


async def test_missing_nodes_are_named_with_their_package(pod_with_comfyui: ControlPlane) -> None:
    pod = pod_with_comfyui
    nodes = [LORA, node("FaceMagic", properties={"cnr_id": "comfyui-face"}), node("Odd"), node("Note", "hi")]
    needs = await requirements_of(pod, drawn(*nodes))
    assert needs["nodes_checked"]
    assert needs["missing_nodes"] == [
        {"type": "FaceMagic", "package": "comfyui-face"},
        {"type": "Odd", "package": None},
    ]


async def test_without_comfyui_missing_nodes_are_unknown(pod: ControlPlane) -> None:
    needs = await requirements_of(pod, drawn(LORA, node("Odd")))
    assert (needs["nodes_checked"], needs["missing_nodes"]) == (False, [])


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:22/ink.safetensors", "http://169.254.169.254/ink.safetensors"]
)
async def test_an_address_inside_the_pod_is_not_requested(pod: ControlPlane, url: str) -> None:
    workflow = drawn(LORA | {"properties": declaring(url, "loras", NAME)})
    report = (await pod.client.post("/api/presets/from-workflow/download", json=workflow)).json()
    assert report["transfers"] == []
    assert "private address" in report["refused"][0]["message"]


@pytest.mark.parametrize(
    ("folder", "filename"),
    [("../../etc", NAME), ("loras", "../../evil.safetensors"), ("loras", "/etc/evil.safetensors")],
)
async def test_nothing_is_written_outside_the_model_folder(
    pod: ControlPlane, hub: Hub, lora: HubFile, folder: str, filename: str
) -> None:
    loader = node("LoraLoaderModelOnly", filename, 1.0, properties={})
    workflow = drawn(loader | {"properties": declaring(hub.url_of(lora), folder, filename)})
    report = (await pod.client.post("/api/presets/from-workflow/download", json=workflow)).json()
    assert report == {"transfers": [], "linked": [], "refused": []}


BOMB = bytes(64 * 2**20)
HOSTILE = {
    "empty": (b"  \n", "empty"),
    "not JSON": (b"{nodes", "not_json"),
    "not text": (b"\xff\xfe\x00", "not_json"),
    "deep": (b"[" * 200_000, "not_json"),
    "a number": (b"1", "not_a_workflow"),
    "another file": (b'{"name": "x", "nodes": {"a": 1}}', "not_a_workflow"),
    "a graph of the wrong types": (
        b'{"nodes": [1, null, {"type": 5}], "definitions": [], "extra": 7}', "not_a_workflow"),
    "a picture without": (png(), "no_workflow"),
    "a picture of another program": (png((b"tEXt", b"Title\0Sunset")), "no_workflow"),
    "a picture that is cut off before": (png(text_chunk("workflow", drawn(LORA)))[:50], "no_workflow"),
    "a chunk that is longer than the file": (b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXtworkflow", "no_workflow"),
    "a bomb": (png(packed_chunk("workflow", BOMB)), "no_workflow"),
    "many bombs": (png(*[packed_chunk("workflow", BOMB)] * 30), "no_workflow"),
    "broken packing": (png((b"zTXt", b"workflow\0\0never packed")), "no_workflow"),
    "a photograph": (b"\xff\xd8\xff\xe0" + bytes(100), "no_workflow"),
    "too many nodes": (json.dumps(drawn(*[node("Note")] * 20_001)).encode(), "too_large"),
    "too many kinds": (json.dumps(drawn(*[node(f"N{n}") for n in range(1_001)])).encode(), "too_large"),
    "too many files": (
        json.dumps(drawn(*[node("VAELoader", f"{n}.pt") for n in range(501)])).encode(), "too_large"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "code"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_an_invalid_workflow_is_rejected_with_a_message(
    pod: ControlPlane, content: bytes, code: str
) -> None:
    error = await refused(pod, content)
    assert error["code"] == code
    assert error["message"].endswith(".")


async def test_a_huge_workflow_is_refused(pod: ControlPlane) -> None:
    answer = await pod.client.post("/api/presets/from-workflow", content=bytes(17 * 2**20))
    assert answer.status_code == 413


async def test_anonymous_requests_are_rejected(pod: ControlPlane) -> None:
    async with pod.anonymous() as stranger:
        assert (await stranger.post("/api/presets/from-workflow", json=AS_RUN)).status_code == 401


async def test_an_added_workflow_has_an_address_until_newer_ones_replace_it(pod: ControlPlane) -> None:
    headers = {"Accept": "text/html", "HX-Request": "true", "HX-Request-Type": "partial"}

    async def keep(name: str) -> str:
        content = json.dumps(
            {"1": {"class_type": "VAELoader", "inputs": {"vae_name": f"{name}.safetensors"}}}
        )
        answer = await pod.client.post(
            "/presets/from-workflow/keep", files={"workflow": ("w.json", content)}, headers=headers
        )
        assert answer.status_code == 204, answer.text
        return answer.headers["HX-Redirect"]

    address = await keep("mine")
    added = address.partition("added=")[2]
    assert f'name="added" value="{added}"' in (await pod.client.get(address)).text
    form = {"text": (None, ""), "added": (None, added)}
    shown = await pod.client.post("/presets/from-workflow", files=form, headers=headers)
    assert "mine.safetensors" in shown.text
    assert shown.headers["HX-Replace-Url"] == address
    for number in range(20):
        await keep(f"newer-{number}")
    gone = await pod.client.post("/presets/from-workflow", files=form, headers=headers)
    assert (gone.status_code, "is not stored any more" in gone.headers["HX-Trigger"]) == (404, True)
    refused = await pod.client.post(
        "/presets/from-workflow/keep", files={"workflow": ("w.json", "[1]")}, headers=headers
    )
    assert refused.status_code == 400
