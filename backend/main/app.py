"""The application: middleware, error handlers and the routes of every feature."""

from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from backend import __version__
from backend.auth.routing import AccessRouter
from backend.config.settings import PROJECT_ROOT, Settings
from backend.main.features import FEATURES
from backend.main.lifespan import lifespan_of
from backend.main.openapi import openapi_router
from backend.web.assets import STATIC_ROUTE
from backend.web.caching import ResponseCache
from backend.web.errors import install_error_handlers
from backend.web.features import Application, Feature, Registry
from backend.web.metrics import Metrics
from backend.web.requests import HeadAsGet, RequestLog
from backend.web.security import SecurityHeaders
from backend.web.templating import PageValues, Renderer

FRONTEND = PROJECT_ROOT / "frontend"
RENDERER = Renderer(FRONTEND)
WORKER = "worker"
# What a worker serves.
API = ("/api/", "/ws/", "/mcp")
API_FILES = ("/openapi.json", "/healthz", "/readyz")
DESCRIPTION = """The control plane of a ComfyPod: presets, downloads, storage and services.

Create an API key under Settings and send it as `X-API-Key` or `Authorization: Bearer …`; or exchange the password for a
token with `POST /api/auth/login`. A key has scopes: `read` for GET and WebSockets, `run` for presets and downloads, `admin` for
everything. Every error has the shape `{"error": {"code", "message", "details"}}`; the log has its `details.request_id`.

WebSockets, which need the same credentials: `/ws/activity`, `/ws/downloads`, `/ws/downloads/{id}`, `/ws/outputs`, `/ws/storage`, `/ws/system`,
`/ws/services/{name}/log`. Each sends a snapshot first and changes after it.
"""


def create_app(
    settings: Settings, features: Sequence[Feature] = FEATURES, services: Sequence[object] = ()
) -> Application:
    """Build the application. Features access disk and network only after it has started.

    `services` are registered before any feature starts.
    """
    app = Application(
        Registry(RENDERER, PageValues(), ResponseCache(), Metrics(), *services),
        title="ComfyPod",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan_of(settings, features),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry={"tracing": False},
    )
    install_error_handlers(app)
    _add_middleware(app, settings)
    app.serves_pages = settings.mode != WORKER
    _add_routes(app, features)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add the middleware. The one added last handles a request first."""
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["*"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type"],
        )
    app.add_middleware(HeadAsGet)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestLog)


def _add_routes(app: Application, features: Sequence[Feature]) -> None:
    """Add the routes directly: `include_router` would rebuild them at the first request, which takes 0.1 s."""
    for router in (*(router for feature in features for router in feature.routers), openapi_router(app)):
        if not isinstance(router, AccessRouter):
            raise TypeError("a feature's routers are of the classes PublicRouter and ProtectedRouter")
        app.router.routes.extend(route for route in router.routes if app.serves_pages or _is_api(route))
    if app.serves_pages:
        app.mount(STATIC_ROUTE, RENDERER.assets.app())


def _is_api(route: BaseRoute) -> bool:
    """Return whether a pod that serves no pages has the route."""
    path = getattr(route, "path", "")
    return path.startswith(API) or path in API_FILES
