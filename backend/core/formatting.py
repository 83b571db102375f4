"""Numbers as people read them."""

from humanize import naturalsize


def format_bytes(count: float | None) -> str:
    """1536 → `1.5 kB`. Decimal units, as disks and hubs count. None → a dash."""
    if count is None:
        return "–"
    return naturalsize(count, format="%.1f").replace("Bytes", "B").replace("Byte", "B")


def format_gpu_memory(count: float) -> str:
    """25769803776 → `24.0 GiB`: vendors count GPU memory in binary units."""
    return naturalsize(count, binary=True, format="%.1f")


def format_duration(seconds: float | None) -> str:
    """75 → `1:15`, 3675 → `1:01:15`. None → a dash."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def printable(text: str) -> str:
    """One line without control characters: what strangers have written must not steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
