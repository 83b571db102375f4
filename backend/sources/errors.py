"""What can go wrong with a download, grouped by what helps.

TransferError
├── TemporaryError       trying again usually helps: a lost connection, a busy server
│   └── WrittenElsewhere    another pod is writing the file: waiting helps
├── PermanentError       trying again does not help: no such file, a licence to accept
├── NoSpace              freeing disk space helps; the transfer is paused
│   └── DiskFull            the disk accepts no more bytes: everything is paused
└── WrongContent         the file is complete and not the expected one
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
    """Another pod that shares the volume is downloading this file. Does not count as a failure."""


class PermanentError(TransferError):
    """A user must change something first."""


class NoSpace(TransferError):
    """The disk cannot hold the file."""


class DiskFull(NoSpace):
    """The operating system refuses to write: the disk or the quota is used up."""


class WrongContent(TransferError):
    """The hash differs from the expected one."""
