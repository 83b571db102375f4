"""Plain files: strong ETag, Last-Modified, ranges, nothing else."""

from aiohttp import web

from tests.support.hub.delivery import Served
from tests.support.hub.state import State


class PlainFiles:
    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/files/{path:.+}", self.serve)]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        file = self._state.catalogue.plain.get(request.match_info["path"])
        if file is None:
            raise web.HTTPNotFound
        _, answer = await self._state.answer_instead(request, file.key)
        return answer or await self._state.serve(
            request, Served(key=file.key, content=file.content, etag=file.content.tag)
        )
