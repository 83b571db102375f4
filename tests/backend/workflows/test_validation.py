"""A user, or an assistant, checks a workflow before it is run."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.workflows.convert import convert
from backend.workflows.reader import workflow_of
from backend.workflows.validation import MAX_PROBLEMS, validate
from tests.support.comfyui_editor.node_types import object_info
from tests.support.comfyui_editor.templates import template

TYPES: dict[str, Any] = {
    "Load": {
        "input": {"required": {"name": [["a.safetensors", "b.safetensors"]]}},
        "output": ["MODEL", "VAE"],
    },
    "Sample": {
        "input": {
            "required": {"model": ["MODEL"], "steps": ["INT", {"min": 1, "max": 100}]},
            "optional": {"denoise": ["FLOAT", {"min": 0, "max": 1}]},
        },
        "output": ["IMAGE"],
    },
    "Save": {"input": {"required": {"images": ["IMAGE"]}}, "output": [], "output_node": True},
}


def prompt(**changes: dict[str, Any]) -> dict[str, Any]:
    nodes: dict[str, Any] = {
        "load": {"class_type": "Load", "inputs": {"name": "a.safetensors"}},
        "sample": {"class_type": "Sample", "inputs": {"model": ["load", 0], "steps": 20}, "_meta": {"title": "Main"}},
        "save": {"class_type": "Save", "inputs": {"images": ["sample", 0]}},
    }  # fmt: skip
    for key, inputs in changes.items():
        nodes[key] = {**nodes[key], "inputs": inputs}
    return nodes


def test_a_valid_prompt_has_no_problems() -> None:
    assert validate(prompt(), TYPES) == ()
    assert validate(prompt(sample={"model": ["load", 0], "steps": "20", "unknown": 1}), TYPES) == ()


WRONG: dict[str, tuple[str, str, Any]] = {
    "required_input_missing": ("sample", "model", {"steps": 1}),
    "value_smaller_than_min": ("sample", "steps", {"model": ["load", 0], "steps": 0}),
    "value_bigger_than_max": ("sample", "denoise", {"model": ["load", 0], "steps": 1, "denoise": 1.5}),
    "invalid_input_type": ("sample", "steps", {"model": ["load", 0], "steps": "many"}),
    "value_not_in_list": ("load", "name", {"name": "c.safetensors"}),
    "bad_linked_input": ("save", "images", {"images": ["gone", 0]}),
    "return_type_mismatch": ("save", "images", {"images": ["load", 1]}),
}


@pytest.mark.parametrize("code", WRONG)
def test_a_problem_names_node_and_input(code: str) -> None:
    node, name, inputs = WRONG[code]
    (problem,) = validate(prompt(**{node: inputs}), TYPES)
    assert (problem.code, problem.node_id, problem.input) == (code, node, name)
    assert f"`{name}`" in problem.message


def test_an_output_that_a_node_does_not_have_is_a_problem() -> None:
    (problem,) = validate(prompt(save={"images": ["sample", 7]}), TYPES)
    assert problem.message == "`images` is linked to output 7 of Sample, which has 1."


def test_unknown_types_and_missing_outputs_are_problems() -> None:
    nodes = prompt()
    nodes["sample"]["class_type"] = "Gone"
    (problem,) = validate(nodes, TYPES)
    assert (problem.code, problem.node_title) == ("missing_node_type", "Main")
    del nodes["save"], nodes["sample"]
    assert [problem.code for problem in validate(nodes, TYPES)] == ["prompt_no_outputs"]


def test_the_number_of_problems_is_limited() -> None:
    nodes = {str(number): {"class_type": "Gone", "inputs": {}} for number in range(1000)}
    assert len(validate(nodes, TYPES)) == MAX_PROBLEMS


@pytest.mark.parametrize("name", ["image_z_image_turbo", "flux1_dev_uso_reference_image_gen"])
def test_official_templates_lack_nothing_but_their_models(name: str) -> None:
    found = validate(convert(workflow_of(template(name)), object_info()).prompt, object_info())
    assert {problem.code for problem in found} <= {"value_not_in_list"}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
INPUTS = st.dictionaries(
    st.sampled_from(["model", "steps", "denoise", "name", "images"]), ANYTHING, max_size=4
)


@given(st.dictionaries(st.text(max_size=3), ANYTHING | st.fixed_dictionaries(
    {"class_type": st.sampled_from(["Load", "Sample", "Save", "?"]), "inputs": INPUTS | ANYTHING}), max_size=4))  # fmt: skip
def test_any_json_gets_problems_and_no_exception(nodes: dict[str, Any]) -> None:
    for problem in validate(nodes, TYPES):
        assert problem.message
