"""Figures as people read them."""


def format_bytes(count: float | None) -> str:
    """1536 → `1.5 kB`. Decimal units, as disks and hubs count. None → a dash."""
    if count is None:
        return "–"
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} TB"


def format_gpu_memory(count: float) -> str:
    """25769803776 → `24.0 GiB`: vendors count GPU memory in binary units."""
    return f"{count / 2**30:.1f} GiB"


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
