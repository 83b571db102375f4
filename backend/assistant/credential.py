"""The API key of the agents process for this pod. Settings lists it like every other key."""

import asyncio
import socket
from collections.abc import Iterable
from pathlib import Path

from backend.auth.keys import ApiKeys
from backend.auth.models import ApiKey
from backend.auth.principal import Scope
from backend.conversations import agents_config


async def pod_key(keys: ApiKeys, path: Path, scopes: Iterable[Scope]) -> str:
    """Return the key in the last configuration if it is valid and has these scopes, else a new one."""
    wanted = frozenset(scopes)
    secret = await asyncio.to_thread(_last_secret, path)
    key = keys.find(secret) if secret else None
    if key and key.scopes == wanted:
        return secret
    # Pods that share a volume share the folder of keys.
    name = f"Assistant of {socket.gethostname()}"[:64]
    for old in _named(keys, name):
        await keys.revoke(old.id)
    _, secret = await keys.create(name, wanted, None)
    return secret


def _named(keys: ApiKeys, name: str) -> list[ApiKey]:
    return [key for key in keys.all() if key.name == name]


def _last_secret(path: Path) -> str:
    try:
        return agents_config.read(path).pod_key
    except (OSError, ValueError, KeyError, TypeError):
        return ""
