"""The models on the pod."""

from urllib.parse import quote

from backend.client.connection import Connection
from backend.client.models import ModelFile

PATH = "/api/storage/models"
PAGE = 1000


class StorageClient:
    """`/api/storage`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def models(self) -> list[ModelFile]:
        return await self._connection.all(PATH, list[ModelFile], limit=PAGE)

    async def delete(self, path: str) -> None:
        """Delete a model, named by its path below the models folder."""
        await self._connection.request("DELETE", f"{PATH}/{quote(path)}")
