"""API keys: create, check, revoke."""

import asyncio
import hashlib
import secrets
from datetime import datetime, timedelta

import structlog

from backend.auth.connections import Connections
from backend.auth.events import ApiKeyCreated, ApiKeyRevoked
from backend.auth.key_files import KeyFiles
from backend.auth.models import ApiKey
from backend.auth.principal import Principal, PrincipalKind, Scope
from backend.core import clock
from backend.core.errors import Conflict, NotFound, SignInRequired
from backend.core.events import EventBus

log = structlog.get_logger(__name__)

# Lets scanners for leaked secrets recognise our keys.
PREFIX = "cpk_"
ENDING = 4
MOST_KEYS = 100


class ApiKeys:
    """The API keys of this pod. They are checked in memory; files on the volume let them outlive the pod."""

    def __init__(self, files: KeyFiles, connections: Connections, events: EventBus, *, persistent: bool):
        """`persistent`: whether the files are on the volume, and so in the next pod too."""
        self.persistent = persistent
        self._files = files
        self._connections = connections
        self._events = events
        self._changing = asyncio.Lock()
        self._by_digest: dict[str, ApiKey] = {}
        self._last_used: dict[str, datetime] = {}
        self._unsaved_uses: dict[str, datetime] = {}
        # Refused although their files may still exist.
        self._revoked: set[str] = set()
        self.unreadable: list[str] = []

    async def load(self) -> None:
        """Read the files, again and again: another pod on the same volume may create and revoke keys."""
        async with self._changing:
            try:
                stored = await asyncio.to_thread(self._files.read)
            except OSError as error:
                log.warning("the API keys cannot be read", reason=str(error))
                return
            for name in sorted(set(stored.unreadable) - set(self.unreadable)):
                log.warning("this file holds no valid API key; the key is refused", file=name)
            self.unreadable = stored.unreadable
            self._last_used = stored.last_used | self._unsaved_uses
            present = {key.digest: key for key in stored.keys if key.id not in self._revoked}
            gone = [key for digest, key in self._by_digest.items() if digest not in present]
            self._by_digest = present
        for key in gone:
            self._connections.close(key.id)

    def all(self) -> list[ApiKey]:
        return sorted(self._by_digest.values(), key=lambda key: key.name.casefold())

    def last_use_of(self, key: ApiKey) -> datetime | None:
        return self._last_used.get(key.id)

    def find(self, secret: str) -> ApiKey | None:
        """Return the key with this secret, expired or not, and note its use."""
        key = self._by_digest.get(digest_of(secret))
        if key:
            self._last_used[key.id] = self._unsaved_uses[key.id] = clock.now()
        return key

    def authenticate(self, secret: str) -> Principal:
        """Return the principal of the key with this secret, or raise SignInRequired."""
        key = self.find(secret)
        if key is None:
            raise SignInRequired(
                "This API key is unknown: it was revoked, or belongs to another pod. Create one under Settings.",
                code="unknown_api_key",
            )
        if key.expires_at and key.expires_at <= clock.now():
            raise SignInRequired(
                f"The API key {key.name} expired on {key.expires_at:%d %b %Y}. Create another one under Settings.",
                code="api_key_expired",
            )
        return Principal(
            kind=PrincipalKind.KEY,
            scopes=key.scopes,
            name=key.name,
            credential_id=key.id,
            expires_at=key.expires_at,
        )

    async def create(
        self, name: str, scopes: frozenset[Scope], lifetime: timedelta | None
    ) -> tuple[ApiKey, str]:
        """Return the new key and its secret, which is stored nowhere."""
        secret, now = PREFIX + secrets.token_urlsafe(32), clock.now()
        key = ApiKey(
            id=secrets.token_hex(6),
            name=name,
            scopes=scopes,
            digest=digest_of(secret),
            ending=secret[-ENDING:],
            created_at=now,
            expires_at=now + lifetime if lifetime else None,
        )
        async with self._changing:
            self._raise_if_impossible(name)
            await asyncio.to_thread(self._files.write, key)
            self._by_digest[key.digest] = key
        self._events.publish(ApiKeyCreated(key=key))
        return key, secret

    async def revoke(self, key_id: str) -> ApiKey:
        """Refuse the key from now on. Unavailable when its file cannot be deleted."""
        async with self._changing:
            key = next((key for key in self._by_digest.values() if key.id == key_id), None)
            if key is None:
                raise NotFound("No such API key. It may have been revoked already.")
            del self._by_digest[key.digest]
            self._unsaved_uses.pop(key.id, None)
            self._revoked.add(key.id)
            self._connections.close(key.id)
            self._events.publish(ApiKeyRevoked(key=key))
            await asyncio.to_thread(self._files.remove, key)
        return key

    async def save_last_use(self) -> None:
        uses, self._unsaved_uses = self._unsaved_uses, {}
        try:
            await asyncio.to_thread(self._files.save_last_use, uses)
        except OSError as error:
            log.debug("the last use of API keys cannot be saved", reason=str(error))
            self._unsaved_uses = uses | self._unsaved_uses

    def _raise_if_impossible(self, name: str) -> None:
        if any(key.name == name for key in self._by_digest.values()):
            raise Conflict(f"An API key named {name} exists. Choose another name, or revoke that key first.")
        if len(self._by_digest) >= MOST_KEYS:
            raise Conflict(
                f"There are {MOST_KEYS} API keys, the most a pod can have. Revoke one you do not need."
            )


def digest_of(secret: str) -> str:
    """Hash a key's secret. It is 256 random bits, which cannot be guessed however fast the hash is; a slow hash would only
    delay every request. There is no installation key in it, because hashes move to other pods with the volume."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
