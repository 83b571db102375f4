"""Returns memory to the operating system after work that needed much of it for a moment."""

import asyncio

# By then the response has been sent, and what it was made from is free.
TRIM_SECONDS = 1.0


def trim_soon() -> None:
    """Give back what is free. The allocator keeps it otherwise, although the next such request may never come."""
    asyncio.get_running_loop().call_later(TRIM_SECONDS, _trim)


def _trim() -> None:
    import ctypes  # noqa: PLC0415 - needed by large requests only

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone
    if trim:
        trim(0)
