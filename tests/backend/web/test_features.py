"""A feature package joins the control plane by one line in the list of features."""

import asyncio
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends
from pydantic import SecretStr

from backend.auth.routing import PublicRouter
from backend.config.settings import Settings
from backend.main.app import create_app
from backend.main.features import FEATURES
from backend.storage.service import Storage
from backend.web.features import Context, Feature, Registry, Running, provided

router = PublicRouter(prefix="/api/greetings")


class Greetings:
    """A service of a feature that exists only in this test."""

    def __init__(self, storage: Storage):
        self.storage = storage
        self.running = asyncio.Event()

    async def run(self) -> None:
        self.running.set()


@router.get("")
async def show(greetings: Annotated[Greetings, Depends(provided(Greetings))]) -> str:
    await greetings.running.wait()
    return f"Models are in {greetings.storage.models.name}."


async def start(context: Context) -> Running:
    greetings = Greetings(context.registry.get(Storage))
    return Running(services=(greetings,), background=(greetings.run,))


FEATURE = Feature(name="greetings", routers=(router,), start=start)


async def test_one_line_adds_a_feature_with_its_service_route_and_background_work(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, run_dir=tmp_path / "run", access_password=SecretStr("a password"))
    app = create_app(settings, (*FEATURES, FEATURE))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport) as client:
        answer = await client.get("http://pod/api/greetings")
    assert answer.json() == "Models are in models."


def test_the_error_names_a_missing_service() -> None:
    with pytest.raises(LookupError, match="no feature provides Greetings"):
        Registry().get(Greetings)
