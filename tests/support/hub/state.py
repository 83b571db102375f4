"""The state that all parts of a hub share."""

from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDict

from tests.support.hub.catalogue import Catalogue
from tests.support.hub.delivery import Delivery, Served, plan, send
from tests.support.hub.faultbook import FaultBook
from tests.support.hub.faults import STAGES, Fault
from tests.support.hub.gates import Gate
from tests.support.hub.links import Links
from tests.support.hub.quotas import Quotas
from tests.support.hub.tokens import Tokens


@dataclass(frozen=True)
class Recorded:
    """A request as it arrived, path and query byte for byte. `origin` is "hub" or "cdn"."""

    origin: str
    method: str
    path: str
    query: str
    headers: CIMultiDict[str]

    @property
    def authorization(self) -> str | None:
        return self.headers.get("Authorization")


@dataclass(kw_only=True)
class State:
    catalogue: Catalogue = field(default_factory=Catalogue)
    tokens: Tokens = field(default_factory=Tokens)
    civitai_tokens: set[str] = field(default_factory=set)
    faults: FaultBook = field(default_factory=FaultBook)
    gates: dict[str, Gate] = field(default_factory=dict)
    requests: list[Recorded] = field(default_factory=list)
    links: Links = field(default_factory=lambda: Links(lifetime=3600))
    quotas: Quotas = field(default_factory=Quotas)
    # bytes per second for each connection
    throttle: float | None = None
    # entries of one page of the tree API
    page_size: int = 1000
    # send the headers that direct a client to Xet
    xet: bool = False

    async def answer_instead(
        self, request: web.Request, key: str
    ) -> tuple[Fault | None, web.StreamResponse | None]:
        """Return the fault of the resolving hop, and its response if it has one."""
        fault = self.faults.take(key, "resolve", request.method)
        return fault, await fault.answer(request) if fault else None

    async def answer_by_path(self, request: web.Request) -> web.StreamResponse | None:
        """Return the response of a fault whose key is a path above this one, such as "/api/models"."""
        for key in self.faults.keys_above(request.path):
            for stage in STAGES:
                fault = self.faults.take(key, stage, request.method)
                if fault is not None:
                    return await fault.answer(request)
        return None

    async def serve(self, request: web.Request, file: Served) -> web.StreamResponse:
        """Serve the file, modified by its fault and its gate."""
        delivery = plan(request, file)
        delivery.rate = self.throttle
        fault = self.faults.take(file.key, "content", request.method, delivery.sending)
        if fault is not None:
            answer = await fault.answer(request)
            if answer is not None:
                return answer
            fault.distort(delivery)
            fault.retouch(delivery.headers)
        return await send(request, delivery, self._gate(file.key, delivery))

    def _gate(self, key: str, delivery: Delivery) -> Gate | None:
        gate = self.gates.get(key)
        return gate if gate is not None and delivery.sending >= gate.ignore_below else None
