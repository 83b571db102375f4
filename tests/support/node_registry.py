"""A registry of custom nodes on loopback, with the two addresses that an installer uses."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class NodeRegistry:
    """Versions of nodes and their archives."""

    def __init__(self) -> None:
        self._archives: dict[str, dict[str, bytes]] = {}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                content = registry.answer(self.path)
                self.send_response(200 if content is not None else 404)
                self.end_headers()
                self.wfile.write(content or b"")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def add(self, node_id: str, version: str, files: dict[str, str]) -> None:
        """Publish a version, which becomes the newest."""
        project = f'[project]\nname = "{node_id}"\nversion = "{version}"\n'
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as content:
            for name, text in {"pyproject.toml": project, **files}.items():
                content.writestr(name, text)
        self._archives.setdefault(node_id, {})[version] = archive.getvalue()

    def answer(self, path: str) -> bytes | None:
        parts = urlsplit(path)
        match parts.path.split("/")[1:]:
            case ["nodes", node_id, "install"] if versions := self._archives.get(node_id):
                version = parse_qs(parts.query).get("version", [list(versions)[-1]])[0]
                if version in versions:
                    url = f"{self.url}/archives/{node_id}/{version}"
                    return json.dumps({"version": version, "downloadUrl": url}).encode()
            case ["archives", node_id, version]:
                return self._archives[node_id][version]
        return None


@contextmanager
def running_registry() -> Iterator[NodeRegistry]:
    registry = NodeRegistry()
    threading.Thread(target=registry.server.serve_forever, daemon=True).start()
    yield registry
    registry.server.shutdown()
    registry.server.server_close()
