"""docker-compose.yml, read by Docker Compose itself, and started."""

import json
import os
import socket
import subprocess
from contextlib import ExitStack
from typing import Any

import pytest

from backend.config.settings import PROJECT_ROOT
from tests.backend.config.test_variables_table import rows
from tests.image.support.bake import print_targets
from tests.image.support.container import docker

PORTS = {
    "DASHBOARD_PORT": 8001,
    "COMFYUI_PORT": 3001,
    "CODE_SERVER_PORT": 8081,
    "JUPYTER_PORT": 8889,
    "SSH_PORT": 22,
}


def compose(*arguments: str, **variables: str) -> str:
    done = subprocess.run(
        ["docker", "compose", *arguments],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/root"), **variables},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def service(profile: str, **variables: str) -> dict[str, Any]:
    """Return the one service of a profile, as Compose reads it."""
    config = json.loads(compose("--profile", profile, "config", "--format", "json", **variables))
    ((name, found),) = config["services"].items()
    assert name == profile
    return dict(found)


@pytest.mark.parametrize(("profile", "target"), [("gpu", "minimal-13-0"), ("cpu", "minimal-cpu")])
def test_a_profile_runs_an_image_that_can_be_built(profile: str, target: str) -> None:
    (built,) = print_targets(target, REGISTRY="", VERSION="dev").values()
    assert service(profile)["image"] == built["tags"][0]
    chosen = service(profile, VARIANT="full", ACCELERATOR="12-8")["image"]
    assert chosen == f"comfypod:full-{'12-8' if profile == 'gpu' else 'cpu'}"
    assert service(profile, COMFYPOD_IMAGE="registry.test/mine:1")["image"] == "registry.test/mine:1"


def test_only_the_gpu_profile_asks_for_gpus() -> None:
    (device,) = service("gpu")["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", -1, ["gpu"])
    assert "deploy" not in service("cpu")


def test_without_a_profile_nothing_starts() -> None:
    assert json.loads(compose("config", "--format", "json"))["services"] == {}


@pytest.mark.parametrize("profile", ["gpu", "cpu"])
def test_volumes_are_not_filled_from_the_image(profile: str) -> None:
    volumes = {volume["target"]: volume for volume in service(profile)["volumes"]}
    assert set(volumes) == {"/workspace", "/var/lib/comfypod"}
    assert all(volume["volume"] == {"nocopy": True} for volume in volumes.values())


@pytest.mark.parametrize("profile", ["gpu", "cpu"])
def test_the_health_check_is_that_of_the_image(profile: str, minimal_cpu: str) -> None:
    health = json.loads(docker("inspect", "--format", "{{json .Config.Healthcheck}}", minimal_cpu))
    assert service(profile)["healthcheck"]["test"] == health["Test"]


@pytest.mark.parametrize("profile", ["gpu", "cpu"])
def test_every_variable_for_people_to_set_is_passed_on(profile: str) -> None:
    wanted = {name: f"value of {name}" for name in rows("For you to set")}
    assert service(profile, **wanted)["environment"] == wanted


@pytest.mark.parametrize("name", PORTS)
def test_a_port_can_be_moved(name: str) -> None:
    ports = {port["target"]: port["published"] for port in service("cpu", **{name: "5555"})["ports"]}
    assert ports[PORTS[name]] == "5555"
    assert set(ports) == set(PORTS.values())


@pytest.mark.parametrize(("variables", "address"), [({}, "127.0.0.1"), ({"BIND": "0.0.0.0"}, "0.0.0.0")])
def test_ports_are_open_on_loopback_unless_bind_says_otherwise(
    variables: dict[str, str], address: str
) -> None:
    assert {port["host_ip"] for port in service("cpu", **variables)["ports"]} == {address}


def free_ports(count: int) -> list[str]:
    with ExitStack() as stack:  # all held at once, so that they differ
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [str(probe.getsockname()[1]) for probe in probes]


def test_the_cpu_profile_comes_up_healthy_and_goes_down_again(minimal_cpu: str) -> None:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    project = ("--project-name", f"comfypod-test-{os.getpid()}", "--profile", "cpu")
    variables = {**ports, "COMFYPOD_IMAGE": minimal_cpu, "ACCESS_PASSWORD": "compose password"}
    try:
        compose(*project, "up", "--detach", "--wait", "--wait-timeout", "120", **variables)
        assert "healthy" in compose(*project, "ps", **variables)
    finally:
        compose(*project, "down", "--volumes", **variables)
