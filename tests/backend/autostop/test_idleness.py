"""What counts as use of a pod: prompts, notebooks, commands over SSH."""

import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from backend.autostop.jupyter import JupyterActivity, JupyterServer
from backend.autostop.service import Autostop
from backend.autostop.shells import running_commands
from tests.support.control_plane import running_control_plane

USED = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@asynccontextmanager
async def server_with(responses: dict[str, object]) -> AsyncIterator[str]:
    """Yield the address of a server that has these JSON responses."""
    app = web.Application()
    for path, body in responses.items():
        app.router.add_get(path, _responding(body))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _responding(body: object) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def respond(_request: web.Request) -> web.Response:
        return web.json_response(body)

    return respond


def jupyter(state: str) -> dict[str, object]:
    return {
        "/api/status": {"last_activity": "2026-11-27T11:00:00Z"},
        "/api/kernels": [{"execution_state": state, "last_activity": USED.isoformat()}],
    }


@pytest.mark.parametrize(("state", "is_busy"), [("busy", True), ("idle", False)])
async def test_a_notebook_that_runs_is_use_and_one_that_ran_was(state: str, is_busy: bool) -> None:
    async with server_with(jupyter(state)) as url:
        assert await JupyterServer(url).activity() == JupyterActivity(is_busy=is_busy, last_active=USED)


async def test_a_jupyterlab_that_does_not_answer_as_expected_is_no_use() -> None:
    async with server_with({"/api/status": {}, "/api/kernels": {"error": "no"}}) as url:
        assert await JupyterServer(url).activity() == JupyterActivity()
    assert await JupyterServer("http://127.0.0.1:9").activity() == JupyterActivity()


async def test_prompts_and_notebooks_keep_a_pod_running(workspace: Path) -> None:
    prompts = {"/prompt": {"exec_info": {"queue_remaining": 2}}}
    async with (
        server_with({**prompts, **jupyter("busy")}) as url,
        running_control_plane(workspace, comfyui_url=url, jupyter_url=url) as pod,
    ):
        busy = (await pod.app.registry.get(Autostop).idleness.observe()).busy
    assert "2 prompts are in ComfyUI's queue." in busy
    assert "A notebook runs." in busy


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder with a shell named sshd and a program named copyfiles, as the kernel sees them."""
    for name, program in (("sshd", "bash"), ("copyfiles", "sleep")):
        shutil.copy(shutil.which(program) or program, tmp_path / name)
    return tmp_path


@pytest.fixture
def session(programs: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Run an SSH session whose shell runs `request.param`."""
    shell = f"bash -c '{request.param.format(programs)}; true'"
    with subprocess.Popen([programs / "sshd", "-c", f"{shell}; true"], start_new_session=True) as daemon:
        yield request.param
        subprocess.run(["pkill", "--session", str(daemon.pid)], check=False)


@pytest.mark.parametrize("session", ["{}/copyfiles 1000"], indirect=True)
def test_a_command_over_ssh_is_use(session: str) -> None:
    deadline = time.monotonic() + 30
    while "copyfiles" not in running_commands():
        assert time.monotonic() < deadline, f"{session} was not found"
