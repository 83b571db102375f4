"""Values by name become what a job sets in its prompt."""

from collections.abc import Callable
from typing import Any

import pytest

from backend.core.errors import InvalidRequest
from backend.templates.models import Source, Template, TemplateSummary, template_of
from backend.templates.preparation import Preparation
from backend.workflows.bindings import apply
from backend.workflows.reader import workflow_of
from tests.support.comfyui_editor.node_types import object_info
from tests.support.comfyui_editor.templates import template, template_names

API: dict[str, Any] = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "cfg": 8, "model": ["4", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dog", "clip": ["4", 1]}},
}


def template_from(document: dict[str, Any], **more: Any) -> Template:
    summary = TemplateSummary(id="test", title="Test", source=Source.UPLOADED)
    return template_of(summary, workflow_of(document), **more)


def prepared(document: dict[str, Any], **more: Any) -> Preparation:
    return Preparation(template_from(document, **more), object_info())


def refused(work: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as error:
        work()
    return error.value.error_code, error.value.message


def test_names_and_addresses_set_the_same_input() -> None:
    preparation = prepared(API)
    expected = {"6.text": "a cat", "3.seed": 7}
    assert preparation.resolved({"prompt": "a cat", "seed": "7"}) == expected
    assert preparation.resolved({"6.text": "a cat", "3.seed": 7}) == expected
    assert preparation.prepare(expected).values == expected


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"promt": "a cat"}, "unknown_input"),
        ({"99.text": "a cat"}, "unknown_input"),
        ({"6.": "a cat"}, "unknown_input"),
        ({"steps": "many"}, "invalid_input"),
        ({"steps": 1.5}, "invalid_input"),
        ({"steps": True}, "invalid_input"),
        ({"steps": 0}, "invalid_input"),
        ({"prompt": 5}, "invalid_input"),
        ({"cfg": float("nan")}, "invalid_input"),
        ({"seed": 1, "3.seed": 2}, "invalid_input"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], code: str) -> None:
    preparation = prepared(API)
    found, message = refused(lambda: preparation.resolved(values))
    assert found == code
    assert message.endswith(".")


def test_a_menu_of_numbers_takes_texts() -> None:
    """Command lines and CSV files have texts only."""
    info = {"Scale": {"input": {"required": {"factor": [[2, 4], {}]}}, "output": [], "output_node": True}}
    document = {"1": {"class_type": "Scale", "inputs": {"factor": 2}}}
    preparation = Preparation(template_from(document), info)
    assert preparation.resolved({"factor": "4"}) == {"1.factor": 4}
    assert refused(lambda: preparation.resolved({"factor": "3"}))[0] == "invalid_input"


def test_an_unknown_name_gets_the_names_of_the_inputs() -> None:
    _, message = refused(lambda: prepared(API).resolved({"promt": "a cat"}))
    assert message == "The workflow has no input `promt`. Its inputs are: prompt, steps, seed."


def test_required_inputs_must_be_given() -> None:
    preparation = prepared(API, required_inputs=("prompt", "seed"))
    code, message = refused(lambda: preparation.check_required(preparation.resolved({"3.seed": 1})))
    assert (code, "`prompt`" in message, "`seed`" in message) == ("missing_input", True, False)


def test_unknown_nodes_are_named_with_their_package() -> None:
    graph = {"nodes": [{"id": 1, "type": "FaceMagic", "properties": {"cnr_id": "comfyui-faces"}}]}
    code, message = refused(lambda: prepared(graph))
    assert code == "missing_nodes"
    assert "`FaceMagic` (of the package comfyui-faces)" in message


def test_seeds_are_rolled_as_the_editor_does() -> None:
    """A workflow in API format has no rule for its seed: only a repeated run changes it."""
    fixed = prepared(API)
    assert fixed.prepare({}).values == {}
    seeds = {fixed.prepare({}, repeated=True).values["3.seed"] for _ in range(3)}
    assert len(seeds) == 3
    assert fixed.prepare({"3.seed": 5}, repeated=True).values == {"3.seed": 5}

    graph = template("image_z_image_turbo")
    rolled = prepared(graph)
    first, second = rolled.prepare({}), rolled.prepare({})
    assert first.seeds
    assert first.values != second.values


def test_a_seed_that_counts_up_goes_on_from_the_job_before() -> None:
    graph = {
        "nodes": [
            {"id": 3, "type": "KSampler", "widgets_values": [5, "increment", 20, 8, "euler", "simple", 1]}
        ]
    }
    preparation = prepared(graph)
    first = preparation.prepare({})
    second = preparation.prepare({}, first.seeds)
    assert (first.values, second.values) == ({"3.seed": 5}, {"3.seed": 6})


@pytest.mark.parametrize(
    "name", ["image_z_image_turbo", "flux_kontext_dev_basic", "audio_ace_step_1_t2a_song"]
)
def test_a_batch_sets_what_a_single_conversion_does(name: str) -> None:
    assert name in template_names()
    preparation = prepared(template(name))
    values = {item.name: item.default for item in preparation.bindings if item.natural}
    found = preparation.prepare(preparation.resolved(values)).values
    workflow = workflow_of(template(name))
    expected = apply(workflow, object_info(), preparation.bindings, values).prompt
    for address, value in found.items():
        node_id, _, name = address.partition(".")
        if "seed" not in name:
            assert expected[node_id]["inputs"][name] == value
