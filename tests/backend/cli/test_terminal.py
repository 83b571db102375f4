"""A user watches downloads on a terminal: moving bars, and Ctrl-C."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors
from tests.support.hub.gates import Gate

pytestmark = pytest.mark.slow  # each test starts the command several times

SIZE = 4_000_000
CURSOR_BACK = "\x1b[?25h"


@pytest.fixture
def ant(hub: Hub) -> HubFile:
    return hub.add("acme/models", "ant.safetensors", safetensors(SIZE))


@pytest.fixture
def held_back(hub: Hub, ant: HubFile) -> Iterator[Gate]:
    """Hold back the second half of the file at the hub."""
    gate = hub.hold(ant, after=SIZE // 2, ignore_below=300)
    yield gate
    gate.release()


def wanted(hub: Hub, file: HubFile) -> tuple[str, ...]:
    return "download", hub.url_of(file), "--to", "loras"


def test_a_bar_moves_until_the_file_is_there(
    comfypod: CommandLine, hub: Hub, ant: HubFile, held_back: Gate
) -> None:
    with comfypod.terminal(*wanted(hub, ant)) as terminal:
        terminal.wait_for("50 %")
        terminal.wait_for("2.0 MB of 4.0 MB")
        assert "━" in terminal.text
        held_back.release()
        terminal.wait_for("done, verified")
        assert terminal.exit_code() == 0
        assert terminal.raw.count("\n") < terminal.raw.count("loras/ant.safetensors")
        assert CURSOR_BACK in terminal.raw


def test_a_narrow_terminal_shows_no_bars(
    comfypod: CommandLine, hub: Hub, ant: HubFile, held_back: Gate
) -> None:
    with comfypod.terminal(*wanted(hub, ant), columns=60) as terminal:
        terminal.wait_for("50 %")
        held_back.release()
        assert terminal.exit_code() == 0
        assert "━" not in terminal.text
        assert max(map(len, terminal.text.splitlines())) <= 60


def test_downloads_that_start_later_are_shown_too(
    comfypod: CommandLine, hub: Hub, ant: HubFile, held_back: Gate
) -> None:
    bee = hub.add("acme/models", "bee.safetensors", safetensors(SIZE, seed=1))
    comfypod.run(*wanted(hub, ant), "--no-wait")
    with comfypod.terminal("downloads") as terminal:
        terminal.wait_for("ant.safetensors")
        comfypod.run(*wanted(hub, bee), "--no-wait")
        terminal.wait_for("bee.safetensors")
        terminal.wait_for("2 files, ")
        held_back.release()
        assert terminal.exit_code() == 0
    with comfypod.terminal("downloads") as terminal:
        assert terminal.exit_code() == 0
        assert "done, verified" in terminal.text


def test_more_files_than_lines_are_counted(comfypod: CommandLine, hub: Hub) -> None:
    gates = []
    for number in range(45):
        hub.add("acme/many", f"{number:02}.safetensors", safetensors(2000, seed=number))
        gates.append(hub.hold(f"acme/many/{number:02}.safetensors"))
    with comfypod.terminal("download", "acme/many", "--all", "--to", "loras") as terminal:
        terminal.wait_for("and 11 more: 11 queued")
        for gate in gates:
            gate.release()
        assert terminal.exit_code() == 0


def test_a_failure_is_shown_below_the_bars(comfypod: CommandLine, hub: Hub, ant: HubFile) -> None:
    hub.fault(ant, faults.Status(code=404, on="resolve"))
    with comfypod.terminal(*wanted(hub, ant)) as terminal:
        assert terminal.exit_code() == 1
        assert "To try again: comfypod downloads retry" in terminal.text


def test_after_ctrl_c_the_control_plane_continues(
    comfypod: CommandLine, hub: Hub, ant: HubFile, held_back: Gate, models: Path
) -> None:
    with comfypod.terminal(*wanted(hub, ant), to_be_stopped=True) as terminal:
        terminal.wait_for("50 %")
        terminal.interrupt()
        assert terminal.exit_code() == 130
        assert "The downloads continue." in terminal.text
        assert "Traceback" not in terminal.text
        assert CURSOR_BACK in terminal.raw
    held_back.release()
    assert comfypod.run("downloads", "--live").returncode == 0
    assert (models / "loras/ant.safetensors").stat().st_size == SIZE


def test_after_ctrl_c_an_embedded_control_plane_keeps_what_has_arrived(
    alone: CommandLine, hub: Hub, ant: HubFile, held_back: Gate
) -> None:
    with alone.terminal(*wanted(hub, ant), to_be_stopped=True) as terminal:
        terminal.wait_for("50 %")
        terminal.interrupt()
        assert terminal.exit_code() == 130
        assert "What has arrived stays" in terminal.text
