"""The JSON door of storage."""

from fastapi import APIRouter

from backend.auth.access import SignedIn
from backend.storage.access import StorageService
from backend.storage.models import StorageView
from backend.web.errors import responses

router = APIRouter(prefix="/api/storage", tags=["storage"])


@router.get("", responses=responses())
async def overview(storage: StorageService, _session: SignedIn) -> StorageView:
    """The disk, and how much of it each model folder takes."""
    return await storage.overview()
