"""The inputs of a prompt in forms."""

import pytest

from backend.core.errors import InvalidRequest
from backend.jobs.inputs import Field, edited_values, inputs_of, new_seeds

PROMPT = {
    "3": {
        "class_type": "KSampler",
        "inputs": {"seed": 1, "steps": 20, "cfg": 7.5, "sampler_name": "euler", "model": ["4", 0]},
        "_meta": {"title": "Sampler"},
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["4", 1]}},
    "9": {"class_type": "Switch", "inputs": {"on": True}},
}


def test_links_are_no_inputs_and_usual_ones_come_first() -> None:
    found = [(item.node, item.name, item.field) for item in inputs_of(PROMPT)]
    assert found == [
        ("Sampler", "seed", Field.SEED),
        ("Sampler", "steps", Field.NUMBER),
        ("Sampler", "cfg", Field.NUMBER),
        ("CLIPTextEncode", "text", Field.TEXT),
        ("Sampler", "sampler_name", Field.LINE),
        ("Switch", "on", Field.SWITCH),
    ]


def test_a_form_changes_what_differs_and_keeps_what_it_does_not_show() -> None:
    texts = {"3.steps": "30", "3.cfg": "7.5", "6.text": "a dog\r\nin the rain", "9.on": "false"}
    assert edited_values(PROMPT, {"3.seed": 5, "3.cfg": 9.0}, texts) == {
        "3.seed": 5,
        "3.steps": 30,
        "6.text": "a dog\nin the rain",
        "9.on": False,
    }


@pytest.mark.parametrize(("address", "text"), [("3.steps", "many"), ("3.steps", "2.5"), ("3.cfg", "")])
def test_a_text_that_is_no_number_is_refused_with_the_input(address: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"Sampler: \w+ is not a"):
        edited_values(PROMPT, {}, {address: text})


def test_every_seed_gets_another_value() -> None:
    first, second = new_seeds(PROMPT), new_seeds(PROMPT)
    assert first.keys() == {"3.seed"}
    assert first != second
