"""Routes that FastAPI analyses at their first request."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Self

from fastapi.routing import APIRoute
from starlette.routing import compile_path, get_name
from starlette.types import Receive, Scope, Send


class LazyRoute(APIRoute):
    """A route whose schemas are built at its first request, or when the OpenAPI document is made.

    FastAPI builds the schemas of parameters, body and responses when a route is declared: 2 ms each, which took
    a quarter of the start of the control plane, and 7 MB.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any):
        self._options = options
        # All that finding the route of a request takes.
        self.path = path
        self.endpoint = endpoint
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self.methods = {method.upper() for method in options.get("methods") or ["GET"]}
        self.name = options.get("name") or get_name(endpoint)
        self.include_in_schema = options.get("include_in_schema", True)
        self.app = self._serve

    @cached_property
    def _built(self) -> Self:
        """A second object, because `app` of this one has been wrapped in the check of credentials."""
        route = self.__class__.__new__(self.__class__)
        APIRoute.__init__(route, self.path, self.endpoint, **self._options)
        return route

    def __getattr__(self, name: str) -> Any:
        """Return what FastAPI derives from the endpoint. Python asks only for attributes that are not set."""
        if name not in APIRoute.__annotations__:
            raise AttributeError(f"{type(self).__name__} has no attribute {name}")
        return getattr(self._built, name)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._built.app(scope, receive, send)
