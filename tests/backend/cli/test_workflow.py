"""A user downloads the files of a workflow from a shell."""

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
    """Return a graph that needs two files, one with a URL from its author and one without."""
    ant = hub.add("acme/models", "ant.safetensors", safetensors(SIZE))
    declared = declaring(hub.url_of(ant), "loras", "ant.safetensors")
    return drawn(
        node("LoraLoaderModelOnly", "ant.safetensors", 1.0, properties=declared),
        node("VAELoader", "unknown.safetensors"),
    )


def test_the_files_of_a_workflow_are_listed(
    comfypod: CommandLine, graph: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "workflow.json").write_text(json.dumps(graph))
    listed = comfypod.run("workflow", "workflow.json")
    assert listed.returncode == 0
    rows = [line.split("\t")[:2] for line in listed.stdout.splitlines()]
    assert rows == [["loras/ant.safetensors", "from 127.0.0.1"], ["vae/unknown.safetensors", "unknown"]]
    assert "missing nodes are unknown" in listed.stderr
    assert json.loads(comfypod.run("workflow", "workflow.json", "--json").stdout)["files"]


def test_the_available_files_of_an_image_are_downloaded(
    comfypod: CommandLine, graph: dict[str, Any], tmp_path: Path, models: Path
) -> None:
    (tmp_path / "picture.png").write_bytes(png(text_chunk("workflow", graph)))
    done = comfypod.run("workflow", "picture.png", "--install")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].endswith("done, verified")
    assert done.stderr.startswith("unknown.safetensors: no source is known.")
    assert (models / "loras/ant.safetensors").stat().st_size == SIZE


def test_files_of_muted_nodes_are_not_downloaded(
    comfypod: CommandLine, graph: dict[str, Any], tmp_path: Path
) -> None:
    for muted in graph["nodes"]:
        muted["mode"] = 2
    (tmp_path / "workflow.json").write_text(json.dumps(graph))
    done = comfypod.run("workflow", "workflow.json", "--install")
    assert (done.returncode, done.stderr) == (0, "All files are already here.\n")


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "cannot be read: No such file"), (b"{", "JSON"), (b"[]", "workflow")]
)
def test_other_files_are_refused_with_a_reason(
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
