"""A user runs a workflow that the editor saved: it becomes the prompt that ComfyUI takes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.errors import InvalidRequest
from backend.workflows.convert import Conversion, convert
from backend.workflows.reader import workflow_of
from tests.backend.workflows.test_read import ITEM, JSON
from tests.support.workflows import Json, drawn, node

TYPES: Json = {
    "Load": {"input": {"required": {"name": [["a.safetensors", "b.safetensors"], {}]}}, "output": ["MODEL"]},
    "Sample": {
        "input": {
            "required": {
                "model": ["MODEL"],
                "seed": ["INT", {"default": 0, "control_after_generate": True}],
                "steps": ["INT", {"default": 20}],
                "sampler": ["COMBO", {"options": ["euler", "heun"]}],
            },
            "optional": {"latent": ["LATENT"], "denoise": ["FLOAT", {"default": 1.0}]},
        },
        "output": ["LATENT"],
        "display_name": "Sampler",
    },
    "Save": {"input": {"required": {"latent": ["LATENT"], "prefix": ["STRING", {}]}}, "output_node": True},
    "Patch": {"input": {"required": {"model": ["MODEL"], "strength": ["FLOAT", {}]}}, "output": ["MODEL"]},
    "Points": {"input": {"required": {"points": ["STRING", {}], "curve": ["CURVE", {}]}}, "output": ["MODEL"]},
    "Encode": {
        "input": {
            "required": {
                "format": [
                    "COMFY_DYNAMICCOMBO_V3",
                    {
                        "options": [
                            {"key": "mp4", "inputs": {"required": {"crf": ["INT", {"default": 23}]}}},
                            {"key": "webm", "inputs": {"required": {"speed": ["INT", {"default": 4}]}}},
                        ]
                    },
                ],
                "fps": ["FLOAT", {"default": 24}],
            }
        },
        "output": ["LATENT"],
    },
}  # fmt: skip


def item(key: int, kind: str, *values: Any, inputs: Json | None = None, **rest: Any) -> Json:
    """Return a node of the editor; `inputs` are links by name, or None for a socket without one."""
    slots = [
        {"name": name, "type": "*" if link is None else "MODEL", "link": link}
        for name, link in (inputs or {}).items()
    ]
    outputs = [{"name": "out", "type": "MODEL"}]
    return node(kind, *values) | {"id": key, "inputs": slots, "outputs": outputs} | rest


def link(key: int, origin: int, target: int, slot: int = 0) -> list[Any]:
    return [key, origin, 0, target, slot, "MODEL"]


def converted(graph: Json) -> Conversion:
    return convert(workflow_of(graph), TYPES)


def inputs_of(graph: Json, key: str) -> Json:
    found: Json = converted(graph).prompt[key]["inputs"]
    return found


def test_widgets_get_their_names_and_links_their_origin() -> None:
    graph = drawn(
        item(1, "Load", "b.safetensors"),
        item(2, "Sample", 7, "randomize", 30, "heun", 0.5, inputs={"model": 1}, title="Mine"),
        links=[link(1, 1, 2)],
    )
    prompt = converted(graph).prompt
    assert prompt["1"] == {
        "class_type": "Load", "inputs": {"name": "b.safetensors"}, "_meta": {"title": "Load"}}  # fmt: skip
    assert prompt["2"]["_meta"] == {"title": "Mine"}
    assert prompt["2"]["inputs"] == {
        "model": ["1", 0], "seed": 7, "steps": 30, "sampler": "heun", "denoise": 0.5}  # fmt: skip


def test_an_old_file_without_control_words_is_read_alike() -> None:
    assert inputs_of(drawn(item(2, "Sample", 7, 30, "heun", 0.5)), "2")["steps"] == 30


def test_values_that_the_file_lacks_are_those_of_a_new_node() -> None:
    found = inputs_of(drawn(item(2, "Sample", 7)), "2")
    assert found == {"seed": 7, "steps": 20, "sampler": "euler", "denoise": 1.0}


def test_names_in_the_file_count_more_than_positions() -> None:
    saved = item(2, "Sample", 1, 2, 3, widgets_values_named={"steps": 12, "seed": 9})
    found = inputs_of(drawn(saved), "2")
    assert (found["steps"], found["seed"]) == (12, 9)


def test_a_model_that_is_not_installed_yet_is_kept() -> None:
    assert inputs_of(drawn(item(1, "Load", "later.safetensors")), "1") == {"name": "later.safetensors"}


def test_a_list_is_wrapped_lest_it_be_taken_for_a_link() -> None:
    found = inputs_of(drawn(item(1, "Points", ["2", 0], [[0, 0], [1, 1]])), "1")
    assert found["points"] == {"__value__": ["2", 0]}
    assert found["curve"] == {"__type__": "CURVE", "__value__": [[0, 0], [1, 1]]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["mp4", 18, 30], {"format": "mp4", "format.crf": 18, "fps": 30}),
        (["webm", 6, 25], {"format": "webm", "format.speed": 6, "fps": 25}),
        ([], {"format": "mp4", "format.crf": 23, "fps": 24}),
        (["gone", 30], {"format": "gone", "fps": 30}),
    ],
)
def test_a_menu_that_brings_inputs_of_its_own(values: list[Any], expected: Json) -> None:
    assert inputs_of(drawn(item(1, "Encode", *values)), "1") == expected


@pytest.mark.parametrize(
    "between",
    [
        [item(5, "Reroute", inputs={"": 1})],
        [item(5, "Patch", 1.0, inputs={"model": 1}, mode=4)],
        [item(5, "GetNode", "model"), item(6, "SetNode", "model", inputs={"value": 1})],
    ],
    ids=["reroute", "bypassed", "set-and-get"],
)
def test_what_stands_between_is_passed_through(between: list[Json]) -> None:
    graph = drawn(
        item(1, "Load", "a.safetensors"), *between, item(2, "Sample", inputs={"model": 2}),
        links=[link(1, 1, between[-1]["id"]), link(2, 5, 2)],
    )  # fmt: skip
    prompt = converted(graph).prompt
    assert prompt["2"]["inputs"]["model"] == ["1", 0]
    assert prompt.keys() == {"1", "2"}


def test_a_muted_node_is_left_out_with_its_links() -> None:
    graph = drawn(
        item(1, "Load", "a.safetensors", mode=2),
        item(2, "Sample", inputs={"model": 1}),
        links=[link(1, 1, 2)],
    )
    prompt = converted(graph).prompt
    assert prompt.keys() == {"2"}
    assert "model" not in prompt["2"]["inputs"]


def test_a_bypassed_node_hands_on_the_input_that_fits() -> None:
    patch = item(5, "Patch", mode=4) | {
        "inputs": [{"name": "clip", "type": "CLIP", "link": 9}, {"name": "model", "type": "MODEL", "link": 1}]
    }
    graph = drawn(
        item(1, "Load"), item(8, "Load"), patch, item(2, "Sample", inputs={"model": 2}),
        links=[link(9, 8, 5), link(1, 1, 5, 1), link(2, 5, 2)],
    )  # fmt: skip
    assert inputs_of(graph, "2")["model"] == ["1", 0]


def test_a_primitive_gives_its_value() -> None:
    sample = item(2, "Sample", 7, "fixed", 30, "heun", 1.0) | {
        "inputs": [{"name": "seed", "type": "INT", "link": 1, "widget": {"name": "seed"}}]
    }
    graph = drawn(item(1, "PrimitiveNode", 42, "fixed"), sample, links=[link(1, 1, 2)])
    prompt = converted(graph).prompt
    assert prompt.keys() == {"2"}
    assert prompt["2"]["inputs"]["seed"] == 42


def subgraph(name: str, nodes: list[Json], links: list[tuple[int, int, int, int, int]], *inputs: str) -> Json:
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    return {
        "id": name,
        "nodes": nodes,
        "links": [dict(zip(keys, entry, strict=True)) for entry in links],
        "inputs": [{"name": each, "type": "*"} for each in inputs],
        "outputs": [{"name": "out", "type": "*"}],
    }


def sampler(*values: Any, **inputs: int) -> Json:
    """Return a sampler inside a subgraph, with sockets for its widgets as newer files have."""
    return node("Sample", *values) | {
        "id": 3,
        "inputs": [
            {"name": name, "type": "*", "link": key} | ({} if name == "model" else {"widget": {"name": name}})
            for name, key in inputs.items()
        ],
    }


INNER = subgraph(
    "Sub",
    [sampler(7, "fixed", 30, "heun", 1.0, model=1, steps=2)],
    [(1, -10, 0, 3, 0), (2, -10, 1, 3, 1), (3, 3, 0, -20, 0)],
    "model", "steps",
)  # fmt: skip


def around(instance: Json, *more: Json, definitions: list[Json] | None = None, mode: int = 0) -> Json:
    save = item(4, "Save", "out", inputs={"latent": 12})
    return drawn(
        item(1, "Load", "a.safetensors"), instance | {"mode": mode}, save, *more,
        links=[link(11, 1, 2), link(12, 2, 4)],
        definitions={"subgraphs": definitions or [INNER]},
    )  # fmt: skip


def test_an_instance_of_a_subgraph_is_replaced_by_its_nodes() -> None:
    prompt = converted(around(item(2, "Sub", inputs={"model": 11}))).prompt
    assert prompt.keys() == {"1", "2:3", "4"}
    assert prompt["2:3"]["inputs"]["model"] == ["1", 0]
    assert prompt["4"]["inputs"]["latent"] == ["2:3", 0]


@pytest.mark.parametrize(
    ("instance", "steps"),
    [
        (item(2, "Sub", inputs={"model": 11}), 30),
        (item(2, "Sub", 12, inputs={"model": 11, "steps": None}), 12),
        (item(2, "Sub", 12, inputs={"model": 11}), 12),
        (item(2, "Sub", inputs={"model": 11}, properties={"proxyWidgets": [["3", "steps"]]}), 30),
        (item(2, "Sub", 5, inputs={"model": 11}, properties={"proxyWidgets": [["3", "steps"]]}), 5),
        (item(2, "Sub", 5, inputs={"model": 11}, properties={"proxyWidgets": [["-1", "steps"]]}), 5),
    ],
    ids=["own-value", "promoted", "input-not-in-file", "old-form-empty", "old-form", "old-form-of-an-input"],
)
def test_an_instance_shows_widgets_of_its_nodes(instance: Json, steps: int) -> None:
    assert inputs_of(around(instance), "2:3")["steps"] == steps


def test_two_instances_have_values_of_their_own() -> None:
    other = item(9, "Sub", 99, inputs={"model": None})
    prompt = converted(around(item(2, "Sub", 12, inputs={"model": 11}), other)).prompt
    assert (prompt["2:3"]["inputs"]["steps"], prompt["9:3"]["inputs"]["steps"]) == (12, 99)
    assert "model" not in prompt["9:3"]["inputs"]


def test_subgraphs_within_subgraphs_are_replaced_too() -> None:
    inside = item(6, "Sub", 12, inputs={"model": 1, "steps": 2})
    outer = subgraph(
        "Outer", [inside], [(1, -10, 0, 6, 0), (2, -10, 1, 6, 1), (3, 6, 0, -20, 0)], "model", "count"
    )
    graph = around(item(2, "Outer", 44, inputs={"model": 11}), definitions=[INNER, outer])
    prompt = converted(graph).prompt
    assert prompt["2:6:3"]["inputs"] | {"model": ["1", 0], "steps": 44} == prompt["2:6:3"]["inputs"]
    assert prompt["4"]["inputs"]["latent"] == ["2:6:3", 0]


@pytest.mark.parametrize("mode", [2, 4], ids=["muted", "bypassed"])
def test_a_switched_off_subgraph_is_left_out_with_everything_in_it(mode: int) -> None:
    prompt = converted(around(item(2, "Sub", inputs={"model": 11}), mode=mode)).prompt
    assert prompt.keys() == {"1", "4"}
    assert ("latent" in prompt["4"]["inputs"]) == (mode == 4)


def test_a_type_that_comfyui_does_not_know_is_named() -> None:
    conversion = converted(drawn(item(1, "Odd", 1, widgets_values_named={"size": 3})))
    assert conversion.unknown_types == {"1": "Odd"}
    assert conversion.prompt["1"]["inputs"] == {"size": 3}


def test_a_prompt_stays_as_it_is() -> None:
    prompt = {"1": {"class_type": "Load", "inputs": {"name": "a"}}}
    assert convert(workflow_of(prompt), TYPES).prompt == prompt


HOPELESS = {
    "circular_links": drawn(
        item(1, "Reroute", inputs={"": 2}), item(2, "Reroute", inputs={"": 1}), item(3, "Sample", inputs={"model": 3}),
        links=[link(1, 1, 2), link(2, 2, 1), link(3, 1, 3)]),
    "group_nodes": drawn(item(1, "workflow>Two"), extra={"groupNodes": {"Two": {"nodes": [item(1, "Load")]}}}),
    "nothing_runs": drawn(item(1, "Note", "hello"), item(2, "Sample", mode=2)),
    "too_large": around(item(2, "Loop"), definitions=[subgraph("Loop", [item(3, "Loop"), item(4, "Load")], [])]),
}  # fmt: skip


@pytest.mark.parametrize(("code", "graph"), HOPELESS.items(), ids=HOPELESS.keys())
def test_what_cannot_run_is_refused_with_a_reason(code: str, graph: Json) -> None:
    with pytest.raises(InvalidRequest) as caught:
        converted(graph)
    assert caught.value.error_code == code


def test_subgraphs_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    levels = [subgraph(f"L{n}", [item(k, f"L{n + 1}") for k in range(10)], []) for n in range(30)]
    with pytest.raises(InvalidRequest, match="more than 20000 nodes"):
        converted(around(item(2, "L0"), definitions=levels))


def test_a_chain_of_thousands_of_reroutes_is_followed() -> None:
    reroutes = [item(n, "Reroute", inputs={"": n}) for n in range(2, 3_000)]
    graph = drawn(
        item(1, "Load"), *reroutes, *(item(n, "Sample", inputs={"model": n}) for n in range(3_000, 5_000)),
        links=[link(n, n - 1, n) for n in range(2, 3_000)] + [link(n, 2_999, n) for n in range(3_000, 5_000)],
    )  # fmt: skip
    assert inputs_of(graph, "4999")["model"] == ["1", 0]


@settings(max_examples=40)
@given(
    st.lists(ITEM | JSON, max_size=6),
    st.lists(st.lists(st.integers(-20, 6), min_size=5, max_size=6), max_size=8),
    st.lists(ITEM, max_size=3),
)
def test_values_of_any_type_anywhere_are_survived(
    nodes: list[Any], links: list[Any], subgraphs: list[Json]
) -> None:
    known = [item(n, kind, inputs={"model": n}) for n, kind in enumerate(TYPES)]
    graph = drawn(links=links, definitions={"subgraphs": subgraphs}) | {"nodes": [*known, *nodes]}
    try:
        prompt = converted(graph).prompt
    except InvalidRequest as error:
        prompt = {"refused": error.message}
    assert json.dumps(prompt)
