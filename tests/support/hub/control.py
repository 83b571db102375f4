"""`/_hub/…`: the methods of `Hub` over HTTP, for browsers, containers and benchmarks in other processes."""

from typing import Any

from aiohttp import web

from tests.support.hub.content import Content, Synthetic
from tests.support.hub.faults import fault_from_json
from tests.support.hub.formats import gguf, safetensors
from tests.support.hub.gates import Gate
from tests.support.hub.state import State


class Control:
    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_hub/files", self.add_file),
            web.post("/_hub/faults", self.add_fault),
            web.delete("/_hub/faults", self.clear_faults),
            web.post("/_hub/hold", self.hold),
            web.post("/_hub/advance", self.advance),
            web.post("/_hub/release", self.release),
            web.post("/_hub/expire", self.expire),
            web.get("/_hub/requests", self.requests),
            web.delete("/_hub/requests", self.forget_requests),
        ]

    async def add_file(self, request: web.Request) -> web.Response:
        """Add the file `{"repo"?, "path", "size", "seed"?}`; without `repo`, a plain file."""
        fields = await request.json()
        content = content_for(fields["path"], int(fields["size"]), int(fields.get("seed", 0)))
        if "repo" in fields:
            added = self._state.catalogue.add(fields["repo"], fields["path"], content)
            return web.json_response({"key": added.key}, status=201)
        return web.json_response(
            {"key": self._state.catalogue.add_plain(fields["path"], content).key}, status=201
        )

    async def add_fault(self, request: web.Request) -> web.Response:
        """Add the fault `{"key", "kind", …}`, with the fields of that kind."""
        fields = await request.json()
        key = fields.pop("key", None)
        if not isinstance(key, str):
            raise web.HTTPBadRequest(text='name the file: {"key": "owner/repo/path", "kind": …}')
        try:
            self._state.faults.add(key, fault_from_json(fields))
        except ValueError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        return web.Response(status=201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._state.faults.clear(request.query.get("key"))
        return web.Response(status=204)

    async def hold(self, request: web.Request) -> web.Response:
        """Hold a file: `{"key", "after"?, "ignore_below"?}`."""
        fields = await request.json()
        gate = Gate(int(fields.get("after", 0)), int(fields.get("ignore_below", 0)))
        self._state.gates[fields["key"]] = gate
        return web.Response(status=201)

    async def advance(self, request: web.Request) -> web.Response:
        """Let more bytes of a held file pass: `{"key", "bytes"}`."""
        fields = await request.json()
        self._gate(fields).advance(int(fields["bytes"]))
        return web.Response(status=204)

    async def release(self, request: web.Request) -> web.Response:
        """Open the gate of `{"key"}`, and release requests that a fault blocks."""
        fields = await request.json()
        self._state.faults.release(fields["key"])
        if fields["key"] in self._state.gates:
            self._gate(fields).release()
        return web.Response(status=204)

    async def expire(self, _: web.Request) -> web.Response:
        self._state.links.expire_all()
        return web.Response(status=204)

    async def requests(self, _: web.Request) -> web.Response:
        return web.json_response(
            [
                {
                    "origin": seen.origin,
                    "method": seen.method,
                    "path": seen.path,
                    "query": seen.query,
                    "headers": dict(seen.headers),
                }
                for seen in self._state.requests
            ]
        )

    async def forget_requests(self, _: web.Request) -> web.Response:
        self._state.requests.clear()
        return web.Response(status=204)

    def _gate(self, fields: dict[str, Any]) -> Gate:
        gate = self._state.gates.get(fields["key"])
        if gate is None:
            raise web.HTTPNotFound(text=f"nothing holds {fields['key']}")
        return gate


def content_for(path: str, size: int, seed: int) -> Content:
    """Return synthetic content with a header that matches the file name."""
    if path.endswith(".safetensors"):
        return safetensors(size, seed)
    return gguf(size, seed) if path.endswith(".gguf") else Synthetic(size, seed)
