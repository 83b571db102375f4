"""Uploads, outputs, and the files of the front end's user."""

import mimetypes
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import folder_paths
import media
from aiohttp import web

DANGEROUS = {"text/html", "image/svg+xml", "text/javascript", "text/css", "application/xhtml+xml", "text/xml"}


def routes(server: Any) -> list[web.RouteDef]:
    users = UserFiles(server.paths.base / "user" / "default")
    return [
        web.get("/view", view),
        web.post("/upload/image", upload),
        web.get("/userdata", users.list_files),
        web.get("/userdata/{file}", users.show),
        web.post("/userdata/{file}", users.write),
        web.delete("/userdata/{file}", users.delete),
        web.post("/userdata/{file}/move/{target}", users.move),
    ]


async def view(request: web.Request) -> web.StreamResponse:
    query = request.query
    if "filename" not in query:
        return web.Response(status=404)
    name, folder = folder_paths.annotated(query["filename"])
    if not name or name.startswith("/") or ".." in name:
        return web.Response(status=400)
    folder = folder or folder_paths.directories.get(query.get("type", "output"))
    if folder is None:
        return web.Response(status=400)
    inside = os.path.abspath(os.path.join(folder, query.get("subfolder", "")))
    if os.path.commonpath((inside, folder)) != folder:
        return web.Response(status=403)
    # The folder in the name itself is dropped: only `subfolder` counts.
    name = os.path.basename(name)
    file = os.path.join(inside, name)
    if not os.path.isfile(file):
        return web.Response(status=404)
    if "preview" in query:
        return web.Response(body=media.webp(8, 8, {}), content_type="image/webp")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    disposition = f'filename="{name}"'
    if kind in DANGEROUS:
        kind, disposition = "application/octet-stream", f"attachment; {disposition}"
    headers = {"Content-Disposition": disposition, "Content-Type": kind, "X-Content-Type-Options": "nosniff"}
    return web.FileResponse(file, headers=headers)


async def upload(request: web.Request) -> web.Response:
    """Keep a file. A taken name gets a number, unless the contents are the same."""
    form = await request.post()
    image = form.get("image")
    if not isinstance(image, web.FileField) or not image.filename:
        return web.Response(status=400)
    kind, subfolder = str(form.get("type", "input")), str(form.get("subfolder", ""))
    folder = folder_paths.directories[kind]
    inside = os.path.join(folder, os.path.normpath(subfolder))
    name = image.filename
    if os.path.commonpath((folder, os.path.abspath(os.path.join(inside, name)))) != folder:
        return web.Response(status=400)
    os.makedirs(inside, exist_ok=True)
    stem, suffix = os.path.splitext(name)
    content = image.file.read()
    number = 1
    overwrite = form.get("overwrite") in ("true", "1")
    while not overwrite and os.path.exists(os.path.join(inside, name)):
        if Path(inside, name).read_bytes() == content:
            break
        name = f"{stem} ({number}){suffix}"
        number += 1
    Path(inside, name).write_bytes(content)
    return web.json_response({"name": name, "subfolder": subfolder, "type": kind})


class UserFiles:
    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, request: web.Request, key: str = "file") -> Path:
        path = Path(os.path.abspath(self.root / unquote(request.match_info[key])))
        if not path.is_relative_to(self.root):
            raise web.HTTPForbidden
        return path

    def described(self, path: Path, below: Path) -> dict[str, Any]:
        found = path.stat()
        times = {"modified": int(found.st_mtime * 1000), "created": int(found.st_ctime * 1000)}
        return {"path": path.relative_to(below).as_posix(), "size": found.st_size, **times}

    async def list_files(self, request: web.Request) -> web.Response:
        wanted = request.query.get("dir", "")
        if not wanted:
            return web.Response(status=400, text="Directory not provided")
        folder = Path(os.path.abspath(self.root / wanted))
        if not folder.is_relative_to(self.root):
            return web.Response(status=403, text="Invalid directory")
        if not folder.exists():
            return web.Response(status=404, text="Directory not found")
        recurse = request.query.get("recurse", "").lower() == "true"
        files = [path for path in (folder.rglob("*") if recurse else folder.glob("*")) if path.is_file()]
        if request.query.get("full_info", "").lower() == "true":
            return web.json_response([self.described(path, folder) for path in files])
        return web.json_response([path.relative_to(folder).as_posix() for path in files])

    async def show(self, request: web.Request) -> web.StreamResponse:
        path = self.path(request)
        headers = {"Content-Type": mimetypes.guess_type(path)[0] or "application/octet-stream"}
        return web.FileResponse(path, headers=headers) if path.exists() else web.Response(status=404)

    async def write(self, request: web.Request) -> web.Response:
        path = self.path(request)
        if request.query.get("overwrite") == "false" and path.exists():
            return web.Response(status=409, text="File already exists")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(await request.read())
        if request.query.get("full_info", "").lower() == "true":
            return web.json_response(self.described(path, self.root))
        return web.json_response(path.relative_to(self.root).as_posix())

    async def delete(self, request: web.Request) -> web.Response:
        path = self.path(request)
        if not path.exists():
            return web.Response(status=404)
        path.unlink()
        return web.Response(status=204)

    async def move(self, request: web.Request) -> web.Response:
        path, target = self.path(request), self.path(request, "target")
        if not path.exists():
            return web.Response(status=404)
        if request.query.get("overwrite") == "false" and target.exists():
            return web.Response(status=409, text="File already exists")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
        return web.json_response(target.relative_to(self.root).as_posix())
