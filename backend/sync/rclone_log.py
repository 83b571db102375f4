"""Parses the log of rclone, and explains its errors."""

import json
from dataclasses import dataclass
from typing import Any

MAX_REASON = 300


@dataclass(frozen=True, kw_only=True)
class Copied:
    """A file was copied, and its hash compared."""

    path: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A file, or with an empty path the whole run, failed."""

    path: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Stats:
    size_done: int
    current: tuple[str, ...]


Event = Copied | Failed | Stats

# Errors that concern every file: the run ends with the first one.
FATAL = {
    "InvalidAccessKeyId": "The storage does not know this access key. Correct the key of the remote.",
    "SignatureDoesNotMatch": "The secret does not belong to this access key. Correct the secret of the remote.",
    "NoSuchBucket": "There is no bucket of this name. Create it at the storage, or correct the name.",
    "AccessDenied": "The key may not do this in the bucket. Give it the right to list, read and write objects.",
    "Forbidden": "The storage refuses the key (403). Check the key, the secret, and the rights of the key.",
    "status code: 403": "The storage refuses the key (403). Check the key, the secret, and the rights of the key.",
    "no such host": "The host of the endpoint does not exist. Correct the endpoint of the remote.",
    "connection refused": "The storage cannot be reached: the connection was refused. It is tried again.",
    "i/o timeout": "The storage does not respond. It is tried again.",
    "connection reset": "The connection to the storage was lost. It is tried again.",
    "unexpected EOF": "The connection to the storage was lost. It is tried again.",
    "EOF": "The connection to the storage was lost. It is tried again.",
    "certificate": "The certificate of the endpoint cannot be verified. Check the endpoint of the remote.",
}


def parse(line: bytes) -> Event | None:
    """Return the event of a line; None for lines without one."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict):
        return None
    path, message = str(entry.get("object", "")), str(entry.get("msg", ""))
    if entry.get("level") in ("error", "critical"):
        return Failed(path=path, message=message)
    if message.startswith("Copied") and entry.get("objectType"):
        return Copied(path=path)
    return _stats(entry["stats"]) if isinstance(entry.get("stats"), dict) else None


def _stats(stats: dict[str, Any]) -> Stats:
    transferring = stats.get("transferring") or []
    names = tuple(str(item.get("name", "")) for item in transferring if isinstance(item, dict))
    return Stats(size_done=int(stats.get("bytes") or 0), current=names)


def fatal_reason(message: str) -> str | None:
    """Return what to do about an error that concerns every file."""
    return next((sentence for sign, sentence in FATAL.items() if sign in message), None)


def reason(message: str) -> str:
    """Return the explanation of an error, or its first line."""
    known = fatal_reason(message)
    first = message.removeprefix("Failed to copy: ").strip().splitlines()[:1]
    return known or (first[0][:MAX_REASON] if first else "rclone gave no reason.")
