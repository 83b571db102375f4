"""Lists have pages, are confirmed with 304 while unchanged, and are built once for concurrent requests."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import Request, Response
from pydantic import SecretStr

from backend.auth.routing import PublicRouter
from backend.config.settings import Settings
from backend.main.app import create_app
from backend.main.features import FEATURES
from backend.web.caching import Body, Responses
from backend.web.features import Feature
from backend.web.paging import Cursor, Limit, page_of


class Colours:
    """A sorted list that counts how often it was rendered."""

    def __init__(self) -> None:
        self.names = sorted(["amber", "blue", "coral", "denim", "ecru"])
        self.revision = 0
        self.built = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.building = asyncio.Event()

    def change(self, *names: str) -> None:
        self.names = sorted(names)
        self.revision += 1


@pytest.fixture
def colours() -> Colours:
    return Colours()


@pytest.fixture
async def client(tmp_path: Path, colours: Colours) -> AsyncIterator[httpx.AsyncClient]:
    router = PublicRouter(prefix="/api/colours")

    @router.get("")
    async def show(
        request: Request, responses: Responses, limit: Limit = 2, cursor: Cursor = None
    ) -> Response:
        async def build() -> Body:
            colours.built += 1
            colours.building.set()
            await colours.go_on.wait()
            page = page_of(colours.names, lambda name: (name,), limit, cursor)
            return Body(json.dumps(page.items).encode(), page.headers(request))

        return await responses.json(request, colours.revision, build)

    settings = Settings(workspace=tmp_path, run_dir=tmp_path / "run", access_password=SecretStr("a password"))
    app = create_app(settings, (*FEATURES, Feature(name="colours", routers=(router,))))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://pod") as client,
    ):
        yield client


async def test_the_link_header_leads_through_all_pages(client: httpx.AsyncClient) -> None:
    seen, address = [], "/api/colours?limit=2"
    while address:
        answer = await client.get(address)
        seen.append(answer.json())
        address = answer.links.get("next", {}).get("url", "")
    assert seen == [["amber", "blue"], ["coral", "denim"], ["ecru"]]


async def test_changes_between_pages_repeat_or_skip_no_item(
    client: httpx.AsyncClient, colours: Colours
) -> None:
    first = await client.get("/api/colours?limit=2")
    colours.change("apple", "azure", "coral", "denim")
    second = await client.get(first.links["next"]["url"])
    assert second.json() == ["coral", "denim"]
    assert "next" not in second.links


@pytest.mark.parametrize("cursor", ["x", "!!!", "W10", "WzFd", "W1tdXQ", "bnVsbA", "%00", "W" * 1999])
async def test_a_cursor_of_another_list_is_rejected(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get(f"/api/colours?cursor={cursor}")
    if answer.status_code == 200:  # an empty key sorts before everything
        assert answer.json() == ["amber", "blue"]
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_cursor")


async def test_an_unchanged_list_is_confirmed_and_not_built_again(
    client: httpx.AsyncClient, colours: Colours
) -> None:
    first = await client.get("/api/colours")
    again = await client.get("/api/colours", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, colours.built) == (304, b"", 1)
    assert (await client.get("/api/colours")).json() == ["amber", "blue"]
    assert colours.built == 1
    other = await client.get("/api/colours?limit=1", headers={"If-None-Match": first.headers["etag"]})
    assert other.json() == ["amber"]
    colours.change("zinc")
    changed = await client.get("/api/colours", headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json(), colours.built) == (200, ["zinc"], 3)


async def test_concurrent_requests_share_one_build(client: httpx.AsyncClient, colours: Colours) -> None:
    colours.go_on.clear()
    asking = [asyncio.create_task(client.get("/api/colours")) for _ in range(20)]
    await colours.building.wait()
    asking[0].cancel()
    colours.go_on.set()
    answers = await asyncio.gather(*asking[1:])
    assert {answer.text for answer in answers} == {'["amber", "blue"]'}
    assert colours.built == 1
