"""The application: middleware, error handlers and the doors of every room."""

from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from backend import __version__
from backend.auth import api as auth_api
from backend.auth import pages as auth_pages
from backend.auth.dependencies import signed_in
from backend.auth.service import Gate, generated_password, signing_key
from backend.config.settings import PROJECT_ROOT, Settings
from backend.downloads import api as downloads_api
from backend.downloads import sockets as downloads_sockets
from backend.downloads.pages import actions as downloads_actions
from backend.downloads.pages import add as downloads_add
from backend.downloads.pages import overview as downloads_pages
from backend.main.wiring import add_channels, add_stages, lifespan
from backend.presets import api as presets_api
from backend.presets.pages import catalogue as presets_pages
from backend.presets.pages import share as presets_share
from backend.settings import api as settings_api
from backend.settings import pages as settings_pages
from backend.sources import api as sources_api
from backend.storage import api as storage_api
from backend.storage import pages as storage_pages
from backend.storage import sockets as storage_sockets
from backend.system import api as system_api
from backend.system import pages as system_pages
from backend.system import sockets as system_sockets
from backend.web.errors import install_error_handlers
from backend.web.requests import RequestLog
from backend.web.security import SecurityHeaders
from backend.web.templating import STATIC_PREFIX, Renderer

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

Sockets, which need the same sign-in: `/ws/downloads`, `/ws/downloads/{id}`, `/ws/storage`, `/ws/system`,
`/ws/services/{name}/log`. Each sends a snapshot first and changes after it.
"""

ROUTERS = (
    auth_api.router,
    presets_api.router,
    downloads_api.router,
    storage_api.router,
    system_api.router,
    sources_api.router,
    settings_api.router,
    downloads_sockets.router,
    storage_sockets.router,
    system_sockets.router,
    auth_pages.router,
    presets_share.router,  # before the page of one preset, whose address takes any name
    presets_pages.router,
    downloads_pages.router,
    downloads_add.router,
    downloads_actions.router,
    storage_pages.router,
    system_pages.router,
    settings_pages.router,
    auth_api.gate_router,
)


def create_app(settings: Settings) -> FastAPI:
    """Build the application. It touches the disk and the network only once it is started."""
    app = FastAPI(
        title="ComfyPod",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        max_body_size=MAX_BODY_BYTES,
        telemetry={"tracing": False},
    )
    app.state.settings = settings
    app.state.renderer = RENDERER
    app.state.gate = _gate(settings)
    add_channels(app)
    add_stages(app)
    install_error_handlers(app)
    _add_middleware(app, settings)
    _add_doors(app)
    return app


def access_password(settings: Settings) -> str:
    """The owner's password, or the one that was generated for this installation."""
    if settings.access_password:
        return settings.access_password.get_secret_value()
    return generated_password(settings.state_folder)


def _gate(settings: Settings) -> Gate:
    key = signing_key(settings.state_folder)
    return Gate(access_password(settings), key, settings.session_hours * 3600)


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


def _add_doors(app: FastAPI) -> None:
    """Routes go in as they were declared: an included router is built once more, at the first request, for 0.1 s."""
    for router in (*ROUTERS, _openapi_router(app)):
        app.router.routes.extend(router.routes)
    app.mount(STATIC_PREFIX, StaticFiles(directory=FRONTEND / "static"))


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
