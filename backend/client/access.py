"""API keys, and the sessions of browsers and commands."""

from collections.abc import Sequence

from backend.client.connection import Connection, part
from backend.client.models import ApiKeyList, EndedSessions, NewApiKey, SessionList

KEYS, SESSIONS = "/api/keys", "/api/sessions"


class AccessClient:
    """`/api/keys` and `/api/sessions`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def keys(self) -> ApiKeyList:
        return await self._connection.get(KEYS, ApiKeyList)

    async def create_key(
        self, name: str, scopes: Sequence[str], expires_in_days: int | None = None
    ) -> NewApiKey:
        """Create a key. Its secret is in this response and nowhere else."""
        body = {"name": name, "scopes": [*scopes], "expires_in_days": expires_in_days}
        return await self._connection.post(KEYS, NewApiKey, json=body)

    async def revoke_key(self, key_id: str) -> None:
        await self._connection.request("DELETE", f"{KEYS}/{part(key_id)}")

    async def sign_out(self) -> None:
        """End the session whose token this client sends."""
        await self._connection.request("POST", "/api/auth/logout")

    async def sessions(self) -> SessionList:
        return await self._connection.get(SESSIONS, SessionList)

    async def end_session(self, session_id: str) -> None:
        await self._connection.request("DELETE", f"{SESSIONS}/{part(session_id)}")

    async def end_other_sessions(self) -> EndedSessions:
        response = await self._connection.request("DELETE", SESSIONS)
        return EndedSessions.model_validate_json(response.content)
