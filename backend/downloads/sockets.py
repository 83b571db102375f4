"""Live progress: `/ws/downloads` for everything, `/ws/downloads/{id}` for one transfer."""

from typing import Annotated

from fastapi import Depends, WebSocket

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.events import EventBus
from backend.downloads.dependencies import DownloadsService
from backend.downloads.models import ProgressMade, QueueChanged, Transfer, TransferChanged
from backend.downloads.service import Downloads
from backend.web.features import provided
from backend.web.socket import Channel, Frame

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN)


class DownloadChannels:
    """Forwards the news of transfers to whoever listens."""

    def __init__(self, downloads: Downloads, events: EventBus):
        self._downloads = downloads
        self.all = Channel("downloads")
        self.single: dict[str, Channel] = {}
        events.subscribe(TransferChanged, self._on_change)
        events.subscribe(QueueChanged, self._on_queue)
        events.subscribe(ProgressMade, self._on_progress)

    def one(self, transfer_id: str) -> Channel:
        self.single = {key: channel for key, channel in self.single.items() if channel.has_listeners}
        return self.single.setdefault(transfer_id, Channel(f"downloads/{transfer_id}"))

    def close(self) -> None:
        for channel in (self.all, *self.single.values()):
            channel.close()

    def _on_change(self, news: TransferChanged) -> None:
        transfer = news.transfer
        frame = {"type": "changed", "transfer": self._view(transfer)}
        self.all.publish(frame, key=transfer.id)
        if transfer.id in self.single:
            self.single[transfer.id].publish(frame, key=transfer.id)

    def _on_queue(self, _news: QueueChanged) -> None:
        """Whoever shows the queue asks for it again."""
        self.all.publish({"type": "queue"}, key="queue")

    def _on_progress(self, _news: ProgressMade) -> None:
        rows = [self._row(transfer_id) for transfer_id in self._downloads.progress]
        self.all.publish({"type": "progress", "rows": rows}, key="progress")
        for row in rows:
            if row[0] in self.single:
                self.single[str(row[0])].publish({"type": "progress", "rows": [row]}, key="progress")

    def _row(self, transfer_id: str) -> list[str | float | None]:
        """Compact on purpose: id, bytes received, in total, per second, seconds left, bytes hashed, connections."""
        progress = self._downloads.progress[transfer_id]
        left = progress.seconds_left
        return [
            transfer_id,
            progress.received,
            progress.total,
            round(progress.speed),
            None if left is None else round(left, 1),
            progress.checked,
            progress.connections,
        ]

    def _view(self, transfer: Transfer) -> Frame:
        return self._downloads.view(transfer).model_dump(mode="json")

    async def snapshot(self) -> Frame:
        transfers = [self._view(transfer) for transfer in await self._downloads.list()]
        return {"type": "snapshot", "transfers": transfers}

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
