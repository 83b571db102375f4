"""A pod in MODE=worker serves the API and nothing else."""

from pathlib import Path

import httpx
import pytest

from tests.support.control_plane import running_control_plane

BROWSER = {"Accept": "text/html"}


async def test_the_api_works_and_no_page_is_served(workspace: Path) -> None:
    async with running_control_plane(workspace, mode="worker") as worker:
        for path in ("/api/jobs", "/api/presets", "/api/system", "/api/v2/jobs", "/openapi.json", "/healthz"):
            assert (await worker.client.get(path)).status_code == 200, path
        for path in ("/", "/jobs", "/settings", "/docs", "/_pod/sign-in", "/_pod/static/0/css/app.css"):
            answer = await worker.client.get(path, headers=BROWSER)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path
        async with worker.socket("/ws/jobs") as frames:
            assert await frames.recv()


async def test_strangers_get_errors_in_json(workspace: Path) -> None:
    async with running_control_plane(workspace, mode="worker") as worker, worker.anonymous() as stranger:
        answer = await stranger.get("/openapi.json", headers=BROWSER)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "sign_in_required")


async def test_an_unknown_mode_is_not_a_worker(workspace: Path) -> None:
    with pytest.raises(ValueError, match="mode"):
        async with running_control_plane(workspace, mode="headless"):
            raise httpx.InvalidURL("it started")
