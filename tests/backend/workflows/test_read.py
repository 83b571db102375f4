"""A user opens a file that may hold a workflow."""

import html
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.errors import InvalidRequest
from backend.workflows.graph import WorkflowFormat
from backend.workflows.metadata import embedded_texts
from backend.workflows.reader import read_workflow, workflow_of
from backend.workflows.requirements import read_requirements, requirements_of
from tests.support.workflows import (
    Json,
    box,
    drawn,
    element,
    flac,
    jpeg,
    mp3,
    mp4,
    mp4_with_comment,
    node,
    opus,
    png,
    text_chunk,
    webm,
    webp,
    webp_with,
)

NAME = "ink.safetensors"
GRAPH = drawn(node("LoraLoaderModelOnly", NAME, 1.0))
PROMPT = {"4": {"class_type": "LoraLoaderModelOnly", "inputs": {"lora_name": NAME, "model": ["1", 0]}}}
WORKFLOW_TEXT, PROMPT_TEXT = json.dumps(GRAPH), json.dumps(PROMPT)
VHS = json.dumps({"prompt": PROMPT_TEXT, "workflow": WORKFLOW_TEXT})
XMP = f"<x:xmpmeta><comfy:workflow>{html.escape(WORKFLOW_TEXT)}</comfy:workflow></x:xmpmeta>"

MEDIA = {
    "png": png(text_chunk("workflow", GRAPH)),
    "webp": webp(GRAPH),
    "webp-xmp": webp_with(b"XMP ", XMP.encode()),
    "jpeg": jpeg(GRAPH),
    "avif": box(b"ftyp", b"avif") + b"Exif\0\0workflow:" + WORKFLOW_TEXT.encode() + b"\0",
    "mp4": mp4(prompt=PROMPT_TEXT, workflow=WORKFLOW_TEXT),
    "mp4-prompt-only": mp4(prompt=PROMPT_TEXT),
    "mp4-vhs": mp4_with_comment(VHS),
    "webm": webm(prompt=PROMPT_TEXT, workflow=WORKFLOW_TEXT),
    "webm-vhs": webm(comment=json.dumps({"workflow": GRAPH, "prompt": PROMPT})),
    "flac": flac(prompt=PROMPT_TEXT, workflow=WORKFLOW_TEXT),
    "opus": opus(title="é" * 40_000, workflow=WORKFLOW_TEXT),
    "mp3": mp3(prompt=PROMPT_TEXT, workflow=WORKFLOW_TEXT),
}


REFUSALS = {"no_workflow", "not_json", "not_a_workflow", "too_large", "empty"}


def outcome(content: bytes | Json) -> str:
    """Return the code of the error that a file or a document gives, or `read`."""
    try:
        requirements_of(read_workflow(content) if isinstance(content, bytes) else workflow_of(content))
    except InvalidRequest as error:
        return error.error_code
    return "read"


@pytest.mark.parametrize("content", MEDIA.values(), ids=MEDIA.keys())
def test_the_workflow_of_a_saved_file_is_found(content: bytes) -> None:
    assert [choice.filename for choice in read_requirements(content).choices] == [NAME]


@pytest.mark.parametrize("content", MEDIA.values(), ids=MEDIA.keys())
def test_a_file_that_is_cut_off_anywhere_gives_a_workflow_or_a_reason(content: bytes) -> None:
    for length in {*range(1, 60), *range(60, len(content), max(1, len(content) // 60))}:
        assert outcome(content[:length]) in REFUSALS | {"read"}


def test_a_large_video_is_read_without_its_frames() -> None:
    class Counted(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    frames = [box(b"mdat", bytes(100_000)) for _ in range(50)]
    file = Counted(b"".join([mp4(workflow=WORKFLOW_TEXT)[:12], *frames, mp4(workflow=WORKFLOW_TEXT)[12:]]))
    assert embedded_texts(file)["workflow"].decode() == WORKFLOW_TEXT
    assert file.taken < 3_000


@given(st.sampled_from(sorted(MEDIA)), st.integers(0, 400), st.binary(min_size=1, max_size=12))
def test_damaged_files_never_break_the_reader(kind: str, at: int, damage: bytes) -> None:
    content = MEDIA[kind]
    broken = content[:at] + damage + content[at + len(damage) :]
    assert outcome(broken) in REFUSALS | {"read"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("id", "type", "mode", "title", "inputs", "outputs", "links", "widgets_values", "widgets_values_named",
        "properties", "name", "link", "widget", "models", "url", "directory", "hash", "hash_type")  # fmt: skip
ITEM = st.dictionaries(st.sampled_from(KEYS), JSON | st.lists(JSON), max_size=6)


@settings(max_examples=40)
@given(
    st.fixed_dictionaries(
        {"nodes": JSON | st.lists(JSON | ITEM)},
        optional={
            "links": JSON | st.lists(JSON | ITEM),
            "definitions": JSON | st.fixed_dictionaries({"subgraphs": JSON | st.lists(ITEM)}),
            "extra": JSON | st.fixed_dictionaries({"groupNodes": JSON | st.dictionaries(st.text(), ITEM)}),
            "prompt": JSON | ITEM,
            "workflow": JSON | ITEM,
        },
    )
)
def test_values_of_any_type_anywhere_are_survived(document: Json) -> None:
    assert outcome(document) in REFUSALS | {"read"}


def test_nodes_links_and_subgraphs_are_read() -> None:
    subgraph = {
        "id": "abc",
        "name": "Upscale",
        "inputs": [{"name": "image", "type": "IMAGE", "label": "Picture"}],
        "outputs": [{"name": "out", "type": "IMAGE"}],
        "nodes": [node("ImageInvert") | {"id": 7, "inputs": [{"name": "image", "type": "IMAGE", "link": 1}]}],
        "links": [
            {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 7, "target_slot": 0, "type": "IMAGE"},
            {"id": 2, "origin_id": 7, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE"},
        ],
    }
    load = node("LoadImage", "cat.png", "image") | {"outputs": [{"name": "IMAGE", "type": "IMAGE"}]}
    graph = drawn(load, node("abc"), links=[[5, 0, 0, 1, 0, "IMAGE"]], definitions={"subgraphs": [subgraph]})
    workflow = read_workflow(json.dumps(graph).encode())
    assert workflow.format is WorkflowFormat.UI
    assert [found.type for found in workflow.graph.nodes] == ["LoadImage", "abc"]
    assert workflow.graph.links[5].target == "1"
    inner = workflow.subgraphs["abc"]
    assert (inner.name, inner.inputs[0].label) == ("Upscale", "Picture")
    assert [link.target for link in inner.links_from_input[0]] == ["7"]
    assert inner.link_to_output[0].origin == "7"
    assert workflow.is_container("abc")
    assert not workflow.is_container("LoadImage")


def test_a_prompt_is_read_as_nodes_and_links() -> None:
    prompt = {
        "3": {"class_type": "KSampler", "inputs": {"seed": 5, "model": ["4", 0]}, "_meta": {"title": "Sampler"}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
    }  # fmt: skip
    workflow = read_workflow(json.dumps(prompt).encode())
    sampler = workflow.graph.by_id["3"]
    (link,) = workflow.graph.links.values()
    assert workflow.format is WorkflowFormat.API
    assert (sampler.title, dict(sampler.named_values)) == ("Sampler", {"seed": 5})
    assert (link.origin, link.target, sampler.inputs[link.target_slot].name) == ("4", "3", "model")


TOO_LARGE = {
    "bytes": b'{"nodes": ["' + b"x" * 2**24 + b'"]}',
    "empty objects": b'{"nodes":[{"type":"x","inputs":[' + b",".join([b"{}"] * 1_500_000) + b"]}]}",
    "widget values": b'{"nodes":[{"type":"x","widgets_values":[' + b",".join([b'"a.pt"'] * 6_000) + b"]}]}",
    "declared": json.dumps(
        drawn(node("x", properties={"models": [{"name": f"{n}", "url": "u", "directory": "vae"} for n in range(501)]}))
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("content", TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_a_file_that_would_take_too_much_memory_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_requirements(content)
    assert caught.value.error_code == "too_large"


def test_a_file_that_a_node_chooses_a_thousand_times_counts_once() -> None:
    loaders = [node("VAELoader", "ae.safetensors") for _ in range(1_000)]
    found = requirements_of(workflow_of(drawn(*loaders)))
    assert [choice.value for choice in found.choices] == ["ae.safetensors"]


def test_a_live_recording_without_sizes_holds_no_workflow() -> None:
    endless = (
        b"\x1a\x45\xdf\xa3\x84webm\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\x1f\x43\xb6\x75\xff" + bytes(99)
    )
    with pytest.raises(InvalidRequest, match="holds no workflow"):
        read_workflow(endless + element(b"\x73\x73"))


@pytest.mark.parametrize(
    "text", ["\ud800", '{"nodes": [{"type": "\\ud800", "widgets_values": ["\\ud800.pt"]}]}']
)
def test_half_characters_are_survived(text: str) -> None:
    assert outcome({"workflow": text}) in ("not_json", "read")
