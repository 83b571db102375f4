"""A user opens a shell in a pod and types `comfypod`, or fills a volume before any pod runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.support.container import docker
from tests.image.support.pod import Pod
from tests.support.hub import Hub, running_hub
from tests.support.hub.formats import safetensors

PRESET = "realesrgan-x4"
REPOSITORY = "Comfy-Org/Real-ESRGAN_repackaged"
MODEL = "RealESRGAN_x4plus.safetensors"
PLACE = f"upscale_models/{MODEL}"
SIZE = 4_000_000
ON_HOST = ("--network", "host")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        running.add(REPOSITORY, MODEL, safetensors(SIZE))
        yield running


def hub_variables(hub: Hub) -> dict[str, str]:
    return {"HF_ENDPOINT": hub.url, "DOWNLOAD_ALLOWED_HOSTS": hub.cdn_url.removeprefix("http://")}


def test_in_a_shell_of_the_pod_a_preset_is_installed_at_once_and_by_the_control_plane(
    minimal_cpu: str, hub: Hub, tmp_path: Path
) -> None:
    mount = ("--volume", f"{tmp_path}:/workspace")
    with Pod(minimal_cpu, *mount, variables=hub_variables(hub), network=ON_HOST) as pod:
        # The command itself waits for a control plane that is starting.
        assert f"{PLACE}: 100 % 4.0 MB, done, verified" in pod.run("comfypod", "presets", "install", PRESET)
        pod.wait_for_line("transfer done")
        assert f"{PRESET}\tinstalled" in pod.run("comfypod", "presets", "list", "--installed")
    assert (tmp_path / "ComfyUI/models" / PLACE).stat().st_size == SIZE


def test_it_finds_the_generated_password(minimal_cpu: str) -> None:
    with Pod(minimal_cpu, variables={"ACCESS_PASSWORD": ""}) as pod:
        pod.wait_until_healthy()
        assert PRESET in pod.run("comfypod", "presets", "list", "upscaler")


def test_a_volume_is_filled_before_any_pod_runs(minimal_cpu: str, hub: Hub, tmp_path: Path) -> None:
    variables = [part for name, value in hub_variables(hub).items() for part in ("--env", f"{name}={value}")]
    mount = ("--volume", f"{tmp_path}:/workspace")
    command = ("comfypod", "presets", "install", PRESET)
    told = docker("run", "--rm", *ON_HOST, *variables, *mount, minimal_cpu, *command)
    assert told.splitlines()[-1] == f"{PLACE}: 100 % 4.0 MB, done, verified"
    with Pod(minimal_cpu, *mount, network=ON_HOST) as pod:
        pod.wait_until_healthy()
        assert f"{PRESET}\tinstalled" in pod.run("comfypod", "presets", "list", "--installed")
