"""Addresses of static files.

Each address contains a digest of the whole folder, so browsers may cache files forever. The digest is part of the path
and not of the query: a JavaScript module that imports `../lib/format.js` then gets the same version as itself.
"""

import re
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from starlette.staticfiles import StaticFiles

STATIC_PREFIX = "/_pod/static"
STATIC_ROUTE = STATIC_PREFIX + "/{digest}"

_IMPORT = re.compile(r'^(?:import|export|\}) ?(?:.*\bfrom )?"(\.[^"]+)";$', re.MULTILINE)


class Assets:
    """The static files below one folder."""

    def __init__(self, folder: Path):
        self._folder = folder.resolve()
        self._modules: dict[str, list[str]] = {}

    def app(self) -> StaticFiles:
        """Return the application to mount at `STATIC_ROUTE`."""
        return StaticFiles(directory=self._folder)

    def address(self, name: str) -> str:
        """Return the address of a file. Raise FileNotFoundError when it does not exist."""
        (self._folder / name).stat()
        return f"{STATIC_PREFIX}/{self._digest}/{name}"

    def modules(self, entry: str) -> list[str]:
        """Return the addresses of every module that `entry` imports, so that a page can preload them all at once."""
        if entry not in self._modules:
            self._modules[entry] = list(self._imports(self._folder / entry))
        return [self.address(name) for name in self._modules[entry]]

    def _imports(self, entry: Path) -> dict[str, None]:
        found: dict[str, None] = {}
        unread = [entry]
        while unread:
            module = unread.pop()
            for specifier in _IMPORT.findall(module.read_text()):
                imported = (module.parent / specifier).resolve()
                name = imported.relative_to(self._folder).as_posix()
                if name not in found:
                    found[name] = None
                    unread.append(imported)
        return found

    @cached_property
    def _digest(self) -> str:
        digest = sha256()
        for file in sorted(file for file in self._folder.rglob("*") if file.is_file()):
            digest.update(file.relative_to(self._folder).as_posix().encode() + b"\0")
            digest.update(sha256(file.read_bytes()).digest())
        return digest.hexdigest()[:12]
