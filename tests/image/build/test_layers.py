"""The content of a built image."""

import json
import os
from pathlib import Path

import pytest

from tests.image.support.bake import build_with_standins
from tests.image.support.container import docker, run_once
from tests.image.support.standins import write_locks

PYTHON = "/usr/bin/python3"


def image_config(image: str) -> dict[str, object]:
    config: dict[str, object] = json.loads(docker("image", "inspect", image))[0]["Config"]
    return config


def test_the_image_describes_itself(minimal_cpu: str) -> None:
    facts = json.loads(run_once(minimal_cpu, "cat", "/opt/comfypod/image.json"))
    assert (facts["variant"], facts["accelerator"], facts["cuda"]) == ("minimal", "cpu", None)
    assert facts["lock_id"].startswith("py3.13-")
    assert facts["nodes"] == []


def test_an_image_cannot_be_named_after_another_comfyui(
    minimal_cpu: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = json.loads(run_once(minimal_cpu, "cat", "/opt/comfypod/image.json"))
    assert facts["comfyui"]["tag"] == "v0.38.1+standin"
    monkeypatch.setenv("COMFYUI_TAG", "v9.9.9")
    with pytest.raises(
        RuntimeError, match=r"this tree is ComfyUI v0\.38\.1\+standin, and COMFYUI_TAG says v9\.9\.9"
    ):
        build_with_standins.__wrapped__("minimal-cpu")


def test_the_spare_copy_takes_no_space(minimal_cpu: str) -> None:
    """Both names of a file lead to one inode: it is stored once."""
    program = """
import os
lone = []
for top, copy in (("/workspace/venv", "/opt/spare/venv"), ("/workspace/ComfyUI", "/opt/spare/ComfyUI")):
    for folder, _, files in os.walk(top):
        for name in files:
            path = os.path.join(folder, name)
            other = path.replace(top, copy, 1)
            if not os.path.islink(path) and os.stat(path).st_ino != os.stat(other).st_ino:
                lone.append(path)
print(len(lone), lone[:5])
"""
    assert run_once(minimal_cpu, PYTHON, "-c", program).startswith("0 ")


def test_constraints_hold_every_package_of_the_venv(minimal_cpu: str) -> None:
    constraints = run_once(minimal_cpu, "cat", "/opt/comfypod/constraints.txt")
    assert "torch==2.13.0+cpu.standin\n" in constraints
    assert "comfyui-manager==" in constraints


def test_a_node_cannot_replace_torch(minimal_cpu: str) -> None:
    refused = run_once(minimal_cpu, "bash", "-c", "pip install --no-index 'torch==1.0' 2>&1 || true")
    assert "2.13.0" in refused


def test_all_bytecode_of_comfyui_is_there(minimal_cpu: str) -> None:
    listed = run_once(minimal_cpu, "find", "/opt/spare/ComfyUI", "-name", "main.*.pyc")
    assert "main.cpython-313.pyc" in listed


def test_no_file_of_the_build_remains(minimal_cpu: str) -> None:
    """Mounts of the build leave only empty folders."""
    places = [
        "/run/secrets",
        "/build",
        "/locks",
        "/wheels",
        "/lists",
        "/src",
        "/root/.cache",
        "/opt/uv",
        "/tmp",
    ]
    left = run_once(minimal_cpu, "bash", "-c", f"find {' '.join(places)} -type f 2>/dev/null || true")
    assert left == ""


def test_no_host_key_is_shared_between_pods(minimal_cpu: str) -> None:
    assert run_once(minimal_cpu, "find", "/etc/ssh", "-name", "ssh_host_*") == ""


def test_the_private_authority_stays_out(minimal_cpu: str) -> None:
    environment = str(image_config(minimal_cpu)["Env"])
    assert "CERT" not in environment
    assert "secrets" not in environment


def test_ports_health_and_stop_are_declared(minimal_cpu: str) -> None:
    config = image_config(minimal_cpu)
    assert config["ExposedPorts"] == {f"{port}/tcp": {} for port in (8001, 3001, 8081, 8889)}
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]
    assert config["Entrypoint"] == ["tini", "-g", "--", "/opt/comfypod/scripts/entrypoint.sh"]
    assert not config.get("Volumes")


def test_baked_nodes_lie_outside_the_workspace(standard_cpu: str) -> None:
    facts = json.loads(run_once(standard_cpu, "cat", "/opt/comfypod/image.json"))
    listed = run_once(standard_cpu, "ls", "/opt/nodes").split()
    assert sorted(node["name"] for node in facts["nodes"]) == sorted(listed)
    assert all(node["path"] == f"/opt/nodes/{node['name']}" for node in facts["nodes"])


def layers(image: str) -> list[str]:
    found: list[str] = json.loads(docker("image", "inspect", image))[0]["RootFS"]["Layers"]
    return found


def test_standard_shares_the_layers_of_minimal(minimal_cpu: str, standard_cpu: str) -> None:
    """Debian, its packages, the compiler, torch, ComfyUI's packages and ComfyUI are stored and pulled once for both."""
    assert layers(minimal_cpu)[:6] == layers(standard_cpu)[:6]


def test_a_shell_has_the_usual_tools(minimal_cpu: str) -> None:
    tools = ["curl", "git", "git-lfs", "htop", "jq", "less", "nano", "rsync", "tmux", "unzip", "wget", "zip"]
    assert len(run_once(minimal_cpu, "which", *tools).split()) == len(tools)


def test_only_images_with_cuda_have_a_compiler(minimal_cpu: str) -> None:
    """Their images are too large to be built here: the same packages are installed without torch."""
    assert run_once(minimal_cpu, "bash", "-c", "command -v gcc || echo none") == "none\n"


def test_a_changed_lock_rebuilds_only_the_steps_that_install_it(minimal_cpu: str, tmp_path: Path) -> None:
    write_locks(tmp_path / "locks")
    for name in ("standard", "full", "jupyter", "node"):
        lock = tmp_path / f"locks/{name}.txt"
        lock.write_text(f"{lock.read_text()}# a new release\n")
    changed = build_with_standins(
        "minimal-cpu", LOCKS_SRC=str(tmp_path / "locks"), VERSION=f"locks-{os.getpid()}"
    )
    try:
        assert layers(changed) == layers(minimal_cpu)
    finally:
        docker("rmi", changed)


def test_the_image_names_its_base(minimal_cpu: str) -> None:
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", minimal_cpu))
    name, digest = (labels[f"org.opencontainers.image.base.{part}"] for part in ("name", "digest"))
    base = f"{name}@{digest}" if digest else name
    below: list[str] = json.loads(docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", base))
    assert layers(minimal_cpu)[: len(below)] == below
