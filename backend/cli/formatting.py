"""Describe one transfer, the same on bars, in lines and in tables."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from backend.core.formatting import format_bytes, format_duration

if TYPE_CHECKING:
    from backend.client.models import Transfer

STYLES = {
    "done": "green",
    "running": "cyan",
    "verifying": "cyan",
    "retrying": "yellow",
    "paused": "yellow",
    "failed": "red",
    "quarantined": "red",
}


def style(row: "Transfer") -> str:
    return STYLES.get(row.state, "dim")


def percent(row: "Transfer") -> str:
    return f"{100 * row.received // row.bytes} %" if row.bytes else ""


def amount(row: "Transfer") -> str:
    if row.state == "done" or not row.received:
        return format_bytes(row.bytes) if row.bytes else ""
    return (
        f"{format_bytes(row.received)} of {format_bytes(row.bytes)}"
        if row.bytes
        else format_bytes(row.received)
    )


def remark(row: "Transfer") -> str:
    """Return the state, with the speed, the next try or the verification."""
    match row.state:
        case "running" if row.speed:
            left = "" if row.seconds_left is None else f", {format_duration(row.seconds_left)} left"
            return f"{format_bytes(row.speed)}/s{left}"
        case "retrying" if row.retry_at:
            return f"again in {format_duration((row.retry_at - datetime.now(UTC)).total_seconds())}"
        case "done" if row.verification:
            return f"done, {row.verification}"
    return row.state


def summary(rows: "list[Transfer]") -> str:
    """Sum up all rows as if they were one file."""
    received, sizes = sum(row.received for row in rows), [row.bytes for row in rows]
    moving = [row.speed for row in rows if row.moves]
    if not moving:
        return f"{len(rows)} files, {format_bytes(received)}"
    if None in sizes:
        return f"{len(rows)} files, {format_bytes(received)}, {format_bytes(sum(moving))}/s"
    whole, speed = sum(size or 0 for size in sizes), sum(moving)
    left = format_duration((whole - received) / speed if speed else None)
    return f"{len(rows)} files, {format_bytes(received)} of {format_bytes(whole)}, {format_bytes(speed)}/s, {left} left"
