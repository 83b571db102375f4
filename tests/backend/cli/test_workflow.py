"""Somebody has a workflow, and a shell."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors
from tests.support.workflows import declaring, drawn, node, png, text_chunk

pytestmark = pytest.mark.slow  # each test starts the command several times

SIZE = 200_000


@pytest.fixture
def graph(hub: Hub) -> dict[str, Any]:
    """One file that its author tells an address of, and one of which nobody does."""
    ant = hub.add("acme/models", "ant.safetensors", safetensors(SIZE))
    declared = declaring(hub.url_of(ant), "loras", "ant.safetensors")
    return drawn(
        node("LoraLoaderModelOnly", "ant.safetensors", 1.0, properties=declared),
        node("VAELoader", "nobody-knows.safetensors"),
    )


def test_it_is_told_what_a_workflow_needs(
    comfypod: CommandLine, graph: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "workflow.json").write_text(json.dumps(graph))
    told = comfypod.run("workflow", "workflow.json")
    assert told.returncode == 0
    rows = [line.split("\t")[:2] for line in told.stdout.splitlines()]
    assert rows == [["loras/ant.safetensors", "from 127.0.0.1"], ["vae/nobody-knows.safetensors", "unknown"]]
    assert "nobody can tell whether nodes are missing" in told.stderr
    assert json.loads(comfypod.run("workflow", "workflow.json", "--json").stdout)["files"]


def test_what_a_picture_needs_is_fetched_as_far_as_it_can_be_had(
    comfypod: CommandLine, graph: dict[str, Any], tmp_path: Path, models: Path
) -> None:
    (tmp_path / "picture.png").write_bytes(png(text_chunk("workflow", graph)))
    done = comfypod.run("workflow", "picture.png", "--install")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].endswith("done, verified")
    assert done.stderr.startswith("nobody-knows.safetensors: nobody tells where it can be had.")
    assert (models / "loras/ant.safetensors").stat().st_size == SIZE


def test_nobody_looks_for_what_only_switched_off_nodes_want(
    comfypod: CommandLine, graph: dict[str, Any], tmp_path: Path
) -> None:
    for muted in graph["nodes"]:
        muted["mode"] = 2
    (tmp_path / "workflow.json").write_text(json.dumps(graph))
    done = comfypod.run("workflow", "workflow.json", "--install")
    assert (done.returncode, done.stderr) == (0, "Everything is here already.\n")


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "cannot be read: No such file"), (b"{", "JSON"), (b"[]", "workflow")]
)
def test_what_is_no_workflow_is_refused_in_words(
    comfypod: CommandLine, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    refused = comfypod.run("workflow", "file")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert sentence in refused.stderr


def test_the_prompt_that_comfyui_runs_is_printed(comfypod: CommandLine, tmp_path: Path) -> None:
    graph = drawn(node("VAELoader", "ae.safetensors"), node("Odd", 1))
    info = {"VAELoader": {"input": {"required": {"vae_name": [["other.safetensors"]]}}}}
    (tmp_path / "workflow.json").write_text(json.dumps(graph))
    (tmp_path / "info.json").write_text(json.dumps(info))
    done = comfypod.run("workflow", "convert", "workflow.json", "--object-info", "info.json")
    assert json.loads(done.stdout)["0"]["inputs"] == {"vae_name": "ae.safetensors"}
    assert "no node Odd" in done.stderr
    (tmp_path / "info.json").write_text("[]")
    refused = comfypod.run("workflow", "convert", "workflow.json", "--object-info", "info.json")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "info.json is not what ComfyUI's /object_info returns" in refused.stderr
    unreachable = comfypod.run("workflow", "convert", "workflow.json")
    assert "ComfyUI does not answer" in unreachable.stderr
