"""`/{repo}/resolve/{revision}/{path}`: the redirect to a file of a repository, or the content of a small one."""

import asyncio
from urllib.parse import unquote

from aiohttp import web

from tests.support.hub.catalogue import HubFile, Repository
from tests.support.hub.delivery import Served
from tests.support.hub.state import State
from tests.support.hub.tokens import bearer

# Files of a gated repository that are readable without access.
OPEN_IN_GATED = ("README.md", ".gitattributes")


class HuggingFace:
    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [web.get(r"/{repo:[^/]+(?:/[^/]+)?}/resolve/{revision}/{path:.+}", self.resolve)]

    async def resolve(self, request: web.Request) -> web.StreamResponse:
        repository, commit = find(self._state, request)
        file = repository.history[commit].get(request.match_info["path"])
        if file is None:
            raise refuse(web.HTTPNotFound, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
        if file.path not in OPEN_IN_GATED:
            check_gate(self._state, request, repository)
        fault, answer = await self._state.answer_instead(request, file.key)
        if answer is not None:
            return answer
        headers = await self._about(request, file, commit)
        if fault is not None:
            fault.retouch(headers)
        return (
            await self._redirect(request, file, commit, headers)
            if file.lfs
            else await self._direct(request, file, headers)
        )

    async def _redirect(
        self, request: web.Request, file: HubFile, commit: str, headers: dict[str, str]
    ) -> web.StreamResponse:
        headers["Location"] = self._state.links.redirect(
            request, f"repos/{commit}/{file.key}", file.path.rpartition("/")[2]
        )
        return web.Response(status=302, headers=headers, text="Found. Redirecting to " + headers["Location"])

    async def _direct(
        self, request: web.Request, file: HubFile, headers: dict[str, str]
    ) -> web.StreamResponse:
        etag = headers.pop("ETag").strip('"')
        served = Served(
            key=file.key, content=file.content, etag=etag, content_type="text/plain", headers=headers
        )
        return await self._state.serve(request, served)

    async def _about(self, request: web.Request, file: HubFile, commit: str) -> dict[str, str]:
        etag = await asyncio.to_thread(lambda: file.etag)
        headers = {"X-Repo-Commit": commit, "ETag": f'"{etag}"'}
        if file.lfs:
            headers |= {"X-Linked-Size": str(file.size), "X-Linked-ETag": f'"{etag}"'}
        if file.lfs and self._state.xet:
            api = f"{request.url.origin()}/api/models/{file.repo}"
            headers |= {
                "X-Xet-Hash": etag,
                "Link": f'<{api}/xet-read-token/{commit}>; rel="xet-auth", '
                f'<{request.url.origin()}/reconstructions/{etag}>; rel="xet-reconstruction-info"',
            }
        return headers


def find(state: State, request: web.Request) -> tuple[Repository, str]:
    """Return the repository and commit of a URL. Raise the hub's error response if they do not exist."""
    token = bearer(request)
    if token is not None and not state.tokens.known(token):
        raise refuse(web.HTTPUnauthorized, None, "Invalid credentials in Authorization header")
    repository = state.catalogue.repositories.get(request.match_info["repo"])
    if repository is None or (repository.private and not state.tokens.may_read(token, repository)):
        # The hub hides private repositories from users without access.
        if token is None:
            raise refuse(web.HTTPUnauthorized, None, "Invalid username or password.")
        raise refuse(web.HTTPNotFound, "RepoNotFound", "Repository not found")
    revision = unquote(request.match_info.get("revision", "main"))
    commit = repository.commit_of(revision)
    if commit is None:
        raise refuse(web.HTTPNotFound, "RevisionNotFound", f"Invalid rev id: {revision}")
    return repository, commit


def check_gate(state: State, request: web.Request, repository: Repository) -> None:
    if not repository.gated:
        return
    token = bearer(request)
    if token is None:
        message = f"Access to model {repository.name} is restricted. You must have access to it and be authenticated"
        raise refuse(web.HTTPUnauthorized, "GatedRepo", f"{message} to access it. Please log in.")
    if not state.tokens.may_read(token, repository):
        message = f"Access to model {repository.name} is restricted and you are not in the authorized list."
        ask = f"Visit {request.url.origin()}/{repository.name} to ask for access."
        raise refuse(web.HTTPForbidden, "GatedRepo", f"{message} {ask}")


def refuse(
    status: type[web.HTTPError], code: str | None, message: str, headers: dict[str, str] | None = None
) -> web.HTTPException:
    named = {"X-Error-Code": code} if code else {}
    return status(text=message, headers={**(headers or {}), **named, "X-Error-Message": message})
