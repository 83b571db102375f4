"""Keeps sessions in the database."""

from collections.abc import Iterable

from backend.auth.models import Session
from backend.core import clock
from backend.core.database import Database
from backend.core.queries import queries_beside

SQL = queries_beside(__file__)


class SessionStore:
    def __init__(self, database: Database):
        self._database = database

    async def prepare(self) -> None:
        await self._database.migrate("auth", SQL.migrations)

    async def all(self) -> list[Session]:
        rows = await self._database.fetch_all(SQL.all_sessions)
        return [
            Session(
                id=row["id"],
                created_at=clock.from_text(row["created_at"]),
                expires_at=clock.from_text(row["expires_at"]),
                last_seen_at=clock.from_text(row["last_seen_at"]),
                address=row["address"],
                user_agent=row["user_agent"],
            )
            for row in rows
        ]

    async def add(self, session: Session) -> None:
        await self._database.execute(
            SQL.add_session,
            {
                "id": session.id,
                "created_at": clock.to_text(session.created_at),
                "expires_at": clock.to_text(session.expires_at),
                "last_seen_at": clock.to_text(session.last_seen_at),
                "address": session.address,
                "user_agent": session.user_agent,
            },
        )

    async def update_last_seen(self, sessions: Iterable[Session]) -> None:
        rows = [
            {"id": session.id, "last_seen_at": clock.to_text(session.last_seen_at)} for session in sessions
        ]
        await self._database.execute_many(SQL.update_last_seen, rows)

    async def remove(self, sessions: Iterable[Session]) -> None:
        await self._database.execute_many(SQL.delete_session, [{"id": session.id} for session in sessions])
