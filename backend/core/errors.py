"""Errors that reach a person, grouped by who can do something about it.

    AppError
    ├── the caller
    │   ├── InvalidRequest        400
    │   ├── SignInRequired        401
    │   ├── Forbidden             403
    │   ├── NotFound              404
    │   ├── Conflict              409
    │   └── TooManyRequests       429
    ├── the pod's owner
    │   └── OutOfSpace            507
    │       └── CannotRecord
    └── somebody else
        ├── Unavailable           503   one of our own services
        └── UpstreamError         502   a host on the internet

Each class carries its status and its code; the message says what to do. One handler renders them all.
"""

from typing import ClassVar, TypeAlias

Details: TypeAlias = dict[str, str | int | float | bool | list[str] | None]


class AppError(Exception):
    """Something went wrong that a sentence can explain."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(
        self, message: str, *, code: str | None = None, **details: str | float | bool | list[str] | None
    ):
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code
        self.details: Details = dict(details)


class InvalidRequest(AppError):
    """The request cannot be understood or asks for something that is not allowed."""

    status = 400
    code = "invalid_request"


class SignInRequired(AppError):
    """No valid sign-in came with the request."""

    status = 401
    code = "sign_in_required"


class Forbidden(AppError):
    """Signed in, and still refused."""

    status = 403
    code = "forbidden"


class NotFound(AppError):
    """There is nothing of that name."""

    status = 404
    code = "not_found"


class Conflict(AppError):
    """The thing is in a state that does not allow this now."""

    status = 409
    code = "conflict"


class TooManyRequests(AppError):
    """Asked too often; `details.retry_after` says how many seconds to wait."""

    status = 429
    code = "too_many_requests"


class OutOfSpace(AppError):
    """The disk has no room for what was asked."""

    status = 507
    code = "out_of_space"


class CannotRecord(OutOfSpace):
    """The disk that keeps our own records takes no more."""

    code = "cannot_record"


class Unavailable(AppError):
    """A service of this pod does not answer at the moment."""

    status = 503
    code = "unavailable"


class UpstreamError(AppError):
    """A host on the internet did not do its part."""

    status = 502
    code = "upstream_error"
