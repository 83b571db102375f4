"""Civitai's API: models and versions, and the redirect from a download URL to a presigned one."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.support.hub.catalogue import CivitaiFile, CivitaiVersion
from tests.support.hub.state import State
from tests.support.hub.tokens import bearer

MAX_HASHES = 100
# A fixed date would end the early access of every test on that day.
EARLY_ACCESS_ENDS = datetime.now(UTC) + timedelta(days=30)
FILTERS = ("type", "format", "size", "fp")
Described = dict[str, Any]


class Civitai:
    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        versions = "/api/v1/model-versions"
        return [
            web.get("/api/v1/me", self.show_caller),
            web.get(r"/api/v1/models/{id:\d+}", self.show_model),
            web.get(versions + r"/{id:\d+}", self.show),
            web.get(versions + "/by-hash/{hash}", self.show_by_hash),
            web.post(versions + "/by-hash", self.show_by_hashes),
            web.head(r"/api/download/models/{id:\d+}", self.refuse_head),
            web.get(r"/api/download/models/{id:\d+}", self.download, allow_head=False),
        ]

    async def show_caller(self, request: web.Request) -> web.Response:
        if bearer(request) not in self._state.civitai_tokens:
            return web.json_response({"error": "Unauthorized"}, status=401)
        return web.json_response(
            {
                "id": 1,
                "username": "ada",
                "tier": "free",
                "status": "active",
                "isMember": False,
                "subscriptions": [],
            }
        )

    async def show_model(self, request: web.Request) -> web.Response:
        """Return a model; its versions start with the newest, which has the highest id."""
        wanted = int(request.match_info["id"])
        versions = [each for each in self._state.catalogue.civitai.values() if each.model_id == wanted]
        if not versions:
            return _not_found(f"No model with id {wanted}")
        versions.sort(key=lambda version: version.id, reverse=True)
        described = await asyncio.to_thread(lambda: [_described(request, version) for version in versions])
        for version in described:
            del version["model"], version["modelId"]
        about = {"id": wanted, "name": versions[0].model_name, "type": versions[0].type, "nsfw": False}
        return web.json_response({**about, "creator": {"username": "ada"}, "modelVersions": described})

    async def show(self, request: web.Request) -> web.Response:
        version = self._find(request)
        if version is None:
            return _not_found("Model not found")
        return web.json_response(await asyncio.to_thread(_described, request, version))

    async def show_by_hash(self, request: web.Request) -> web.Response:
        found = await self._with_hashes(request, {request.match_info["hash"].lower()})
        return web.json_response(found[0]) if found else _not_found("Model not found")

    async def show_by_hashes(self, request: web.Request) -> web.Response:
        """Return the files for a JSON list of hashes; unknown hashes are omitted."""
        hashes = await request.json()
        if not isinstance(hashes, list) or len(hashes) > MAX_HASHES:
            return web.json_response({"error": f"at most {MAX_HASHES} hashes"}, status=400)
        return web.json_response(await self._with_hashes(request, {str(value).lower() for value in hashes}))

    async def refuse_head(self, _: web.Request) -> web.Response:
        """Respond with 401, as the real site does to HEAD even with a valid token."""
        return web.Response(status=401)

    async def download(self, request: web.Request) -> web.StreamResponse:
        version = self._find(request)
        if version is None:
            return _not_found("File not found")
        refusal = self._refusal(request, version)
        if refusal is not None:
            return refusal
        _, answer = await self._state.answer_instead(request, version.key)
        if answer is not None:
            return answer
        number, file = _chosen(request, version)
        link = self._state.links.redirect(request, f"{version.key}/{number}", file.name)
        return web.Response(status=307, headers={"Location": link})

    def _refusal(self, request: web.Request, version: CivitaiVersion) -> web.Response | None:
        if version.usage_control != "Download":
            message = "The creator of this asset has disabled downloads on this file"
            return web.json_response({"error": "Forbidden", "message": message}, status=403)
        if version.early_access:
            message = "This asset is in Early Access. You can use Buzz access it now!"
            about = {"error": "Early Access", "deadline": EARLY_ACCESS_ENDS.isoformat(), "message": message}
            return web.json_response(about, status=403)
        token = bearer(request) or request.query.get("token")
        if version.needs_login and token not in self._state.civitai_tokens:
            return web.Response(status=307, headers={"Location": "/login?reason=download-auth"})
        return None

    async def _with_hashes(self, request: web.Request, wanted: set[str]) -> list[Described]:
        def find() -> list[Described]:
            return [
                _described(request, version)
                for version in self._state.catalogue.civitai.values()
                if any(file.content.sha256 in wanted for file in version.files)
            ]

        return await asyncio.to_thread(find)

    def _find(self, request: web.Request) -> CivitaiVersion | None:
        return self._state.catalogue.civitai.get(int(request.match_info["id"]))


def _chosen(request: web.Request, version: CivitaiVersion) -> tuple[int, CivitaiFile]:
    """Return the first file that matches `type`, `format`, `size` and `fp`; without these, the primary file."""
    wanted = {name: value.lower() for name, value in request.query.items() if name in FILTERS}
    for number, file in enumerate(version.files):
        offered = {name: value.lower() for name, value in _properties(file).items()}
        if all(offered[name] == value for name, value in wanted.items()):
            return number, file
    return 0, version.files[0]


def _properties(file: CivitaiFile) -> dict[str, str]:
    return {"type": file.type, "format": file.format, "size": file.extent, "fp": file.fp}


def _described(request: web.Request, version: CivitaiVersion) -> Described:
    ecosystem = version.base_model.split()[0].lower()
    return {
        "id": version.id,
        "modelId": version.model_id,
        "name": version.name,
        "air": f"urn:air:{ecosystem}:{version.type.lower()}:civitai:{version.model_id}@{version.id}",
        "baseModel": version.base_model,
        "status": "Published",
        "availability": "EarlyAccess" if version.early_access else "Public",
        "earlyAccessEndsAt": EARLY_ACCESS_ENDS.isoformat() if version.early_access else None,
        "usageControl": version.usage_control,
        "model": {"name": version.model_name, "type": version.type, "nsfw": False, "poi": False},
        "files": [_described_file(request, version, number) for number in range(len(version.files))],
        "downloadUrl": f"{request.url.origin()}/api/download/models/{version.id}",
    }


def _described_file(request: web.Request, version: CivitaiVersion, number: int) -> Described:
    file, primary = version.files[number], number == 0
    sha256 = (version.published_sha256 if primary else None) or file.content.sha256
    query = "" if primary else f"?{urlencode(_properties(file))}"
    return {
        "id": version.id * 10 + number,
        "name": file.name,
        "type": file.type,
        "sizeKB": file.content.size / 1024,
        "pickleScanResult": file.pickle_scan,
        "pickleScanMessage": None,
        "virusScanResult": "Success",
        "virusScanMessage": None,
        "metadata": {"format": file.format, "size": file.extent, "fp": file.fp},
        "hashes": {"AutoV2": sha256[:10].upper(), "SHA256": sha256.upper()},
        "downloadUrl": f"{request.url.origin()}/api/download/models/{version.id}{query}",
        **({"primary": True} if primary else {}),
    }


def _not_found(message: str) -> web.Response:
    return web.json_response({"error": message}, status=404)
