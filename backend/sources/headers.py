"""Numbers in HTTP headers, which may hold anything. Pure functions."""

import re

import httpx

# int() accepts other digits than ASCII, and refuses very long numbers. More than 18 digits is neither size nor time.
NUMBER = re.compile(r"\d{1,18}", re.ASCII)
RATE_LIMIT_RESET = re.compile(r"\bt=(\d{1,9})", re.ASCII)


def header_number(headers: httpx.Headers, name: str) -> int | None:
    """Return a header's value as a number; None when it is missing or none."""
    value = headers.get(name, "").strip()
    return int(value) if NUMBER.fullmatch(value) else None


def content_length(headers: httpx.Headers) -> int | None:
    return header_number(headers, "content-length")


def retry_after(headers: httpx.Headers) -> float | None:
    """Return how many seconds the server asks to wait."""
    seconds = header_number(headers, "retry-after")
    return None if seconds is None else float(seconds)


def rate_limit_reset(headers: httpx.Headers) -> float | None:
    """Return the seconds until a rate limit resets: `RateLimit: "api";r=0;t=55` → 56, else Retry-After."""
    match = RATE_LIMIT_RESET.search(headers.get("ratelimit", ""))
    return float(match[1]) + 1 if match else retry_after(headers)
