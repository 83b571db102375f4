"""Extract text, seed and models from a prompt. Pure functions that accept any JSON."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

MODEL_SUFFIXES = (".safetensors", ".sft", ".gguf", ".ckpt", ".pt", ".pth", ".bin", ".onnx")
SEEDS = ("seed", "noise_seed")
# Inputs that contain the text of the user, the most common first.
TEXTS = ("text", "prompt", "positive_prompt", "text_g", "clip_l", "t5xxl", "value", "string")
MAX_TEXT = 4000
MAX_MODELS = 20
MAX_NAME = 255


class PromptFacts(NamedTuple):
    prompt: str = ""
    seed: int | None = None
    models: tuple[str, ...] = ()


def facts_of(prompt: Any) -> PromptFacts:
    nodes = {
        str(node_id): node["inputs"]
        for node_id, node in (prompt.items() if isinstance(prompt, dict) else ())
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
    }
    return PromptFacts(_text_of(nodes), _seed_of(nodes), tuple(dict.fromkeys(_models_of(nodes)))[:MAX_MODELS])


Nodes = Mapping[str, Mapping[str, Any]]


def _text_of(nodes: Nodes) -> str:
    """Return the text before the `positive` input of a sampler, else the longest text of all."""
    for inputs in nodes.values():
        if _is_link(inputs.get("positive")) and (text := _text_before(nodes, inputs["positive"][0])):
            return text[:MAX_TEXT]
    texts = (inputs.get(name) for inputs in nodes.values() for name in TEXTS)
    return max((text for text in texts if isinstance(text, str)), key=len, default="")[:MAX_TEXT]


def _text_before(nodes: Nodes, node_id: str) -> str:
    waiting, seen = deque([str(node_id)]), set[str]()
    while waiting:
        current = waiting.popleft()
        if current in seen or current not in nodes:
            continue
        seen.add(current)
        inputs = nodes[current]
        for name in TEXTS:
            if isinstance(inputs.get(name), str) and inputs[name].strip():
                return str(inputs[name])
        waiting.extend(str(value[0]) for value in inputs.values() if _is_link(value))
    return ""


def _seed_of(nodes: Nodes) -> int | None:
    for inputs in nodes.values():
        for name in SEEDS:
            if type(inputs.get(name)) is int:
                return int(inputs[name])
    return None


def _models_of(nodes: Nodes) -> Iterator[str]:
    for inputs in nodes.values():
        for value in inputs.values():
            if isinstance(value, str) and len(value) <= MAX_NAME and value.lower().endswith(MODEL_SUFFIXES):
                yield value.replace("\\", "/").rpartition("/")[2]


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int)
