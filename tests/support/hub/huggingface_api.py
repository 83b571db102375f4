"""`/api/models/…` and `/api/whoami-v2`: the files of a repository, and the user of a token."""

import asyncio
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlencode

from aiohttp import web

from tests.support.hub.catalogue import HubFile, Repository, git_oid
from tests.support.hub.huggingface import check_gate, find, refuse
from tests.support.hub.state import State
from tests.support.hub.tokens import bearer

REPO = r"{repo:[^/]+(?:/[^/]+)?}"
EXPANDED_PAGE_SIZE = 50
COMMITTED_AT = "2026-11-01T12:00:00.000Z"
Entry = dict[str, Any]


class HuggingFaceApi:
    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        base = f"/api/models/{REPO}"
        return [
            web.get("/api/whoami-v2", self.whoami),
            web.get(base + "/revision/{revision}", self.show),
            web.get(base + "/tree/{revision}", self.tree),
            web.get(base + "/tree/{revision}/{path:.+}", self.tree),
            web.post(base + "/paths-info/{revision}", self.paths_info),
            web.get(base + "/auth-check", self.auth_check),
            web.get(base, self.show),
        ]

    async def whoami(self, request: web.Request) -> web.Response:
        token = bearer(request)
        if token is None or not self._state.tokens.known(token):
            raise refuse(web.HTTPUnauthorized, None, "Invalid username or password.")
        name = self._state.tokens.owner(token)
        access: Entry = {"displayName": "pod", "role": "read", "createdAt": COMMITTED_AT}
        if token in self._state.tokens.without_gated:
            rights = {"canReadGatedRepos": False, "global": [], "scoped": []}
            access |= {"role": "fineGrained", "fineGrained": rights}
        return web.json_response(
            {
                "type": "user",
                "id": "0" * 24,
                "name": name,
                "fullname": name.title(),
                "isPro": False,
                "orgs": [],
                "auth": {"type": "access_token", "accessToken": access},
            }
        )

    async def show(self, request: web.Request) -> web.Response:
        """Return the model at a revision; `blobs=true` adds size and hashes, `securityStatus=true` the scan's summary."""
        repository, commit = find(self._state, request)
        files = repository.history[commit].values()
        blobs = _flag(request.query.get("blobs"))
        siblings = await asyncio.to_thread(lambda: [_sibling(file, blobs) for file in files])
        about = {
            "id": repository.name,
            "modelId": repository.name,
            "author": repository.name.partition("/")[0],
            "sha": commit,
            "lastModified": COMMITTED_AT,
            "private": repository.private,
            "gated": "auto" if repository.gated else False,
            "disabled": False,
            "tags": [f"license:{repository.licence}"],
            "cardData": {"license": repository.licence},
            "siblings": siblings,
        }
        if _flag(request.query.get("securityStatus")):
            issues = [
                {"path": file.path, "level": file.security} for file in files if file.security != "safe"
            ]
            about["securityRepoStatus"] = {"scansDone": True, "filesWithIssues": issues}
        return web.json_response(about)

    async def tree(self, request: web.Request) -> web.Response:
        repository, commit = find(self._state, request)
        folder = unquote(request.match_info.get("path", "")).strip("/")
        expand = _flag(request.query.get("expand"))
        entries = await asyncio.to_thread(
            self._entries, repository, commit, folder, _flag(request.query.get("recursive"))
        )
        if folder and not entries:
            raise refuse(web.HTTPNotFound, "EntryNotFound", f"{folder} does not exist", _commit(commit))
        size = min(self._state.page_size, EXPANDED_PAGE_SIZE) if expand else self._state.page_size
        start = int(request.query.get("cursor", "0"))
        page, rest = entries[start : start + size], entries[start + size :]
        headers = _commit(commit)
        if rest:
            query = urlencode({**request.query, "cursor": start + size})
            headers["Link"] = f'<{request.url.origin()}{request.rel_url.raw_path}?{query}>; rel="next"'
        return web.json_response(
            [_expanded(entry, repository, commit, expand) for entry in page], headers=headers
        )

    async def paths_info(self, request: web.Request) -> web.Response:
        """Return metadata of files and folders; omit missing ones. Accept form fields or JSON."""
        repository, commit = find(self._state, request)
        paths, expand = await _asked_paths(request)
        entries = await asyncio.to_thread(self._entries, repository, commit, "", True)
        found = [entry for entry in entries if entry["path"] in paths]
        return web.json_response(
            [_expanded(entry, repository, commit, expand) for entry in found], headers=_commit(commit)
        )

    async def auth_check(self, request: web.Request) -> web.Response:
        repository, _ = find(self._state, request)
        check_gate(self._state, request, repository)
        return web.Response(text="OK")

    def _entries(self, repository: Repository, commit: str, folder: str, recursive: bool) -> list[Entry]:
        """Return files and folders below `folder`, sorted by path."""
        prefix = f"{folder}/" if folder else ""
        files = {path: file for path, file in repository.history[commit].items() if path.startswith(prefix)}
        entries = [
            _file_entry(file, self._state.xet)
            for path, file in files.items()
            if recursive or "/" not in path.removeprefix(prefix)
        ]
        folders = sorted({parent for path in files for parent in _parents(path) if parent.startswith(prefix)})
        entries += [
            {"type": "directory", "oid": git_oid(path.encode()), "size": 0, "path": path}
            for path in folders
            if recursive or "/" not in path.removeprefix(prefix)
        ]
        return sorted(entries, key=lambda entry: entry["path"])


def _file_entry(file: HubFile, xet: bool) -> Entry:
    entry: Entry = {"type": "file", "oid": file.git_oid, "size": file.size, "path": file.path}
    if file.lfs:
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    if file.lfs and xet:
        entry["xetHash"] = file.sha256
    return entry


def _expanded(entry: Entry, repository: Repository, commit: str, expand: bool) -> Entry:
    if not expand:
        return entry
    expanded = {**entry, "lastCommit": {"id": commit, "title": "Upload", "date": COMMITTED_AT}}
    file = repository.history[commit].get(entry["path"])
    if file is not None:
        scan = {"status": file.security, "message": None, "reportLink": None, "reportLabel": None}
        expanded["securityFileStatus"] = {
            "status": file.security,
            "avScan": scan,
            "pickleImportScan": {**scan, "pickleImports": []},
        }
    return expanded


def _sibling(file: HubFile, blobs: bool) -> Entry:
    if not blobs:
        return {"rfilename": file.path}
    entry = {"rfilename": file.path, "size": file.size, "blobId": file.git_oid}
    lfs = {"sha256": file.sha256, "size": file.size, "pointerSize": len(file.pointer)} if file.lfs else None
    return entry | ({"lfs": lfs} if lfs else {})


async def _asked_paths(request: web.Request) -> tuple[set[str], bool]:
    if request.content_type == "application/json":
        body = await request.json()
        return set(body["paths"]), bool(body.get("expand"))
    form = await request.post()
    return {str(path) for path in form.getall("paths", [])}, _flag(str(form.get("expand", "")))


def _parents(path: str) -> Iterable[str]:
    return (parent.as_posix() for parent in PurePosixPath(path).parents if parent.name)


def _flag(value: str | None) -> bool:
    return (value or "").lower() in ("true", "1")


def _commit(commit: str) -> dict[str, str]:
    return {"X-Repo-Commit": commit}
