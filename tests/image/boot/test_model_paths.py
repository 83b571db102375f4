"""Models lie on other mounts than the workspace: ComfyUI offers them."""

from pathlib import Path

import httpx

from tests.image.support.pod import Pod


def mount_with_model(folder: Path, target: str, name: str) -> tuple[str, str]:
    model = folder / "checkpoints" / name
    model.parent.mkdir(parents=True)
    model.write_text("weights")
    return "--volume", f"{folder}:{target}:ro"


def checkpoints(owner: httpx.Client, pod: Pod) -> list[str]:
    names: list[str] = owner.get(f"{pod.url(3001)}/models/checkpoints").json()
    return names


def test_a_usual_mount_is_found_and_another_one_can_be_named(minimal_cpu: str, tmp_path: Path) -> None:
    usual = mount_with_model(tmp_path / "usual", "/runpod-volume", "usual.safetensors")
    other = mount_with_model(tmp_path / "other", "/mnt/other", "other.safetensors")
    with Pod(minimal_cpu, *usual, *other) as pod, pod.owner_when_healthy() as owner:
        pod.wait_for_comfyui()
        assert checkpoints(owner, pod) == ["usual.safetensors"]
        chosen = owner.put(f"{pod.dashboard}/api/system/model-paths", json={"paths": ["/mnt/other"]})
        assert chosen.json() == {"paths": ["/mnt/other"]}
        pod.wait_for_comfyui(times=2)
        assert checkpoints(owner, pod) == ["other.safetensors", "usual.safetensors"]
