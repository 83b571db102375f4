"""Civitai: what a version is, and the redirect from its download address to a presigned URL."""

import asyncio
from typing import Any

from aiohttp import web

from tests.support.hub.catalogue import CivitaiVersion
from tests.support.hub.state import State
from tests.support.hub.tokens import bearer


class Civitai:
    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(r"/api/v1/model-versions/{id:\d+}", self.show),
            web.get("/api/v1/model-versions/by-hash/{hash}", self.show_by_hash),
            web.head(r"/api/download/models/{id:\d+}", self.refuse_head),
            web.get(r"/api/download/models/{id:\d+}", self.download, allow_head=False),
        ]

    async def show(self, request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(_described, request, self._find(request)))

    async def show_by_hash(self, request: web.Request) -> web.Response:
        wanted = request.match_info["hash"].lower()
        for version in self._state.catalogue.civitai.values():
            described = await asyncio.to_thread(_described, request, version)
            if version.sha256 == wanted:
                return web.json_response(described)
        return web.json_response({"error": "Model not found"}, status=404)

    async def refuse_head(self, _: web.Request) -> web.Response:
        """The real one answers 401 to HEAD even with a good token."""
        return web.Response(status=401)

    async def download(self, request: web.Request) -> web.StreamResponse:
        version = self._find(request)
        if version.early_access:
            return web.json_response({"error": "Early access"}, status=403)
        token = bearer(request) or request.query.get("token")
        if version.needs_login and token not in self._state.civitai_tokens:
            return web.Response(status=307, headers={"Location": "/login?reason=download-auth"})
        _, answer = await self._state.answer_instead(request, version.key)
        if answer is not None:
            return answer
        disposition = f'attachment; filename="{version.filename}"'
        link = self._state.links.signed(request, version.key, **{"response-content-disposition": disposition})
        return web.Response(status=307, headers={"Location": link})

    def _find(self, request: web.Request) -> CivitaiVersion:
        version = self._state.catalogue.civitai.get(int(request.match_info["id"]))
        if version is None:
            raise web.HTTPNotFound(text='{"error": "Model not found"}', content_type="application/json")
        return version


def _described(request: web.Request, version: CivitaiVersion) -> dict[str, Any]:
    file = {
        "name": version.filename,
        "sizeKB": version.size / 1024,
        "hashes": {"SHA256": (version.published_sha256 or version.sha256).upper()},
        "downloadUrl": f"{request.url.origin()}/api/download/models/{version.id}",
    }
    return {
        "id": version.id,
        "modelId": version.model_id,
        "usageControl": version.usage_control,
        "model": {"name": version.model_name, "type": version.type},
        "baseModel": version.base_model,
        "files": [file],
    }
