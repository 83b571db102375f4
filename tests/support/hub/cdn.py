"""The second origin, the target of signed URLs. It rejects tokens, as object storage does."""

import asyncio

from aiohttp import web

from tests.support.hub.content import Content
from tests.support.hub.delivery import Served
from tests.support.hub.faults import link_expired
from tests.support.hub.state import State


class Cdn:
    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/repos/{commit:[0-9a-f]{40}}/{key:.+}", self.hugging_face_file),
            web.get("/civitai/{id:[0-9]+}/{number:[0-9]+}", self.civitai_file),
        ]

    async def hugging_face_file(self, request: web.Request) -> web.StreamResponse:
        key, commit = request.match_info["key"], request.match_info["commit"]
        for repository in self._state.catalogue.repositories.values():
            file = repository.history.get(commit, {}).get(key.removeprefix(f"{repository.name}/"))
            if file is not None and file.key == key:
                return await self._serve(request, file.key, file.content)
        raise web.HTTPNotFound

    async def civitai_file(self, request: web.Request) -> web.StreamResponse:
        version = self._state.catalogue.civitai.get(int(request.match_info["id"]))
        number = int(request.match_info["number"])
        if version is None or number >= len(version.files):
            raise web.HTTPNotFound
        return await self._serve(request, version.key, version.files[number].content)

    async def _serve(self, request: web.Request, key: str, content: Content) -> web.StreamResponse:
        if "Authorization" in request.headers:
            raise web.HTTPBadRequest(
                text="<Error><Code>InvalidArgument</Code></Error>", content_type="application/xml"
            )
        if not self._state.links.hold(request):
            return link_expired()
        etag = await asyncio.to_thread(lambda: content.sha256)
        return await self._state.serve(
            request, Served(key=key, content=content, etag=etag, headers=_asked_for(request))
        )


def _asked_for(request: web.Request) -> dict[str, str]:
    """Return the response headers that the signed URL contains."""
    disposition = request.query.get("response-content-disposition")
    return {"Content-Disposition": disposition} if disposition else {}
