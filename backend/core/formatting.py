"""Format numbers and text for people."""

from humanize import naturalsize


def format_bytes(count: float | None) -> str:
    """Return `1.5 kB` for 1536, in decimal units as disks and hubs use them, and a dash for None."""
    if count is None:
        return "–"
    return naturalsize(count, format="%.1f").replace("Bytes", "B").replace("Byte", "B")


def format_amount(done: float, total: float) -> str:
    """Return `7.4 of 29.3 GB`, or `900.0 MB of 29.3 GB`."""
    number, _, unit = format_bytes(done).partition(" ")
    whole = format_bytes(total)
    return f"{number} of {whole}" if whole.endswith(f" {unit}") else f"{format_bytes(done)} of {whole}"


def format_gpu_memory(count: float) -> str:
    """Return `24.0 GiB` for 25769803776: vendors print GPU memory in binary units."""
    return naturalsize(count, binary=True, format="%.1f")


def format_duration(seconds: float | None) -> str:
    """Return `1:15` for 75, `1:01:15` for 3675, and a dash for None."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_time_span(seconds: float) -> str:
    """Return `0.4 s`, `12 s`, `4 min 10 s` or `2 h 5 min`, as the pages' scripts do."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


# Currencies with a sign that English readers know. Others are named by their three letters.
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def format_money(amount: float, currency: str, *, digits: int = 2) -> str:
    """Return `$1.24`, `CHF 1.24`, and `< $0.01` for less. `digits`: the most decimals; two are always shown."""
    unit = SIGNS.get(currency, f"{currency} ")
    smallest = 10.0**-digits
    if 0 < amount < smallest:
        return f"< {unit}{smallest:.{digits}f}"
    whole, _, decimals = f"{amount:.{digits}f}".partition(".")
    return f"{unit}{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def printable(text: str) -> str:
    """Return one line without control characters: foreign text must not control the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
