"""Errors that the API and the pages report, grouped by who can correct them.

    AppError
    ├── the caller
    │   ├── InvalidRequest        400
    │   ├── SignInRequired        401
    │   ├── Forbidden             403
    │   ├── NotFound              404
    │   ├── Conflict              409
    │   ├── RangeOutsideFile      416
    │   └── TooManyRequests       429
    ├── the pod's owner
    │   └── OutOfSpace            507
    │       └── CannotRecord
    └── another service
        ├── Unavailable           503   one of our own services
        └── UpstreamError         502   a host on the internet

Each class has an HTTP status and a code; the message says what to do. One handler renders them all.
"""

from typing import ClassVar, TypeAlias

# What is wrong with each node of a workflow.
NodeErrors: TypeAlias = dict[str, list[dict[str, str | None]]]
Detail: TypeAlias = str | int | float | bool | list[str] | NodeErrors | None
Details: TypeAlias = dict[str, Detail]


class AppError(Exception):
    """A failure whose message is written for the user."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, **details: Detail):
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code
        self.details: Details = dict(details)


class InvalidRequest(AppError):
    """The request is malformed or contains a value that is not allowed."""

    status = 400
    code = "invalid_request"


class SignInRequired(AppError):
    """The request has no valid credentials."""

    status = 401
    code = "sign_in_required"


class Forbidden(AppError):
    """The principal lacks permission."""

    status = 403
    code = "forbidden"


class NotFound(AppError):
    """No object has this name."""

    status = 404
    code = "not_found"


class Conflict(AppError):
    """The current state of the object does not allow this."""

    status = 409
    code = "conflict"


class RangeOutsideFile(AppError):
    """The range begins after the end of the file; `details.size` says how many bytes it has."""

    status = 416
    code = "range_outside_file"


class TooManyRequests(AppError):
    """Too many requests; `details.retry_after` says how many seconds to wait."""

    status = 429
    code = "too_many_requests"


class OutOfSpace(AppError):
    """The disk has too little free space."""

    status = 507
    code = "out_of_space"


class CannotRecord(OutOfSpace):
    """The control plane cannot write its own records to disk."""

    code = "cannot_record"


class Unavailable(AppError):
    """A service of this pod does not respond."""

    status = 503
    code = "unavailable"


class UpstreamError(AppError):
    """A host on the internet failed or sent an invalid response."""

    status = 502
    code = "upstream_error"
