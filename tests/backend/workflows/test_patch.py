"""A user, or an assistant, changes a workflow step by step, and takes steps back."""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backend.core.errors import AppError, Conflict, InvalidRequest
from backend.workflows.convert import convert
from backend.workflows.patch import (
    AddNode,
    Connect,
    Disconnect,
    Operation,
    Patched,
    RemoveNode,
    Rename,
    ReplaceNode,
    SetInput,
    SetMode,
    SwapModel,
    apply_changes,
    as_text,
    compare,
    inverse,
    patch,
)
from backend.workflows.reader import workflow_of
from tests.backend.workflows.test_convert import TYPES
from tests.support.comfyui_editor.node_types import object_info
from tests.support.comfyui_editor.templates import template
from tests.support.workflows import Json

START: Json = {"nodes": [], "links": [], "last_node_id": 0, "last_link_id": 0, "version": 0.4}
KINDS = sorted(TYPES)


def patched(document: Json, *operations: Operation) -> Patched:
    return patch(document, operations, TYPES)


def pipeline() -> Json:
    """Load → Sample → Save, made by patches."""
    return patched(
        START,
        AddNode(type="Load", inputs={"name": "a.safetensors"}),
        AddNode(type="Sample", inputs={"seed": 5}),
        AddNode(type="Save", title="Result"),
        Connect(origin="1", slot=0, target="2", input="model"),
        Connect(origin="2", slot=0, target="3", input="latent"),
    ).document


def prompt_of(document: Json) -> Json:
    return convert(workflow_of(document), TYPES).prompt


def inputs_of(document: Json, key: str) -> Json:
    found: Json = prompt_of(document)[key]["inputs"]
    return found


def assert_consistent(graph: Json) -> None:
    """Links, inputs and outputs tell the same story, and ids are unique."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    links = {link[0]: link for link in graph["links"]}
    assert (len(nodes), len(links)) == (len(graph["nodes"]), len(graph["links"]))
    for key, origin, slot, target, at, _ in graph["links"]:
        assert key in nodes[origin]["outputs"][slot]["links"]
        assert nodes[target]["inputs"][at]["link"] == key
    told = [slot["link"] for node in nodes.values() for slot in node["inputs"] if slot["link"] is not None]
    given_out = [key for node in nodes.values() for slot in node["outputs"] for key in slot["links"]]
    assert sorted(told) == sorted(given_out) == sorted(links)


def test_a_workflow_can_be_built_from_nothing() -> None:
    document = pipeline()
    assert_consistent(document)
    assert inputs_of(document, "2") == {
        "seed": 5, "steps": 20, "sampler": "euler", "denoise": 1.0, "model": ["1", 0]}  # fmt: skip
    assert prompt_of(document)["3"]["_meta"]["title"] == "Result"


def test_a_value_is_set_where_the_editor_looks_for_it() -> None:
    document = patched(pipeline(), SetInput(node="2", input="steps", value=8)).document
    assert document["nodes"][1]["widgets_values"] == [5, "fixed", 8, "euler", 1.0]


def test_a_value_that_the_file_lacks_is_filled_up_to() -> None:
    document = pipeline()
    document["nodes"][1]["widgets_values"] = [5]
    found = inputs_of(patched(document, SetInput(node="2", input="denoise", value=0.5)).document, "2")
    assert (found["seed"], found["steps"], found["denoise"]) == (5, 20, 0.5)


def test_a_menu_that_brings_inputs_brings_their_defaults() -> None:
    document = patched(START, AddNode(type="Encode", inputs={"fps": 30})).document
    document = patched(document, SetInput(node="1", input="format", value="webm")).document
    assert inputs_of(document, "1") == {"format": "webm", "format.speed": 4, "fps": 30}


def test_a_replaced_node_keeps_values_and_links_that_fit() -> None:
    document = pipeline()
    document["nodes"][0]["pos"] = [7, 8]
    new = patched(document, ReplaceNode(node="1", type="Points")).document
    assert_consistent(new)
    assert (new["nodes"][0]["type"], new["nodes"][0]["pos"]) == ("Points", [7, 8])
    assert inputs_of(new, "2")["model"] == ["1", 0]
    unfit = patched(document, ReplaceNode(node="1", type="Encode")).document
    assert_consistent(unfit)
    assert "model" not in inputs_of(unfit, "2")


def test_muting_bypassing_renaming_and_swapping() -> None:
    document = patched(
        pipeline(), SetMode(node="3", mode="muted"), Rename(node="2", title="Main"),
        SwapModel(old="a.safetensors", new="b.safetensors"),
    ).document  # fmt: skip
    prompt = prompt_of(document)
    assert prompt.keys() == {"1", "2"}
    assert (prompt["2"]["_meta"]["title"], prompt["1"]["inputs"]) == ("Main", {"name": "b.safetensors"})
    assert "latent" not in inputs_of(patched(pipeline(), SetMode(node="2", mode="bypassed")).document, "3")


def test_prompts_are_patched_too() -> None:
    prompt = prompt_of(pipeline())
    new = patched(
        prompt, AddNode(type="Patch", inputs={"strength": 0.7}), Connect(origin="1", slot=0, target="4", input="model"),
        Connect(origin="4", slot=0, target="2", input="model"), SetInput(node="2", input="steps", value=3),
        RemoveNode(node="3"),
    )  # fmt: skip
    assert new.document["4"]["inputs"] == {"strength": 0.7, "model": ["1", 0]}
    assert (new.document["2"]["inputs"]["model"], new.document["2"]["inputs"]["steps"]) == (["4", 0], 3)
    assert list(apply_changes(new.document, new.inverse)) == list(prompt)
    assert apply_changes(new.document, new.inverse) == prompt
    replaced = patched(prompt, ReplaceNode(node="2", type="Patch")).document
    assert replaced["2"] == {
        "class_type": "Patch", "inputs": {"model": ["1", 0], "strength": 0}, "_meta": {"title": "Patch"}}  # fmt: skip


def test_a_patch_reads_as_a_diff() -> None:
    done = patched(
        pipeline(), SetInput(node="2", input="steps", value=8), Disconnect(target="3", input="latent"),
        AddNode(type="Load"), RemoveNode(node="1"),
    )  # fmt: skip
    assert as_text(done.changes).splitlines() == [
        "~ node 2 Sample: widgets_values[2]: 20 → 8",
        "- link 2.0 → 3.0",
        "+ node 4 Load",
        "- link 1.0 → 2.0",
        "- node 1 Load",
    ]


REFUSED: dict[str, Operation] = {
    "unknown_node": SetInput(node="9", input="steps", value=1),
    "unknown_input": SetInput(node="2", input="nothing", value=1),
    "unknown_type": AddNode(type="Nothing"),
    "unknown_output": Connect(origin="1", slot=3, target="2", input="model"),
    "types_differ": Connect(origin="1", slot=0, target="3", input="latent"),
    "circular_links": Connect(origin="2", slot=0, target="2", input="latent"),
    "unknown_mode": SetMode(node="1", mode="asleep"),
    "unknown_subgraph": RemoveNode(node="1", graph="nothing"),
}


@pytest.mark.parametrize(("code", "operation"), REFUSED.items(), ids=REFUSED.keys())
def test_what_cannot_be_done_is_refused_and_nothing_is_changed(code: str, operation: Operation) -> None:
    document = pipeline()
    before = copy.deepcopy(document)
    with pytest.raises(InvalidRequest) as caught:
        patched(document, SetInput(node="2", input="steps", value=1), operation)
    assert caught.value.error_code == code
    assert document == before


def test_a_patch_for_another_version_conflicts() -> None:
    document = pipeline()
    changes = patched(document, SetInput(node="2", input="steps", value=8)).changes
    other = patched(document, SetInput(node="2", input="steps", value=9)).document
    with pytest.raises(Conflict, match="changed meanwhile"):
        apply_changes(other, changes)


KEYS = st.sampled_from(["1", "2", "3", "4", "5"])
NAMES = st.sampled_from(
    ["model", "latent", "seed", "steps", "sampler", "name", "format", "format.crf", "strength"]
)
VALUES = st.sampled_from([1, 0.5, "euler", "webm", "mp4", None, True, [1, 2], "a.safetensors"])
OPERATIONS = st.one_of(
    st.builds(SetInput, node=KEYS, input=NAMES, value=VALUES),
    st.builds(AddNode, type=st.sampled_from(KINDS)),
    st.builds(RemoveNode, node=KEYS),
    st.builds(ReplaceNode, node=KEYS, type=st.sampled_from(KINDS)),
    st.builds(Connect, origin=KEYS, slot=st.integers(-1, 1), target=KEYS, input=NAMES),
    st.builds(Disconnect, target=KEYS, input=NAMES),
    st.builds(SetMode, node=KEYS, mode=st.sampled_from(["active", "muted", "bypassed"])),
    st.builds(Rename, node=KEYS, title=st.text(max_size=3)),
    st.builds(SwapModel, old=st.just("a.safetensors"), new=st.sampled_from(["b.safetensors", "c.pt"])),
)


@given(st.lists(OPERATIONS, max_size=12), st.booleans())
def test_any_sequence_of_patches_keeps_the_graph_consistent_and_can_be_taken_back(
    operations: list[Operation], as_prompt: bool
) -> None:
    start = prompt_of(pipeline()) if as_prompt else pipeline()
    text = json.dumps(start)
    document, changes = start, []
    for operation in operations:
        try:
            done = patched(document, operation)
        except InvalidRequest:
            continue
        assert apply_changes(document, done.changes) == done.document
        assert json.dumps(apply_changes(done.document, done.inverse)) == json.dumps(document)
        document = done.document
        changes.append(done)
        if not as_prompt:
            assert_consistent(document)
    for done in reversed(changes):
        document = apply_changes(document, done.inverse)
    assert json.dumps(document) == text == json.dumps(start)


@pytest.mark.parametrize("name", ["image_z_image_turbo", "flux1_dev_uso_reference_image_gen"])
def test_nodes_inside_a_subgraph_of_an_official_template_are_patched(name: str) -> None:
    document = template(name)
    subgraph = document["definitions"]["subgraphs"][-1]
    sampler = next(node for node in subgraph["nodes"] if node["type"] == "KSampler")
    key, graph = str(sampler["id"]), subgraph["id"]
    operations: list[Any] = [
        SetInput(node=key, input="cfg", value=3.25, graph=graph),
        RemoveNode(node=str(subgraph["nodes"][0]["id"]), graph=graph),
        RemoveNode(node=key, graph=graph),
    ]
    done = patch(document, operations[:1], object_info())
    assert [change.after["widgets_values"][3] for change in done.changes] == [3.25]
    removed = patch(document, operations, object_info())
    left = removed.document["definitions"]["subgraphs"][-1]
    ends = {each for link in left["links"] for each in (link["origin_id"], link["target_id"])}
    assert ends <= {node["id"] for node in left["nodes"]} | {-10, -20}
    links = {link["id"] for link in left["links"]}
    assert {
        each for side in ("inputs", "outputs") for slot in left[side] for each in slot["linkIds"]
    } <= links
    assert apply_changes(removed.document, removed.inverse) == document == template(name)


def test_a_model_is_swapped_inside_subgraphs_too() -> None:
    document = template("image_z_image_turbo")
    done = patch(document, [SwapModel(old="ae.safetensors", new="other.safetensors")], object_info())
    assert "other.safetensors" in json.dumps(convert(workflow_of(done.document), object_info()).prompt)
    assert '"ae.safetensors"' not in json.dumps(convert(workflow_of(done.document), object_info()).prompt)
    assert apply_changes(done.document, done.inverse) == document


def _after(document: Json, operations: list[Operation]) -> Json:
    """Apply the operations that can be applied."""
    for operation in operations:
        with contextlib.suppress(InvalidRequest):
            document = patched(document, operation).document
    return document


@given(st.lists(OPERATIONS, max_size=8), st.lists(OPERATIONS, max_size=8), st.booleans())
def test_the_comparison_of_two_versions_turns_one_into_the_other(
    one: list[Operation], other: list[Operation], as_prompt: bool
) -> None:
    start = prompt_of(pipeline()) if as_prompt else pipeline()
    before, after = _after(start, one), _after(start, other)
    changes = compare(before, after)
    assert apply_changes(before, changes) == after
    assert apply_changes(after, inverse(changes)) == before
    assert bool(changes) == (before != after)


def test_versions_of_an_official_template_are_compared_inside_its_subgraphs() -> None:
    before = template("image_z_image_turbo")
    done = patch(before, [SwapModel(old="ae.safetensors", new="other.safetensors")], object_info())
    changes = compare(before, done.document)
    assert as_text(changes) == as_text(done.changes)
    assert apply_changes(before, changes) == done.document


def test_subgraphs_and_order_that_differ_are_compared_too() -> None:
    before = template("image_z_image_turbo")
    after = {**before, "nodes": before["nodes"][::-1], "definitions": {"subgraphs": []}, "version": None}
    changes = compare(before, after)
    assert apply_changes(before, changes) == {
        name: value for name, value in after.items() if name != "version"
    }
    assert apply_changes(apply_changes(before, changes), inverse(changes)) == before


def test_versions_in_different_formats_cannot_be_compared() -> None:
    with pytest.raises(InvalidRequest) as caught:
        compare(pipeline(), prompt_of(pipeline()))
    assert caught.value.error_code == "formats_differ"


JUNK: st.SearchStrategy[Any] = st.sampled_from([
    None, True, 1, -1, 2.5, "1", "Load", "", [], [1], ["1", 0], [None], [{}], {}, {"id": 1}, [{"name": "model", "link": 1}],
    [{"name": "MODEL", "links": [1]}], [{"links": 3}], [["model", 1]], {"name": "a.safetensors"},
])  # fmt: skip
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["1", 1, 2, None, [], {}]),
        "type": st.sampled_from([*KINDS, None, 1]),
        "class_type": st.sampled_from([*KINDS, None, 1]),
        **dict.fromkeys(("inputs", "outputs", "widgets_values", "widgets_values_named", "mode", "pos", "size", "_meta", "properties", "nodes", "links"), JUNK),
    },
)  # fmt: skip
LINKS = st.lists(JUNK | st.tuples(*[st.sampled_from([1, 2, "1", 0, None])] * 5).map(list), max_size=3)
DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "nodes": JUNK | st.lists(ENTRY | JUNK, max_size=3),
        "links": JUNK | LINKS,
        "definitions": JUNK | st.fixed_dictionaries({"subgraphs": JUNK | st.lists(ENTRY | JUNK, max_size=2)}),
        "1": ENTRY | JUNK,
        "2": ENTRY | JUNK,
        "last_node_id": JUNK,
        "last_link_id": JUNK,
    },
)


@settings(max_examples=100)
@given(DOCUMENT, DOCUMENT, st.lists(OPERATIONS, max_size=5))
@example({"nodes": [{"id": 1}]}, {}, [ReplaceNode(node="1", type="Load")])
def test_documents_of_any_json_are_patched_and_compared_or_refused(
    one: Json, other: Json, operations: list[Operation]
) -> None:
    for operation in operations:
        with contextlib.suppress(AppError):
            done = patched(one, operation)
            as_text(done.changes)
            one = done.document
    with contextlib.suppress(AppError):
        as_text(compare(one, other))
