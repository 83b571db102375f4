"""A user controls downloads from a shell."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.conftest import hub_settings
from tests.support.command_line import CommandLine
from tests.support.control_plane import ControlPlane, control_plane_in_a_thread
from tests.support.hub import Hub
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors
from tests.support.hub.gates import Gate

pytestmark = pytest.mark.slow  # each test starts the command several times

SIZE = 200_000


@pytest.fixture
def files(hub: Hub) -> list[HubFile]:
    return [
        hub.add("acme/models", f"{name}.safetensors", safetensors(SIZE, seed=number))
        for number, name in enumerate(("ant", "bee", "cat"))
    ]


@pytest.fixture
def plane(hub: Hub, workspace: Path) -> Iterator[ControlPlane]:
    with control_plane_in_a_thread(workspace, **hub_settings(hub), download_workers=1) as running:
        yield running


@pytest.fixture
def under_way(comfypod: CommandLine, hub: Hub, files: list[HubFile]) -> Iterator[list[Gate]]:
    """Start downloading the first file and queue the others."""
    gates = [hub.hold(file) for file in files]
    for file in files:
        comfypod.run("download", hub.url_of(file), "--to", "loras", "--no-wait")
    gates[0].wait_until_reached()
    yield gates
    for gate in gates:
        gate.release()


@pytest.fixture
def huge_preset(workspace: Path) -> str:
    """Add a preset that fits on no disk and return its id."""
    added = workspace / ".comfypod/presets/huge.yaml"
    added.parent.mkdir(parents=True)
    added.write_text(
        "{id: huge, title: Huge, category: Test, files: [{folder: vae, filename: huge.safetensors, "
        f"url: 'https://huggingface.co/a/b/resolve/main/huge.safetensors', bytes: {10**15}}}]}}"
    )
    return "huge"


def states(comfypod: CommandLine) -> dict[str, str]:
    rows = json.loads(comfypod.run("downloads", "--json").stdout)
    return {row["filename"].removesuffix(".safetensors"): row["state"] for row in rows}


def test_all_are_paused_and_resumed(comfypod: CommandLine, under_way: list[Gate]) -> None:
    assert comfypod.run("downloads", "pause").returncode == 0
    assert set(states(comfypod).values()) == {"paused"}
    for gate in under_way:
        gate.release()
    assert len(comfypod.run("downloads", "resume").stdout.splitlines()) == 3
    assert comfypod.run("downloads", "--live").returncode == 0
    assert set(states(comfypod).values()) == {"done"}


def test_one_is_named_by_its_file_or_its_id(comfypod: CommandLine, under_way: list[Gate]) -> None:
    short_id = comfypod.run("downloads").stdout.splitlines()[2].split("\t")[0]
    assert comfypod.run("downloads", "pause", "bee.safetensors", short_id).returncode == 0
    assert states(comfypod) == {"ant": "running", "bee": "paused", "cat": "paused"}
    assert comfypod.run("downloads", "resume", "loras/bee.safetensors").returncode == 0
    assert comfypod.run("downloads", "cancel", short_id).returncode == 0
    assert states(comfypod) == {"ant": "running", "bee": "queued", "cat": "cancelled"}
    assert "cat" not in comfypod.run("downloads", "--state", "queued", "--state", "running").stdout
    assert comfypod.run("downloads", "clear").returncode == 0
    assert "cat" not in states(comfypod)


def test_an_ambiguous_name_is_refused(
    comfypod: CommandLine, hub: Hub, files: list[HubFile], under_way: list[Gate]
) -> None:
    comfypod.run("download", hub.url_of(files[0]), "--to", "vae", "--no-wait")
    refused = comfypod.run("downloads", "cancel", "ant.safetensors")
    assert refused.returncode == 1
    assert "'ant.safetensors' matches several downloads" in refused.stderr
    assert "vae/ant.safetensors" in refused.stderr
    assert comfypod.run("downloads", "cancel", "vae/ant.safetensors").returncode == 0
    assert states(comfypod)["ant"] in ("running", "cancelled")


def test_one_is_put_first(comfypod: CommandLine, under_way: list[Gate]) -> None:
    listed = comfypod.run("downloads", "first", "cat.safetensors").stdout
    assert [line.split("\t")[1][6:9] for line in listed.splitlines()] == ["cat", "ant", "bee"]


def test_a_command_that_waits_for_a_download_ends_when_it_is_paused(
    comfypod: CommandLine, hub: Hub, files: list[HubFile], under_way: list[Gate]
) -> None:
    with comfypod.start("download", hub.url_of(files[0]), "--to", "loras") as command:
        assert command.stdout
        assert command.stdout.readline().startswith("loras/ant.safetensors: ")
        comfypod.run("downloads", "pause", "ant.safetensors")
        _, complaints = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "loras/ant.safetensors is paused." in complaints
    assert "To continue: comfypod downloads resume" in complaints


def test_a_preset_that_does_not_fit_is_refused_with_advice(
    huge_preset: str, comfypod: CommandLine, under_way: list[Gate]
) -> None:
    under_way[0].advance(SIZE // 2)
    under_way[0].wait_until_reached()
    paused = comfypod.run("downloads", "pause", "ant.safetensors", "--json")
    refused = comfypod.run("presets", "install", huge_preset)
    assert refused.returncode == 1
    assert refused.stderr.startswith("This needs 1.0 PB and ")
    advice = f"To free some: comfypod downloads cancel {json.loads(paused.stdout)[0]['id']}"
    assert refused.stderr.splitlines()[-1] == advice


def test_the_log_shows_what_happened(comfypod: CommandLine, under_way: list[Gate]) -> None:
    lines = comfypod.run("downloads", "log", "ant.safetensors").stdout.splitlines()
    assert [line.split("\t")[1].split()[0].strip(",.") for line in lines] == ["Requested", "Started"]


def test_a_finished_download_cannot_be_cancelled(
    comfypod: CommandLine, hub: Hub, files: list[HubFile], models: Path
) -> None:
    comfypod.run("download", hub.url_of(files[0]), "--to", "loras")
    refused = comfypod.run("downloads", "cancel", "ant.safetensors")
    assert refused.returncode == 1
    assert (
        refused.stderr
        == "It is finished: there is nothing to cancel.\nTo see its state: comfypod downloads\n"
    )
    assert (models / "loras/ant.safetensors").exists()


def test_an_empty_list_is_announced(comfypod: CommandLine) -> None:
    empty = comfypod.run("downloads")
    assert (empty.returncode, empty.stdout, empty.stderr) == (0, "", "No downloads.\n")
    assert comfypod.run("downloads", "--json").stdout == "[]\n"


def test_limits_are_set_and_shown(comfypod: CommandLine) -> None:
    usual = "Files at once: 1. Connections per file: 16. Speed: no limit.\n"
    assert comfypod.run("downloads", "limits").stdout == usual
    wanted = ("--limit", "20MB", "--files", "2", "--polite", "--hours", "23:00-07:00=1.5GB/s")
    shown = comfypod.run("downloads", "limits", *wanted).stdout.splitlines()
    assert shown == [
        "Files at once: 2. Connections per file: 16. Speed: 20.0 MB/s.",
        "23:00 to 07:00: 1.5 GB/s.",
        "While ComfyUI is generating: 20.0 MB/s.",
    ]
    changed = comfypod.run(
        "downloads", "limits", "--limit", "none", "--hours", "none", "--not-polite", "--json"
    )
    policy = json.loads(changed.stdout)
    assert (policy["limit"], policy["schedule"], policy["files_at_once"]) == (None, [], 2)


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [("--limit", "fast", 2), ("--hours", "night=20MB", 2), ("--limit", "1kB", 1), ("--files", "0", 1)],
)
def test_invalid_limits_are_rejected(comfypod: CommandLine, option: str, value: str, code: int) -> None:
    refused = comfypod.run("downloads", "limits", option, value)
    assert (refused.returncode, refused.stdout) == (code, "")
    assert "Traceback" not in refused.stderr
