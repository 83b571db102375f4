"""Who is signed in."""

import secrets
from datetime import timedelta

import structlog

from backend.auth.connections import Connections
from backend.auth.events import SessionEnded, SignedIn
from backend.auth.models import Client, Session
from backend.auth.store import SessionStore
from backend.core import clock
from backend.core.errors import CannotRecord, NotFound
from backend.core.events import EventBus

log = structlog.get_logger(__name__)

MOST_SESSIONS = 1000
LONGEST_USER_AGENT = 200


class Sessions:
    """Sessions are checked in memory; the database only carries them over a restart."""

    def __init__(self, store: SessionStore, connections: Connections, events: EventBus):
        self._store = store
        self._connections = connections
        self._events = events
        self._sessions: dict[str, Session] = {}
        # Seen since the last save.
        self._seen: dict[str, Session] = {}

    async def load(self) -> None:
        await self._store.prepare()
        self._sessions = {session.id: session for session in await self._store.all()}

    def all(self) -> list[Session]:
        """Return the sessions that have not expired, the last used one first."""
        now = clock.now()
        valid = (session for session in self._sessions.values() if session.expires_at > now)
        return sorted(valid, key=lambda session: session.last_seen_at, reverse=True)

    def find(self, session_id: str) -> Session | None:
        """Return the session unless it has ended or expired, and note that it was seen."""
        session, now = self._sessions.get(session_id), clock.now()
        if session is None or session.expires_at <= now:
            return None
        session.last_seen_at = now
        self._seen[session.id] = session
        return session

    async def start(self, client: Client, lifetime: timedelta) -> Session:
        """Start a session even where the disk is full: the owner has to sign in to free some of it."""
        session = self.start_unsaved(client, lifetime)
        try:
            await self._store.add(session)
            await self._drop(self._superfluous())
        except CannotRecord as error:
            log.warning("the session cannot be saved and ends with the next restart", reason=error.message)
        self._events.publish(SignedIn(session=session))
        return session

    def start_unsaved(self, client: Client, lifetime: timedelta) -> Session:
        """Start a session that ends with this process."""
        now = clock.now()
        session = Session(
            id=secrets.token_hex(8),
            created_at=now,
            expires_at=now + lifetime,
            last_seen_at=now,
            address=client.address,
            user_agent=client.user_agent[:LONGEST_USER_AGENT],
        )
        self._sessions[session.id] = session
        return session

    async def end(self, session_id: str) -> None:
        """End one session. NotFound when there is none; CannotRecord when it may be valid again after a restart."""
        session = self._sessions.get(session_id)
        if session is None:
            raise NotFound("No such session. It may have ended already.")
        await self._drop([session])
        self._events.publish(SessionEnded(session=session))

    async def end_others(self, session_id: str) -> int:
        """End all sessions but one; return how many."""
        others = [session for session in self._sessions.values() if session.id != session_id]
        await self._drop(others)
        for session in others:
            self._events.publish(SessionEnded(session=session))
        return len(others)

    async def save_last_seen(self) -> None:
        """Save when sessions were last seen, and remove those that have expired."""
        seen, self._seen = self._seen, {}
        try:
            await self._store.update_last_seen(seen.values())
            await self._drop(
                [session for session in self._sessions.values() if session.expires_at <= clock.now()]
            )
        except CannotRecord:
            self._seen = seen | self._seen

    async def _drop(self, sessions: list[Session]) -> None:
        for session in sessions:
            self._sessions.pop(session.id, None)
            self._seen.pop(session.id, None)
            self._connections.close(session.id)
        if sessions:
            await self._store.remove(sessions)

    def _superfluous(self) -> list[Session]:
        """Return what exceeds the limit: scripts may sign in again and again. Those that expire first go first."""
        excess = len(self._sessions) - MOST_SESSIONS
        by_expiry = sorted(self._sessions.values(), key=lambda session: session.expires_at)
        return by_expiry[: max(excess, 0)]
