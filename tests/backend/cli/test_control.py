"""Somebody steers downloads from a shell."""

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
    """The first file is on its way, the others wait behind it."""
    gates = [hub.hold(file) for file in files]
    for file in files:
        comfypod.run("download", hub.url_of(file), "--to", "loras", "--no-wait")
    gates[0].wait_until_reached()
    yield gates
    for gate in gates:
        gate.release()


@pytest.fixture
def huge_preset(workspace: Path) -> str:
    """One that fits on no disk."""
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


def test_all_are_paused_and_go_on(comfypod: CommandLine, under_way: list[Gate]) -> None:
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


def test_a_name_that_may_mean_several_is_not_guessed_at(
    comfypod: CommandLine, hub: Hub, files: list[HubFile], under_way: list[Gate]
) -> None:
    comfypod.run("download", hub.url_of(files[0]), "--to", "vae", "--no-wait")
    refused = comfypod.run("downloads", "cancel", "ant.safetensors")
    assert refused.returncode == 1
    assert "'ant.safetensors' may be any of these" in refused.stderr
    assert "vae/ant.safetensors" in refused.stderr
    assert comfypod.run("downloads", "cancel", "vae/ant.safetensors").returncode == 0
    assert states(comfypod)["ant"] in ("running", "cancelled")


def test_one_is_put_first(comfypod: CommandLine, under_way: list[Gate]) -> None:
    listed = comfypod.run("downloads", "first", "cat.safetensors").stdout
    assert [line.split("\t")[1][6:9] for line in listed.splitlines()] == ["cat", "ant", "bee"]


def test_who_waits_for_a_download_that_somebody_stops_is_told(
    comfypod: CommandLine, hub: Hub, files: list[HubFile], under_way: list[Gate]
) -> None:
    with comfypod.start("download", hub.url_of(files[0]), "--to", "loras") as command:
        assert command.stdout
        assert command.stdout.readline().startswith("loras/ant.safetensors: ")
        comfypod.run("downloads", "pause", "ant.safetensors")
        _, complaints = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "loras/ant.safetensors is paused." in complaints
    assert "To go on: comfypod downloads resume" in complaints


def test_what_does_not_fit_is_told_with_what_could_be_cancelled(
    huge_preset: str, comfypod: CommandLine, under_way: list[Gate]
) -> None:
    under_way[0].advance(SIZE // 2)
    under_way[0].wait_until_reached()
    paused = comfypod.run("downloads", "pause", "ant.safetensors", "--json")
    refused = comfypod.run("presets", "install", huge_preset)
    assert refused.returncode == 1
    assert refused.stderr.startswith("This needs 1000000.00 GB and ")
    advice = f"To free some: comfypod downloads cancel {json.loads(paused.stdout)[0]['id']}"
    assert refused.stderr.splitlines()[-1] == advice


def test_the_log_tells_what_happened(comfypod: CommandLine, under_way: list[Gate]) -> None:
    lines = comfypod.run("downloads", "log", "ant.safetensors").stdout.splitlines()
    assert [line.split("\t")[1].split()[0].strip(",.") for line in lines] == ["Asked", "Started"]


def test_what_is_finished_cannot_be_stopped(
    comfypod: CommandLine, hub: Hub, files: list[HubFile], models: Path
) -> None:
    comfypod.run("download", hub.url_of(files[0]), "--to", "loras")
    refused = comfypod.run("downloads", "cancel", "ant.safetensors")
    assert refused.returncode == 1
    assert (
        refused.stderr == "It is finished: there is nothing to cancel.\nHow it stands: comfypod downloads\n"
    )
    assert (models / "loras/ant.safetensors").exists()


def test_where_there_is_nothing_it_says_so(comfypod: CommandLine) -> None:
    empty = comfypod.run("downloads")
    assert (empty.returncode, empty.stdout, empty.stderr) == (0, "", "No downloads.\n")
    assert comfypod.run("downloads", "--json").stdout == "[]\n"


def test_the_pace_is_set_and_told(comfypod: CommandLine) -> None:
    usual = "Files at once: 1. Connections for each: 16. Speed: no limit.\n"
    assert comfypod.run("downloads", "pace").stdout == usual
    wanted = ("--limit", "20MB", "--files", "2", "--polite", "--hours", "23:00-07:00=1.5GB/s")
    told = comfypod.run("downloads", "pace", *wanted).stdout.splitlines()
    assert told == [
        "Files at once: 2. Connections for each: 16. Speed: 20.0 MB/s.",
        "23:00 to 07:00: 1.5 GB/s.",
        "While ComfyUI is generating: 20.0 MB/s.",
    ]
    changed = comfypod.run(
        "downloads", "pace", "--limit", "none", "--hours", "none", "--not-polite", "--json"
    )
    policy = json.loads(changed.stdout)
    assert (policy["limit"], policy["schedule"], policy["files_at_once"]) == (None, [], 2)


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [("--limit", "fast", 2), ("--hours", "night=20MB", 2), ("--limit", "1kB", 1), ("--files", "0", 1)],
)
def test_a_pace_that_makes_no_sense_is_refused(
    comfypod: CommandLine, option: str, value: str, code: int
) -> None:
    refused = comfypod.run("downloads", "pace", option, value)
    assert (refused.returncode, refused.stdout) == (code, "")
    assert "Traceback" not in refused.stderr
