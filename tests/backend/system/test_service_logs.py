"""A user reads and follows the log of a service."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.support.control_plane import PASSWORD, ControlPlane
from tests.support.hub import Hub
from tests.support.supervisor import FakeSupervisor, running_supervisor

LOG = "/api/system/services/comfyui/log"
SOCKET = "/ws/services/comfyui/log"


@pytest.fixture(autouse=True)
def supervisor(workspace: Path) -> Iterator[FakeSupervisor]:
    with running_supervisor(workspace / "run/supervisor.sock", comfyui="RUNNING") as fake:
        yield fake


@pytest.fixture
def log(workspace: Path) -> Path:
    (workspace / "logs").mkdir(parents=True)
    return workspace / "logs/comfyui.log"


def rotate(log: Path) -> None:
    """Rotate the log as supervisord does, with two older files."""
    first, second = (log.with_name(f"{log.name}.{number}") for number in (1, 2))
    if first.exists():
        first.replace(second)
    log.replace(first)
    log.touch()


def write(log: Path, text: str) -> None:
    with log.open("a") as stream:
        stream.write(text)


async def next_frame(socket: Any) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(await socket.recv())
    return frame


async def test_the_last_lines_are_shown_as_plain_text(pod: ControlPlane, log: Path) -> None:
    write(log, "".join(f"line {number}\n" for number in range(1000)))
    answer = await pod.client.get(LOG, params={"lines": 3})
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "line 997\nline 998\nline 999\n"


async def test_the_log_of_a_silent_service_is_empty(pod: ControlPlane) -> None:
    assert (await pod.client.get(LOG)).text == ""


async def test_lines_from_before_the_rotation_are_shown_too(pod: ControlPlane, log: Path) -> None:
    write(log, "old\n")
    rotate(log)
    write(log, "older than the newest\n")
    rotate(log)
    write(log, "new\n")
    assert (await pod.client.get(LOG)).text == "old\nolder than the newest\nnew\n"


@pytest.mark.parametrize("lines", [0, -1, 10**9, "all"])
async def test_an_invalid_number_of_lines_is_rejected(pod: ControlPlane, lines: object) -> None:
    assert (await pod.client.get(LOG, params={"lines": str(lines)})).status_code == 400


async def test_only_the_end_of_a_huge_log_is_returned(pod: ControlPlane, log: Path) -> None:
    write(log, "x" * 999 + "\n")
    with log.open("r+b") as stream:
        stream.truncate(3 * 2**30)  # a sparse file of 3 GiB that takes no disk space
    write(log, "\nthe end\n")
    text = (await pod.client.get(LOG, params={"lines": 5000})).text
    assert text == "the end\n"


async def test_colours_old_bar_states_and_secrets_are_removed(pod: ControlPlane, log: Path) -> None:
    write(log, f"\x1b[32mready\x1b[0m\n10%|#\r20%|##\r\npassword is {PASSWORD}\nb\xfcd \0 bytes\n")
    text = (await pod.client.get(LOG)).text
    assert text == "ready\n20%|##\npassword is •••\nb\xfcd \0 bytes\n"


async def test_a_token_saved_in_settings_is_masked(
    pod: ControlPlane, log: Path, supervisor: FakeSupervisor
) -> None:
    async with pod.socket(SOCKET) as socket:
        await next_frame(socket)
        for token in ("hf_saved_once", "hf_saved_once_more"):
            await pod.client.put("/api/tokens/huggingface", json={"token": token})
        write(log, f"tokens: hf_secret_token hf_saved_once hf_saved_once_more {PASSWORD}\n")
        masked = "tokens: ••• ••• ••• •••"
        assert (await next_frame(socket))["lines"] == [masked]
        assert (await pod.client.get(LOG)).text == f"{masked}\n"
    assert {"hf_secret_token", "hf_saved_once", "hf_saved_once_more", PASSWORD} == supervisor.hidden


async def test_a_log_is_followed_across_rotations_without_a_gap(pod: ControlPlane, log: Path) -> None:
    write(log, "before\n")
    async with pod.socket(SOCKET) as socket:
        assert await next_frame(socket) == {"type": "snapshot", "lines": ["before"], "unfinished": ""}
        written: list[str] = []
        seen: list[str] = []
        for number in range(20):
            write(log, f"line {number}\n")
            written.append(f"line {number}")
            if number % 4 == 3:
                rotate(log)
            if number % 8 == 7:  # at most two rotations behind
                while seen != written:
                    seen += (await next_frame(socket))["lines"]


async def test_a_progress_bar_moves_before_its_line_ends(pod: ControlPlane, log: Path) -> None:
    log.touch()
    async with pod.socket(SOCKET) as socket:
        await next_frame(socket)
        write(log, "\r 10%|#")
        assert (await next_frame(socket))["unfinished"] == " 10%|#"
        write(log, "\r 20%|##\n")
        assert await next_frame(socket) == {"type": "lines", "lines": [" 20%|##"], "unfinished": ""}


async def test_a_log_that_does_not_exist_yet_is_followed(pod: ControlPlane, log: Path) -> None:
    async with pod.socket(SOCKET) as socket:
        assert (await next_frame(socket))["lines"] == []
        write(log, "first words\n")
        assert (await next_frame(socket))["lines"] == ["first words"]


async def test_the_log_of_an_unknown_service_cannot_be_followed(pod: ControlPlane) -> None:
    with pytest.raises(websockets.InvalidStatus):
        async with pod.socket("/ws/services/apache/log"):
            pass


async def test_a_token_in_a_pasted_link_is_masked(
    pod: ControlPlane, hub: Hub, log: Path, supervisor: FakeSupervisor
) -> None:
    link = f"{hub.civitai_url}/api/download/models/4711?token=civitai_pasted_token"
    await pod.client.post("/api/sources/listing", json={"url": link})
    write(log, "GET /x?token=civitai_pasted_token\n")
    assert (await pod.client.get(LOG)).text == "GET /x?token=•••\n"
    assert "civitai_pasted_token" in supervisor.hidden


@pytest.mark.timeout(30)  # quadratic time took minutes
@pytest.mark.parametrize("sequence", ["\x1b]", "\x1b]0;title", "\x1b[", "\x1b[0;", "\x1b]\x1b["])
async def test_unterminated_escape_sequences_take_linear_time(
    pod: ControlPlane, log: Path, sequence: str
) -> None:
    write(log, sequence * (2**19 // len(sequence)) + "\nthe end\n")
    assert (await pod.client.get(f"{LOG}?lines=1")).text == "the end\n"


async def test_terminal_titles_are_removed(pod: ControlPlane, log: Path) -> None:
    write(log, "\x1b]0;one\x07first\n\x1b]0;two\x1b\\second\n\x1b]0;three\nthird\n")
    assert (await pod.client.get(LOG)).text == "first\nsecond\n0;three\nthird\n"
