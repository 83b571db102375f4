"""Live progress: `/ws/downloads` for all transfers, `/ws/downloads/{id}` for one."""

import itertools
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, WebSocket

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.async_tools import SingleFlight
from backend.core.events import EventBus
from backend.downloads.dependencies import DownloadsService
from backend.downloads.models import (
    ProgressMade,
    QueueChanged,
    Transfer,
    TransferChanged,
    TransfersChanged,
)
from backend.downloads.service import Downloads
from backend.web.features import provided
from backend.web.socket import Channel, Frame, encode

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN)


class DownloadChannels:
    """Sends the events of transfers to the browsers that are connected."""

    def __init__(self, downloads: Downloads, events: EventBus):
        self._downloads = downloads
        self.all = Channel("downloads")
        self.single: dict[str, Channel] = {}
        self._bulk_changes = itertools.count()
        # One snapshot for all clients that connect before something changes. It belongs to a number of changes: one that
        # was begun before a change must neither be kept nor be sent to a client that missed the change.
        self._changes = 0
        self._snapshot: str | None = None
        self._snapshots: SingleFlight[int, str] = SingleFlight()
        events.subscribe(TransferChanged, self._on_change)
        events.subscribe(TransfersChanged, self._on_bulk_change)
        events.subscribe(QueueChanged, self._on_queue)
        events.subscribe(ProgressMade, self._on_progress)

    def one(self, transfer_id: str) -> Channel:
        self.single = {key: channel for key, channel in self.single.items() if channel.has_listeners}
        return self.single.setdefault(transfer_id, Channel(f"downloads/{transfer_id}"))

    def close(self) -> None:
        for channel in (self.all, *self.single.values()):
            channel.close()

    def _on_change(self, event: TransferChanged) -> None:
        self._forget_snapshot()
        if self.all.has_listeners or event.transfer.id in self.single:
            frame = {"type": "changed", "transfer": self._view(event.transfer)}
            self.all.publish(frame, key=event.transfer.id)
            self._publish_single(event.transfer.id, frame)

    def _on_bulk_change(self, event: TransfersChanged) -> None:
        """Send one frame for all. Frames of single transfers that are still unsent are older and come first."""
        self._forget_snapshot()
        if self.all.has_listeners:
            frame = {"type": "transfers", "transfers": self._views(event.transfers)}
            self.all.publish(frame, key=f"bulk {next(self._bulk_changes)}")
        for transfer in event.transfers:
            if transfer.id in self.single:
                self._publish_single(transfer.id, {"type": "changed", "transfer": self._view(transfer)})

    def _on_queue(self, _event: QueueChanged) -> None:
        """Tell clients to reload the list."""
        self._forget_snapshot()
        self.all.publish({"type": "queue"}, key="queue")

    def _on_progress(self, _event: ProgressMade) -> None:
        self._forget_snapshot()
        rows = [self._row(transfer_id) for transfer_id in self._downloads.progress]
        self.all.publish({"type": "progress", "rows": rows}, key="progress")
        for row in rows:
            self._publish_single(str(row[0]), {"type": "progress", "rows": [row]}, key="progress")

    def _publish_single(self, transfer_id: str, frame: Frame, key: str = "changed") -> None:
        if transfer_id in self.single:
            self.single[transfer_id].publish(frame, key=key)

    def _row(self, transfer_id: str) -> list[str | float | None]:
        """Return id, bytes received, total, bytes per second, seconds left, bytes hashed, connections."""
        progress = self._downloads.progress[transfer_id]
        left = progress.seconds_left
        return [
            transfer_id,
            progress.received,
            progress.total,
            round(progress.speed),
            None if left is None else round(left, 1),
            progress.hashed,
            progress.connections,
        ]

    def _view(self, transfer: Transfer) -> Frame:
        return self._downloads.view(transfer).model_dump(mode="json")

    def _views(self, transfers: Sequence[Transfer]) -> list[Frame]:
        return [self._view(transfer) for transfer in transfers]

    async def snapshot(self) -> str:
        """Return the first frame of a client, encoded."""
        if self._snapshot is not None:
            return self._snapshot
        changes = self._changes
        snapshot = await self._snapshots.run(changes, self._build_snapshot)
        if changes == self._changes:
            self._snapshot = snapshot
        return snapshot

    def _forget_snapshot(self) -> None:
        self._changes += 1
        self._snapshot = None

    async def _build_snapshot(self) -> str:
        return encode({"type": "snapshot", "transfers": self._views(await self._downloads.list())})

    async def snapshot_of(self, transfer_id: str) -> Frame:
        return {"type": "snapshot", "transfers": [self._view(await self._downloads.get(transfer_id))]}


Channels = Annotated[DownloadChannels, Depends(provided(DownloadChannels))]


@router.websocket("/ws/downloads")
async def watch_all(websocket: WebSocket, channels: Channels) -> None:
    await channels.all.serve(websocket, channels.snapshot)


@router.websocket("/ws/downloads/{transfer_id}")
async def watch_one(
    websocket: WebSocket,
    transfer_id: str,
    downloads: DownloadsService,
    channels: Channels,
) -> None:
    await downloads.get(transfer_id)
    await channels.one(transfer_id).serve(websocket, lambda: channels.snapshot_of(transfer_id))
