"""The OpenAPI document."""

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from backend.auth.principal import Scope
from backend.auth.routing import SECURITY_SCHEMES, ProtectedRouter

HTTP_VALIDATION_ERROR = "HTTPValidationError"
TOO_LARGE = {
    "description": "The request is larger than this route accepts.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
}


def openapi_router(app: FastAPI) -> ProtectedRouter:
    router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, include_in_schema=False)

    @router.get("/openapi.json")
    def openapi() -> JSONResponse:
        return JSONResponse(openapi_of(app))

    return router


def openapi_of(app: FastAPI) -> dict[str, object]:
    """Return the schema of the API. Bad input gets a 400 in our error format instead of FastAPI's 422."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for path in schema["paths"].values():
            for operation in path.values():
                if HTTP_VALIDATION_ERROR in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
                if "requestBody" in operation:
                    operation["responses"]["413"] = TOO_LARGE
        for name in (HTTP_VALIDATION_ERROR, "ValidationError"):
            schema["components"]["schemas"].pop(name, None)
        schema["components"]["securitySchemes"] = SECURITY_SCHEMES
        app.openapi_schema = schema
    return app.openapi_schema
