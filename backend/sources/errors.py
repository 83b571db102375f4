"""What can go wrong with a transfer, grouped by what helps.

TransferError
├── TemporaryError      trying again usually helps: a cut line, a busy server
│   └── WrittenElsewhere   another pod is at it: patience helps
├── PermanentError      trying again does not help: no such file, a licence to accept
├── NoSpace           freeing space helps; the transfer is paused
│   └── DiskFull      not a byte more can be written: everything is paused
└── WrongContent      all bytes came and they are not the promised ones
"""


class TransferError(Exception):
    """`code` is for programs; `message` says what happened and what to do."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


class TemporaryError(TransferError):
    """Worth another try, after `wait` seconds if the server named a time."""

    def __init__(self, code: str, message: str, wait: float | None = None):
        super().__init__(code, message)
        self.wait = wait


class WrittenElsewhere(TemporaryError):
    """Another pod that shares the volume is fetching this file; no failure, however often it is so."""


class PermanentError(TransferError):
    """A person has to change something first."""


class NoSpace(TransferError):
    """The disk cannot hold the file."""


class DiskFull(NoSpace):
    """The operating system refuses to write: the disk or the quota is used up."""


class WrongContent(TransferError):
    """The hash differs from the promised one."""
