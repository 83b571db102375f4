"""Another process uses the API through the client."""

import subprocess
import sys
from contextlib import aclosing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from backend.client import models
from backend.client.client import api_client
from backend.client.errors import Rejected, SignInRequired, UnexpectedResponse, Unreachable
from backend.config.settings import Settings
from backend.jobs.live import JobProgress
from backend.main.app import create_app
from backend.main.openapi import openapi_of
from tests.support.control_plane import PASSWORD, ControlPlane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors
from tests.support.process import ROOT, free_port


@pytest.fixture
async def token(pod: ControlPlane) -> str:
    async with pod.anonymous() as client:
        answer = await client.post("/api/auth/login", json={"password": PASSWORD})
    return str(answer.json()["access_token"])


async def test_it_downloads_a_file_and_follows_it(pod: ControlPlane, hub: Hub, token: str) -> None:
    file = hub.add("acme/models", "ant.safetensors", safetensors(50_000))
    async with api_client(pod.url, token=token) as client:
        transfer = await client.downloads.add(url=hub.url_of(file), folder="loras")
        async with aclosing(client.downloads.follow()) as updates:
            async for update in updates:
                states = {row.id: row.state for row in update.transfers}
                if states.get(transfer.id) == "done":
                    break
        (found,) = await client.downloads.search(state="done")
        assert (found.id, found.place, found.moves) == (transfer.id, "loras/ant.safetensors", False)
        assert [model.path for model in await client.storage.models()] == ["loras/ant.safetensors"]
        await client.storage.delete("loras/ant.safetensors")
        assert await client.storage.models() == []


async def test_it_reads_the_whole_catalogue(pod: ControlPlane, token: str) -> None:
    async with api_client(pod.url, token=token) as client:
        found = await client.presets.search()
        assert len(found) > 200
        assert (await client.presets.get("sd-1-5")).files[0].place
        assert (await client.presets.status("sd-1-5")).short_by == 0
        assert (await client.downloads.policy()).files_at_once >= 1
        assert (await client.activity.read()).complete


async def test_it_creates_a_key_that_works_until_it_is_revoked(pod: ControlPlane, token: str) -> None:
    async with api_client(pod.url, token=token) as client:
        created = await client.access.create_key("backup", ["read"], 30)
        async with api_client(pod.url, api_key=created.secret) as backup:
            assert await backup.presets.search("upscaler")
            assert [key.name for key in (await client.access.keys()).keys] == ["backup"]
            await client.access.revoke_key(created.key.id)
            with pytest.raises(SignInRequired):
                await backup.presets.search("upscaler")
        assert any(session.current for session in (await client.access.sessions()).sessions)
        await client.access.end_other_sessions()
        assert len((await client.access.sessions()).sessions) == 1


async def test_an_error_of_the_control_plane_has_its_code(pod: ControlPlane, token: str) -> None:
    async with api_client(pod.url, token=token) as client:
        with pytest.raises(Rejected) as rejected:
            await client.presets.get("no/such preset")
    assert (rejected.value.status, rejected.value.code) == (404, "not_found")


async def test_without_a_valid_token_it_is_refused(pod: ControlPlane) -> None:
    for credentials in ({}, {"token": "wrong"}, {"api_key": "wrong"}):
        async with api_client(pod.url, **credentials) as client:
            with pytest.raises(SignInRequired):
                await client.presets.search()
            with pytest.raises(SignInRequired):
                await anext(client.downloads.follow())


async def test_where_no_control_plane_answers_it_says_so(hub: Hub) -> None:
    async with api_client(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(Unreachable):
            await client.presets.search()
    async with api_client(hub.url) as client:
        with pytest.raises(UnexpectedResponse):
            await client.presets.search()


# The names of the models in the API's own schema, where they differ.
SCHEMAS = {
    "Token": "AccessToken",
    "Problem": "ProblemView",
    "Transfer": "TransferView",
    "ModelFile": "ModelView",
    "Activity": "Entry",
    "ActivityLog": "Log",
    "ApiKey": "ApiKeyView",
    "Session": "SessionView",
    "TemplateSummary": "TemplateView",
    "JobError": "ErrorView",
    "Job": "JobView",
    "Attempt": "AttemptView",
    "Output": "OutputView",
    "Axis": "AxisView",
    "Batch": "BatchView",
    "Schedule": "ScheduleView",
}
# Frames of sockets.
NOT_IN_OPENAPI = (BaseModel, models.Model, models.JobProgress)
MODELS = [
    kind
    for kind in vars(models).values()
    if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in NOT_IN_OPENAPI
]


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    components = openapi_of(create_app(Settings(access_password=SecretStr(PASSWORD))))["components"]
    assert isinstance(components, dict)
    found: dict[str, Any] = components["schemas"]
    return found


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_every_model_has_the_fields_of_the_api(kind: type[BaseModel], schemas: dict[str, Any]) -> None:
    name = SCHEMAS.get(kind.__name__, kind.__name__)
    schema = schemas.get(name) or schemas[f"{name}-Output"]
    assert kind.model_fields.keys() <= schema["properties"].keys()


def test_progress_has_the_fields_of_a_frame() -> None:
    assert models.JobProgress.model_fields.keys() <= {field.name for field in fields(JobProgress)}


def test_it_imports_no_feature(tmp_path: Path) -> None:
    script = "import sys, backend.client.client; print(*(m for m in sys.modules if m.startswith('backend.')))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    packages = {module.split(".")[1] for module in done.stdout.split()}
    assert packages <= {"client", "core", "config"}
