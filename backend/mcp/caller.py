"""Who makes a call. A session of an older client runs in a task of its own, so the request carries it."""

from dataclasses import dataclass

from starlette.types import Scope as Connection

from backend.auth.principal import Principal

KEY = "comfypod.caller"


@dataclass(frozen=True, kw_only=True)
class Caller:
    principal: Principal
    # Correlation id: the `X-Request-ID` of the request.
    request_id: str

    @property
    def id(self) -> str:
        """Return what limits count by: a key or a session of the owner."""
        return f"{self.principal.label}:{self.principal.credential_id}"


def with_caller(scope: Connection, caller: Caller) -> Connection:
    return {**scope, KEY: caller}


def caller_of(scope: Connection) -> Caller:
    caller = scope[KEY]
    assert isinstance(caller, Caller)  # noqa: S101 - set by `with_caller`
    return caller
