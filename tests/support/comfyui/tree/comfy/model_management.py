"""Interrupting, and running out of memory."""

import threading


class InterruptProcessingException(Exception):
    pass


# Reported under the name that PyTorch gives it.
OOM_EXCEPTION = type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})

_interrupted = threading.Event()


def interrupt_current_processing(value: bool = True) -> None:
    _interrupted.set() if value else _interrupted.clear()


def throw_exception_if_processing_interrupted() -> None:
    if _interrupted.is_set():
        _interrupted.clear()
        raise InterruptProcessingException
