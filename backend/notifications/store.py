"""Saves the channels with their secrets in a file that only the owner can read, and the last entry that each got."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import structlog

from backend.core import clock
from backend.core.errors import Unavailable
from backend.core.persistence import save_persistently
from backend.notifications.models import Channel, Delivery, Event, Kind

log = structlog.get_logger(__name__)


class ChannelFile:
    """The channels in a file on the volume. Writing blocks for a disk access."""

    def __init__(self, path: Path):
        self._path = path
        self._writing = Lock()
        self._channels = {channel.id: channel for channel in _read_channels(path)}

    def all(self) -> list[Channel]:
        return list(self._channels.values())

    def get(self, channel_id: str) -> Channel | None:
        return self._channels.get(channel_id)

    def put(self, channel: Channel) -> None:
        with self._writing:
            self._write({**self._channels, channel.id: channel})

    def remove(self, channel_id: str) -> None:
        with self._writing:
            self._write({id_: channel for id_, channel in self._channels.items() if id_ != channel_id})

    def _write(self, channels: dict[str, Channel]) -> None:
        content = json.dumps([vars(channel) for channel in channels.values()], indent=2)
        save_persistently(self._path, content.encode(), mode=0o600)
        self._channels = channels


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a channel: it was notified of all entries up to `seq`."""

    seq: int
    last: Delivery | None = None


class ProgressFile:
    """The progress of every channel, in the state folder, because each pod has its own activity log."""

    def __init__(self, path: Path):
        self._path = path
        self._writing = Lock()
        self._progress = _read_progress(path)

    def of(self, channel_id: str) -> Progress | None:
        return self._progress.get(channel_id)

    def begin(self, channel_id: str, seq: int) -> None:
        """Begin the progress of a new channel after `seq`."""
        self._progress.setdefault(channel_id, Progress(seq=seq))

    def forget(self, channel_id: str) -> None:
        self._progress.pop(channel_id, None)

    def note(self, channel_id: str, *, seq: int, last: Delivery) -> None:
        """Save in memory, and in the file if possible: a full disk must not stop notifications."""
        self._progress[channel_id] = Progress(seq=seq, last=last)
        try:
            with self._writing:
                save_persistently(self._path, json.dumps(self._as_json()).encode(), mode=0o600)
        except Unavailable as error:
            log.warning("the progress of notifications is not saved", reason=error.message)

    def _as_json(self) -> dict[str, Any]:
        return {
            id_: {
                "seq": progress.seq,
                "last": progress.last and {**vars(progress.last), "at": clock.to_text(progress.last.at)},
            }
            for id_, progress in self._progress.items()
        }


def _read_channels(path: Path) -> list[Channel]:
    try:
        return [_channel(entry) for entry in json.loads(path.read_bytes())]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError):
        log.warning("the saved channels cannot be read; add them again in Settings", file=path.name)
        return []


def _channel(entry: dict[str, Any]) -> Channel:
    events = tuple(Event(name) for name in entry["events"] if name in set(Event))
    texts = {name: str(entry[name]) for name in ("id", "name", "target", "url", "token")}
    return Channel(kind=Kind(entry["kind"]), events=events, **texts)


def _read_progress(path: Path) -> dict[str, Progress]:
    try:
        content = json.loads(path.read_bytes())
        return {id_: _progress(entry) for id_, entry in content.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _progress(entry: dict[str, Any]) -> Progress:
    last = entry["last"]
    if last is None:
        return Progress(seq=int(entry["seq"]))
    at = datetime.fromisoformat(last["at"])
    return Progress(
        seq=int(entry["seq"]), last=Delivery(at=at, title=str(last["title"]), problem=last["problem"])
    )
