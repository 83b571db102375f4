"""A user sets the inputs of a workflow without opening ComfyUI."""

import json
import random
from typing import Any

import pytest

from backend.core.errors import InvalidRequest
from backend.workflows.bindings import Binding, Kind, apply, find_bindings, json_schema, roll_seeds
from backend.workflows.graph import Workflow
from backend.workflows.reader import workflow_of
from tests.backend.workflows.test_convert import INNER, TYPES, around, item, link
from tests.support.comfyui_editor.node_types import object_info
from tests.support.comfyui_editor.templates import template, template_names
from tests.support.workflows import Json, drawn

INFO: Json = TYPES | {
    "Text": {"input": {"required": {"text": ["STRING", {"multiline": True}]}}, "output": ["CONDITIONING"]},
    "Guide": {"input": {"required": {"positive": ["CONDITIONING"], "negative": ["CONDITIONING"]}}, "output": ["X"]},
    "Size": {"input": {"required": {"width": ["INT", {"default": 512, "min": 16, "max": 4096}]}}, "output": ["X"]},
    "Picture": {"input": {"required": {"image": [["cat.png"], {"image_upload": True}]}}, "output": ["IMAGE"]},
    "Flag": {"input": {"required": {"on": ["BOOLEAN", {}], "amount": ["FLOAT", {"min": 0, "max": 1}]}}},
}  # fmt: skip


def plain_graph(**rest: Any) -> Json:
    return drawn(
        item(1, "Load", "b.safetensors"),
        item(2, "Sample", 7, "randomize", 30, "heun", 0.5, inputs={"model": 1}),
        item(3, "Text", "ugly"),
        item(4, "Text", "a cat"),
        item(5, "Guide", inputs={"positive": 2, "negative": 3}),
        item(6, "Size", 640),
        item(7, "Picture", "dog.png"),
        item(8, "Flag", True, 0.5),
        links=[link(1, 1, 2), link(2, 4, 5), link(3, 3, 5, 1)],
        **rest,
    )


def bound(graph: Json, **rest: Any) -> tuple[Workflow, dict[str, Binding]]:
    workflow = workflow_of(graph)
    return workflow, {binding.name: binding for binding in find_bindings(workflow, INFO, **rest)}


def prompt_with(graph: Json, **values: Any) -> Json:
    workflow, bindings = bound(graph)
    return apply(workflow, INFO, bindings.values(), values).prompt


def test_prompts_files_sizes_steps_and_seeds_make_the_form() -> None:
    _, bindings = bound(plain_graph())
    form = {name: (found.kind, found.default) for name, found in bindings.items() if found.natural}
    assert form == {
        "negative_prompt": (Kind.PROMPT, "ugly"),
        "prompt": (Kind.PROMPT, "a cat"),
        "image": (Kind.FILE, "dog.png"),
        "width": (Kind.SIZE, 640),
        "steps": (Kind.STEPS, 30),
        "seed": (Kind.SEED, 7),
    }
    assert {"sampler", "denoise", "name"} <= bindings.keys()


def test_the_form_is_a_json_schema() -> None:
    _, bindings = bound(plain_graph())
    schema = json.loads(json.dumps(json_schema(bindings.values())))
    assert schema["properties"]["width"] == {
        "title": "Size: width",
        "type": "integer",
        "default": 640,
        "minimum": 16,
        "maximum": 4096,
        "x-comfypod": {"kind": "size", "node": "6", "input": "width"},
    }
    assert schema["properties"]["image"]["examples"] == ["dog.png", "cat.png"]


def test_what_the_author_chose_for_the_app_is_the_form() -> None:
    chosen = {"linearData": {"inputs": [[8, "amount"], [4, "text"]], "outputs": []}}
    _, bindings = bound(plain_graph(extra=chosen))
    assert [name for name, found in bindings.items() if found.natural] == ["amount", "prompt"]


def test_the_index_of_templates_tells_which_nodes_load_files() -> None:
    chosen = {"linearData": {"inputs": [[4, "text"]]}}
    _, bindings = bound(plain_graph(extra=chosen), io={"inputs": [{"nodeId": 7, "nodeType": "Picture"}]})
    assert [name for name, found in bindings.items() if found.natural] == ["prompt", "image"]


def test_an_instance_of_a_subgraph_gives_its_labels() -> None:
    inner = INNER | {
        "inputs": [{"name": "model", "type": "*"}, {"name": "steps", "type": "*", "label": "Effort"}]
    }
    graph = around(item(2, "Sub", 12, inputs={"model": 11}), definitions=[inner])
    workflow, bindings = bound(graph)
    assert (bindings["effort"].title, bindings["effort"].default) == ("Effort", 12)
    assert apply(workflow, INFO, bindings.values(), {"effort": 5}).prompt["2:3"]["inputs"]["steps"] == 5
    inside = apply(workflow, INFO, bindings.values(), {"2:3.sampler": "euler"}).prompt
    assert inside["2:3"]["inputs"]["sampler"] == "euler"


def test_values_are_set_by_name_and_by_address() -> None:
    prompt = prompt_with(plain_graph(), **{"prompt": "a dog", "2.steps": 4, "seed": 99})
    assert prompt["4"]["inputs"]["text"] == "a dog"
    assert (prompt["2"]["inputs"]["steps"], prompt["2"]["inputs"]["seed"]) == (4, 99)
    assert prompt["3"]["inputs"]["text"] == "ugly"


def test_a_primitive_is_set_for_all_that_use_it() -> None:
    sample = item(2, "Sample", 7, "fixed", 30) | {
        "inputs": [{"name": "seed", "type": "INT", "link": 1, "widget": {"name": "seed"}}]
    }
    graph = drawn(item(1, "PrimitiveNode", 42, "randomize", title="Luck"), sample, links=[link(1, 1, 2)])
    _, bindings = bound(graph)
    assert (bindings["seed"].title, bindings["seed"].control) == ("Luck", "randomize")
    assert prompt_with(graph, seed=5)["2"]["inputs"]["seed"] == 5


def test_a_prompt_without_a_graph_has_inputs_too() -> None:
    prompt = {
        "3": {"class_type": "Sample", "inputs": {"seed": 1, "steps": 9}},
        "4": {"class_type": "Text", "inputs": {}},
    }
    assert prompt_with(prompt, steps=2)["3"]["inputs"] == {"seed": 1, "steps": 2}
    assert prompt["3"]["inputs"] == {"seed": 1, "steps": 9}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("width", "32", 32), ("on", "yes", True), ("amount", "0.25", 0.25), ("prompt", "7", "7")],
)
def test_values_of_a_command_line_are_texts(name: str, text: str, value: Any) -> None:
    workflow, bindings = bound(plain_graph())
    prompt = apply(workflow, INFO, bindings.values(), {name: text}).prompt
    assert prompt[bindings[name].node_id]["inputs"][bindings[name].input] == value


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("width", 7, "`width` must be between 16 and 4096"),
        ("width", "wide", "`width` must be of type integer"),
        ("width", True, "`width` must be of type integer"),
        ("amount", float("nan"), "`amount` must be a finite number"),
        ("sampler", "magic", "`sampler` must be one of: euler, heun"),
        ("nothing", 1, "no input `nothing`. Its inputs are: negative_prompt, prompt"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, value: Any, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        prompt_with(plain_graph(), **{name: value})
    assert reason in caught.value.message


def test_a_file_that_is_not_there_yet_may_be_chosen() -> None:
    assert (
        prompt_with(plain_graph(), image="new.png", name="later.safetensors")["7"]["inputs"]["image"]
        == "new.png"
    )


@pytest.mark.parametrize(
    ("control", "seeds"), [("increment", [7, 8, 9]), ("decrement", [7, 6, 5]), ("fixed", [None] * 3)]
)
def test_seeds_change_from_run_to_run_as_in_the_editor(control: str, seeds: list[int | None]) -> None:
    _, bindings = bound(drawn(item(2, "Sample", 7, control, 30)))
    rolled, previous = [], None
    for _ in range(3):
        previous = roll_seeds(bindings.values(), previous=previous)
        rolled.append(previous.get("seed"))
    assert rolled == seeds


def test_a_random_seed_can_be_repeated_and_stays_where_it_is_given() -> None:
    _, bindings = bound(plain_graph())
    first, again = (roll_seeds(bindings.values(), rng=random.Random(5)) for _ in range(2))
    assert first == again
    assert 0 <= first["seed"] <= 2**50
    assert roll_seeds(bindings.values(), {"seed": 3}) == roll_seeds(bindings.values(), {"2.seed": 3}) == {}


def test_official_templates_have_inputs_that_can_be_set_to_what_they_are() -> None:
    for name in template_names()[::8]:
        workflow = workflow_of(template(name))
        bindings = find_bindings(workflow, object_info())
        values = {each.name: each.default for each in bindings if each.natural and each.default is not None}
        plain = apply(workflow, object_info(), bindings, {}).prompt
        assert apply(workflow, object_info(), bindings, values).prompt == plain, name
