"""Where no control plane runs, the command embeds one."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine
from tests.support.hub import Hub
from tests.support.hub.catalogue import HubFile, PlainFile
from tests.support.hub.formats import safetensors
from tests.support.process import ROOT, running_process

pytestmark = pytest.mark.slow  # each test starts the command several times

SIZE = 20_000_000
HALF = SIZE // 2


@pytest.fixture
def ant(hub: Hub) -> HubFile:
    return hub.add("acme/models", "ant.safetensors", safetensors(SIZE))


@pytest.fixture
def bee(hub: Hub) -> HubFile:
    return hub.add("acme/models", "bee.safetensors", safetensors(SIZE, seed=1))


def wanted(hub: Hub, file: HubFile | PlainFile) -> tuple[str, ...]:
    return "download", hub.url_of(file), "--to", "loras"


def bytes_sent(hub: Hub) -> int:
    """Return how many bytes of the content were requested."""
    ranges = [request.headers["Range"].removeprefix("bytes=") for request in hub.requests_to("cdn")]
    return sum(int(stop) - int(start) + 1 for start, _, stop in (text.partition("-") for text in ranges))


def test_a_file_is_fetched_without_a_control_plane(
    alone: CommandLine, hub: Hub, ant: HubFile, models: Path
) -> None:
    done = alone.run(*wanted(hub, ant))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith("done, verified")
    assert (models / "loras/ant.safetensors").stat().st_size == SIZE
    assert alone.run("downloads").stdout.split("\t")[1] == "loras/ant.safetensors"


def test_only_what_the_command_asks_for_is_fetched(
    alone: CommandLine, hub: Hub, ant: HubFile, models: Path
) -> None:
    done = alone.run(*wanted(hub, ant), PRESET_DOWNLOAD="realesrgan-x4")
    assert done.returncode == 0
    assert {request.path.rpartition("/")[2] for request in hub.requests} >= {"ant.safetensors"}
    assert not any("RealESRGAN" in request.path for request in hub.requests)


def test_stopped_in_the_middle_it_keeps_what_has_arrived(
    alone: CommandLine, hub: Hub, ant: HubFile, models: Path
) -> None:
    gate = hub.hold(ant, after=HALF)
    with alone.start(*wanted(hub, ant), to_be_stopped=True) as command:
        gate.wait_until_reached()
        command.send_signal(signal.SIGTERM)
        _, complaints = command.communicate(timeout=60)
    assert command.returncode == 130
    assert "What has arrived stays; the same command continues." in complaints
    gate.release()
    hub.forget_requests()
    assert alone.run(*wanted(hub, ant)).returncode == 0
    assert (models / "loras/ant.safetensors").stat().st_size == SIZE
    assert bytes_sent(hub) < SIZE


def test_under_nohup_it_survives_the_end_of_its_terminal(
    alone: CommandLine, hub: Hub, ant: HubFile, models: Path
) -> None:
    gate = hub.hold(ant, after=HALF)
    with alone.start(*wanted(hub, ant), nohup=True) as command:
        gate.wait_until_reached()
        command.send_signal(signal.SIGHUP)
        gate.release()
        command.communicate(timeout=60)
    assert command.returncode == 0
    assert (models / "loras/ant.safetensors").stat().st_size == SIZE


def test_after_a_kill_the_same_command_continues(
    alone: CommandLine, hub: Hub, ant: HubFile, models: Path
) -> None:
    gate = hub.hold(ant, after=HALF)
    with alone.start(*wanted(hub, ant)) as command:
        gate.wait_until_reached()
        command.kill()
    gate.release()
    assert alone.run(*wanted(hub, ant)).returncode == 0
    assert (models / "loras/ant.safetensors").stat().st_size == SIZE
    assert [path.name for path in (models / "loras").iterdir()] == ["ant.safetensors"]


def test_a_new_download_comes_before_those_of_an_earlier_command(
    alone: CommandLine, hub: Hub, ant: HubFile, bee: HubFile, models: Path
) -> None:
    gate = hub.hold(ant)
    with alone.start(*wanted(hub, ant)) as command:
        gate.wait_until_reached()
        command.kill()
    listed = alone.run("downloads")
    assert "queued" in listed.stdout
    assert "To continue: comfypod downloads resume" in listed.stderr
    done = alone.run(*wanted(hub, bee), DOWNLOAD_WORKERS="1")
    assert done.returncode == 0
    assert "ant" not in done.stdout
    gate.release()
    resumed = alone.run("downloads", "resume")
    assert resumed.returncode == 0
    assert resumed.stdout.splitlines()[-1].startswith("loras/ant.safetensors: 100 %")
    assert sorted(path.name for path in (models / "loras").iterdir()) == [
        "ant.safetensors",
        "bee.safetensors",
    ]


def test_a_second_command_is_refused(alone: CommandLine, hub: Hub, ant: HubFile, bee: HubFile) -> None:
    gate = hub.hold(ant)
    with alone.start(*wanted(hub, ant)) as command:
        gate.wait_until_reached()
        second = alone.run(*wanted(hub, bee))
        gate.release()
        command.communicate(timeout=60)
    assert command.returncode == 0
    assert second.returncode == 1
    assert f"is in use: another comfypod command, process {command.pid}." in second.stderr
    assert "wait until it ends" in second.stderr


def test_a_second_machine_with_the_same_volume_is_refused(
    alone: CommandLine, hub: Hub, ant: HubFile, tmp_path: Path
) -> None:
    gate = hub.hold(ant)
    with alone.start(*wanted(hub, ant), STATE_DIR=str(tmp_path / "first machine")) as command:
        gate.wait_until_reached()
        second = alone.run("presets", "list", STATE_DIR=str(tmp_path / "second machine"))
        gate.release()
        command.communicate(timeout=60)
    assert command.returncode == 0
    assert second.returncode == 1
    assert f"process {command.pid}. Wait until it ends." in second.stderr


def test_a_control_plane_does_not_start_beside_it(
    alone: CommandLine, environment: dict[str, str], hub: Hub, ant: HubFile
) -> None:
    gate = hub.hold(ant)
    with alone.start(*wanted(hub, ant)) as command:
        gate.wait_until_reached()
        start = [sys.executable, "-m", "backend.main"]
        refused = subprocess.run(
            start, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        gate.release()
        command.communicate(timeout=60)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"is in use: another comfypod command, process {command.pid}. Stop that first" in refused.stderr


def test_a_control_plane_at_another_address_is_named(alone: CommandLine, environment: dict[str, str]) -> None:
    with running_process(environment) as plane:
        refused = alone.run("presets", "list")
        assert refused.returncode == 1
        assert f"is in use: the control plane at http://localhost:{plane.port}, process" in refused.stderr
        assert alone.run("presets", "list", COMFYPOD_URL=plane.url).returncode == 0


def test_without_a_control_plane_the_command_must_wait(alone: CommandLine, hub: Hub, ant: HubFile) -> None:
    refused = alone.run(*wanted(hub, ant), "--no-wait")
    assert refused.returncode == 2
    assert "Omit --no-wait." in refused.stderr
    assert hub.requests == []


def test_a_folder_that_cannot_be_written_to_is_named(
    alone: CommandLine, hub: Hub, ant: HubFile, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    refused = alone.run(*wanted(hub, ant), WORKSPACE=str(tmp_path / "file"))
    assert refused.returncode == 1
    assert "cannot be written to" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_file_that_does_not_fit_is_refused(alone: CommandLine, hub: Hub) -> None:
    huge = hub.add_plain("huge.safetensors", safetensors(10**15))
    done = alone.run(*wanted(hub, huge))
    assert done.returncode == 1
    assert "are free" in done.stderr
    assert "comfypod downloads resume" in done.stderr
