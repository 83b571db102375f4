"""HTML routes of API keys."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Form, Request, Response

from backend.auth.dependencies import AuthenticationService
from backend.auth.keys import ApiKeys
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.auth.schemas import ApiKeyRequest, ApiKeyView, NewApiKey
from backend.web.htmx import is_htmx, with_toast
from backend.web.templating import renderer_of

# Not a PageRoute, which would redirect a browser without scripts and so lose the secret of a new key.
router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, include_in_schema=False)


def keys_view(keys: ApiKeys, created: NewApiKey | None = None) -> dict[str, Any]:
    return {
        "keys": [ApiKeyView.of(key, keys) for key in keys.all()],
        "unreadable": keys.unreadable,
        "persistent": keys.persistent,
        "created": created,
    }


@router.post("/settings/api-keys")
async def create_key(
    wanted: Annotated[ApiKeyRequest, Form()], request: Request, authentication: AuthenticationService
) -> Response:
    lifetime = timedelta(days=wanted.expires_in_days) if wanted.expires_in_days else None
    key, secret = await authentication.keys.create(wanted.name, wanted.scopes, lifetime)
    created = NewApiKey(key=ApiKeyView.of(key, authentication.keys), secret=secret)
    if is_htmx(request):
        return _fragment(request, authentication.keys, created)
    return renderer_of(request).page(request, "settings/new_api_key.html", {"created": created})


@router.delete("/settings/api-keys/{key_id}")
async def revoke_key(key_id: str, request: Request, authentication: AuthenticationService) -> Response:
    key = await authentication.keys.revoke(key_id)
    return with_toast(_fragment(request, authentication.keys), "success", f"The key {key.name} is revoked.")


def _fragment(request: Request, keys: ApiKeys, created: NewApiKey | None = None) -> Response:
    view = {"view": keys_view(keys, created)}
    return renderer_of(request).page(request, "settings/_api_keys.html", view)
