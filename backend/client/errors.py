"""Errors of the client, grouped by who can do something about them.

ClientError
├── Unreachable             no control plane answers
│   └── ConnectionLost      and it did before
├── UnexpectedResponse      the response does not come from a control plane, or from one of another version
└── Rejected                the control plane answered with an error
    └── SignInRequired      the token or key is missing, wrong or expired
"""

from typing import Any


class ClientError(Exception):
    """A request did not succeed; the message says why."""


class Unreachable(ClientError):
    """No control plane answers at this address."""


class ConnectionLost(Unreachable):
    """The control plane that was followed has been away for too long."""


class UnexpectedResponse(ClientError):
    """The response is not one of this API."""


class Rejected(ClientError):
    """The control plane answered with an error: its status, its code, its message and its details."""

    def __init__(self, status: int, code: str, message: str, details: dict[str, Any]):
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details


class SignInRequired(Rejected):
    """The token or key is missing, wrong or expired."""
