"""Entries of the activity log as people read them."""

from dataclasses import dataclass
from typing import Literal

from backend.activity.models import Entry
from backend.core.formatting import format_bytes

Tone = Literal["success", "warning", "danger", "muted", "primary"]


@dataclass(frozen=True, kw_only=True)
class Text:
    tone: Tone
    # What happened: `Downloaded`.
    verb: str
    # To what, and more about it.
    subject: str
    detail: str = ""


VERBS: dict[str, tuple[Tone, str]] = {
    "download.requested": ("primary", "Download requested"),
    "download.done": ("success", "Downloaded"),
    "download.failed": ("danger", "Download failed"),
    "download.quarantined": ("danger", "Quarantined"),
    "download.cancelled": ("muted", "Download cancelled"),
    "job.succeeded": ("success", "Job done"),
    "job.failed": ("danger", "Job failed"),
    "job.cancelled": ("muted", "Job cancelled"),
    "job.expired": ("warning", "Job expired"),
    "job.blocked": ("warning", "Job blocked"),
    "queue.finished": ("success", "Queue finished"),
    "preset.requested": ("primary", "Preset requested"),
    "preset.deleted": ("warning", "Preset deleted"),
    "model.deleted": ("warning", "Model deleted"),
    "model.trashed": ("warning", "Model moved to the trash"),
    "model.restored": ("muted", "Model restored"),
    "output.trashed": ("warning", "Output moved to the trash"),
    "output.restored": ("muted", "Output restored"),
    "trash.deleted": ("warning", "Deleted from the trash"),
    "model.read": ("muted", "Model read and hashed"),
    "model.changed": ("danger", "Content of a model changed"),
    "model.unreadable": ("danger", "Model unreadable"),
    "model.repaired": ("primary", "Model repair requested"),
    "model.moved": ("muted", "Model moved"),
    "model.linked": ("muted", "Copies replaced by links"),
    "model.kept": ("muted", "Own file kept"),
    "model.keep_undone": ("muted", "Own file no longer kept"),
    "token.saved": ("muted", "Token saved"),
    "token.removed": ("muted", "Token removed"),
    "token.rejected": ("danger", "Token rejected"),
    "node.install": ("success", "Node installed"),
    "node.update": ("success", "Node updated"),
    "node.disable": ("muted", "Node disabled"),
    "node.enable": ("success", "Node enabled"),
    "node.remove": ("warning", "Node removed"),
    "node.failed": ("danger", "Node operation failed"),
    "provision.started": ("primary", "Provisioning started"),
    "provision.applied": ("success", "Provisioned"),
    "provision.failed": ("danger", "Provisioning failed"),
    "sync.uploaded": ("success", "Uploaded"),
    "sync.restored": ("success", "Restored"),
    "sync.failed": ("danger", "Sync failed"),
    "sync.remote_saved": ("muted", "Remote saved"),
    "sync.remote_removed": ("muted", "Remote removed"),
    "service.start": ("primary", "Service started"),
    "service.stop": ("warning", "Service stopped"),
    "service.restart": ("primary", "Service restarted"),
    "service.crashed": ("danger", "Service crashed"),
    "disk.low": ("warning", "Disk nearly full"),
    "batch.finished": ("success", "Batch done"),
    "autostop.soon": ("warning", "The pod will be stopped"),
    "channel.added": ("muted", "Channel added"),
    "channel.removed": ("muted", "Channel removed"),
    "sign_in.done": ("muted", "Signed in"),
    "sign_in.failed": ("warning", "Wrong password"),
    "session.ended": ("muted", "Session ended"),
    "api_key.created": ("muted", "API key created"),
    "api_key.revoked": ("muted", "API key revoked"),
}
# Details that are sizes.
SIZES = frozenset({"bytes", "freed"})


def text_of(entry: Entry) -> Text:
    """Return an entry in words. A kind without words is shown as it is."""
    tone, verb = VERBS.get(
        entry.kind, ("muted", entry.kind.replace("_", " ").replace(".", ": ").capitalize())
    )
    detail = ", ".join(
        _detail(name, value) for name, value in entry.details.items() if value is not None and name != "id"
    )
    return Text(tone=tone, verb=verb, subject=entry.subject, detail=detail)


def _detail(name: str, value: object) -> str:
    if name in SIZES and isinstance(value, int):
        return format_bytes(value)
    if name in ("problem", "message", "reason"):
        return str(value)
    return f"{value} {name}" if isinstance(value, int) and not isinstance(value, bool) else f"{name} {value}"
