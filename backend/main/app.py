"""The application: middleware, error handlers and the routes of every feature."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from backend import __version__
from backend.auth.dependencies import signed_in
from backend.auth.feature import gate_of
from backend.config.settings import PROJECT_ROOT, Settings
from backend.main.features import FEATURES
from backend.main.lifespan import lifespan_of
from backend.web.assets import STATIC_ROUTE
from backend.web.caching import ResponseCache
from backend.web.errors import install_error_handlers
from backend.web.features import Application, Feature, Registry
from backend.web.requests import RequestLog
from backend.web.security import SecurityHeaders
from backend.web.templating import Renderer

FRONTEND = PROJECT_ROOT / "frontend"
RENDERER = Renderer(FRONTEND)
MAX_BODY_BYTES = 16 * 2**20
TOO_LARGE = {
    "description": f"The request is larger than {MAX_BODY_BYTES // 2**20} MiB.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
}
DESCRIPTION = """The control plane of a ComfyPod: presets, downloads, storage and services.

Sign in with `POST /api/auth/login` and send the token as `Authorization: Bearer …`. Every error has the shape
`{"error": {"code", "message", "details"}}`; its `details.request_id` is also in the log.

Sockets, which need the same sign-in: `/ws/activity`, `/ws/downloads`, `/ws/downloads/{id}`, `/ws/storage`, `/ws/system`,
`/ws/services/{name}/log`. Each sends a snapshot first and changes after it.
"""


def create_app(
    settings: Settings, features: Sequence[Feature] = FEATURES, services: Sequence[object] = ()
) -> Application:
    """Build the application. Features touch the disk and the network only once it is started.

    `services` are there before any feature starts; OSError when the key that signs sessions cannot be kept.
    """
    app = Application(
        Registry(RENDERER, ResponseCache(), gate_of(settings), *services),
        title="ComfyPod",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan_of(settings, features),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        max_body_size=MAX_BODY_BYTES,
        telemetry={"tracing": False},
    )
    install_error_handlers(app)
    _add_middleware(app, settings)
    _add_routes(app, features)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """The last one added sees a request first."""
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type"],
        )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestLog)


def _add_routes(app: FastAPI, features: Sequence[Feature]) -> None:
    """Add routes as they were declared: an included router is built anew at the first request, which takes 0.1 s."""
    for router in (*(router for feature in features for router in feature.routers), _openapi_router(app)):
        app.router.routes.extend(router.routes)
    app.mount(STATIC_ROUTE, RENDERER.assets.app())


def _openapi_router(app: FastAPI) -> APIRouter:
    router = APIRouter(include_in_schema=False, dependencies=[Depends(signed_in)])

    @router.get("/openapi.json")
    def openapi() -> JSONResponse:
        return JSONResponse(openapi_of(app))

    return router


def openapi_of(app: FastAPI) -> dict[str, object]:
    """The API as it is: FastAPI's own 422 answer is not ours, bad input gets 400 in our shape."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
                if "requestBody" in operation:
                    operation["responses"]["413"] = TOO_LARGE
        for name in ("HTTPValidationError", "ValidationError"):
            schema["components"]["schemas"].pop(name, None)
        app.openapi_schema = schema
    return app.openapi_schema
