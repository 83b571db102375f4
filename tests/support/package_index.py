"""A package index on loopback, for installers of Python packages."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.image.support.standins import write_wheel


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Index:
    """A package index: folders with wheels, listed as any web server lists them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        handler = partial(QuietHandler, directory=str(folder))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, name: str, version: str = "1.0") -> Path:
        (self.folder / name).mkdir(exist_ok=True)
        return write_wheel(self.folder / name, name, version, f'__version__ = "{version}"\n')

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def variables(self) -> dict[str, str]:
        return {
            "UV_DEFAULT_INDEX": f"http://127.0.0.1:{self.server.server_port}/",
            "UV_NO_CONFIG": "1",
            "UV_HTTP_TIMEOUT": "2",
        }
