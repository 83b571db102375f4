"""The JSON door of storage."""

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, Forbidden, NotFound
from backend.storage.dependencies import StorageService, UsersOfModels
from backend.storage.models import ModelView, StorageView
from backend.web.errors import responses

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, prefix="/api/storage", tags=["storage"])


@router.get("", responses=responses())
async def overview(storage: StorageService) -> StorageView:
    """The disk, and how much of it each model folder takes."""
    return await storage.overview()


@router.get("/models", responses=responses())
async def models(storage: StorageService, users: UsersOfModels) -> list[ModelView]:
    """Every model that ComfyUI can choose."""
    return await storage.views(users)


@router.delete("/models/{path:path}", status_code=204, responses=responses(Forbidden, NotFound, Conflict))
async def delete(path: str, storage: StorageService) -> None:
    """Delete a model of the workspace. Downloads that are under way have no such file yet: cancel them instead."""
    await storage.delete(path)
